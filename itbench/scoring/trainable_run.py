"""A run of a trainable model: its teacher, and the tuning of its recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.errors import BadOption
from itbench.extraction.gram_cache import GramCache
from itbench.gram import Gram
from itbench.scoring.frozen_models import RunModels
from itbench.scoring.run import Run
from itbench.training.search_space import search_space
from itbench.training.trainable_model import TrainableSpec
from itbench.training.tuning import Study, require_validation, tune
from itbench.util.progress import Reporter


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


class Teacher:
    """Predictions of a teacher run for the training rows of a split, from the other training rows.

    Parameters
    ----------
    run : Run
        Of a frozen model, by a metric that can teach.
    task : Task
    cache : GramCache
    reporter : Reporter
    """

    def __init__(self, run: Run, task: Task, cache: GramCache, reporter: Reporter) -> None:
        self.run, self.task, self.cache, self.reporter = run, task, cache, reporter
        self._grams: dict[str, Gram] = {}

    def __call__(self, split: Split) -> NDArray:
        """Return the teacher's predictions (train, site) for the training rows of a split; NaN at unscorable sites."""
        if not self._grams:
            models = RunModels(self.run, self.task, self.cache, self.reporter)
            grams = dict(models.grams())  # those of the cache first
            self._grams = {layer: grams[layer] for layers in models.layers_by_model.values() for layer in layers}
        metric = self.run.metric
        return self.task.at_all_sites(metric.form.teach(metric.function, self._grams, self.task.recorded, split.train))


def tune_run(run: Run, trials: int, reporter: Reporter, splits: Sequence[str] = ()) -> Iterator[Study]:
    """Tune the recipe of a run's trainable model, as `itbench.training.tuning.tune` does.

    Raises
    ------
    BadOption, UnknownName
        Also for a model that is not trained on recordings.
    """
    if not isinstance(run, TrainableRun):
        raise BadOption(
            f"{run.about['model']} is not trained on recordings: there is nothing to tune.",
            todo="Name a model that has a recipe, such as cnn-2.",
        )
    require_validation(run.spec.recipe)
    search_space(run.spec.recipe)  # what cannot be searched is refused before anything is loaded
    task = run.load_task(reporter)
    teacher = Teacher(run.teacher, task, GramCache(), reporter) if run.teacher else None
    yield from tune(run.spec, task, run.settings, trials, reporter, splits=splits, teacher=teacher)
