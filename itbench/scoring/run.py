"""A run: models, benchmark and metric, looked up and ready to be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from itbench.data.benchmark import Benchmark
from itbench.data.task import Task
from itbench.extraction.forward import ExtractionSettings
from itbench.metrics import options
from itbench.metrics.form import Form
from itbench.registry import MetricEntry, ModelSpec
from itbench.training.trainable_spec import TrainableSpec
from itbench.util.progress import Reporter


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
        """Name of the registered metric."""
        return self.entry.name

    @property
    def form(self) -> Form:
        """Form of the metric."""
        return self.entry.form

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
    """A run of frozen models on one benchmark by one metric.

    Parameters
    ----------
    models : tuple of ModelSpec
        One, or several that are read together.
    benchmark : Benchmark
    metric : Metric
    settings : ExtractionSettings
    layer_from : str, optional
        Name of the benchmark on which the layer was chosen.
    """

    models: tuple[ModelSpec, ...]
    benchmark: Benchmark
    metric: Metric
    settings: ExtractionSettings = field(default_factory=ExtractionSettings)
    layer_from: str = ""

    @property
    def about(self) -> dict[str, str]:
        """Names of model, weights, benchmark and metric, by which a leaderboard calls the run."""
        return {
            "model": "+".join(spec.name for spec in self.models),
            "weights": "+".join(spec.label for spec in self.models),
            "benchmark": self.benchmark.name,
            "metric": self.metric.name,
        }

    @property
    def title(self) -> str:
        """What messages call the run."""
        return f"{self.about['model']} on {self.benchmark.name}"

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that were named; none for the models' candidates."""
        return tuple(self.layer_name(spec, layer) for spec in self.models for layer in spec.layers)

    def layer_name(self, spec: ModelSpec, layer: str) -> str:
        """Return the name of a layer among those of all models of the run: ``MODEL:LAYER`` where there are several."""
        return layer if len(self.models) == 1 else f"{spec.name}:{layer}"

    def load_task(self, reporter: Reporter) -> Task:
        """Load the task of the run's benchmark; some metrics bring splits of their own.

        Raises
        ------
        BadRecordings, DamagedFile, Unreachable, BadOption
        """
        needs = self.metric.name if self.metric.form.needs_responses else ""
        divide = getattr(self.metric.function, "divide", None)
        return Task.load(self.benchmark, reporter, divide=divide, responses_for=needs)


@dataclass(frozen=True)
class TrainableRun(Run):
    """A run of one trainable model, which every split of the benchmark trains anew.

    Parameters
    ----------
    models : tuple of TrainableSpec
        One.
    teacher : Run, optional
        Whose predictions of training stimuli the model is trained on too.
    tuned : bool
        Whether each split uses the best recipe of its own tuning study.
    """

    teacher: Run | None = None
    tuned: bool = False

    @property
    def spec(self) -> TrainableSpec:
        """The trainable model of the run."""
        (spec,) = self.models
        assert isinstance(spec, TrainableSpec)
        return spec
