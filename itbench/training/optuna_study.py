"""Optuna study of a training recipe: its trials, their files, and the best changes, which a tuned score uses."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from itbench.data.benchmark import Benchmark
from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.errors import BadOption, DamagedFile, ItbenchError, NoSpace
from itbench.extraction.forward import ExtractionSettings
from itbench.models.recipe import CHECKS
from itbench.training.search_space import Space
from itbench.training.trainable_model import TrainableSpec
from itbench.util import folders
from itbench.util.checksum import digest
from itbench.util.files import check_file_name, disk_errors, write_text
from itbench.util.schema import read_yaml

if TYPE_CHECKING:
    import optuna


REASON = "error"  # an attribute of a failed trial; one that failed without it was interrupted, and runs again


class TrialResult(NamedTuple):
    """Result of the training in one optuna trial: its value (higher is better), epochs, seconds."""

    value: float
    epochs: int | None
    seconds: float


@dataclass(frozen=True)
class Trial:
    """Ended trial of an optuna study: the changes of the recipe, the value that they reached, or why it failed.

    Parameters
    ----------
    number : int
        From 1, in the order of the trials.
    changes : mapping
        Changes of the recipe.
    state : {"complete", "failed"}
    value : float, optional
        Value to maximise, of a complete trial.
    epochs : int, optional
    seconds : float
    error : str
        Reason of a failure.
    """

    number: int
    changes: Mapping[str, Any]
    state: str
    value: float | None
    epochs: int | None
    seconds: float
    error: str = ""


RunTrial = Callable[[Mapping[str, Any]], TrialResult]


class OptunaStudy:
    """Optuna study in a journal file, which only one process may use at a time.

    The values of a trial depend on a seed of its own and the trials before it, so that a resumed study makes the same
    trials as an uninterrupted one.

    Parameters
    ----------
    path : Path
        Journal file, which optuna's own tools can read.
    space : Space
    first : mapping
        Values of the first trial, those of the recipe, in optuna's form.
    seed : int

    Raises
    ------
    ItbenchError
        If optuna is not installed.
    DamagedFile
        If the file is no study.
    """

    def __init__(self, path: Path, space: Space, first: Mapping[str, Any], seed: int) -> None:
        optuna = _optuna()
        self.space, self.first, self.seed, self.folder = space, first, seed, path.parent
        with disk_errors(self.folder):
            self._study = _open(path)
        for stale in self._study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
            self._study.tell(stale.number, state=optuna.trial.TrialState.FAIL)

    def trials(self) -> list[Trial]:
        """Return the trials of the optuna study that have ended, in order."""
        ended = [trial for trial in self._study.get_trials() if trial.value is not None or REASON in trial.user_attrs]
        return [self._trial(number, trial) for number, trial in enumerate(ended, 1)]

    def run_trial(self, run: RunTrial) -> Trial:
        """Run the next trial of the optuna study: propose values, train with them, record the result.

        Raises
        ------
        Exception
            The error of `run`, if no trial has succeeded before: the values are not its cause.
        """
        before = self.trials()
        with disk_errors(self.folder):
            optuna_trial = self._ask(len(before))
        changes = self._changes(optuna_trial.params)
        try:
            result = run(changes)
            if not math.isfinite(result.value):
                raise ItbenchError(f"The value on the validation images is {result.value}.")
        except NoSpace:
            raise
        except Exception as error:  # a plugin may raise anything
            if not any(trial.state == "complete" for trial in before):
                raise
            self._tell(optuna_trial, None, {REASON: f"{type(error).__name__}: {error}".splitlines()[0]})
        else:
            self._tell(optuna_trial, result.value, {"epochs": result.epochs, "seconds": result.seconds})
        return self.trials()[-1]

    def _tell(self, trial: optuna.Trial, value: float | None, about: Mapping[str, Any]) -> None:
        with disk_errors(self.folder):
            for key, attribute in about.items():
                trial.set_user_attr(key, attribute)
            self._study.tell(trial, value, None if value is not None else _optuna().trial.TrialState.FAIL)

    def _ask(self, number: int) -> optuna.Trial:
        optuna = _optuna()
        self._study.sampler = optuna.samplers.TPESampler(seed=int(digest(self.seed, number)[:8], 16))
        if number == 0 and not self._study.get_trials(states=[optuna.trial.TrialState.WAITING]):
            self._study.enqueue_trial(dict(self.first))
        return self._study.ask({key: values.distribution() for key, values in self.space.items()})

    def _changes(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        return {key: values.value(drawn[key]) for key, values in self.space.items()}

    def _trial(self, number: int, trial: optuna.trial.FrozenTrial) -> Trial:
        attributes = trial.user_attrs
        return Trial(
            number,
            self._changes(trial.params),
            "failed" if trial.value is None else "complete",
            trial.value,
            attributes.get("epochs"),
            attributes.get("seconds", 0.0),
            attributes.get(REASON, ""),
        )


class _NoLock:
    """Replaces the lock of an optuna study, which outlives a killed process; the caller holds one of its own."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _open(path: Path) -> optuna.Study:
    """Open the optuna study in a journal file, without the unfinished last line of a killed process."""
    optuna = _optuna()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
    try:
        journal = optuna.storages.journal.JournalFileBackend(str(path), _NoLock())
        storage = optuna.storages.JournalStorage(journal)
        return optuna.create_study(storage=storage, study_name=path.stem, direction="maximize", load_if_exists=True)
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{path} cannot be read as a study ({error}).", todo="Remove it, and tune again.") from error


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ItbenchError(
            "Tuning needs optuna, which is not installed.", todo="pip install 'itbench[tune]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@dataclass(frozen=True)
class StudyFiles:
    """Where the study of one split lies.

    Parameters
    ----------
    trials : Path
        The journal of its trials, as optuna has it.
    best : Path
        The best changes of the recipe, as YAML.
    """

    trials: Path
    best: Path

    @classmethod
    def of(cls, spec: TrainableSpec, task: Task, settings: ExtractionSettings, split: Split) -> StudyFiles:
        """Return the files of a split's tuning study; their name holds a digest of all that is tuned.

        Of the responses, those of the split's training images alone take part.
        """
        weights, bench = spec.weights, task.benchmark
        study = {
            "model": spec.name,
            "plugin": spec.entry.plugin_digest,
            "core": spec.core.name if spec.core else "",
            "weights": digest(weights.path.read_bytes()) if weights.path else weights.label,
            "seed": weights.seed,
            "recipe": spec.recipe.as_dict(),
            "degrees": settings.degrees,
            "benchmark": bench.name,
            "stimuli": task.recordings.digests["stimuli"],
        }
        content = digest(study, split.train, task.responses[split.train])
        name = re.sub(r"[^\w.+-]+", "_", f"{spec.name}--{bench.name}--{split.name}--{content[:12]}")
        check_file_name(f"{name}.journal", "The names of model, benchmark and split")
        return cls(folders.studies() / f"{name}.journal", folders.studies() / f"{name}.yaml")


def write_best(files: StudyFiles, changes: Mapping[str, Any], said: Sequence[str]) -> None:
    """Write the file of a tuning study's best recipe changes, which ``--recipe FILE`` takes too."""
    lines = [f"# {line}" for line in said]
    write_text(files.best, "\n".join([*lines, yaml.safe_dump(dict(changes), sort_keys=False)]))


def best_changes(spec: TrainableSpec, task: Task, settings: ExtractionSettings, split: Split) -> dict[str, Any]:
    """Read the best recipe changes from the files of a split's tuning study.

    Raises
    ------
    BadOption
        If the split was not tuned, with the command that tunes it.
    """
    path = StudyFiles.of(spec, task, settings, split).best
    if not path.exists():
        raise BadOption(
            f"{spec.name} on {task.benchmark.name} has not been tuned on {split.name} from this recipe, these weights "
            "and this seed.",
            known=f"The best recipe would be {path}.",
            todo=f"Tune it first: {tune_command(spec, task.benchmark, settings)}",
        )
    return read_yaml(path, "recipe", BadOption, CHECKS)


def tune_command(spec: TrainableSpec, benchmark: Benchmark, settings: ExtractionSettings) -> str:
    """Return the ``itbench tune`` command that writes the study files of every split."""
    weights = spec.weights
    words = ["itbench", "tune", spec.name, "-b", benchmark.name if benchmark.plugin else str(benchmark.file)]
    if spec.core and weights.kind in ("random", "file"):
        words += ["--weights", str(weights.path or weights.kind)]
    words += ["--seed", str(weights.seed)] if weights.seed else []
    words += ["--degrees", str(settings.degrees)] if settings.degrees else []
    for key, value in spec.changes.items():
        words += ["--recipe", f"{key}={json.dumps(value)}"]
    return shlex.join(words)
