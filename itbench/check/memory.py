"""The peak of this process's memory while something runs."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

INTERVAL = 0.002  # s


class PeakMemory:
    """Watches the resident memory of this process while a block runs.

    Parameters
    ----------
    resting : int
        Bytes to count from.

    Attributes
    ----------
    growth : int
        The peak above that, bytes.
    """

    def __init__(self, resting: int) -> None:
        self.growth = 0
        self._resting = resting
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.growth = max(self.growth, resident() - self._resting)
            if self._ended.wait(INTERVAL):
                return


def resident() -> int:
    """Return the resident memory of this process, bytes."""
    return int(psutil.Process().memory_info().rss)
