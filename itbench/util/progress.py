"""Progress reporting, and a timer of the stages of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol


class Reporter(Protocol):
    """Hears how the work goes on."""

    def note(self, message: str) -> None:
        """Take a sentence about what happens next."""

    def progress(
        self, description: str, total: int, unit: str, start: int = 0
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Return a context manager that gives a function taking the number of units just done.

        `total` is 0 where it is not known, `start` counts those that were done before, and the unit ``B`` means bytes.
        """


class SilentReporter:
    """A `Reporter` that says nothing to anybody."""

    def note(self, message: str) -> None:
        """Ignore it."""

    @contextmanager
    def progress(self, description: str, total: int, unit: str, start: int = 0) -> Iterator[Callable[[int], None]]:
        """Ignore all progress."""
        yield lambda done: None


class StageTimer:
    """Adds up the seconds of named stages; a stage within another stops the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what is done within."""
        self._lap()
        self._running.append(stage)
        try:
            yield
        finally:
            self._lap()
            self._running.pop()

    def each(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        """Pass the items on, timing how long each takes to come."""
        while True:
            with self(stage):
                item = next(items, None)
            if item is None:
                return
            yield item

    def _lap(self) -> None:
        """Give the time since the last change to the stage that runs."""
        now = time.perf_counter()
        if self._running:
            stage = self._running[-1]
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._since, 3)
        self._since = now
