"""One family of errors: what was wrong, what is known about it, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ItbenchError(Exception):
    """Something the user can mend.

    Parameters
    ----------
    what : str
        What was wrong, with the offending name, file or number.
    known : str, optional
        What is known about it.
    todo : str, optional
        What to do next, best as a command to paste.
    """

    def __init__(self, what: str, *, known: str = "", todo: str = "") -> None:
        self.what, self.known, self.todo = what, known, todo
        super().__init__("\n".join(part for part in (what, known, todo) if part))


class UnknownName(ItbenchError):
    """A model, layer, metric, benchmark, option or key that does not exist."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], *, todo: str = "", where: str = "") -> UnknownName:
        """Build the error for `name`, naming its nearest neighbours among the `known`."""
        names = sorted(set(known))
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        listed = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        return cls(f"{where}unknown {kind} {name!r}.", known=f"{hint}Known: {listed or 'none'}.", todo=todo)


class BadOption(ItbenchError):
    """An option whose value cannot be used."""


class BadBenchmark(ItbenchError):
    """A benchmark file that does not say what a benchmark must."""


class BadSuite(ItbenchError):
    """A suite file that does not say what a suite must."""


class BadRecordings(ItbenchError):
    """Images or responses that cannot be scored against."""


class BadActivations(ItbenchError):
    """A layer that gave no tensor, or a NaN or an infinity."""


class BadScore(ItbenchError):
    """A score that breaks a law of statistics."""


class BadPlugin(ItbenchError):
    """A plugin that cannot be loaded, or two that claim one name."""


class DamagedFile(ItbenchError):
    """A file that is truncated or was altered since it was written."""


class NoWeights(ItbenchError):
    """Weights that cannot be had, or do not fit the network."""


class Unreachable(ItbenchError):
    """A source on the network that cannot be had."""


class NoSpace(ItbenchError):
    """Too little disk or memory for what was asked."""


class ItbenchWarning(UserWarning):
    """Something that the user should know, and that does not stop the work."""


def readable(error: Exception) -> ItbenchError:
    """Return what a plugin or a library raised as an error of our own."""
    if isinstance(error, ItbenchError):
        return error
    return ItbenchError(f"{type(error).__name__}: {error}", todo="See where it comes from with --debug.")
