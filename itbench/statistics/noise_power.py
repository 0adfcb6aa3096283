"""Signal and noise power of responses, and correlations corrected by the signal power (CCnorm, r²_ER)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.responses import DIMS, mean_over_repetitions
from itbench.statistics.reliability import count_repetitions, repeated_enough, varies_where
from itbench.util.arrays import Array


class Power(NamedTuple):
    """Signal power and noise power of every site: variances (site,); NaN where too few stimuli were repeated.

    Parameters
    ----------
    signal : array of shape (site,)
        Variance of the expected responses over stimuli. An unbiased estimate: it may be below 0.
    noise : array of shape (site,)
        Variance of one repetition about the expected response.
    noise_of_mean : array of shape (site,)
        Variance of the mean over repetitions, averaged over stimuli: noise / R where all have R repetitions.
    """

    signal: Array
    noise: Array
    noise_of_mean: Array


class Moments(NamedTuple):
    """Mean, variance and number of the repetitions of each stimulus at each site, to estimate noise power from.

    Parameters
    ----------
    mean : array of shape (stimulus, site)
        0 where there is none.
    variance : array of shape (stimulus, site)
        With R - 1 degrees of freedom; 0 where there are fewer than two repetitions.
    repetitions : int array of shape (stimulus, site)
        R.
    """

    mean: Array
    variance: Array
    repetitions: NDArray[np.intp]


def signal_and_noise_power(responses: xr.DataArray) -> Power:
    """Return the signal power and the noise power of every site from its repetitions.

    The noise power is the variance over repetitions, averaged over stimuli. The signal power is the variance of the
    mean responses over stimuli less their noise: both are unbiased, also where noise or the number of repetitions
    differs between stimuli. A stimulus with one repetition is taken to have the average noise.

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
    repetitions, except that they count what a repetition adds to all stimuli alike as no noise.
    """
    return power_of(moments(responses))


def variance_reliability(responses: xr.DataArray) -> Array:
    """Return signal power / (signal power + noise power of the mean): the reliability of the mean over repetitions.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition.

    Returns
    -------
    array of shape (site,)
        NaN for a site whose mean does not vary, or with too few stimuli repeated.

    References
    ----------
    The square of CCmax of Schoppe, Harper, Willmore, King & Schnupp (2016), Front. Comput. Neurosci. 10:10.
    """
    found = moments(responses)
    varies = varies_where(found.repetitions >= 1, found.mean)
    signal, _, noise = power_of(found)
    return np.where(varies, signal / np.where(varies, signal + noise, 1.0), np.nan)


def moments(responses: xr.DataArray) -> Moments:
    """Return mean, variance and number of the repetitions of each stimulus at each site, for the noise power."""
    mean, count = np.nan_to_num(mean_over_repetitions(responses)), count_repetitions(responses)
    squares = np.zeros_like(mean)
    for values in responses.transpose(*DIMS).values:  # one at a time: there may be many
        squares += np.where(np.isfinite(values), values - mean, 0.0) ** 2
    return Moments(mean, np.where(count >= 2, squares / np.maximum(count - 1, 1), 0.0), count)


def noise_of_means(found: Moments) -> Array:
    """Return the noise variance of every mean over repetitions (stimulus, site); 0 where there is none.

    A stimulus with one repetition is taken to have the average noise.
    """
    _, variance, count = found
    noise = variance.sum(axis=0) / np.maximum((count >= 2).sum(axis=0), 1)
    return np.where(count >= 1, np.where(count >= 2, variance, noise) / np.maximum(count, 1), 0.0)


def power_of(found: Moments) -> Power:
    """Signal and noise power."""
    mean, variance, count = found
    seen, repeated = count >= 1, count >= 2
    n = np.maximum(seen.sum(axis=0), 2)
    noise = variance.sum(axis=0) / np.maximum(repeated.sum(axis=0), 1)
    noise_of_mean = noise_of_means(found).sum(axis=0) / n
    deviation = np.where(seen, mean - mean.sum(axis=0) / n, 0.0)
    signal = (deviation**2).sum(axis=0) / (n - 1) - noise_of_mean
    enough = repeated_enough(count)
    return Power(*(np.where(enough, values, np.nan) for values in (signal, noise, noise_of_mean)))


def normalised_correlation(responses: xr.DataArray, predictions: Array) -> Array:
    """Return CCnorm = Cov(ȳ, ŷ) / √(SP Var(ŷ)): correlation with noise-free responses, SP the signal power.

    ȳ is the mean over repetitions; CCnorm is Pearson's r over CCmax.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition.
    predictions : array of shape (stimulus, site)
        Fitted on other data than the responses. NaN where nothing was predicted: such stimuli are left out.

    Returns
    -------
    array of shape (site,)
        It may lie beyond ±1, by the error of SP. 0 for a constant prediction; NaN where SP is not above 0, or too few
        stimuli were repeated.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Schoppe, Harper, Willmore, King & Schnupp (2016), Front. Comput. Neurosci. 10:10.
    """
    both = _sums(responses, predictions)
    return _ratio(both.product, np.sqrt(both.predicted * np.maximum(both.signal, 0.0)), both)


def r2_er(responses: xr.DataArray, predictions: Array) -> Array:
    """Return r²_ER: the squared correlation of predictions and expected responses, corrected for bias by noise power.

    [(Σ x y)² − Σ x² σ² / R] / [Σ x² (m − 1) SP], with x the prediction less its mean, y the mean over R repetitions,
    σ² the noise power, SP the signal power, over m stimuli: the square of CCnorm, less what noise alone adds to it.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition.
    predictions : array of shape (stimulus, site)
        Fitted on other data than the responses. NaN where nothing was predicted: such stimuli are left out.

    Returns
    -------
    array of shape (site,)
        It may be below 0, and above 1. 0 for a constant prediction; NaN where SP is not above 0, or too few stimuli
        were repeated.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Pospisil & Bair (2021), The unbiased estimation of the fraction of variance explained by a model, PLoS Comput.
    Biol. 17, e1009212.
    """
    both = _sums(responses, predictions)
    return _ratio(both.product**2 - both.bias, both.predicted * both.signal, both)


class _Sums(NamedTuple):
    """Sums over stimuli (site,)."""

    product: Array  # Σ x y
    predicted: Array  # Σ x²
    signal: Array  # (m - 1) SP
    bias: Array  # Σ x² σ² / R, of the square of the product
    varies: NDArray[np.bool_]  # the prediction


def _sums(responses: xr.DataArray, predictions: Array) -> _Sums:
    repeated = moments(responses)
    if predictions.shape != repeated.mean.shape:
        raise ValueError(f"predictions {predictions.shape} are not of responses {repeated.mean.shape} (stimulus, site)")
    used = np.isfinite(predictions) & (repeated.repetitions >= 1)
    found = Moments(*(np.where(used, part, 0) for part in repeated))
    power = power_of(found)
    n = np.maximum(used.sum(axis=0), 1)
    x = np.where(used, predictions - np.where(used, predictions, 0.0).sum(axis=0) / n, 0.0)
    return _Sums(
        product=(x * found.mean).sum(axis=0),
        predicted=(x**2).sum(axis=0),
        signal=(n - 1) * power.signal,
        bias=(x**2 / np.maximum(found.repetitions, 1)).sum(axis=0) * power.noise,
        varies=varies_where(used, predictions),
    )


def _ratio(above: Array, below: Array, both: _Sums) -> Array:
    usable = both.varies & (both.signal > 0)
    ratio = np.where(usable, above, 0.0) / np.where(usable, below, 1.0)
    return np.where(both.signal > 0, ratio, np.nan)
