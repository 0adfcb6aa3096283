"""A run: models, or a trainable model, benchmark and metric, looked up and ready to be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from itbench.data.benchmark import Benchmark
from itbench.data.task import Task
from itbench.errors import BadOption
from itbench.extraction.forward import ExtractionSettings
from itbench.metrics import options
from itbench.metrics.form import Form
from itbench.registry import MetricEntry, ModelSpec
from itbench.statistics.reliability import has_repetitions
from itbench.statistics.resampling import MEASURES
from itbench.training.trainable_model import TrainableSpec
from itbench.util.files import check_file_name
from itbench.util.progress import Reporter

SUFFIX = "--01234567.failed.json"  # the longest that follows these names in a file of scores


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
        """Options of the run's metric that depart from their defaults, as text."""
        default = {item["option"]: item["default"] for item in options.describe(type(self.function))}
        return {key: value for key, value in self.options_given.items() if value != default[key]}

    @property
    def options_defaulted(self) -> dict[str, str]:
        """Options of the run's metric that keep their defaults, as text."""
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

    def __post_init__(self) -> None:
        check_file_name(
            f"{'--'.join(self.about.values())}{SUFFIX}", "The names of models, weights, benchmark and metric"
        )

    @property
    def about(self) -> dict[str, str]:
        """Model, weights, benchmark and metric of the run, by name."""
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
    def seeded(self) -> bool:
        """Whether another seed gives the run another score: weights are random, or the model is trained."""
        return any(spec.weights.kind == "random" for spec in self.models)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers that the run names; none where it reads the models' candidates."""
        return tuple(self.layer_name(spec, layer) for spec in self.models for layer in spec.layers)

    def layer_name(self, spec: ModelSpec, layer: str) -> str:
        """Return the name of a layer in the run's score: ``MODEL:LAYER`` where the run has several models."""
        return layer if len(self.models) == 1 else f"{spec.name}:{layer}"

    def load_task(self, reporter: Reporter) -> Task:
        """Load the task of the run's benchmark, with the splits of its metric where that has its own.

        Raises
        ------
        BadRecordings, DamagedFile, Unreachable, BadOption
        """
        needs = self.metric.name if self.metric.form.needs_responses else ""
        divide = getattr(self.metric.function, "divide", None)
        task = Task.load(self.benchmark, reporter, divide=divide, responses_for=needs)
        _ = task.clusters  # an unknown coordinate is refused now, not after the model has run
        self._require_ceiling(task)
        return task

    def _require_ceiling(self, task: Task) -> None:
        """Raise if the metric's measure divides by the noise ceiling, and the responses have no repetitions."""
        _, needed = MEASURES.get(self.metric.entry.measure, (None, False))
        if needed and not has_repetitions(task.recordings.responses, task.scorable):
            raise BadOption(
                f"{self.metric.name} divides by the noise ceiling, and {self.benchmark.name} has no two repetitions.",
                known="Without them, noise and signal cannot be told apart, and the metric has no value.",
                todo="Use a metric that needs no ceiling: --metric pls or --metric ridge",
            )


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

    @property
    def seeded(self) -> bool:
        """Whether another seed gives the run another score: that of training does."""
        return True
