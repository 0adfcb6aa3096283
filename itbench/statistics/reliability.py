"""Split-half reliability of responses: correlation between random halves of the repetitions, by Spearman and Brown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.responses import DIMS
from itbench.util.arrays import Array

FEWEST = 3  # stimuli with repetitions: any two have a correlation of ±1
SHARE = 0.05  # of a site's stimuli at least must be repeated for these to speak for all
ROUNDING = 1e-12  # of the largest value: smaller differences are none
BLOCK = 64 * 10**6  # bytes of half means held at a time


def split_half(
    responses: xr.DataArray, *, splits: int = 100, seed: int = 0, row_split: NDArray[np.integer] | None = None
) -> Array:
    """Return the split-half reliability of every site's mean over repetitions, from random halves of them.

    In every split, the R repetitions of a stimulus at a site are shuffled, the first floor(R / 2) and the next
    floor(R / 2) are averaged, and the two are correlated over the stimuli: r. The means of all R are more reliable, by
    Spearman (1910) and Brown (1910): k r / (1 + (k - 1) r), where k is the ratio of their noise variances: the mean of
    1 / floor(R / 2) over that of 1 / R. With the same even number of repetitions everywhere that is 2 r / (1 + r).
    The result is the average over the splits.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition. A stimulus with one repetition enters k alone, one with none nothing.
    splits : int
        Number of random halvings.
    seed : int
    row_split : int array of shape (stimulus,), optional
        Split that tests each stimulus: the correlation is then pooled over splits, from sums about the means within
        each, as explained variance is.

    Returns
    -------
    array of shape (site,)
        1 is free of noise, 0 is noise alone, and an estimate may be below 0: an r below 0 is multiplied by k, the slope
        of the formula there, since its pole lies further down. NaN for a site whose mean does not vary, or with too few
        stimuli repeated (`itbench.statistics.reliability.repeated_enough`). A half that does not vary has r = 0.

    Notes
    -----
    Shuffles are the same for all stimuli with one R and for all sites: what one repetition adds to all stimuli alike
    is no noise. 51 repetitions of 3,200 stimuli at 168 sites take seconds, and some 200 MB beside the responses.

    References
    ----------
    Spearman (1910), Brit. J. Psychol. 3, 271-295; Brown (1910), Brit. J. Psychol. 3, 296-322.
    """
    parts: Sequence[slice] = (slice(None),)
    if row_split is not None:
        responses = responses.isel(stimulus=np.argsort(row_split, kind="stable"))
        ends = np.cumsum([0, *np.unique(row_split, return_counts=True)[1]])
        parts = [slice(*pair) for pair in pairwise(ends)]
    values, count = responses.transpose(*DIMS).values, count_repetitions(responses)
    order = np.random.default_rng(seed).random((splits, values.shape[0]))
    usable = np.flatnonzero(repeated_enough(count))
    width = max(1, BLOCK // (16 * splits * max(1, count.shape[0])))
    reliability = np.full(values.shape[2], np.nan)
    for start in range(0, len(usable), width):
        sites = usable[start : start + width]
        reliability[sites] = _block(values[:, :, sites], count[:, sites], order, parts)
    return reliability


def halved_means(responses: xr.DataArray, splits: int, seed: int = 0) -> tuple[Array, float]:
    """Return means over random halves of the repetitions, and by how much a half is noisier than the mean of all.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition. Sites with fewer than two of some stimulus are left out.
    splits, seed : int
        Number and seed of the halvings.

    Returns
    -------
    halves : array of shape (split, 2, stimulus, site)
    ratio : float
        The k of `spearman_brown`.
    """
    values, count = responses.transpose(*DIMS).values, count_repetitions(responses)
    usable = np.flatnonzero((count >= 2).all(axis=0))
    values, count = values[:, :, usable], count[:, usable]
    wide, _ = _present_first(values, count)
    order = np.random.default_rng(seed).random((splits, values.shape[0]))
    halves = np.zeros((2, splits, *count.T.shape))
    for number in np.unique(count):
        here = (count == number).T
        halves[:, :, here] = _weights(order, number) @ wide[:number, here]
    ratio = mean_inverse(count // 2) / mean_inverse(count)
    return halves.transpose(1, 0, 3, 2), float(ratio.mean()) if len(usable) else np.nan


def spearman_brown(r: Array, ratio: Array | float) -> Array:
    """Return the reliability k r / (1 + (k − 1) r) of measurements with less noise than two that correlate by r.

    Parameters
    ----------
    r : array
        Correlation of two measurements; below 0 the formula's tangent at 0 is used, since it has a pole there.
    ratio : array or float
        k: noise variance of the two over that of the measurements in question; 2 for the mean of both.

    Returns
    -------
    array

    Examples
    --------
    >>> spearman_brown(np.array([0.5, 0.0, -0.2]), 2.0).round(3)
    array([ 0.667,  0.   , -0.4  ])
    """
    return ratio * r / (1.0 + (ratio - 1.0) * np.maximum(r, 0.0))  # below 0 a straight line: there is a pole


def _block(values: NDArray[np.floating], count: NDArray[np.intp], order: Array, parts: Sequence[slice]) -> Array:
    """Return the split-half reliability of some sites; `order` (split, repetition) shuffles the repetitions."""
    wide, mean = _present_first(values, count)
    halved = (count >= 2).T
    halves = np.zeros((2, len(order), *halved.shape))
    for number in np.unique(count[count >= 2]):
        here = (count == number).T
        halves[:, :, here] = _weights(order, number) @ wide[:number, here]
    r = _correlation(halves, halved, rounding(mean), parts)
    halving = np.where(count >= 2, count // 2, 0)
    reliability = spearman_brown(r, mean_inverse(halving) / mean_inverse(count)).mean(axis=0)
    varies = np.any([varies_where(halved.T[part], mean[part]) for part in parts], axis=0)
    return np.where(varies, reliability, np.nan)


def _present_first(values: NDArray[np.floating], count: NDArray[np.intp]) -> tuple[Array, Array]:
    """Sort responses for split-half reliability (repetition, site, stimulus), the missing ones last, as 0; means."""
    wide: Array = np.ascontiguousarray(values.transpose(0, 2, 1), dtype=np.float64)
    present = np.isfinite(wide)
    if not (present == (np.arange(len(wide))[:, None, None] < count.T)).all():
        last = np.argsort(~present, axis=0, kind="stable")
        wide, present = np.take_along_axis(wide, last, axis=0), np.take_along_axis(present, last, axis=0)
    wide[~present] = 0.0
    return wide, wide.sum(axis=0).T / np.maximum(count, 1)


def _weights(order: Array, number: int) -> Array:
    """Weights (half, split, repetition)."""
    rank = order[:, :number].argsort(axis=1).argsort(axis=1)
    half = number // 2
    return np.stack([rank < half, (rank >= half) & (rank < 2 * half)]) / half


def _correlation(halves: Array, halved: NDArray[np.bool_], tolerance: Array, parts: Sequence[slice]) -> Array:
    """Return r (split, site) between split halves (half, split, site, stimulus), over the stimuli in `halved`.

    Each part of the stimuli is centred by itself. 0 where a half varies by `tolerance` (site,) or less.
    """
    n = halved.sum(axis=1)
    for part in parts:
        halves[..., part] -= (halves[..., part].sum(axis=3) / np.maximum(halved[:, part].sum(axis=1), 1))[..., None]
    halves *= halved
    product = np.einsum("...i,...i->...", *halves)
    squares = np.einsum("...i,...i->...", halves, halves)
    constant = (squares <= n * tolerance**2).any(axis=0)
    norms = np.sqrt(np.where(constant, 1.0, squares))
    return np.where(constant, 0.0, product / norms.prod(axis=0))


def count_repetitions(responses: xr.DataArray) -> NDArray[np.intp]:
    """Return the number of repetitions of every stimulus at every site, as reliability needs it; 0 for none.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition.

    Returns
    -------
    int array of shape (stimulus, site)
    """
    return np.isfinite(responses.transpose(*DIMS).values).sum(axis=0)


def repeated_enough(count: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which sites have repetitions enough for a reliability: of 3 stimuli, and of 1 in 20 of those presented.

    Parameters
    ----------
    count : int array of shape (stimulus, site)

    Returns
    -------
    bool array of shape (site,)
    """
    repeated, seen = (count >= 2).sum(axis=0), (count >= 1).sum(axis=0)
    return np.asarray(repeated >= np.maximum(FEWEST, SHARE * seen))


def has_repetitions(responses: xr.DataArray | None, sites: NDArray[np.bool_]) -> bool:
    """Return whether any of some sites (site,) has repetitions enough for a reliability; not so without responses."""
    return responses is not None and bool(repeated_enough(count_repetitions(responses))[sites].any())


def mean_inverse(count: NDArray[np.integer]) -> Array:
    """Return the mean of 1 / R over stimuli, R repetitions (stimulus, site), for Spearman and Brown's reliability."""
    seen = (count >= 1).sum(axis=0)
    return np.where(count >= 1, 1.0 / np.maximum(count, 1), 0.0).sum(axis=0) / np.maximum(seen, 1)


def rounding(values: Array) -> Array:
    """Rounding error of a site's values."""
    return ROUNDING * np.abs(values).max(axis=0)


def varies_where(used: NDArray[np.bool_], values: Array) -> NDArray[np.bool_]:
    """Mask of sites that vary."""
    high = np.where(used, values, -np.inf).max(axis=0)
    low = np.where(used, values, np.inf).min(axis=0)
    return np.asarray(high - low > rounding(np.where(used, values, 0.0)))
