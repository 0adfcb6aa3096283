"""One study: trials proposed by optuna, kept in one file, gone on with from wherever they were broken off."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from itbench.errors import DamagedFile, ItbenchError, NoSpace
from itbench.training.search_space import Space
from itbench.util.checksum import digest
from itbench.util.files import disk_errors

if TYPE_CHECKING:
    import optuna

REASON = "error"  # an attribute of a trial that failed; one that failed without it was broken off, and is done again


class Outcome(NamedTuple):
    """How a training went: the value that is the higher the better, epochs, seconds."""

    value: float
    epochs: int | None
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One set of values that was tried.

    Parameters
    ----------
    number : int
        From 1, in the order in which they were tried.
    changes : mapping
        Of the recipe: what was tried.
    state : {"complete", "failed"}
    value : float, optional
        What counts, of a complete one.
    epochs : int, optional
    seconds : float
    error : str
        Why it failed.
    """

    number: int
    changes: Mapping[str, Any]
    state: str
    value: float | None
    epochs: int | None
    seconds: float
    error: str = ""


Attempt = Callable[[Mapping[str, Any]], Outcome]


class Search:
    """A study in a file, which no other process searches meanwhile.

    Every trial is drawn from a seed of its own and the trials before it, so a study that was killed and started again
    tries what an undisturbed one tries.

    Parameters
    ----------
    path : Path
        A journal, as optuna's own tools read it.
    space : Space
    own : mapping
        Values for the first trial, as optuna has them: those of the recipe.
    seed : int

    Raises
    ------
    ItbenchError
        If optuna is not installed.
    DamagedFile
        If the file is no study.
    """

    def __init__(self, path: Path, space: Space, own: Mapping[str, Any], seed: int) -> None:
        optuna = _optuna()
        self.space, self.own, self.seed, self.folder = space, own, seed, path.parent
        with disk_errors(self.folder):
            self._study = _open(path)
        for stale in self._study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
            self._study.tell(stale.number, state=optuna.trial.TrialState.FAIL)

    def trials(self) -> list[Trial]:
        """Return the trials that came to an end, in their order."""
        ended = [trial for trial in self._study.get_trials() if trial.value is not None or REASON in trial.user_attrs]
        return [self._trial(number, trial) for number, trial in enumerate(ended, 1)]

    def step(self, attempt: Attempt) -> Trial:
        """Propose values, attempt them, and keep what came of it.

        Raises
        ------
        Exception
            What the attempt raises, if nothing has succeeded before: then it is not about the values.
        """
        before = self.trials()
        with disk_errors(self.folder):
            asked = self._ask(len(before))
        changes = self._changes(asked.params)
        try:
            outcome = attempt(changes)
            if not math.isfinite(outcome.value):
                raise ItbenchError(f"The value on the inner images is {outcome.value}.")
        except NoSpace:
            raise
        except Exception as error:  # a plugin may raise anything
            if not any(trial.state == "complete" for trial in before):
                raise
            self._tell(asked, None, {REASON: f"{type(error).__name__}: {error}".splitlines()[0]})
        else:
            self._tell(asked, outcome.value, {"epochs": outcome.epochs, "seconds": outcome.seconds})
        return self.trials()[-1]

    def _tell(self, asked: optuna.Trial, value: float | None, about: Mapping[str, Any]) -> None:
        """Keep how a trial ended; without a value it failed."""
        with disk_errors(self.folder):
            for key, said in about.items():
                asked.set_user_attr(key, said)
            self._study.tell(asked, value, None if value is not None else _optuna().trial.TrialState.FAIL)

    def _ask(self, number: int) -> optuna.Trial:
        optuna = _optuna()
        self._study.sampler = optuna.samplers.TPESampler(seed=int(digest(self.seed, number)[:8], 16))
        if number == 0 and not self._study.get_trials(states=[optuna.trial.TrialState.WAITING]):
            self._study.enqueue_trial(dict(self.own))
        return self._study.ask({key: values.distribution() for key, values in self.space.items()})

    def _changes(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        return {key: values.value(drawn[key]) for key, values in self.space.items()}

    def _trial(self, number: int, trial: optuna.trial.FrozenTrial) -> Trial:
        said = trial.user_attrs
        return Trial(
            number,
            self._changes(trial.params),
            "failed" if trial.value is None else "complete",
            trial.value,
            said.get("epochs"),
            said.get("seconds", 0.0),
            said.get(REASON, ""),
        )


class _Held:
    """In place of optuna's lock, which outlives a killed process: one process at a time searches a study."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _open(path: Path) -> optuna.Study:
    """Return the study in a file, without the line that a killed process did not bring to its end."""
    optuna = _optuna()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
    try:
        journal = optuna.storages.journal.JournalFileBackend(str(path), _Held())
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
