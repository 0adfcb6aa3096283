"""Preprocessed images of a training, in memory or on disk, and batches of them prepared in a background thread."""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray

from itbench.data.stimuli import BLOCK, StimulusSet
from itbench.util.files import check_space, disk_errors
from itbench.util.progress import Reporter
from itbench.util.threads import prefetch

Rows = NDArray[np.integer]
Prepare = Callable[[NDArray[Any]], torch.Tensor]
Then = Callable[[torch.Tensor], torch.Tensor]

SHARE_OF_GPU = 0.25  # of the free GPU memory, for the preprocessed images


class PreprocessedImages:
    """Preprocessed images of a stimulus set, or their frozen features: float32, in memory or in a scratch file.

    Made by `PreprocessedImages.of`; a context manager that frees memory and file.
    """

    def __init__(self, shape: tuple[int, ...], *, memory: int, scratch: Path) -> None:
        self.shape = shape  # (stimulus, 3, y, x), or (stimulus, …) of features
        self._stored = (shape[0], *shape[2:], shape[1])  # the order of channels_last
        self._in_memory: torch.Tensor | None = None
        self._file: IO[bytes] | None = None
        self._resident: torch.Tensor | None = None  # on a GPU
        self._lock = threading.RLock()  # of the file's position, and of moving to a GPU
        self.folder = scratch
        if self.nbytes <= memory:
            self._in_memory = torch.empty(self._stored)
        else:
            with disk_errors(scratch):
                scratch.mkdir(parents=True, exist_ok=True)
                check_space(scratch, self.nbytes)
                self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115  # closed on exit

    @classmethod
    def of(
        cls,
        prepare: Prepare,
        stimuli: StimulusSet,
        *,
        memory: int,
        scratch: Path,
        reporter: Reporter,
        then: Then | None = None,
    ) -> PreprocessedImages:
        """Preprocess every image of a stimulus set once, in background threads.

        Parameters
        ----------
        prepare : callable
            Images (batch, y, x, 3) to a tensor (batch, 3, y, x), as `itbench.Network.prepare`; or to features
            (batch, …).
        stimuli : StimulusSet
        memory : int
            Bytes that the preprocessed images may take in memory; larger ones go to an unnamed file in `scratch`, which
            the system frees however the process ends.
        scratch : Path
        reporter : Reporter
        then : callable, optional
            Function of a preprocessed batch whose result (batch, …) is kept in its place. Runs in this thread.

        Raises
        ------
        NoSpace
            If the disk has too little room for the file; before any image is preprocessed.
        """
        finish = then or (lambda batch: batch)
        first = finish(prepare(stimuli.images[0:1]))
        prepared = cls((len(stimuli), *first.shape[1:]), memory=memory, scratch=scratch)
        try:
            if prepared._file:
                reporter.note(f"{prepared.nbytes / 1e9:.1f} GB of scratch space in {scratch}, freed at the end")
            with reporter.progress("preprocessing", len(stimuli), "images") as advance:
                for (rows, _), block in prefetch(lambda part: prepare(part[1]), stimuli.blocks()):
                    prepared._put(rows, finish(block))
                    advance(rows.stop - rows.start)
        except BaseException:
            prepared.close()
            raise
        return prepared

    @property
    def nbytes(self) -> int:
        """Bytes of all images."""
        return 4 * math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> PreprocessedImages:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free memory and file."""
        self._in_memory = self._resident = None
        if self._file is not None:
            self._file.close()

    def __getitem__(self, rows: Rows) -> torch.Tensor:
        """Return a copy of some preprocessed images (batch, 3, y, x), or their features, in channels_last.

        Raises
        ------
        IndexError
            For a row that does not exist; negative rows do not.
        """
        return self._gather(rows).movedim(-1, 1)

    def on(self, device: torch.device, rows: Rows) -> torch.Tensor:
        """Return some preprocessed images (batch, 3, y, x) on a device; a GPU keeps all of them if they fit."""
        if device.type != "cuda":
            return self[rows].to(device)
        resident = self._moved_to(device)
        if resident is None:
            return self._gather(rows).pin_memory().to(device, non_blocking=True).movedim(-1, 1)
        wanted = self._indices(rows).pin_memory().to(device, non_blocking=True)
        return resident.index_select(0, wanted).movedim(-1, 1)

    def _moved_to(self, device: torch.device) -> torch.Tensor | None:
        with self._lock:
            if self._resident is None and self.nbytes < SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0]:
                resident = torch.empty(self._stored, device=device)
                for part in np.array_split(np.arange(len(self)), math.ceil(len(self) / BLOCK)):
                    resident[part[0] : part[-1] + 1] = self._gather(part).to(device)
                self._resident = resident
            return self._resident

    def _put(self, rows: slice, block: torch.Tensor) -> None:
        stored = block.to(torch.float32).movedim(1, -1)
        if self._in_memory is not None:
            self._in_memory[rows] = stored
        elif self._file is not None:
            with disk_errors(self.folder):
                self._file.write(np.ascontiguousarray(stored.numpy()).data)

    def _gather(self, rows: Rows) -> torch.Tensor:
        indices = self._indices(rows)
        if self._in_memory is not None:
            return self._in_memory.index_select(0, indices)
        if self._file is None or self._file.closed:
            raise ValueError("The preprocessed images were freed.")
        images = np.empty((len(indices), *self._stored[1:]), np.float32)
        with self._lock:
            for place, row in zip(images, indices.tolist(), strict=True):
                self._file.seek(row * place.nbytes)
                self._file.readinto(place.data.cast("B"))  # type: ignore[attr-defined]  # a file has it
        return torch.from_numpy(images)

    def _indices(self, rows: Rows) -> torch.Tensor:
        if len(rows) and not 0 <= np.min(rows) <= np.max(rows) < len(self):
            raise IndexError(f"rows {np.min(rows)} to {np.max(rows)} of {len(self)} images")
        return torch.from_numpy(np.ascontiguousarray(rows, np.int64))


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
