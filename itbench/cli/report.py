"""Progress on stderr, silent where stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from itbench.cli.common import say


class TerminalReporter:
    """A `Reporter` with a progress bar that shows the rate and the time left."""

    def __init__(self, title: str) -> None:
        self.title = title

    def note(self, message: str) -> None:
        """Print a sentence about what happens next."""
        say(f"{self.title}: {message}")

    @contextmanager
    def progress(self, description: str, total: int, unit: str, start: int = 0) -> Iterator[Callable[[int], None]]:
        """Show a bar of `total` units, `start` of which were done before; bytes as kB, MB or GB."""
        from tqdm import tqdm

        with tqdm(
            total=total or None,
            initial=start,
            desc=f"{self.title} {description}",
            unit=unit if unit == "B" else f" {unit}",
            unit_scale=unit == "B",
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
            leave=False,
            dynamic_ncols=True,
            smoothing=0.1,
        ) as bar:
            yield lambda done: (bar.update(done), None)[1]
