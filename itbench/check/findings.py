"""A check, what it found, and how checks of one subject follow each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Generic, TypeVar

from itbench.errors import ItbenchError

S = TypeVar("S")

PASS, FAIL, WARNING, SKIPPED = "pass", "FAIL", "warning", "skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Parameters
    ----------
    check : str
    result : {"pass", "FAIL", "warning", "skipped"}
    seen : str
        What was seen, or why it was skipped.
    """

    check: str
    result: str
    seen: str


@dataclass(frozen=True)
class Report:
    """All findings about one plugin.

    Parameters
    ----------
    kind : {"model", "metric", "benchmark", "plugin"}
    name : str
    findings : tuple of Finding
    weights : str, optional
        Which ones a model had.
    """

    kind: str
    name: str
    findings: tuple[Finding, ...]
    weights: str = ""

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(finding.check for finding in self.findings if finding.result == FAIL)


class Broken(Exception):
    """A rule is broken; the text says what was seen and where to look."""


class Doubtful(Exception):
    """No rule is broken, but the author should know."""


class NotHere(Exception):
    """The check says nothing about this subject."""


RESULTS: dict[type[Exception], str] = {Broken: FAIL, Doubtful: WARNING, NotHere: SKIPPED}


@dataclass(frozen=True)
class Check(Generic[S]):
    """One rule.

    Parameters
    ----------
    name : str
    look : callable
        Takes the subject and returns what it saw; raises `Broken`, `Doubtful` or `NotHere`. Whatever else a plugin
        raises counts as broken.
    needs : tuple of str
        Checks without which this one would only say again what they found.
    """

    name: str
    look: Callable[[S], str]
    needs: tuple[str, ...] = ()


def conduct(checks: Iterable[Check[S]], subject: S) -> Iterator[Finding]:
    """Yield what each check finds; one whose needs failed is skipped, so that a fault is named once."""
    blocked: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in blocked]
        finding = Finding(check.name, SKIPPED, f"needs {missing[0]!r}") if missing else _look(check, subject)
        if missing or finding.result == FAIL:
            blocked.add(check.name)
        yield finding


def one_line(error: Exception) -> str:
    """Return an error as one line, with its kind if it is not one of ours."""
    ours = isinstance(error, (ItbenchError, *RESULTS))
    return " ".join((str(error) if ours else f"{type(error).__name__}: {error}").split())


def count(things: Sized, noun: str) -> str:
    """Return how many there are, with the noun.

    >>> count(("a", "b"), "layer")
    '2 layers'
    """
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _look(check: Check[S], subject: S) -> Finding:
    try:
        return Finding(check.name, PASS, check.look(subject))
    except Exception as error:
        return Finding(check.name, RESULTS.get(type(error), FAIL), one_line(error))
