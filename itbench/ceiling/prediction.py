"""Predictions against what a site would respond without noise: correlations corrected by the repetitions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.ceiling.power import Array, Moments, moments, power_of
from itbench.ceiling.variation import varies_where


def normalised_correlation(responses: xr.DataArray, predictions: Array) -> Array:
    """Return CCnorm: the correlation that predictions would have with responses free of noise.

    Cov(ȳ, ŷ) / sqrt(SP Var(ŷ)), ȳ the mean over repetitions and SP the signal power: Pearson's r over CCmax.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition.
    predictions : array of shape (stimulus, site)
        Of other data than the responses. NaN where nothing was predicted: such stimuli are left out.

    Returns
    -------
    array of shape (site,)
        Beyond ±1 it may go, by the error of SP. 0 for a constant prediction; NaN where SP is not above 0, or too few
        stimuli were repeated.

    References
    ----------
    Schoppe, Harper, Willmore, King & Schnupp (2016), Front. Comput. Neurosci. 10:10.
    """
    both = _sums(responses, predictions)
    return _ratio(both.product, np.sqrt(both.predicted * np.maximum(both.signal, 0.0)), both)


def r2_er(responses: xr.DataArray, predictions: Array) -> Array:
    """Return r²_ER: the squared correlation of predictions and expected responses, its bias by noise removed.

    [(Σ x y)² − Σ x² σ² / R] / [Σ x² (m − 1) SP], with x the prediction less its mean, y the mean over R repetitions,
    σ² the noise power, SP the signal power, over m stimuli: the square of CCnorm, less what noise alone adds to it.

    Parameters
    ----------
    responses, predictions
        As `normalised_correlation` takes them.

    Returns
    -------
    array of shape (site,)
        It may be below 0, and above 1. 0 for a constant prediction; NaN where SP is not above 0, or too few stimuli
        were repeated.

    References
    ----------
    Pospisil & Bair (2021), The unbiased estimation of the fraction of variance explained by a model, PLoS Comput.
    Biol. 17, e1009212.
    """
    both = _sums(responses, predictions)
    return _ratio(both.product**2 - both.bias, both.predicted * both.signal, both)


class _Sums(NamedTuple):
    """Sums over the stimuli of each site (site,)."""

    product: Array  # Σ x y
    predicted: Array  # Σ x²
    signal: Array  # (m - 1) SP
    bias: Array  # Σ x² σ² / R, of the square of the product
    varies: NDArray[np.bool_]  # the prediction


def _sums(responses: xr.DataArray, predictions: Array) -> _Sums:
    whole = moments(responses)
    if predictions.shape != whole.mean.shape:
        raise ValueError(f"predictions {predictions.shape} are not of responses {whole.mean.shape} (stimulus, site)")
    used = np.isfinite(predictions) & (whole.repetitions >= 1)
    found = Moments(*(np.where(used, part, 0) for part in whole))
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
    """Return the ratio; 0 where the prediction is constant, NaN where there is no signal."""
    usable = both.varies & (both.signal > 0)
    ratio = np.where(usable, above, 0.0) / np.where(usable, below, 1.0)
    return np.where(both.signal > 0, ratio, np.nan)
