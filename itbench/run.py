"""A run: what is scored against what, looked up and validated before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from itbench import options
from itbench.benchmark import Benchmark
from itbench.degrees import at_degrees, label
from itbench.errors import BadOption, NoWeights
from itbench.extract import VERSION, ExtractionSettings
from itbench.files import digest
from itbench.layers import expand, is_pattern
from itbench.plugins import MetricEntry, ModelEntry, Registry
from itbench.protocols import Model, Readout, Weights
from itbench.stimuli import StimulusSet


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
        weights_of(source, weights, seed),
        tuple(dict.fromkeys(layers)),
        settings or ExtractionSettings(),
    )


def weights_of(source: ModelEntry, text: str, seed: int = 0) -> Weights:
    """Return the weights that `text` names, if the model can have them.

    Raises
    ------
    BadOption, NoWeights
    """
    weights = Weights.parse(text, seed)
    if not source.weights:
        return Weights("none")
    if weights.kind not in (*source.weights, "file"):
        raise NoWeights(
            f"{source.name} has no {weights.kind} weights of its own.",
            todo=f"Use --weights FILE{' or --weights random' if 'random' in source.weights else ''}.",
        )
    return weights


class Staged(NamedTuple):
    """A model on its device, the stimuli as it sees them, and the layers to read.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet
    layers : tuple of str
    identity : mapping
        All that a layer's activations depend on, but for the stimuli.
    """

    model: Model
    stimuli: StimulusSet
    layers: tuple[str, ...]
    identity: Mapping[str, Any]


def stage(
    source: ModelEntry,
    weights: Weights,
    settings: ExtractionSettings,
    stimuli: StimulusSet,
    layers: Sequence[str],
    *,
    shown_by: str,
    degrees: float | None,
) -> Staged:
    """Make a model, bring the stimuli to the visual angle that it expects, and choose its layers.

    Parameters
    ----------
    source, weights, settings, stimuli
    layers : sequence of str
        Names and patterns; none for the model's candidates.
    shown_by : str
        The benchmark, or whatever else the stimuli come from.
    degrees : float, optional
        Width of the pictures on the screen, degrees of visual angle; unknown if it is None.

    Raises
    ------
    NoWeights, UnknownName, BadOption
    """
    model = source.factory(weights)
    model.place(settings.device, settings.precision)
    seen, how = _as_seen(stimuli, degrees, settings.degrees, source.degrees, shown_by)
    identity = {
        **model.identity,
        "degrees": how,
        "pool": settings.pool,
        "plugin": digest(Path(source.file).read_bytes()),
        "extraction": VERSION,
    }
    return Staged(model, seen, _layers(source, model, layers, seen), identity)


def _as_seen(
    stimuli: StimulusSet, shown: float | None, asked: float | None, usual: float | None, shown_by: str
) -> tuple[StimulusSet, str]:
    """Return the stimuli at the visual angle that the model expects, and what was done; by default nothing is."""
    if asked and shown is None:
        raise BadOption(
            f"--degrees needs a benchmark that says how large its pictures were; {shown_by} does not.",
            todo="Add a line such as 'degrees: 8' to a benchmark's file.",
        )
    expected = asked or usual
    if expected is None or shown is None or expected == shown:
        return stimuli, ""
    return at_degrees(stimuli, shown, expected), label(shown, expected)


def _layers(source: ModelEntry, model: Model, named: Sequence[str], stimuli: StimulusSet) -> tuple[str, ...]:
    """Return the layers to read, patterns replaced by the layers that they fit."""
    names = tuple(named or model.layers or source.layers)
    if not names:
        raise BadOption(f"{source.name} names no candidate layers.", todo="Choose some: itbench layers MODEL")
    return expand(names, model.shapes(stimuli.pictures[0:1][0])) if any(map(is_pattern, names)) else names
