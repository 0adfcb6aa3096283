"""Delete-a-group jackknife: standard errors, draws, and the choice of a layer without bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itbench.util.arrays import Array

GROUPS = 50
FEW = 100  # images: of fewer, each is a group by itself


def jackknife_groups(n: int, seed: int = 0) -> NDArray[np.intp]:
    """Return the group of every one of `n` images: 50 random groups of equal size but for one, or one image each.

    >>> jackknife_groups(5)
    array([0, 1, 2, 3, 4])
    """
    if n < FEW:
        return np.arange(n)
    return np.random.default_rng(seed).permutation(np.arange(n) % GROUPS)


def jackknife_error(without: NDArray[np.floating]) -> float:
    """Return the standard error of a statistic from its values without each group.

    SE² = (G − 1) / G Σ_g (θ_(g) − mean θ_(.))² (Efron & Tibshirani 1993, An Introduction to the Bootstrap, eq. 11.5).

    Parameters
    ----------
    without : array of shape (group,)
        θ_(g).
    """
    n_groups = len(without)
    return float(np.sqrt((n_groups - 1) / n_groups * np.square(without - without.mean()).sum()))


def jackknife_draws(value: float, without: NDArray[np.floating], n: int, seed: int = 0) -> Array:
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


DRAWS = 2000
SEED = 0  # one for all scores: draws of two scores on the same recordings and splits are of the same images and sites
PARTS = 5


def cross_validated_choice(values: Array, without: Array, seed: int = SEED) -> tuple[NDArray[np.intp], float, Array]:
    """Choose a layer for every fifth of the images by the other four, and say what the choice is worth.

    The jackknife's pseudo-values p_gl = G θ_l − (G − 1) θ_(g)l say what a group of images g thinks of layer l. The
    layer of a fifth is the best by the mean of p over the groups of the others, and the headline is the mean over g of
    θ_l(g) + p_g,l(g) − mean_g p_.,l(g): it is θ_l where all choose the same layer l, and having many layers to choose
    from does not raise it. Fifths, since a choice that leaves out one group alone turns against just that group: where
    layers are nearly equal, the headline then has a larger error.

    Parameters
    ----------
    values : array of shape (layer,)
        θ_l.
    without : array of shape (layer, group)
        θ_(g)l.
    seed : int
        Of the fifths.

    Returns
    -------
    chosen : int array of shape (group,)
        l(g).
    headline : float
    without : array of shape (group,)
        What the headline is without each group, linearised alike: for the jackknife's error and draws.
    """
    n_groups = without.shape[1]
    deviation = -(n_groups - 1) * (without - without.mean(axis=1, keepdims=True))
    pseudo = values[:, None] + deviation  # about θ, not about their own mean
    part = np.random.default_rng(seed).permutation(np.arange(n_groups) % PARTS)
    chosen = np.array([pseudo[:, part != own].mean(axis=1).argmax() for own in part])
    worth = pseudo[chosen, np.arange(n_groups)]
    headline = float(worth.mean())
    return chosen, headline, headline - (worth - headline) / (n_groups - 1)
