"""The delete-a-group jackknife: how a number would change with other pictures, from leaving some out at a time.

The bootstrap over pictures is not used for comparisons: a picture that is drawn twice is at distance 0 from itself, in
the model and in the brain, and every statistic of pairs of pictures comes out too high.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GROUPS = 50
FEW = 100  # pictures: of fewer, each is a group by itself


def picture_groups(n: int, seed: int = 0) -> NDArray[np.intp]:
    """Return the group of every one of `n` pictures: 50 random groups of equal size but for one, or one picture each.

    >>> picture_groups(5)
    array([0, 1, 2, 3, 4])
    """
    if n < FEW:
        return np.arange(n)
    return np.random.default_rng(seed).permutation(np.arange(n) % GROUPS)


def standard_error(without: NDArray[np.floating]) -> float:
    """Return the standard error of a statistic from its values without each group.

    SE² = (G − 1) / G Σ_g (θ_(g) − mean θ_(.))² (Efron & Tibshirani 1993, An Introduction to the Bootstrap, eq. 11.5).

    Parameters
    ----------
    without : array of shape (group,)
        θ_(g).
    """
    n_groups = len(without)
    return float(np.sqrt((n_groups - 1) / n_groups * np.square(without - without.mean()).sum()))


def draws(value: float, without: NDArray[np.floating], n: int, seed: int = 0) -> Array:
    """Return `n` values that a statistic might have had, normal around it.

    θ + Σ_g z_g √((G − 1) / G) (θ_(g) − mean θ_(.)), with standard normal z_g that depend on the seed alone: the draws
    of two statistics of the same groups belong together in pairs, and have the jackknife's variances and covariance.

    Parameters
    ----------
    value : float
        θ.
    without : array of shape (group,)
        θ_(g).
    n : int
        Number of draws.
    seed : int

    Returns
    -------
    array of shape (draw,)
    """
    n_groups = len(without)
    normal = np.random.default_rng(seed).standard_normal((n, n_groups))
    return value + normal @ (np.sqrt((n_groups - 1) / n_groups) * (without - without.mean()))
