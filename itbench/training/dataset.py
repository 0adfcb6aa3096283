"""The images of training, preprocessed once."""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray

from itbench.data.stimuli import BLOCK, StimulusSet
from itbench.training.frozen_features import Call, whole
from itbench.training.losses import Targets
from itbench.util.files import check_space, disk_errors
from itbench.util.progress import Reporter
from itbench.util.threads import prefetch

Rows = NDArray[np.integer]
Prepare = Callable[[NDArray[Any]], torch.Tensor]
Then = Callable[[torch.Tensor], torch.Tensor]

SHARE_OF_GPU = 0.25  # of its free memory, which the images may take there


class PreprocessedImages:
    """All images of a stimulus set, preprocessed once: float32, in memory or in a file; or features in their place.

    Made by `Prepared.of`; a context manager, which frees memory and file.
    """

    def __init__(self, shape: tuple[int, ...], *, memory: int, scratch: Path) -> None:
        self.shape = shape  # (stimulus, 3, y, x); of features, whatever they have
        self._stored = (shape[0], *shape[2:], shape[1])  # the order of channels_last
        self._held: torch.Tensor | None = None
        self._file: IO[bytes] | None = None
        self._resident: torch.Tensor | None = None  # on a GPU
        self._lock = threading.RLock()  # of the file's position, and of moving to a GPU
        self.folder = scratch
        if self.nbytes <= memory:
            self._held = torch.empty(self._stored)
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
        """Preprocess every image, in threads.

        Parameters
        ----------
        prepare : callable
            Images (batch, y, x, 3) to a tensor (batch, 3, y, x), as `itbench.Network.prepare`; or to features
            (batch, …).
        stimuli : StimulusSet
        memory : int
            Bytes that the preprocessed images may take; more of them go to a file without a name in `scratch`, which
            the system frees however the process ends.
        scratch : Path
        reporter : Reporter
        then : callable, optional
            What a network makes of a preprocessed batch, to be kept in its place: (batch, …). Runs in this thread.

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
        """Bytes of all preprocessed images."""
        return 4 * math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> PreprocessedImages:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free memory and file."""
        self._held = self._resident = None
        if self._file is not None:
            self._file.close()

    def __getitem__(self, rows: Rows) -> torch.Tensor:
        """Return a copy of some images (batch, 3, y, x), or of what is kept in their place, in channels_last.

        Raises
        ------
        IndexError
            For a row that does not exist; there are no negative ones.
        """
        return self._gather(rows).movedim(-1, 1)

    def on(self, device: torch.device, rows: Rows) -> torch.Tensor:
        """Return some images (batch, 3, y, x) on a device; all of them move to a GPU once if they fit."""
        if device.type != "cuda":
            return self[rows].to(device)
        resident = self._moved_to(device)
        if resident is None:
            return self._gather(rows).pin_memory().to(device, non_blocking=True).movedim(-1, 1)
        wanted = self._indices(rows).pin_memory().to(device, non_blocking=True)
        return resident.index_select(0, wanted).movedim(-1, 1)

    def _moved_to(self, device: torch.device) -> torch.Tensor | None:
        """Return all images (stimulus, y, x, 3) on a GPU, or None if they are too many."""
        with self._lock:
            if self._resident is None and self.nbytes < SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0]:
                resident = torch.empty(self._stored, device=device)
                for part in np.array_split(np.arange(len(self)), math.ceil(len(self) / BLOCK)):
                    resident[part[0] : part[-1] + 1] = self._gather(part).to(device)
                self._resident = resident
            return self._resident

    def _put(self, rows: slice, block: torch.Tensor) -> None:
        """Take preprocessed images (batch, 3, y, x), block after block."""
        stored = block.to(torch.float32).movedim(1, -1)
        if self._held is not None:
            self._held[rows] = stored
        elif self._file is not None:
            with disk_errors(self.folder):
                self._file.write(np.ascontiguousarray(stored.numpy()).data)

    def _gather(self, rows: Rows) -> torch.Tensor:
        """Return (batch, y, x, 3)."""
        indices = self._indices(rows)
        if self._held is not None:
            return self._held.index_select(0, indices)
        if self._file is None or self._file.closed:
            raise ValueError("The preprocessed images were freed.")
        found = np.empty((len(indices), *self._stored[1:]), np.float32)
        with self._lock:
            for place, row in zip(found, indices.tolist(), strict=True):
                self._file.seek(row * place.nbytes)
                self._file.readinto(place.data.cast("B"))  # type: ignore[attr-defined]  # a file has it
        return torch.from_numpy(found)

    def _indices(self, rows: Rows) -> torch.Tensor:
        if len(rows) and not 0 <= np.min(rows) <= np.max(rows) < len(self):
            raise IndexError(f"rows {np.min(rows)} to {np.max(rows)} of {len(self)} images")
        return torch.from_numpy(np.ascontiguousarray(rows, np.int64))


def _channels_last(batch: torch.Tensor) -> torch.Tensor:
    return batch.permute(0, 2, 3, 1) if batch.ndim == 4 else batch


def _channels_first(stored: torch.Tensor) -> torch.Tensor:
    return stored.permute(0, 3, 1, 2) if stored.ndim == 4 else stored


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a network is shown.

    Parameters
    ----------
    prepared : Prepared
        All images.
    targets : Targets
        Of all images.
    fit, validation : int arrays
        Rows that are learnt from, and rows that stop the training.
    call : callable
        (network, batch) → outputs; what was prepared may be features in place of images.
    """

    prepared: PreprocessedImages
    targets: Targets
    fit: Rows
    validation: Rows
    call: Call = whole
