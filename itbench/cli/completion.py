"""Shell completion: names of models, layers, metrics, benchmarks, data sets, suites and scores.

Names of plugins are kept in a file of the cache folder until a plugin changes, since loading plugins takes a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import re
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

from itbench import __version__
from itbench.util import folders

Names = dict[str, Any]
Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
BREAKS = set(":=")  # where bash ends a word
FAMILY = "/*"
REGISTERED = {"timm": r"@register_model\s+def (\w+)", "torchvision": r"@register_model\(\)\n(?:@.*\n)*def (\w+)"}
LISTED = 500  # score files whose names are read at most


def completion(find: Callable[[click.Context, str], Iterable[str]], files: bool = False) -> Completion:
    """Return the callback that completes names found for a command line, and files too; an error completes nothing."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found: list[str] = []
        with contextlib.suppress(Exception, SystemExit), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                found = [name for name in dict.fromkeys(find(context, incomplete)) if name.startswith(incomplete)]
        return [CompletionItem(name) for name in found] or ([CompletionItem(incomplete, type="file")] if files else [])

    return complete


def _known(context: click.Context) -> Names:
    """Return the names of plugins: from the cache folder where no plugin has changed."""
    named = [*context.params.get("plugin_files", ()), *os.environ.get("ITBENCH_PLUGINS", "").split(os.pathsep)]
    key, path = _state(named), folders.cache() / "completion.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return dict(kept["names"])
    from itbench.metrics.options import describe
    from itbench.plugins import load_plugins
    from itbench.util.files import write_text

    registry = load_plugins([name for name in context.params.get("plugin_files", ()) if name])
    names = {
        "models": {
            name: {"layers": list(entry.layers), "trainable": entry.trainable}
            for name, entry in registry.models.items()
        },
        "metrics": {
            name: [f"{row['option']}={row['default']}" for row in describe(entry.readout)]
            for name, entry in registry.metrics.items()
        },
        "benchmarks": list(registry.benchmarks),
        "datasets": list(registry.datasets),
        "members": _members(),
    }
    with contextlib.suppress(Exception):
        write_text(path, json.dumps({"key": key, "names": names}))
    return names


