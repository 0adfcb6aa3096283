"""Held-out rows: which picture and which split each belongs to, and how pictures are drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itbench.agreement import Array, varies


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """Which picture and which split each held-out row belongs to.

    Parameters
    ----------
    picture : int array of shape (row,)
        Numbered so that pictures which may be drawn for one another are neighbours.
    parts : tuple of int arrays
        The rows of each split.
    first, size : int arrays of shape (picture,)
        Where the pictures begin that may be drawn for each picture, and how many they are.
    """

    picture: NDArray[np.intp]
    parts: tuple[NDArray[np.intp], ...]
    first: NDArray[np.intp]
    size: NDArray[np.intp]

    @classmethod
    def of(cls, row_stimulus: ArrayLike, row_split: ArrayLike) -> HeldOutRows:
        """Build from the picture and the split of each row."""
        stimuli, picture = np.unique(row_stimulus, return_inverse=True)
        splits, part = np.unique(row_split, return_inverse=True)
        group = np.zeros(len(stimuli), np.intp)
        if len(stimuli) == len(picture):  # each is tested once: the size of every split is kept
            group[picture] = part
        order = np.argsort(group, kind="stable")
        rank = np.argsort(order)
        first = np.searchsorted(group[order], group[order])
        size = np.searchsorted(group[order], group[order], side="right") - first
        return cls(rank[picture], tuple(np.flatnonzero(part == split) for split in range(len(splits))), first, size)

    def draw(self, n: int, random: np.random.Generator) -> Array:
        """Return how often each picture is drawn (draw, picture)."""
        pictures = len(self.size)
        drawn = self.first + random.integers(0, self.size, (n, pictures))
        drawn += pictures * np.arange(n)[:, None]
        return np.bincount(drawn.ravel(), minlength=n * pictures).reshape(n, pictures).astype(np.float64)


def scorable(recorded: Array, predicted: Array, rows: HeldOutRows) -> NDArray[np.bool_]:
    """Say which sites (site,) have all values, and recorded ones that vary in every split."""
    whole = np.isfinite(predicted).all(axis=0)
    return np.asarray(np.all([whole, *(varies(recorded[part]) for part in rows.parts)], axis=0))
