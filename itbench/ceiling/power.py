"""Signal and noise power: how much of a site's variance over stimuli is signal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.ceiling.repetitions import count_repetitions, repeated_enough
from itbench.ceiling.variation import varies_where
from itbench.responses import DIMS, mean_over_repetitions

Array = NDArray[np.float64]


class Power(NamedTuple):
    """Variances of a site, each an array of shape (site,); NaN where too few stimuli were repeated.

    Parameters
    ----------
    signal : array
        Of the expected responses, over stimuli. An unbiased estimate: it may be below 0.
    noise : array
        Of one repetition, about the expected response.
    noise_of_mean : array
        Of the mean over repetitions, averaged over stimuli: noise / R where all have R repetitions.
    """

    signal: Array
    noise: Array
    noise_of_mean: Array


class Moments(NamedTuple):
    """Of the repetitions of each stimulus at each site (stimulus, site).

    Parameters
    ----------
    mean : array
        0 where there is none.
    variance : array
        With R - 1 degrees of freedom; 0 where there are fewer than two repetitions.
    repetitions : int array
        R.
    """

    mean: Array
    variance: Array
    repetitions: NDArray[np.intp]


def power(responses: xr.DataArray) -> Power:
    """Estimate signal and noise power.

    The noise power is the variance over repetitions, averaged over stimuli. The signal power is what it leaves of the
    variance of the mean responses over stimuli: both are unbiased, also where noise differs between stimuli, and where
    numbers of repetitions do. A stimulus with one repetition is taken to have the average noise.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition.

    Returns
    -------
    Power

    References
    ----------
    Sahani & Linden (2003), How linear are auditory cortical responses?, NIPS 15, whose estimate this is on complete
    repetitions, but for what a repetition adds to all stimuli alike: there that is no noise.
    """
    return power_of(moments(responses))


def variance_reliability(responses: xr.DataArray) -> Array:
    """Return the reliability (site,) of the mean over repetitions: signal / (signal + noise of the mean).

    The ceiling CCmax of Schoppe, Harper, Willmore, King & Schnupp (2016), Front. Comput. Neurosci. 10:10, squared.
    `responses` are as `power` takes them. NaN for a site whose mean does not vary.
    """
    found = moments(responses)
    varies = varies_where(found.repetitions >= 1, found.mean)
    signal, _, noise = power_of(found)
    return np.where(varies, signal / np.where(varies, signal + noise, 1.0), np.nan)


def moments(responses: xr.DataArray) -> Moments:
    """Return mean, variance and number of the repetitions of each stimulus at each site."""
    mean, count = np.nan_to_num(mean_over_repetitions(responses)), count_repetitions(responses)
    squares = np.zeros_like(mean)
    for values in responses.transpose(*DIMS).values:  # one at a time: there may be many
        squares += np.where(np.isfinite(values), values - mean, 0.0) ** 2
    return Moments(mean, np.where(count >= 2, squares / np.maximum(count - 1, 1), 0.0), count)


def power_of(found: Moments) -> Power:
    """Return the power of each site from the moments of its stimuli."""
    mean, variance, count = found
    seen, repeated = count >= 1, count >= 2
    n = np.maximum(seen.sum(axis=0), 2)
    noise = variance.sum(axis=0) / np.maximum(repeated.sum(axis=0), 1)
    of_mean = np.where(repeated, variance, noise) / np.maximum(count, 1)
    noise_of_mean = np.where(seen, of_mean, 0.0).sum(axis=0) / n
    deviation = np.where(seen, mean - mean.sum(axis=0) / n, 0.0)
    signal = (deviation**2).sum(axis=0) / (n - 1) - noise_of_mean
    enough = repeated_enough(count)
    return Power(*(np.where(enough, values, np.nan) for values in (signal, noise, noise_of_mean)))