def _state(named: Iterable[str]) -> str:
    """Return a digest of the plugin files, of the time when a package was last installed, and of the version."""
    files = [*folders.plugin_files(), *(folders.builtin_root() / "benchmarks").glob("*.yaml")]
    packages = [Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")]
    own = [Path(name).expanduser() for name in named if name]
    inside = [path for folder in own if folder.is_dir() for path in folder.glob("*.py")]
    paths = [*files, *packages, *own, *inside]
    times = [(str(path), path.stat().st_mtime_ns if path.exists() else 0) for path in paths]
    return hashlib.sha256(json.dumps([__version__, times]).encode()).hexdigest()


def _members() -> list[str]:
    """Return the networks of torchvision and timm, from their source: to import them takes seconds."""
    found = []
    for package, pattern in REGISTERED.items():
        spec = importlib.util.find_spec(package)
        for path in sorted(Path(spec.origin).parent.glob("models/*.py")) if spec and spec.origin else ():
            found += [f"{package}/{name}" for name in re.findall(pattern, path.read_text(encoding="utf-8"))]
    return sorted(found)


def _models(context: click.Context, incomplete: str) -> Iterator[str]:
    """Yield the names of models; the members of a family that is named in part too."""
    known = _known(context)
    models = known["models"]
    yield from (name for name in models if not name.endswith(FAMILY))
    cores = [name for name, about in models.items() if not (about["trainable"] or name.endswith(FAMILY))]
    for family in [name.removesuffix("*") for name in models if incomplete and name.endswith(FAMILY)]:
        if incomplete.startswith(family) or family.startswith(incomplete):
            own = cores if models[f"{family}*"]["trainable"] else ()
            yield from (f"{family}{core}" for core in own)
            yield from (name for name in known["members"] if name.startswith(family))


def _trainables(context: click.Context, incomplete: str) -> Iterator[str]:
    models = _known(context)["models"]
    families = tuple(name.removesuffix("*") for name, about in models.items() if about["trainable"] and FAMILY in name)
    for name in _models(context, incomplete):
        if (name in models and models[name]["trainable"]) or name.startswith(families):
            yield name


def _layers(context: click.Context, incomplete: str) -> Iterator[str]:
    """Yield the candidate layers of the models that a command line names."""
    named = context.params.get("models") or [context.params.get("model")]
    models = _known(context)["models"]
    for name in named:
        about = models.get(name) or models.get(str(name).rpartition("/")[2], {})
        yield from about.get("layers", ())


def _benchmarks(context: click.Context, incomplete: str) -> list[str]:
    return list(_known(context)["benchmarks"])


def _metrics(context: click.Context, incomplete: str) -> list[str]:
    return list(_known(context)["metrics"])


def _metric_options(context: click.Context, incomplete: str) -> list[str]:
    """Return the options of the metric that a command line names, with their defaults; without one, those of ridge."""
    return list(_known(context)["metrics"][context.params.get("metric") or "ridge"])


def _datasets(context: click.Context, incomplete: str) -> list[str]:
    return sorted({*_known(context)["datasets"], *(path.stem for path in folders.data().glob("*.h5"))})


def _suites(context: click.Context, incomplete: str) -> list[str]:
    return sorted(path.stem for path in (folders.builtin_root() / "suites").glob("*.yaml"))


def _targets(context: click.Context, incomplete: str) -> Iterator[str]:
    """Yield the names that ``itbench check`` takes."""
    for kind in (_models, _metrics, _benchmarks):
        yield from kind(context, incomplete)


def _scores(context: click.Context, incomplete: str) -> Iterator[str]:
    """Yield the names of scores: models, and models with their weights where there are several, or a colon is typed."""
    options = {key: context.params.get(key) for key in ("benchmark", "metric", "weights")}
    found = [
        score
        for score in scored(context.params.get("results") or folders.results())
        if all(not value or score[key] == value for key, value in options.items())
    ]
    for model in dict.fromkeys(score["model"] for score in found):
        weights = dict.fromkeys(score["weights"] for score in found if score["model"] == model)
        yield model
        if len(weights) > 1 or ":" in incomplete:
            yield from (f"{model}:{label}" for label in weights)


def _plots(context: click.Context, incomplete: str) -> Iterator[str]:
    """Yield the kinds of plots, where none was typed, and the names of scores."""
    from itbench.plot import KINDS

    yield from () if context.params.get("words") else KINDS
    yield from _scores(context, incomplete)


def _cited(context: click.Context, incomplete: str) -> Iterator[str]:
    """Yield the names that ``itbench cite`` takes."""
    yield from _scores(context, incomplete)
    yield from _targets(context, incomplete)


def _scored(key: str) -> Completion:
    """Return the completion of what the scores of the results folder have under a key."""
    return completion(
        lambda context, incomplete: sorted(
            {score[key] for score in scored(context.params.get("results") or folders.results())}
        )
    )


def scored(folder: Path) -> list[dict[str, str]]:
    """Return model, weights, benchmark and metric of the score files in a folder, from file names where they say it."""
    found = []
    for path in sorted(folder.glob("*.nc"))[:LISTED]:
        names: Sequence[str] = path.stem.split("--")
        if len(names) != len(SCORE_KEYS):
            names = _score_names(path)
        if names:
            found.append(dict(zip(SCORE_KEYS, names, strict=True)))
    return found


SCORE_KEYS = ("model", "weights", "benchmark", "metric")


def _score_names(path: Path) -> list[str]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return [str(file.attrs[key]) for key in SCORE_KEYS]
    except (OSError, KeyError, RuntimeError):
        return []


models, trainables, layers = completion(_models), completion(_trainables), completion(_layers)
benchmarks, metrics, metric_options = completion(_benchmarks, True), completion(_metrics), completion(_metric_options)
datasets, suites, scores = completion(_datasets), completion(_suites, True), completion(_scores, True)
targets, images = completion(_targets, True), completion(_benchmarks, True)
plots, cited = completion(_plots, True), completion(_cited, True)
weights = completion(lambda context, incomplete: ("pretrained", "random"), True)
scored_benchmarks, scored_metrics, scored_weights = map(_scored, ("benchmark", "metric", "weights"))
files = completion(lambda context, incomplete: (), True)


@add_completion_class
class Bash(BashComplete):
    """Completion for bash, which ends words at ``:`` and ``=``: they are joined, and their last part completed."""

    typed = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words of a command line before the one that bash completes, and that one."""
        count = int(os.environ["COMP_CWORD"]) + 1
        parts = split_arg_string(os.environ["COMP_WORDS"])[:count]
        words: list[str] = []
        for before, part in zip(["", *parts], parts, strict=False):
            joins = len(words) > 1 and (set(part) <= BREAKS or (before and set(before) <= BREAKS))
            words[-1:] = [words[-1] + part] if joins else [*words[-1:], part]
        if len(parts) < count:
            return words[1:], ""
        incomplete = words.pop()
        self.typed = incomplete.removesuffix("" if set(parts[-1]) <= BREAKS else parts[-1])
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return an item without the part that bash has as a word of its own."""
        return f"{item.type},{item.value.removeprefix(self.typed)}"
