"""Tune the recipe of a planned run: load its task and teacher, then search split by split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from itbench.errors import BadOption
from itbench.extraction.gram_cache import GramCache
from itbench.scoring.run import Run, TrainableRun
from itbench.scoring.teacher import Teacher
from itbench.training.search_space import search_space
from itbench.training.tuning import Study, require_validation, tune
from itbench.util.progress import Reporter


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
