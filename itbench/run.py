"""A run: what is scored against what, looked up and validated before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from itbench import options
from itbench.benchmark import Benchmark
from itbench.entries import MetricEntry, ModelEntry
from itbench.errors import BadOption, NoWeights, UnknownName
from itbench.extract import ExtractionSettings
from itbench.plugins import Registry
from itbench.protocols import Weights


@dataclass(frozen=True)
class Entrant:
    """A model, the weights that it is to have, and the layers named; none for its candidates."""

    model: ModelEntry
    weights: Weights
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metric:
    """A metric with its options.

    Parameters
    ----------
    entry : MetricEntry
        As a plugin registered it.
    function : object
        What it measures with: an instance of the entry's dataclass.
    given : mapping
        The options that were given; the others have their defaults.
    """

    entry: MetricEntry
    function: Any
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name."""
        return self.entry.name

    @property
    def options_given(self) -> dict[str, str]:
        """Options that were given, as text."""
        return {key: options.text(getattr(self.function, key)) for key in sorted(self.given)}

    @property
    def options_changed(self) -> dict[str, str]:
        """Options whose value is not the default, as text."""
        default = {item["option"]: item["default"] for item in options.describe(type(self.function))}
        return {key: value for key, value in self.options_given.items() if value != default[key]}

    @property
    def options_defaulted(self) -> dict[str, str]:
        """Options that kept their defaults, as text."""
        described = options.describe(type(self.function))
        return {item["option"]: item["default"] for item in described if item["option"] not in self.given}


@dataclass(frozen=True)
class Run:
    """One model or several at once, one benchmark, one metric, and how.

    Parameters
    ----------
    entrants : tuple of Entrant
    benchmark : Benchmark
    metric : Metric
    settings : ExtractionSettings
    layer_from : str, optional
        Name of the benchmark on which the layer was chosen.
    """

    entrants: tuple[Entrant, ...]
    benchmark: Benchmark
    metric: Metric
    settings: ExtractionSettings = field(default_factory=ExtractionSettings)
    layer_from: str = ""

    @property
    def about(self) -> dict[str, str]:
        """Names of model, weights, benchmark and metric: what a row of a leaderboard is called by."""
        return {
            "model": "+".join(entrant.model.name for entrant in self.entrants),
            "weights": "+".join(entrant.weights.label for entrant in self.entrants),
            "benchmark": self.benchmark.name,
            "metric": self.metric.name,
        }

    @property
    def title(self) -> str:
        """What a message calls it."""
        return f"{self.about['model']} on {self.benchmark.name}"

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that were named; none for the candidates."""
        return tuple(self.layer_name(entrant, layer) for entrant in self.entrants for layer in entrant.layers)

    def layer_name(self, entrant: Entrant, layer: str) -> str:
        """Return what a layer is called among those of all models: ``MODEL:LAYER`` where there are several."""
        return layer if len(self.entrants) == 1 else f"{entrant.model.name}:{layer}"


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
    layer_from: str = "",
) -> Run:
    """Look everything up by name.

    Parameters
    ----------
    model : str
        A model, or several at once, ``A+B``, for a metric that reads them together: by default ``stacked``.
    weights : str
        Of all models that have any, or one for each: ``FILE+random``.
    layers : sequence of str
        Of several models: ``MODEL:LAYER``.

    Raises
    ------
    UnknownName, BadOption, BadBenchmark, NoWeights
        Before any work, for whatever does not exist or cannot be.
    """
    bench = registry.benchmark(benchmark)
    names = _model_names(registry, model)
    chosen = make_metric(registry, metric or ("stacked" if len(names) > 1 else bench.metric), metric_options)
    check_together(registry, chosen, names)
    entries = [registry.model(name) for name in names]
    texts = _weight_texts(entries, weights)
    entrants = tuple(
        Entrant(entry, weights_of(entry, text, seed), own)
        for entry, text, own in zip(entries, texts, _layers_by_model(names, layers), strict=True)
    )
    return Run(entrants, bench, chosen, settings or ExtractionSettings(), layer_from)


def make_metric(registry: Registry, name: str, given: Mapping[str, Any] | None = None) -> Metric:
    """Look up a metric and give it its options.

    Raises
    ------
    UnknownName, BadOption
    """
    entry, values = registry.metric(name), dict(given or {})
    return Metric(entry, options.build(entry.readout, values), values)


def check_together(registry: Registry, metric: Metric, models: Sequence[str]) -> None:
    """Refuse several models at once for a metric that reads them one by one.

    Raises
    ------
    BadOption
    """
    if len(models) > 1 and metric.entry.form != "joint":
        together = [entry.name for entry in registry.metrics.values() if entry.form == "joint"]
        raise BadOption(
            f"{metric.name} reads one layer of one model at a time, not {'+'.join(models)}.",
            todo=f"Leave --metric out, or choose one of {', '.join(sorted(together))}.",
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


def _model_names(registry: Registry, text: str) -> list[str]:
    if text in registry.models or "+" not in text:
        return [text]
    names = text.split("+")
    if len(set(names)) < len(names):
        raise BadOption(f"{text} names a model twice.", todo="Name each model once.")
    return names


def _weight_texts(entries: Sequence[ModelEntry], text: str) -> list[str]:
    """Return the text of the weights of each model."""
    parts = text.split("+") if len(entries) > 1 else [text]
    if len(parts) == len(entries):
        return parts
    with_weights = [entry.name for entry in entries if entry.weights]
    if len(parts) > 1 or (text not in ("pretrained", "random") and len(with_weights) > 1):
        raise BadOption(
            f"{' and '.join(with_weights)} cannot all have the weights {text}.",
            todo="Name those of each model, in order: --weights FILE+random",
        )
    return [text if entry.weights else "pretrained" for entry in entries]


def _layers_by_model(names: Sequence[str], layers: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the layers named for each model, each once."""
    layers = list(dict.fromkeys(layers))
    if len(names) == 1:
        return [tuple(layers)]
    own: dict[str, list[str]] = {name: [] for name in names}
    for layer in layers:
        name, colon, rest = layer.partition(":")
        if not colon or name not in own:
            raise UnknownName.of(
                "model before the layer", name if colon else layer, names, todo="Of several models: -l MODEL:LAYER"
            )
        own[name].append(rest)
    return [tuple(own[name]) for name in names]
