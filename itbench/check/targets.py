"""Check targets: find the models, metrics and benchmarks that a name or a plugin file stands for, and check them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from itbench.check.benchmark_checks import check_benchmark
from itbench.check.findings import FAIL, PASS, Finding, FreshProcess, Report
from itbench.check.fresh_process import run_fresh_process
from itbench.check.metric_checks import check_metric
from itbench.check.model_checks import check_model
from itbench.check.trainable_checks import check_trainable
from itbench.data.benchmark import Benchmark
from itbench.data.catalog import Dataset
from itbench.errors import BadOption, ItbenchWarning, UnknownName
from itbench.models.weights import Weights
from itbench.plugins import load_plugins
from itbench.registry import FAMILY, MetricEntry, ModelEntry, Registry, weights_of
from itbench.training.trainable_model import trainable_spec

KINDS = ("model", "metric", "benchmark")
Entry = ModelEntry | MetricEntry | Benchmark


@dataclass(frozen=True)
class Targets:
    """Check targets: the models, metrics and benchmarks of one `itbench check`.

    Parameters
    ----------
    registry : Registry
    models, metrics, benchmarks : tuples
        Entries of the registry.
    plugin_files : tuple
        Plugin files that register them.
    reports : tuple of Report
        Finished reports: whether a plugin file loads.
    """

    registry: Registry
    models: tuple[ModelEntry, ...] = ()
    metrics: tuple[MetricEntry, ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()
    plugin_files: tuple[str | Path, ...] = ()
    reports: tuple[Report, ...] = ()


def find_targets(target: str, plugin_files: Sequence[str | Path] = (), kind: str | None = None) -> Targets:
    """Find the check targets that a name or a file stands for.

    Parameters
    ----------
    target : str
        Name of a model, a metric or a benchmark, a plugin file (``.py``) or a benchmark file (``.yaml``).
    plugin_files : sequence, optional
        Further plugin files to load.
    kind : {"model", "metric", "benchmark"}, optional
        Kind of the target, for a name of several kinds.

    Raises
    ------
    UnknownName, BadOption, BadPlugin, BadBenchmark
        If the name is unknown or ambiguous, or the file cannot be read.
    """
    if target.endswith(".py"):
        return _plugin_targets(Path(target).expanduser().resolve(), plugin_files)
    registry = load_plugins(plugin_files)
    kinds = ("benchmark",) if target.endswith((".yaml", ".yml")) else (kind,) if kind else KINDS
    found: dict[str, Any] = {}
    errors = []
    for each in kinds:
        try:
            found[each] = getattr(registry, each)(target)
        except UnknownName as error:
            errors.append(error)
    if not found and (len(kinds) == 1 or "/" in target):  # a family suggests its own nearest names
        raise errors[0]
    if not found:
        names = {*registry.models, *registry.metrics, *registry.benchmarks}
        raise UnknownName.of("model, metric or benchmark", target, names)
    if len(found) > 1:
        raise BadOption(
            f"{target!r} is a {' and a '.join(found)}.",
            todo=f"Say which: itbench check {target} --kind {next(iter(found))}",
        )
    return Targets(
        registry, plugin_files=tuple(plugin_files), **{f"{each}s": (entry,) for each, entry in found.items()}
    )


def check_targets(targets: Targets, weights: str | None = None, layers: Sequence[str] = ()) -> Iterator[Report]:
    """Yield the report of each check target.

    Parameters
    ----------
    targets : Targets
    weights : str, optional
        ``pretrained``, ``random`` or the path of a file; by default random if the model has them, else pretrained.
    layers : sequence of str, optional
        Names or patterns of the layers to check; by default the models' candidates.

    Raises
    ------
    BadOption, NoWeights
        If a model cannot have these weights.
    """
    frozen = [entry for entry in targets.models if not entry.trainable]
    trainables = [entry for entry in targets.models if entry.trainable]
    chosen = {entry.name: default_weights(entry) if weights is None else weights_of(entry, weights) for entry in frozen}
    single = {entry.name: chosen[entry.name] for entry in frozen if entry.names is None}
    starts = {entry.name: _start(entry, weights, targets) for entry in trainables if not entry.name.endswith(FAMILY)}
    fresh_process: Callable[[], FreshProcess] = cache(lambda: run_fresh_process(targets.plugin_files, single, starts))
    yield from targets.reports
    for model in frozen:
        yield check_model(model, chosen[model.name], fresh_process, layers)
    for trainable in trainables:
        yield check_trainable(trainable, targets.registry, weights, fresh_process, layers)
    for metric in targets.metrics:
        yield check_metric(metric, fresh_process)
    for benchmark in targets.benchmarks:
        yield check_benchmark(benchmark, targets.registry)


def _start(entry: ModelEntry, weights: str | None, targets: Targets) -> str | None:
    if weights is not None:
        trainable_spec(targets.registry, entry, weights)  # refuses weights that it cannot start from
    return weights


def default_weights(entry: ModelEntry) -> Weights:
    """Return a check target's default weights: random if the model has them, which need no download."""
    return weights_of(entry, "random" if "random" in entry.weights else "pretrained")


def _plugin_targets(path: Path, plugin_files: Sequence[str | Path]) -> Targets:
    files = (*plugin_files, path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ItbenchWarning)
        registry = load_plugins(files)
    texts = [str(warning.message) for warning in caught]
    about_file = [text for text in texts if str(path) in text]
    for text in texts:
        if text not in about_file:
            warnings.warn(text, ItbenchWarning, stacklevel=3)
    models, metrics, benchmarks = (
        tuple(entry for entry in getattr(registry, f"{kind}s").values() if _plugin(entry) == str(path))
        for kind in KINDS
    )
    datasets = tuple(dataset for dataset in registry.datasets.values() if dataset.file == str(path))
    report = Report("plugin", path.name, (_loads(about_file, (*models, *metrics, *datasets, *benchmarks)),))
    return Targets(registry, models, metrics, benchmarks, files, (report,))


def _loads(warned: Sequence[str], entries: Sequence[Entry | Dataset]) -> Finding:
    if warned:
        return Finding("loads", FAIL, " ".join(" ".join(warned).split()))
    if not entries:
        return Finding("loads", FAIL, "it registers nothing: call register in the hook")
    return Finding("loads", PASS, f"registers {', '.join(entry.name for entry in entries)}")


def _plugin(entry: Entry) -> str:
    return entry.plugin if isinstance(entry, Benchmark) else entry.file
