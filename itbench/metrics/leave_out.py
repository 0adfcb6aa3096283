"""Sums over the images that remain when each group is left out, all at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itbench.util.arrays import Array

Groups = NDArray[np.integer]


def n_groups(groups: Groups | None) -> int:
    """Return how many groups there are; none without `groups`."""
    return 0 if groups is None else int(groups.max()) + 1


class Remaining:
    """The images that remain without each group.

    Parameters
    ----------
    n : int
        Number of images.
    groups : int array of shape (stimulus,), optional
        The group of each image, numbered from 0.
    """

    def __init__(self, n: int, groups: Groups | None = None) -> None:
        self.kept = np.ones((n, 1 + n_groups(groups)))  # the first column leaves out none
        if groups is not None:
            self.kept[np.arange(n), groups + 1] = 0.0
        self.count = self.kept.sum(axis=0)

    def of_rows(self, matrix: Array) -> Array:
        """Return Σ_j m_ij (stimulus, 1 + group) of a square matrix; 0 where i itself is left out."""
        return (matrix @ self.kept) * self.kept

    def of_pairs(self, matrix: Array) -> Array:
        """Return Σ_ij m_ij (1 + group,) of a square matrix."""
        return self.of_rows(matrix).sum(axis=0)


def centred(matrix: Array) -> Array:
    """Return H K H of a Gram; 0 where that is nothing but rounding, as of images that are all alike."""
    rows = matrix.mean(axis=0)
    own = matrix - rows
    own -= rows[:, None] - rows.mean()
    rounding = len(matrix) * np.finfo(float).eps * np.abs(np.diag(matrix)).max()
    return own if np.diag(own).max() > rounding else np.zeros_like(own)


def ratio(product: Array, one: Array, other: Array) -> Array:
    """Return ⟨a, b⟩ / √(⟨a, a⟩ ⟨b, b⟩); 0 where a square is not positive: what does not vary says nothing."""
    positive = (one > 0) & (other > 0)
    return np.where(positive, product / np.sqrt(np.where(positive, one * other, 1.0)), 0.0)
