"""Rank intervals of models: the best and the worst rank that chance allows, for all models at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from itbench.util.arrays import Array

LEVEL = 0.95
BLOCK = 256  # draws whose differences are in the processor's cache together
CANCELLED = 1e-6  # part of the variances below which that of a difference is computed from the difference itself


def rank_intervals(values: Sequence[float], draws: Sequence[Array | None]) -> list[tuple[int, int]]:
    """Return the best and the worst rank of each model that chance allows, all of them right at once with 95 %.

    A model's best rank is 1 + the number of models that are better significantly, its worst is the number of all models
    less those that are worse significantly. Pairs are tested together, by the largest of their studentised
    differences, |θ_i − θ_j| / s_ij with s_ij the standard deviation of the paired draws' difference: a difference is
    significant if it exceeds the 95th percentile of the largest one among draws about their mean. Then the pairs left
    are tested again without those found, until no more is found. If all models are equal, 95 of 100 leaderboards tell
    none of them apart, however many there are.

    A model without draws, with another number of them than most, or of which fewer than half are numbers, is told apart
    from no other; nor is any where fewer than half of the draws are numbers for all.

    Parameters
    ----------
    values : sequence of float
        One a model; larger is better.
    draws : sequence of array of shape (draw,) or None
        Paired: the same draw of all models is of the same images and sites.

    Returns
    -------
    list of (int, int)

    References
    ----------
    Mogstad, Romano, Shaikh & Wilhelm (2024), Rev. Econ. Stud. 91, 476–518. Romano & Wolf (2005), Econometrica 73,
    1237–1282 (the steps).

    Examples
    --------
    >>> rank_intervals([0.3, 0.1], [np.linspace(0.2, 0.4), np.linspace(0.11, 0.09)])
    [(1, 1), (2, 2)]
    """
    n = len(values)
    lengths = Counter(len(one) for one in draws if one is not None)
    usual = lengths.most_common(1)[0][0] if lengths else 0  # draws of another number are of no pairs
    drawn = [
        i for i, one in enumerate(draws) if one is not None and len(one) == usual and np.isfinite(one).mean() >= 0.5
    ]
    better = np.zeros((n, n), bool)  # row than column
    if len(drawn) > 1:
        together = np.stack([np.asarray(draws[i], np.float64) for i in drawn])
        found = significant_pairs(np.array([values[i] for i in drawn], np.float64), together)
        better[np.ix_(drawn, drawn)] = found
    return [(1 + int(better[:, i].sum()), n - int(better[i].sum())) for i in range(n)]


def significant_pairs(values: Array, draws: Array, level: float = LEVEL) -> NDArray[np.bool_]:
    """Return which model is better than which, by rank tests of all pairs at once (stepwise largest studentised t).

    Parameters
    ----------
    values : array of shape (model,)
    draws : array of shape (model, draw)
    level : float
        Probability with which no claim is false.

    Returns
    -------
    bool array of shape (model, model)
        True where the row's model is better than the column's.
    """
    whole = draws[:, np.isfinite(draws).all(axis=0)]
    if 2 * whole.shape[1] < draws.shape[1] or not whole.size:
        return np.zeros((len(values), len(values)), bool)
    about = whole - whole.mean(axis=1, keepdims=True)
    error = errors_of_differences(about)
    difference = values[:, None] - values
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(difference == 0, 0.0, np.abs(difference) / error)
        scale = np.where(error > 0, 1 / error, 0.0)
    found = np.zeros_like(t, bool)
    while True:
        largest = np.concatenate(
            [
                _largest(about[:, start : start + BLOCK], np.where(found, 0, scale))
                for start in range(0, whole.shape[1], BLOCK)
            ]
        )
        more = (t > np.quantile(largest, level)) & ~found
        if not more.any():
            return found & (difference > 0)
        found |= more


def errors_of_differences(about: Array) -> Array:
    """Return the standard deviation of the difference of any two rows of draws about their means (model, model)."""
    covariance = about @ about.T / about.shape[1]
    variance = covariance.diagonal()
    both = variance[:, None] + variance
    squared = both - 2 * covariance
    for i, j in np.argwhere(squared < CANCELLED * both):
        squared[i, j] = np.mean((about[i] - about[j]) ** 2)
    return np.sqrt(squared)


def _largest(about: Array, scale: Array) -> Array:
    """Return the largest scaled difference of any two rows (draw,); those whose scale is 0 do not count."""
    largest, room = np.zeros(about.shape[1]), np.empty_like(about)
    for i, one in enumerate(about):
        others = np.flatnonzero(scale[i, :i])
        if len(others):
            rows = room[: len(others)]
            np.subtract(about[others] if len(others) < i else about[:i], one, out=rows)
            np.abs(rows, out=rows)
            np.multiply(rows, scale[i, others, None], out=rows)
            np.maximum(largest, rows.max(axis=0), out=largest)
    return largest
