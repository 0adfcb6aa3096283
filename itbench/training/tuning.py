"""Tune the recipe of a trainable model, split by split, on training images alone."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.errors import BadOption, UnknownName
from itbench.extraction.forward import ExtractionSettings
from itbench.extraction.gram_cache import GramCache
from itbench.models.recipe import Recipe
from itbench.training.optuna_study import OptunaStudy, RunTrial, StudyFiles, Trial, TrialResult, write_best
from itbench.training.per_split import SplitTrainer, TeacherPredictions
from itbench.training.search_space import recipe_values, search_space
from itbench.training.trainable_model import TrainableSpec
from itbench.training.trained_weights import TrainedStore
from itbench.util.files import locked
from itbench.util.progress import Reporter, SilentReporter


class Judge(NamedTuple):
    """Validation measure by which tuning ranks trials: its key in the training summary, and -1 for a loss."""

    key: str
    label: str
    sign: int = 1


@dataclass(frozen=True)
class Study:
    """What tuning found in one split.

    Parameters
    ----------
    split : str
    judge : Judge
    trials : tuple of Trial
        The best first, failed ones last.
    best : Path
        The file with the changes of the recipe that were best.
    """

    split: str
    judge: Judge
    trials: tuple[Trial, ...]
    best: Path


def tune(
    spec: TrainableSpec,
    task: Task,
    settings: ExtractionSettings,
    trials: int,
    reporter: Reporter,
    *,
    splits: Sequence[str] = (),
    teacher: TeacherPredictions | None = None,
) -> Iterator[Study]:
    """Tune the recipe of a trainable model in a study for each split, and write the best changes to a file.

    A trial trains on a split's training images without its validation rows, which judge it; no response to a held-out
    image takes part. A study goes on from the trials that it has.

    Parameters
    ----------
    spec : TrainableSpec
    task : Task
    settings : ExtractionSettings
    trials : int
        How many a study shall have in all.
    reporter : Reporter
    splits : sequence of str
        Names of splits; all if there is none.
    teacher : callable, optional
        As of `itbench.training.per_split.SplitTrainer`.

    Yields
    ------
    Study
        Of each split, once it has its trials.

    Raises
    ------
    BadOption, UnknownName
        For a space that cannot be searched, or a split that does not exist.
    ItbenchError
        If optuna is not installed, or another process tunes the same split.
    """
    space = search_space(spec.recipe)
    title = f"{spec.name} on {task.benchmark.name}"
    for split in _named(task.splits, splits):
        files = StudyFiles.of(spec, task, settings, split)
        running = files.trials.with_suffix(".training")  # of the trial that runs, so that it can go on
        with locked(files.trials.with_suffix(".lock"), f"{title}, {split.name}, is being tuned"):
            search = OptunaStudy(files.trials, space, recipe_values(spec.recipe, space), spec.weights.seed)

            def attempt(changes: Mapping[str, Any], split: Split = split, running: Path = running) -> TrialResult:
                changed = replace(spec, recipe=spec.recipe.with_values(changes))
                store = TrainedStore(running)
                trainer = SplitTrainer(changed, task, settings, GramCache(), store, SilentReporter(), teacher=teacher)
                return _outcome(trainer.train(split).about, spec)

            study = _study(
                f"{title}, {split.name}", judge_of(spec.recipe), split, files, search, attempt, trials, reporter
            )
            shutil.rmtree(running, ignore_errors=True)
        yield study


def require_validation(recipe: Recipe) -> None:
    """Refuse to tune a recipe that keeps no validation rows to judge trials by.

    Raises
    ------
    BadOption
    """
    if not recipe.validation:
        raise BadOption(
            "The recipe keeps no training images apart, by which trials could be judged.",
            todo="Keep some: --recipe validation=0.1",
        )


def value_text(value: Any) -> str:
    """Return a value of a tuned recipe as tables print it: numbers in three digits."""
    return f"{value:.3g}" if isinstance(value, float) else json.dumps(value)


def judge_of(recipe: Recipe) -> Judge:
    """Return the validation measure by which tuning ranks the trials of a recipe."""
    losses = recipe.losses
    if losses.get("responses") or losses.get("teacher"):
        return Judge("inner_explained_variance", "inner EV")
    return Judge("inner_accuracy", "inner accuracy") if losses.get("classes") else Judge("inner_loss", "inner loss", -1)


def _named(splits: Sequence[Split], names: Sequence[str]) -> list[Split]:
    known = {split.name: split for split in splits}
    for name in names:
        if name not in known:
            raise UnknownName.of("split", name, known)
    return [known[name] for name in dict.fromkeys(names or known)]


def _study(
    title: str,
    judge: Judge,
    split: Split,
    files: StudyFiles,
    search: OptunaStudy,
    attempt: RunTrial,
    wanted: int,
    reporter: Reporter,
) -> Study:
    """Bring the tuning study of a split to the number of trials wanted, and write its best recipe changes."""
    running = files.trials.with_suffix(".training")
    done = len(search.trials())
    with reporter.progress(f"{split.name} trials", wanted, "trials", done) as advance:
        for number in range(done + 1, wanted + 1):
            reporter.note(f"{split.name}, trial {number} of {wanted}: {_said(search.run_trial(attempt), judge)}")
            shutil.rmtree(running, ignore_errors=True)
            advance(1)
    trials = search.trials()
    ranked = sorted(trials, key=lambda trial: (-math.inf if trial.value is None else trial.value, -trial.number))[::-1]
    write_best(files, ranked[0].changes, [f"{title}: the best of {len(trials)} trials, {_said(ranked[0], judge)}"])
    return Study(split.name, judge, tuple(ranked), files.best)


def _outcome(about: Mapping[str, Any], spec: TrainableSpec) -> TrialResult:
    judge = judge_of(spec.recipe)
    if judge.key not in about:
        raise BadOption(f"{spec.name} does not say its {judge.key}, by which trials are judged.")
    return TrialResult(judge.sign * float(about[judge.key]), about.get("epochs"), float(about["seconds"]))


def _said(trial: Trial, judge: Judge) -> str:
    """Return a line about a trial."""
    values = ", ".join(f"{key} {value_text(value)}" for key, value in trial.changes.items())
    if trial.value is None:
        return f"failed ({trial.error}) by {values}"
    return f"{judge.label} {judge.sign * trial.value:.3f} by {values}"
