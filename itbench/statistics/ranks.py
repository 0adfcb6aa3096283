"""Rank intervals of models: the best and the worst rank that chance allows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from itbench.statistics.bootstrap import percentile_interval
from itbench.util.arrays import Array


def rank_intervals(values: Sequence[float], draws: Sequence[Array | None]) -> list[tuple[int, int]]:
    """Return the best and the worst rank of each model that the intervals of paired differences allow.

    One model is better than another beyond doubt if the 95 % interval of the difference of their paired draws lies
    above 0. A model's best rank is 1 + the number of models that are better beyond doubt, its worst is the number of
    all models less those that are worse beyond doubt. Where either of two models has no draws, their values alone
    decide.

    Every pair is judged by itself, so these are no simultaneous confidence sets: of many models that are equal, some
    will look different. Mogstad, Romano, Shaikh & Wilhelm (2024), Rev. Econ. Stud. 91, 476–518, correct for that.

    Parameters
    ----------
    values : sequence of float
        One a model; larger is better.
    draws : sequence of array of shape (draw,) or None
        Paired: the same draw of all models is of the same images and sites.

    Returns
    -------
    list of (int, int)

    Examples
    --------
    >>> rank_intervals([0.3, 0.1], [None, None])
    [(1, 1), (2, 2)]
    """
    n = len(values)
    better = np.zeros((n, n), bool)  # row than column
    for i, j in itertools.combinations(range(n), 2):
        low, high = _difference(values[i] - values[j], draws[i], draws[j])
        better[i, j], better[j, i] = low > 0, high < 0
    return [(1 + int(better[:, i].sum()), n - int(better[i].sum())) for i in range(n)]


def _difference(value: float, first: Array | None, second: Array | None) -> tuple[float, float]:
    """Interval of a difference."""
    if first is None or second is None or len(first) != len(second):
        return value, value
    return percentile_interval(first - second)
