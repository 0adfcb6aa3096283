"""The images of training batch after batch, gathered ahead of the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from itbench.training.dataset import PreprocessedImages, Rows
from itbench.util.threads import prefetch

Change = Callable[[torch.Tensor, int], torch.Tensor]


class Batches:
    """Iterator over batches (batch, 3, y, x) that another thread makes ahead; see `batches`.

    A context manager: leaving it, like dropping or exhausting it, ends the thread.
    """

    def __init__(self, made: Iterator[tuple[Any, torch.Tensor]]) -> None:
        self._made = made
        self.waited = 0.0
        """Seconds that the consumer waited for batches."""

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> torch.Tensor:
        start = time.perf_counter()
        try:
            _, batch = next(self._made)
            return batch
        finally:
            self.waited += time.perf_counter() - start

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the thread, after the batch that it is making."""
        self._made.close()  # type: ignore[attr-defined]  # a generator has it


def batches(
    prepared: PreprocessedImages, orders: Iterable[Rows], device: str | torch.device, change: Change | None = None
) -> Batches:
    """Gather, move and change batches in another thread while the network works on the one before.

    On a CPU, batches that do not change are gathered when they are asked for.

    Parameters
    ----------
    prepared : Prepared
    orders : iterable of array of int
        The rows of every batch, in order.
    device : str or torch.device
        Where the batches go. On a GPU the images move there as a whole if they fit.
    change : callable, optional
        (batch, its number from 0) → batch, such as an `itbench.training.augment.Augment` with seeds; a pure function.

    Returns
    -------
    Batches
        An exception in the thread is raised in place of the batch that failed.
    """
    place = torch.device(device)

    def make(numbered: tuple[int, Rows]) -> torch.Tensor:
        number, rows = numbered
        batch = prepared.on(place, rows)
        return change(batch, number) if change else batch

    numbered = enumerate(orders)
    if place.type == "cpu" and change is None:  # a copy: a thread for it would take a core from the network
        return Batches((item, make(item)) for item in numbered)
    return Batches(prefetch(make, numbered, threads=1))
