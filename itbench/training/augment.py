"""Augmentation of training images: random shifts, horizontal flips and colour changes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from itbench.errors import UnknownName
from itbench.models.recipe import AUGMENTATIONS
from itbench.util.arrays import Array


class Augment:
    """Augmentation: random shifts, flips and colour changes of every image, a pure function of batch and seed.

    Parameters
    ----------
    kinds : sequence of {"shift", "flip", "colour"}
        ``shift``: by whole pixels, up to `reach` of the width and of the height, rounded up; edges are repeated.
        ``flip``: left and right exchanged in half of the images. ``colour``: see Notes.
    reach : float
        Largest shift, as a share of the image's size.
    strength : float
        Largest change of saturation, contrast and brightness.

    Raises
    ------
    UnknownName
        For a kind that does not exist.

    Notes
    -----
    Of an image x, its grey image g (the mean over channels), and that one's mean m and standard deviation s,
    ``colour`` makes, with k, c and b drawn uniformly from [−strength, strength]::

        saturated  y = x + k (x − g)
        contrasted z = y + c (y − m)
        brightened z + b s

    so that it commutes with a change of units, a·x + o: any normalisation of pixels will do.

    Examples
    --------
    >>> batch = torch.arange(12.0).reshape(1, 3, 2, 2)
    >>> torch.equal(Augment(["flip"])(batch, seed=0), batch.flip(3))
    True
    """

    def __init__(self, kinds: Sequence[str], *, reach: float = 0.05, strength: float = 0.2) -> None:
        for kind in kinds:
            if kind not in AUGMENTATIONS:
                raise UnknownName.of(
                    "augmentation", kind, AUGMENTATIONS, todo="Such as: --recipe 'augment=[shift, flip]'"
                )
        self.kinds, self.reach, self.strength = frozenset(kinds), reach, strength

    def __call__(self, batch: torch.Tensor, seed: int | Sequence[int]) -> torch.Tensor:
        """Return the augmented images (batch, 3, y, x), in channels_last.

        The augmentation of an image depends on the seed and on its row in the batch.
        """
        drawn = np.random.default_rng(seed).random(
            (len(batch), 6)
        )  # always six, so that kinds do not affect each other
        if self.kinds & {"shift", "flip"}:
            batch = _moved(batch, *self._sources(batch, drawn[:, :3]))
        if "colour" in self.kinds:
            batch = _coloured(batch, *(self.strength * (2 * drawn[:, 3:].T - 1)))
        return batch.contiguous(memory_format=torch.channels_last)

    def _sources(self, batch: torch.Tensor, drawn: Array) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        # rows (batch, y) and columns (batch, x) of the source pixels
        sources = []
        for size, uniform in zip(batch.shape[2:], drawn.T[:2], strict=True):
            most = math.ceil(self.reach * size) if "shift" in self.kinds else 0
            shift = np.floor(uniform * (2 * most + 1)).astype(np.int32) - most
            sources.append((np.arange(size) - shift[:, None]).clip(0, size - 1))
        rows, columns = sources
        if "flip" in self.kinds:
            columns = np.where(drawn[:, 2:] < 0.5, columns[:, ::-1], columns)
        return rows, columns


def _moved(batch: torch.Tensor, rows: NDArray[np.int32], columns: NDArray[np.int32]) -> torch.Tensor:
    n, channels, height, width = batch.shape
    pixels = batch.permute(0, 2, 3, 1).reshape(-1, channels)  # no copy in channels_last
    first = torch.arange(n, dtype=torch.int32, device=batch.device)[:, None] * height * width
    down, across = (torch.from_numpy(sources).to(batch.device) for sources in (rows, columns))
    moved = pixels.index_select(0, ((first + down * width)[:, :, None] + across[:, None, :]).flatten())
    return moved.reshape(n, height, width, channels).permute(0, 3, 1, 2)


def _coloured(batch: torch.Tensor, saturation: Array, contrast: Array, brightness: Array) -> torch.Tensor:
    red, green, blue = batch.unbind(1)
    grey = (red + green).add_(blue).div_(3)[:, None]
    mean = grey.mean((1, 2, 3))
    deviation = torch.linalg.vector_norm(grey.flatten(1) - mean[:, None], dim=1) / grey[0].numel() ** 0.5
    k, c, b = (torch.from_numpy(value).to(batch) for value in (saturation, contrast, brightness))
    of_grey, of_image, constant = (
        value[:, None, None, None] for value in (-(1 + c) * k, k + c + k * c, b * deviation - c * mean)
    )
    # all three at once, as x + (…) x + (…) g + …, which is x to the bit where nothing changes
    return torch.addcmul(grey.mul_(of_grey).add_(constant), batch, of_image).add_(batch)
