"""Retry an interrupted download: how often, after which waits, and when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from itbench.data.download.partial_download import PartialDownload
from itbench.errors import Unreachable
from itbench.util.progress import Reporter


@dataclass(frozen=True)
class RetryPolicy:
    """Retry policy of a download: number of tries, waits between them, and timeouts.

    Parameters
    ----------
    tries : int
        In a row without a byte received.
    first_wait, longest_wait : float
        Seconds; each wait is twice the one before, give or take a half.
    connect, read : float
        Timeouts in seconds, of a connection and of its next byte.
    """

    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 30.0
    connect: float = 10.0
    read: float = 60.0

    def wait(self, failures: int) -> float:
        """Return the seconds to wait before the next retry, after so many failures in a row."""
        return random.uniform(0.5, 1.5) * min(self.longest_wait, self.first_wait * 2 ** (failures - 1))


class Interruption(Exception):
    """Interrupted download: the reason, and whether a retry may help.

    Parameters
    ----------
    reason : str
    temporary : bool
        Whether a retry may help.
    reached : bool
        Whether there was a connection.
    """

    def __init__(self, reason: str, *, temporary: bool = True, reached: bool = True) -> None:
        self.reason, self.temporary, self.reached = reason, temporary, reached
        super().__init__(reason)


def retry_download(
    attempt: Callable[[], None], partial: PartialDownload, address: str, reporter: Reporter, policy: RetryPolicy
) -> None:
    """Retry a download until it is complete or the retry policy gives up.

    A host that was never reached is not tried again, so that a machine without a network fails at once.

    Raises
    ------
    Unreachable
        When the tries are used up, or a retry is no use.
    """
    failures, largest, reached = 0, partial.size, False
    while True:
        try:
            return attempt()
        except Interruption as interruption:
            received = partial.size > largest
            failures = 1 if received else failures + 1
            largest, reached = max(largest, partial.size), reached or received or interruption.reached
            if not (interruption.temporary and reached) or failures >= policy.tries:
                raise _unreachable(partial, address, interruption) from interruption
            wait = policy.wait(failures)
            reporter.note(f"{partial.target.name}: {interruption.reason}; trying again in {wait:.0f} s")
            time.sleep(wait)


def _unreachable(partial: PartialDownload, address: str, interruption: Interruption) -> Unreachable:
    return Unreachable(
        f"{partial.target.name} cannot be downloaded from {address}: {interruption.reason}.", known=partial.kept
    )
