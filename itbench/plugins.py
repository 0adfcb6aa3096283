"""Find, register and look up plugins. A factory runs only when what it makes is used."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pluggy

from itbench import builtin, hookspecs
from itbench.benchmark import Benchmark
from itbench.errors import BadPlugin, ItbenchError, ItbenchWarning, UnknownName
from itbench.protocols import Model, Readout, Weights


@dataclass(frozen=True)
class ModelEntry:
    """A registered model: its name, what makes it, and what a table says of it."""

    name: str
    factory: Callable[[Weights], Model]
    file: str
    layers: Sequence[str] = ()
    source: str = ""
    weights: Sequence[str] = ("pretrained", "random")
    description: str = ""


@dataclass(frozen=True)
class MetricEntry:
    """A registered metric: a dataclass whose fields are its options."""

    name: str
    readout: type[Readout]
    file: str
    description: str = ""


@dataclass(frozen=True)
class Registry:
    """Everything that the plugins offer, by name."""

    models: Mapping[str, ModelEntry]
    metrics: Mapping[str, MetricEntry]
    benchmarks: Mapping[str, Benchmark]

    def model(self, name: str) -> ModelEntry:
        """Return the model called `name`."""
        return _look_up("model", name, self.models)

    def metric(self, name: str) -> MetricEntry:
        """Return the metric called `name`."""
        return _look_up("metric", name, self.metrics)

    def benchmark(self, name: str) -> Benchmark:
        """Return the benchmark called `name`, or the one in the YAML file at that path."""
        if name.endswith((".yaml", ".yml")):
            return Benchmark.read(Path(name))
        return _look_up("benchmark", name, self.benchmarks)


def load(files: Sequence[str | Path] = ()) -> Registry:
    """Gather built-in plugins, installed packages, ``ITBENCH_PLUGINS`` and the plugin `files` named.

    Raises
    ------
    BadPlugin
        If a file named is missing, or two plugins claim one name. A plugin that fails is named in a warning and left
        out; the others work.
    """
    named = [
        Path(name).expanduser() for name in (*os.environ.get("ITBENCH_PLUGINS", "").split(os.pathsep), *files) if name
    ]
    return _load(tuple(path.resolve() for path in named))


@lru_cache(maxsize=8)
def _load(files: tuple[Path, ...]) -> Registry:
    manager = pluggy.PluginManager("itbench")
    manager.add_hookspecs(hookspecs)
    manager.register(builtin, name="built-in benchmarks")
    for path in files:
        if not path.is_file():
            raise BadPlugin(f"No plugin file {path}.", known="It was named by --plugin or ITBENCH_PLUGINS.")
    for path in (*builtin.plugin_files(), *dict.fromkeys(files)):
        with _surviving(str(path)):
            manager.register(_import(path), name=str(path))
    for point in importlib.metadata.entry_points(group="itbench"):
        with _surviving(point.value):
            manager.register(point.load(), name=point.value)
    with _surviving("a plugin"):
        manager.check_pending()
    return Registry(
        _gather(
            manager,
            "itbench_models",
            lambda file, name, factory, **about: (name, ModelEntry(name, factory, file, **about)),
        ),
        _gather(
            manager,
            "itbench_metrics",
            lambda file, name, readout, **about: (name, MetricEntry(name, readout, file, **about)),
        ),
        _gather(manager, "itbench_benchmarks", _benchmark),
    )


def _gather(manager: pluggy.PluginManager, hook: str, entry: Callable[..., tuple[str, Any]]) -> dict[str, Any]:
    """Call one hook of every plugin by itself, so that one that breaks does not stop the others."""
    found: dict[str, Any] = {}
    origin: dict[str, str] = {}
    plugins = manager.get_plugins()
    for plugin, module in manager.list_name_plugin():
        mine: dict[str, Any] = {}

        def register(*args: Any, _plugin: str = plugin, _mine: dict[str, Any] = mine, **about: Any) -> None:
            name, value = entry(_plugin, *args, **about)
            _refuse_twice(hook, name, _plugin, {**origin, **dict.fromkeys(_mine, _plugin)})
            _mine[name] = value

        with _surviving(plugin):
            manager.subset_hook_caller(hook, remove_plugins=plugins - {module})(register=register)
            found.update(mine)
            origin.update(dict.fromkeys(mine, plugin))
    return dict(sorted(found.items()))


def _refuse_twice(hook: str, name: str, plugin: str, origin: Mapping[str, str]) -> None:
    if name in origin:
        kind = hook.removeprefix("itbench_").removesuffix("s")
        raise BadPlugin(
            f"Two plugins register the {kind} {name!r}: {origin[name]} and {plugin}.", todo="Rename one of them."
        )


def _benchmark(file: str, path: str | Path) -> tuple[str, Benchmark]:
    benchmark = Benchmark.read(Path(path))
    return benchmark.name, benchmark


class _surviving:
    """Turn what a plugin raises into a warning that names it; errors about names go on."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception) or isinstance(error, BadPlugin):
            return False
        said = str(error) if isinstance(error, ItbenchError) else f"{type(error).__name__}: {error}"
        warnings.warn(f"Plugin {self.plugin} is left out: {said}", ItbenchWarning, stacklevel=2)
        return True


def _import(path: Path) -> Any:
    name = f"itbench_plugin_{re.sub(r'[^0-9a-zA-Z]', '_', str(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadPlugin(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _look_up(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise UnknownName.of(kind, name, known, todo=f"List them with: itbench {kind}s")
    return known[name]
