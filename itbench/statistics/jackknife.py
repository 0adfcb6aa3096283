"""Delete-a-group jackknife over images and over sites: groups, sums without each, errors, draws, a layer's choice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itbench.util.arrays import Array

Groups = NDArray[np.integer]
GROUPS = 50
SITE_GROUPS = 20
FEWEST_SITES = 4  # of which a group is left out
DRAWS = 2000
SEED = 0  # one for all scores: draws of two scores on the same recordings and splits are of the same images and sites
PARTS = 5


def jackknife_groups(clusters: int | NDArray[np.integer], seed: int = 0, most: int = GROUPS) -> NDArray[np.intp]:
    """Return the jackknife group of every image, or site: random groups of nearly equal numbers of clusters.

    Parameters
    ----------
    clusters : int array of shape (stimulus,), or int
        What is left out together, such as the object of each image; or the number of images, each by itself.
    seed : int
    most : int
        Number of groups; of fewer than twice as many clusters, each is a group by itself.

    Returns
    -------
    int array of shape (stimulus,)
        Numbered from 0.

    Examples
    --------
    >>> jackknife_groups(5)
    array([0, 1, 2, 3, 4])
    """
    each = np.arange(clusters) if isinstance(clusters, int) else clusters
    names, cluster = np.unique(each, return_inverse=True)
    if len(names) < 2 * most:
        return cluster
    return np.random.default_rng(seed).permutation(np.arange(len(names)) % most)[cluster]


def kept_sites(n_sites: int, most: int = SITE_GROUPS) -> list[NDArray[np.intp]]:
    """Return the sites that remain without each jackknife group of sites, for a measure of all sites together.

    Parameters
    ----------
    n_sites : int
    most : int
        Number of groups, see `jackknife_groups`.

    Returns
    -------
    list of int arrays
        One a group; empty for fewer than 4 sites, since such a measure needs 3.
    """
    if n_sites < FEWEST_SITES:
        return []
    group = jackknife_groups(n_sites, SEED, most)
    return [np.flatnonzero(group != left) for left in range(count_groups(group))]


def count_groups(groups: Groups | None) -> int:
    """Number of groups; 0 for None."""
    return 0 if groups is None else int(groups.max()) + 1


class JackknifeSums:
    """Jackknife sums of a matrix over images: of all images and without each group, by one matrix product.

    Parameters
    ----------
    n : int
        Number of images.
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0.

    Attributes
    ----------
    kept : array of shape (stimulus, 1 + group)
        1 for an image that is used, 0 for one that is left out.
    count : array of shape (1 + group,)
        Number of images used.
    """

    def __init__(self, n: int, groups: Groups | None = None) -> None:
        self.kept = np.ones((n, 1 + count_groups(groups)))  # the first column leaves out none
        if groups is not None:
            self.kept[np.arange(n), groups + 1] = 0.0
        self.count = self.kept.sum(axis=0)

    def over_rows(self, matrix: Array) -> Array:
        """Return the jackknife sums Σ_j m_ij (stimulus, 1 + group) of a square matrix; 0 where i itself is left out."""
        return (matrix @ self.kept) * self.kept

    def over_pairs(self, matrix: Array) -> Array:
        """Return the jackknife sums Σ_ij m_ij (1 + group,) of a square matrix."""
        return self.over_rows(matrix).sum(axis=0)


def jackknife_error(without: NDArray[np.floating]) -> float:
    """Return the jackknife standard error of a statistic from its values without each group.

    SE² = (G − 1) / G Σ_g (θ_(g) − mean θ_(.))² (Efron & Tibshirani 1993, An Introduction to the Bootstrap, eq. 11.5).

    Parameters
    ----------
    without : array of shape (group,)
        θ_(g).

    Returns
    -------
    float
        0 of fewer than 2 groups.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> without = np.array([x[groups != group].mean() for groups in [np.arange(3)] for group in range(3)])
    >>> bool(np.isclose(jackknife_error(without), x.std(ddof=1) / np.sqrt(3)))  # of a mean: the usual standard error
    True
    """
    n_groups = len(without)
    if n_groups < 2:
        return 0.0
    return float(np.sqrt((n_groups - 1) / n_groups * np.square(without - without.mean()).sum()))


def jackknife_draws(value: float, *without: NDArray[np.floating], n: int = DRAWS, seed: int = SEED) -> Array:
    """Return draws of a statistic with its jackknife errors over images, over sites, and any other factor.

    θ + Σ_factors √(ν / χ²_ν) Σ_g z_g √((G − 1) / G) (θ_(g) − mean θ_(.)), with standard normal z_g and one χ² a factor
    of ν = G − 1 degrees of freedom: Student's t, since the error is itself an estimate from G groups. The variances of
    the factors add up; what images and sites vary together is counted in both, so that intervals are slightly wide.
    The z_g and χ² depend on the seed and on the numbers of groups alone: the draws of two statistics of the same groups
    are paired.

    Parameters
    ----------
    value : float
        θ.
    *without : array of shape (group,)
        θ_(g), of each factor. One of a single group adds nothing.
    n : int
        Number of draws.
    seed : int

    Returns
    -------
    array of shape (draw,)
    """
    draws = np.full(n, float(value))
    for random, values in zip(np.random.default_rng(seed).spawn(len(without)), without, strict=True):
        n_groups = len(values)
        if n_groups > 1:
            normal = random.standard_normal((n, n_groups))
            scale = np.sqrt((n_groups - 1) / random.chisquare(n_groups - 1, n))
            draws += scale * (normal @ (np.sqrt((n_groups - 1) / n_groups) * (values - values.mean())))
    return draws


def cross_validated_choice(values: Array, without: Array, seed: int = SEED) -> tuple[NDArray[np.intp], float, Array]:
    """Choose a layer for every fifth of the images by the others, by jackknife pseudo-values, and estimate its value.

    The jackknife's pseudo-values p_gl = G θ_l − (G − 1) θ_(g)l estimate the value of layer l on a group of images g.
    The layer of a fifth is the best by the mean of p over the groups of the others, and the headline is the mean over g
    of θ_l(g) + p_g,l(g) − mean_g p_.,l(g): it is θ_l where all choose the same layer l, and having many layers to
    choose from does not raise it. Fifths, since a choice that leaves out one group alone turns against just that group:
    where layers are nearly equal, the headline then has a larger error.

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
        The headline without each group, linearised alike: for the jackknife's error and draws.
    """
    n_groups = without.shape[1]
    deviation = -(n_groups - 1) * (without - without.mean(axis=1, keepdims=True))
    pseudo = values[:, None] + deviation  # about θ, not about their own mean
    part = np.random.default_rng(seed).permutation(np.arange(n_groups) % PARTS)
    chosen = np.array([pseudo[:, part != own].mean(axis=1).argmax() for own in part])
    worth = pseudo[chosen, np.arange(n_groups)]
    headline = float(worth.mean())
    return chosen, headline, headline - (worth - headline) / (n_groups - 1)
