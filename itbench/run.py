"""A run: what is scored against what, looked up and validated before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from itbench import options
from itbench.benchmark import Benchmark
from itbench.errors import NoWeights
from itbench.extract import ExtractionSettings
from itbench.plugins import MetricEntry, ModelEntry, Registry
from itbench.protocols import Readout, Weights


@dataclass(frozen=True)
class Run:
    """One model, one benchmark, one metric, and how.

    Parameters
    ----------
    model, benchmark, metric
        As the plugins registered them.
    readout : Readout
        The metric with its options.
    given : mapping
        The options that were given; the others have their defaults.
    weights : Weights
    layers : tuple of str
        The layers named; none for the model's candidates.
    settings : ExtractionSettings
    """

    model: ModelEntry
    benchmark: Benchmark
    metric: MetricEntry
    readout: Readout
    given: Mapping[str, Any] = field(default_factory=dict)
    weights: Weights = field(default_factory=Weights)
    layers: tuple[str, ...] = ()
    settings: ExtractionSettings = field(default_factory=ExtractionSettings)

    @property
    def about(self) -> dict[str, str]:
        """Names of model, weights, benchmark and metric: what a row of a leaderboard is called by."""
        return {
            "model": self.model.name,
            "weights": self.weights.label,
            "benchmark": self.benchmark.name,
            "metric": self.metric.name,
        }

    @property
    def options_given(self) -> dict[str, str]:
        """Options that were given, as text."""
        return {key: options.text(getattr(self.readout, key)) for key in sorted(self.given)}

    @property
    def options_changed(self) -> dict[str, str]:
        """Options whose value is not the default, as text."""
        default = {item["option"]: item["default"] for item in options.describe(type(self.readout))}
        return {key: value for key, value in self.options_given.items() if value != default[key]}

    @property
    def options_defaulted(self) -> dict[str, str]:
        """Options that kept their defaults, as text."""
        described = options.describe(type(self.readout))
        return {item["option"]: item["default"] for item in described if item["option"] not in self.given}


def plan_run(
    registry: Registry,
    model: str,
    benchmark: str,
    *,
    metric: str | None = None,
    metric_options: Mapping[str, Any] | None = None,
    weights: str = "pretrained",
    seed: int = 0,
    layers: Sequence[str] = (),
    settings: ExtractionSettings | None = None,
) -> Run:
    """Look everything up by name.

    Raises
    ------
    UnknownName, BadOption, BadBenchmark, NoWeights
        Before any work, for whatever does not exist or cannot be.
    """
    source, bench, given = registry.model(model), registry.benchmark(benchmark), dict(metric_options or {})
    measure = registry.metric(metric or bench.metric)
    return Run(
        source,
        bench,
        measure,
        options.build(measure.readout, given),
        given,
        _weights(source, weights, seed),
        tuple(dict.fromkeys(layers)),
        settings or ExtractionSettings(),
    )


def _weights(source: ModelEntry, text: str, seed: int) -> Weights:
    weights = Weights.parse(text, seed)
    if not source.weights:
        return Weights("none")
    if weights.kind not in (*source.weights, "file"):
        raise NoWeights(
            f"{source.name} has no {weights.kind} weights of its own.",
            todo=f"Use --weights FILE{' or --weights random' if 'random' in source.weights else ''}.",
        )
    return weights
