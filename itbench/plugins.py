"""Find and load plugins: built in, from installed packages, and from files."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from itbench import hookspecs
from itbench.data.benchmark import Benchmark
from itbench.data.catalog import Dataset
from itbench.errors import BadPlugin, ItbenchError, ItbenchWarning, UnknownName
from itbench.hookspecs import hookimpl
from itbench.registry import MetricEntry, ModelEntry, Registry, _two
from itbench.util.folders import builtin_root, plugin_files
from itbench.util.offline import keep_offline

KINDS = {
    "itbench_models": "model",
    "itbench_metrics": "metric",
    "itbench_datasets": "data set",
    "itbench_benchmarks": "benchmark",
}


_IMPORTED: dict[tuple[Path, int], ModuleType] = {}  # built-in plugins of one file, by it and its last change
_READ: dict[tuple[Path, int], Benchmark] = {}  # built-in benchmarks, likewise


def load_plugins(files: Sequence[str | Path] = ()) -> Registry:
    """Load plugins: the built-in ones, of installed packages, of ``ITBENCH_PLUGINS`` and of the `files` named.

    Raises
    ------
    BadPlugin
        If a file named is missing, or two plugins claim one name. A plugin that fails is named in a warning and left
        out; the others work.
    """
    keep_offline()  # before any plugin's code runs
    named = [Path(name) for name in (*os.environ.get("ITBENCH_PLUGINS", "").split(os.pathsep), *files) if name]
    paths = [_plugin_file(path.expanduser().resolve()) for path in named]
    for path in paths:
        if not path.is_file():
            raise BadPlugin(
                f"No plugin file {path}.", known="It was named by --plugin or ITBENCH_PLUGINS.", todo="Check the path."
            )
    manager = pluggy.PluginManager("itbench")
    manager.add_hookspecs(hookspecs)
    manager.register(sys.modules[__name__], name=__file__)
    for path in dict.fromkeys((*plugin_files(), *paths)):
        with _surviving(f"Plugin {path}", str(path)):
            _add(manager, _import(path))
    for point in importlib.metadata.entry_points(group="itbench"):
        with _surviving(f"Plugin {point.value} of the package {point.dist.name if point.dist else '?'}"):
            _add(manager, point.load())
    return Registry(
        _gather(manager, "itbench_models", ModelEntry),
        _gather(manager, "itbench_metrics", MetricEntry),
        _gather(manager, "itbench_benchmarks", _benchmark),
        _gather(manager, "itbench_datasets", Dataset),
    )


def _plugin_file(path: Path) -> Path:
    return path / "__init__.py" if path.is_dir() else path


def _add(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Register a plugin under the name of its file; warn of hooks that itbench does not have."""
    file = str(Path(inspect.getfile(plugin if inspect.ismodule(plugin) else type(plugin))).resolve())
    manager.register(plugin, name=file)
    hooks = manager.get_hookcallers(plugin) or []
    if not hooks:
        _warn(f"Plugin {file} has no hook: it needs a function {' or '.join(KINDS)} under @itbench.hookimpl.")
    for hook in hooks:
        if not hook.has_spec():
            _warn(f"Plugin {file}: {UnknownName.of('hook', hook.name, KINDS)}")


def _gather(manager: pluggy.PluginManager, hook: str, entry: Callable[..., Any]) -> dict[str, Any]:
    """Call one hook of every plugin by itself, so that a failing plugin does not stop the others."""
    found: dict[str, Any] = {}
    plugins = manager.get_plugins()
    for file, plugin in manager.list_name_plugin():
        call = manager.subset_hook_caller(hook, remove_plugins=plugins - {plugin})
        with _surviving(f"{hook} of the plugin {file}", file):
            found |= _offered(call, hook, partial(entry, file=file), found)
    return dict(sorted(found.items()))


def _offered(
    call: Callable[..., Any], hook: str, entry: Callable[..., Any], found: Mapping[str, Any]
) -> dict[str, Any]:
    mine: dict[str, Any] = {}

    def register(*args: Any, **about: Any) -> None:
        new = entry(*args, **about)
        other = found.get(new.name) or mine.get(new.name)
        if other:
            raise _two(KINDS[hook], new.name, other.file, new.file)
        mine[new.name] = new

    call(register=register)
    return mine


def _benchmark(path: str | Path, *, file: str) -> Benchmark:
    whole = Path(file).parent / path
    read = _read_builtin if whole.is_relative_to(builtin_root()) else Benchmark.read
    return replace(read(whole), plugin=file)


def _read_builtin(path: Path) -> Benchmark:
    known = path, path.stat().st_mtime_ns
    if known not in _READ:
        _READ[known] = Benchmark.read(path)
    return _READ[known]


@contextmanager
def _surviving(what: str, file: str = "") -> Iterator[None]:
    """Warn, naming plugin and line, when loading a plugin fails; errors about taken names go on."""
    try:
        yield
    except BadPlugin:
        raise
    except (Exception, SystemExit) as error:
        message = str(error) if isinstance(error, ItbenchError) else f"{type(error).__name__}: {error}"
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        _warn(f"{what} is left out: {message}{f' (line {lines[-1]})' if lines else ''}")


def _warn(message: str) -> None:
    warnings.warn(message, ItbenchWarning, stacklevel=2)


def _import(path: Path) -> Any:
    name = f"itbench_plugin_{re.sub(r'[^0-9a-zA-Z]', '_', str(path))}"
    modified = path.stat().st_mtime_ns
    if (path, modified) in _IMPORTED:
        return _IMPORTED[path, modified]
    inside = [str(path.parent)] if path.name == "__init__.py" else None
    for loaded in [key for key in sys.modules if inside and key.startswith(f"{name}.")]:  # from an earlier call
        del sys.modules[loaded]
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=inside)
    if spec is None or spec.loader is None:
        raise BadPlugin(f"The plugin {path} is not a Python file.", todo="Its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    if not inside and path.is_relative_to(builtin_root()):
        _IMPORTED[path, modified] = module
    return module


@hookimpl
def itbench_benchmarks(register: Callable[..., None]) -> None:
    """Register every built-in benchmark, for plugins are found by the same hooks."""
    for path in sorted((builtin_root() / "benchmarks").glob("*.yaml")):
        register(path)
