"""Batches of preprocessed images for the training loop, prepared in a background thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from itbench.training.preprocessed_images import PreprocessedImages, Rows
from itbench.util.threads import prefetch

Change = Callable[[torch.Tensor, int], torch.Tensor]


class Batches:
    """Iterator over batches (batch, 3, y, x) of training images, prepared in a background thread; see `batches`.

    A context manager: leaving it, deleting or exhausting it ends the thread.
    """

    def __init__(self, stream: Iterator[tuple[Any, torch.Tensor]]) -> None:
        self._stream = stream
        self.waited = 0.0
        """Seconds that the training loop waited for batches."""

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> torch.Tensor:
        start = time.perf_counter()
        try:
            _, batch = next(self._stream)
            return batch
        finally:
            self.waited += time.perf_counter() - start

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the background thread."""
        self._stream.close()  # type: ignore[attr-defined]  # a generator has it


def batches(
    prepared: PreprocessedImages, orders: Iterable[Rows], device: str | torch.device, change: Change | None = None
) -> Batches:
    """Prepare batches of training images in a background thread: gather, move to the device, augment.

    On a CPU, batches without augmentation are gathered by the consumer's own thread.

    Parameters
    ----------
    prepared : PreprocessedImages
    orders : iterable of array of int
        The rows of every batch, in order.
    device : str or torch.device
        Device of the batches. A GPU keeps all images if they fit.
    change : callable, optional
        (batch, its number from 0) → batch: a pure function, such as a seeded `itbench.training.augment.Augment`.

    Returns
    -------
    Batches
        An exception in the thread is raised in place of the batch that failed.
    """
    target = torch.device(device)

    def make(numbered: tuple[int, Rows]) -> torch.Tensor:
        number, rows = numbered
        batch = prepared.on(target, rows)
        return change(batch, number) if change else batch

    numbered = enumerate(orders)
    if target.type == "cpu" and change is None:  # a copy: a thread for it would take a core from the network
        return Batches((item, make(item)) for item in numbered)
    return Batches(prefetch(make, numbered, threads=1))
