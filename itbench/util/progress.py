"""Progress of a run: reporters of notes and progress bars, and a timer of its stages."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

LOG = logging.getLogger(__name__)
LONG = 0.1  # seconds of a stage that is logged


class Reporter(Protocol):
    """Progress reporter: receives notes and the counts of progress bars."""

    def note(self, message: str) -> None:
        """Report a sentence on the progress of the run."""

    def progress(
        self, description: str, total: int, unit: str, start: int = 0
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Start a progress bar; the context manager gives a function that takes the number of units just done.

        `total` is 0 where it is unknown, `start` is the number of units done before, and the unit ``B`` means bytes.
        """


class SilentReporter:
    """Progress reporter that discards notes and progress."""

    def note(self, message: str) -> None:
        """Discard it."""

    @contextmanager
    def progress(self, description: str, total: int, unit: str, start: int = 0) -> Iterator[Callable[[int], None]]:
        """Discard it."""
        yield lambda done: None


class StageTimer:
    """Timer of a run's progress: seconds of every named stage; an inner stage pauses the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time the block as a stage; log one of more than `LONG` that is inside no other."""
        self._lap()
        self._running.append(stage)
        since = time.perf_counter()
        try:
            yield
        finally:
            self._lap()
            self._running.pop()
            seconds = time.perf_counter() - since
            if not self._running and seconds > LONG:
                LOG.debug("%s: %.2f s", stage, seconds)

    def each(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        """Yield the items of an iterator, adding the seconds until each comes to a stage of the timer."""
        while True:
            with self(stage):
                item = next(items, None)
            if item is None:
                return
            yield item

    def _lap(self) -> None:
        """Add the time to the running stage."""
        now = time.perf_counter()
        if self._running:
            stage = self._running[-1]
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._since, 3)
        self._since = now
