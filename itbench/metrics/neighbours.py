"""Mutual nearest neighbours: the share of the k nearest images that two RDMs have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.statistics.jackknife import Groups, count_groups
from itbench.util.arrays import Array

TIES = 1e-7  # of the mean distance: what single precision may leave between equal distances


def check_neighbours(k: int) -> None:
    """Raise if a number of nearest neighbours is below 1.

    Parameters
    ----------
    k : int

    Raises
    ------
    BadOption
    """
    if k < 1:
        raise BadOption(f"Option k={k} must be at least 1.")


def mutual_neighbours(one: Array, other: Array, k: int, groups: Groups | None = None) -> tuple[Array, tuple[int, int]]:
    """Return the mean share of an image's k nearest neighbours that two RDMs have in common, and the images with ties.

    No image is its own neighbour; one that equals it is a neighbour at distance 0. Where several images are equally
    far at the k-th place, they share the places that are left: the value is the expected one if each RDM breaks its
    ties at random. Unrelated RDMs of n images have k / (n − 1).

    Parameters
    ----------
    one, other : array of shape (stimulus, stimulus)
        Distances; the diagonal does not count.
    k : int
        Number of neighbours.
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0.

    Returns
    -------
    values : array of shape (1 + group,)
        Of all images, then without each group: an image's neighbours are then others.
    tied : pair of int
        Number of images with a tie at the k-th place, in each RDM.

    Raises
    ------
    BadOption
        If there are not k other images, also without a group.

    References
    ----------
    Huh, Cheung, Wang & Isola (2024), The Platonic Representation Hypothesis, ICML, appendix A.

    Examples
    --------
    >>> one, other = (np.abs(np.subtract.outer(x, x)) for x in ([0.0, 1.0, 3.0, 7.0], [0.0, 2.0, 3.0, 9.0]))
    >>> mutual_neighbours(one, other, 1)[0]  # of the second image, it is the first in one and the third in the other
    array([0.75])
    """
    n, n_groups = len(one), count_groups(groups)
    group = np.full(n, -1) if groups is None else groups
    sizes = np.bincount(group, minlength=n_groups) if n_groups else np.zeros(1, int)
    if n - sizes.max() <= k:
        raise BadOption(
            f"{n} images are too few for {k} nearest neighbours.",
            known=f"{k + 1} are needed, and {sizes.max()} that are left out in turn." if n_groups else "",
            todo="Use fewer: -o k=…",
        )
    sides = [_Neighbours(rdm, k, group, int(sizes.max()), n_groups) for rdm in (one, other)]
    _, *common = np.intersect1d(sides[0].pairs, sides[1].pairs, assume_unique=True, return_indices=True)
    values = []
    for left_out in range(-1, n_groups):
        weights = [side.weights(left_out)[rows] for side, rows in zip(sides, common, strict=True)]
        remaining = n if left_out < 0 else n - sizes[left_out]
        values.append(float(weights[0] @ weights[1]) / (k * remaining))
    return np.array(values), (sides[0].tied, sides[1].tied)


class _Neighbours:
    """Pairs of images (i, j) of an RDM where j is a nearest neighbour of i, of all images or without some group."""

    def __init__(self, rdm: Array, k: int, group: NDArray[np.integer], most: int, n_groups: int) -> None:
        self.k, self.group, self.n = k, group, len(rdm)
        distance = np.array(rdm, np.float64)
        np.fill_diagonal(distance, 0.0)
        self.slack = TIES * np.abs(distance).sum() / (self.n * (self.n - 1))
        np.fill_diagonal(distance, np.inf)
        near = np.argpartition(distance, k + most - 1, axis=1)[:, : k + most]  # enough for k without any group
        near = np.take_along_axis(near, np.take_along_axis(distance, near, axis=1).argsort(axis=1), axis=1)
        sorted_distance = np.take_along_axis(distance, near, axis=1)
        self.farthest = np.empty((1 + n_groups, self.n))  # distance of the k-th neighbour
        for row, left_out in enumerate(range(-1, n_groups)):
            kept = np.cumsum((group[near] != left_out) | (left_out < 0), axis=1)
            self.farthest[row] = sorted_distance[np.arange(self.n), (kept >= k).argmax(axis=1)]
        self.rows, self.columns = np.nonzero(distance <= self.farthest.max(axis=0)[:, None] + self.slack)
        self.pairs = self.rows * self.n + self.columns
        self.distance = distance[self.rows, self.columns]
        self.tied = 0
        self.weights(-1)

    def weights(self, left_out: int) -> Array:
        """Return 1 of a pair of nearest neighbours without a group, less where others are as far, else 0 (pair,)."""
        kept = (self.group[self.rows] != left_out) & (self.group[self.columns] != left_out)
        if left_out < 0:
            kept = np.ones(len(self.rows), bool)
        beyond = self.distance - self.farthest[1 + left_out][self.rows]
        nearer, last = kept & (beyond < -self.slack), kept & (np.abs(beyond) <= self.slack)
        places = self.k - np.bincount(self.rows[nearer], minlength=self.n)
        sharing = np.bincount(self.rows[last], minlength=self.n)
        if left_out < 0:
            self.tied = int((sharing > places).sum())
        return nearer + last * (places / np.maximum(sharing, 1))[self.rows]
