"""Split-half reliability of responses from random halves of the repetitions."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.responses import DIMS
from itbench.util.arrays import Array

BLOCK = 64 * 10**6  # bytes of half means held at a time


def split_half(responses: xr.DataArray, *, splits: int = 100, seed: int = 0) -> Array:
    """Return the reliability of the mean over repetitions, from random halves of them.

    In every split, the R repetitions that a site has of a stimulus are shuffled, the first floor(R / 2) and the next
    floor(R / 2) are averaged, and the two are correlated over the stimuli: r. The means of all R are more reliable, by
    Spearman (1910) and Brown (1910): k r / (1 + (k - 1) r), where k says how much less noise they have: the mean of
    1 / floor(R / 2) over that of 1 / R. With the same even number of repetitions everywhere that is 2 r / (1 + r).
    The result is the average over the splits.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition. A stimulus with one repetition enters k alone, one with none nothing.
    splits : int
    seed : int

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
    values, count = responses.transpose(*DIMS).values, count_repetitions(responses)
    order = np.random.default_rng(seed).random((splits, values.shape[0]))
    usable = np.flatnonzero(repeated_enough(count))
    width = max(1, BLOCK // (16 * splits * max(1, count.shape[0])))
    reliability = np.full(values.shape[2], np.nan)
    for start in range(0, len(usable), width):
        sites = usable[start : start + width]
        reliability[sites] = _block(values[:, :, sites], count[:, sites], order)
    return reliability


def spearman_brown(r: Array, ratio: Array | float) -> Array:
    """Return the reliability of measurements with `ratio` times less noise variance than two that correlate by r."""
    return ratio * r / (1.0 + (ratio - 1.0) * np.maximum(r, 0.0))  # below 0 a straight line: there is a pole


def _block(values: NDArray[np.floating], count: NDArray[np.intp], order: Array) -> Array:
    """Return the reliability of some sites; `order` (split, repetition) shuffles the repetitions."""
    wide, mean = _present_first(values, count)
    halved = (count >= 2).T
    halves = np.zeros((2, len(order), *halved.shape))
    for number in np.unique(count[count >= 2]):
        here = (count == number).T
        halves[:, :, here] = _weights(order, number) @ wide[:number, here]
    r = _correlation(halves, halved, rounding(mean))
    halving = np.where(count >= 2, count // 2, 0)
    reliability = spearman_brown(r, mean_inverse(halving) / mean_inverse(count)).mean(axis=0)
    return np.where(varies_where(halved.T, mean), reliability, np.nan)


def _present_first(values: NDArray[np.floating], count: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return responses (repetition, site, stimulus), the missing ones last, as 0, and means (stimulus, site)."""
    wide: Array = np.ascontiguousarray(values.transpose(0, 2, 1), dtype=np.float64)
    present = np.isfinite(wide)
    if not (present == (np.arange(len(wide))[:, None, None] < count.T)).all():
        last = np.argsort(~present, axis=0, kind="stable")
        wide, present = np.take_along_axis(wide, last, axis=0), np.take_along_axis(present, last, axis=0)
    wide[~present] = 0.0
    return wide, wide.sum(axis=0).T / np.maximum(count, 1)


def _weights(order: Array, number: int) -> Array:
    """Return what averages the halves of `number` repetitions (half, split, repetition)."""
    rank = order[:, :number].argsort(axis=1).argsort(axis=1)
    half = number // 2
    return np.stack([rank < half, (rank >= half) & (rank < 2 * half)]) / half


def _correlation(halves: Array, halved: NDArray[np.bool_], nothing: Array) -> Array:
    """Return Pearson's r (split, site) of halves (half, split, site, stimulus) over the stimuli that are `halved`.

    0 where a half varies by `nothing` (site,) or less.
    """
    n = halved.sum(axis=1)
    halves -= (halves.sum(axis=3) / n)[..., None]
    halves *= halved
    product = np.einsum("...i,...i->...", *halves)
    squares = np.einsum("...i,...i->...", halves, halves)
    constant = (squares <= n * nothing**2).any(axis=0)
    norms = np.sqrt(np.where(constant, 1.0, squares))
    return np.where(constant, 0.0, product / norms.prod(axis=0))


FEWEST = 3  # stimuli with repetitions: any two have a correlation of ±1
SHARE = 0.05  # of a site's stimuli at least must be repeated for these to speak for all


def count_repetitions(responses: xr.DataArray) -> NDArray[np.intp]:
    """Return how many repetitions (stimulus, site) there are; 0 for a stimulus that a site never saw."""
    return np.isfinite(responses.transpose(*DIMS).values).sum(axis=0)


def repeated_enough(count: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which sites have two repetitions of three stimuli and of one in twenty of those that they saw.

    Parameters
    ----------
    count : int array of shape (stimulus, site)

    Returns
    -------
    bool array of shape (site,)
    """
    repeated, seen = (count >= 2).sum(axis=0), (count >= 1).sum(axis=0)
    return np.asarray(repeated >= np.maximum(FEWEST, SHARE * seen))


def mean_inverse(count: NDArray[np.integer]) -> Array:
    """Return the mean of 1 / R over the stimuli (stimulus, site) that a site saw: 1 over the harmonic mean of R."""
    seen = (count >= 1).sum(axis=0)
    return np.where(count >= 1, 1.0 / np.maximum(count, 1), 0.0).sum(axis=0) / np.maximum(seen, 1)


ROUNDING = 1e-12  # of the largest value: smaller differences are none


def rounding(values: Array) -> Array:
    """Return what rounding can make of a difference between the values (stimulus, site) of a site."""
    return ROUNDING * np.abs(values).max(axis=0)


def varies_where(used: NDArray[np.bool_], values: Array) -> NDArray[np.bool_]:
    """Say at which sites the values (stimulus, site) that are `used` vary by more than rounding."""
    high = np.where(used, values, -np.inf).max(axis=0)
    low = np.where(used, values, np.inf).min(axis=0)
    return np.asarray(high - low > rounding(np.where(used, values, 0.0)))
