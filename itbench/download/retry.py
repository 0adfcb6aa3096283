"""Trying again: how often, after how long, and when not to."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from itbench.download.partial import Partial
from itbench.errors import Unreachable
from itbench.protocols import Reporter


@dataclass(frozen=True)
class Patience:
    """How long a download bears with a bad connection.

    Parameters
    ----------
    tries : int
        Without a byte arriving.
    first_wait, longest_wait : float
        Seconds; each wait is twice the one before, give or take a half.
    connect, read : float
        Seconds until a connection, and until its next byte, are given up.
    """

    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 30.0
    connect: float = 10.0
    read: float = 60.0

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        return random.uniform(0.5, 1.5) * min(self.longest_wait, self.first_wait * 2 ** (failures - 1))


class Interruption(Exception):
    """Why a transfer ended before its time.

    Parameters
    ----------
    reason : str
    passing : bool
        Whether it may go better the next time.
    reached : bool
        Whether there was a connection.
    """

    def __init__(self, reason: str, *, passing: bool = True, reached: bool = True) -> None:
        self.reason, self.passing, self.reached = reason, passing, reached
        super().__init__(reason)


def persist(
    attempt: Callable[[], None], partial: Partial, address: str, reporter: Reporter, patience: Patience
) -> None:
    """Attempt a transfer until it is through.

    A host that was never reached is not tried again, so that a machine without a network says so at once.

    Raises
    ------
    Unreachable
        When patience is at its end, or trying again is no use.
    """
    failures, most, reached = 0, partial.size, False
    while True:
        try:
            return attempt()
        except Interruption as why:
            came = partial.size > most
            failures = 1 if came else failures + 1
            most, reached = max(most, partial.size), reached or came or why.reached
            if not (why.passing and reached) or failures >= patience.tries:
                raise _unreachable(partial, address, why) from why
            wait = patience.wait(failures)
            reporter.note(f"{partial.target.name}: {why.reason}; trying again in {wait:.0f} s")
            time.sleep(wait)


def _unreachable(partial: Partial, address: str, why: Interruption) -> Unreachable:
    return Unreachable(f"{partial.target.name} cannot be had from {address}: {why.reason}.", known=partial.kept)
