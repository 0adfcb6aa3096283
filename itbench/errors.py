"""Errors: one family of exceptions, each with what was wrong, what is known and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 200  # characters of an unknown name in an error


class ItbenchError(Exception):
    """Base of all itbench errors: printed as one message, without a traceback.

    Parameters
    ----------
    what : str
        What was wrong, with the name, file or number.
    known : str, optional
        What is known about it: the valid names or values.
    todo : str, optional
        What to do, as a command to paste if possible.
    """

    def __init__(self, what: str, *, known: str = "", todo: str = "") -> None:
        self.what, self.known, self.todo = what, known, todo
        super().__init__("\n".join(part for part in (what, known, todo) if part))


class UnknownName(ItbenchError):
    """Error for a model, layer, metric, benchmark, option or key that does not exist."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], *, todo: str = "", where: str = "") -> UnknownName:
        """Return the error for an unknown name, with the most similar known names."""
        names = sorted(set(known))
        name = name if len(name) <= LONGEST else f"{name[:LONGEST]}…"
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        listed = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        return cls(f"{where}unknown {kind} {name!r}.", known=f"{hint}Known: {listed or 'none'}.", todo=todo)


class BadOption(ItbenchError):
    """Error for an invalid value of an option."""


class BadBenchmark(ItbenchError):
    """Error for an invalid benchmark file."""


class BadSuite(ItbenchError):
    """Error for an invalid suite file."""


class BadRecordings(ItbenchError):
    """Error for recordings whose images or responses cannot be used."""


class BadActivations(ItbenchError):
    """Error for a layer without a tensor, or with NaN or infinite activations."""


class BadScore(ItbenchError):
    """Error for scores that are impossible (EV above r²) or cannot be compared."""


class BadPlugin(ItbenchError):
    """Error for a plugin that cannot be loaded, or whose name is taken."""


class DamagedFile(ItbenchError):
    """Error for a file that is truncated or does not match its checksum."""


class NoWeights(ItbenchError):
    """Error for weights that cannot be loaded or do not fit the network."""


class Unreachable(ItbenchError):
    """Error for a failed download."""


class NoSpace(ItbenchError):
    """Error for too little disk space or memory."""


class ItbenchWarning(UserWarning):
    """Base of all itbench warnings, which are printed and do not stop a command."""


def readable(error: Exception) -> ItbenchError:
    """Return any exception as an `ItbenchError`, with its type unless it is one."""
    if isinstance(error, ItbenchError):
        return error
    return ItbenchError(f"{type(error).__name__}: {error}", todo="Print the traceback with --debug.")
