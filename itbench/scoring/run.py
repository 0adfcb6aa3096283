"""A run: what is scored against what, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from itbench.data.benchmark import Benchmark
from itbench.extraction.forward import ExtractionSettings
from itbench.metrics import options
from itbench.models.recipe import Recipe
from itbench.models.weights import Weights
from itbench.registry import MetricEntry, ModelEntry


@dataclass(frozen=True)
class Entrant:
    """A model, the weights that it is to have, and the layers named; none for its candidates.

    Of a model that learns: its recipe, the model that is its core, if it has one, and its usual recipe; the weights are
    those it starts from.
    """

    model: ModelEntry
    weights: Weights
    layers: tuple[str, ...] = ()
    recipe: Recipe | None = None
    core: ModelEntry | None = None
    usual: Recipe | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """What was changed of the model's usual recipe."""
        return self.recipe.departures(self.usual) if self.recipe and self.usual else {}

    @property
    def label(self) -> str:
        """What tables call its weights: of a model that learns ``trained-SEED``, after an unusual start."""
        if self.recipe is None:
            return self.weights.label
        usual = (self.weights.kind == "none") or self.weights.kind == starts_of(self.model, self.core)[0]
        start = "" if usual else f"{self.weights.label}:"
        return f"{start}trained-{self.weights.seed}"


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
    teacher : Run, optional
        Whose predictions of training images the model learns from too.
    tuned : bool
        Whether each split learns by the best recipe of its own study.
    """

    entrants: tuple[Entrant, ...]
    benchmark: Benchmark
    metric: Metric
    settings: ExtractionSettings = field(default_factory=ExtractionSettings)
    layer_from: str = ""
    teacher: Run | None = None
    tuned: bool = False

    @property
    def learns(self) -> bool:
        """Whether its model learns from recordings."""
        return any(entrant.recipe for entrant in self.entrants)

    @property
    def about(self) -> dict[str, str]:
        """Names of model, weights, benchmark and metric: what a row of a leaderboard is called by."""
        return {
            "model": "+".join(entrant.model.name for entrant in self.entrants),
            "weights": "+".join(entrant.label for entrant in self.entrants),
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


def starts_of(entry: ModelEntry, core: ModelEntry | None) -> Sequence[str]:
    """Return the kinds of weights that a model that learns can start from, the usual first."""
    if core is None:
        return entry.weights or ("none",)
    return [kind for kind in entry.weights if kind in core.weights] or ["none"]
