"""The teacher of a trainable model: a frozen model whose predictions of training stimuli it is trained on too."""

from __future__ import annotations

from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.extraction.gram_cache import GramCache
from itbench.gram import Gram
from itbench.scoring.frozen_models import RunModels
from itbench.scoring.run import Run
from itbench.util.progress import Reporter


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
            self._grams = dict(RunModels(self.run, self.task, self.cache, self.reporter).grams())
        metric = self.run.metric
        return self.task.at_all_sites(metric.form.teach(metric.function, self._grams, self.task.recorded, split.train))
