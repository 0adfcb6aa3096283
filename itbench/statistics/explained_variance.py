"""Explained variance and correlation of predictions for every site, and each layer's share of explained variance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itbench.data.responses import varies
from itbench.errors import BadScore
from itbench.util.arrays import Array

SLACK = 1e-9  # rounding allowed to a law that holds exactly
RowSplit = NDArray[np.integer] | None  # (row,); None where all rows are of one split


def explained_variance(recorded: Array, predicted: Array, row_split: RowSplit = None) -> Array:
    """Return the explained variance 1 − Σ SSR / Σ SST of every site, pooled over the splits that test the rows.

    SSR and SST are the sums of squares of y − ŷ and of y about their means within a split; with one split that is
    1 − Var(y − ŷ) / Var(y). A mean over splits of the explained variance of each would be too low by about
    2 ρ (1 − ρ) / (m − 3) for splits of m stimuli and a perfect model of responses with reliability ρ.

    Parameters
    ----------
    recorded : array of shape (row, site)
        y.
    predicted : array of shape (row, site)
        ŷ, for the same stimuli and sites.
    row_split : int array of shape (row,), optional
        Split of each row; all are of one without.

    Returns
    -------
    array of shape (site,)
        1 is perfect, 0 is as good as the mean, below 0 is worse; NaN where y varies in no split or is missing.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> recorded = np.array([[0.0], [1.0], [2.0]])
    >>> explained_variance(recorded, np.array([[5.0], [6.0], [7.0]]))  # a constant per site does not matter
    array([1.])
    """
    _same_shape(recorded, predicted)
    variance, residual = (sum_of_squares(values, row_split) for values in (recorded, recorded - predicted))
    return np.where(_varies(recorded, row_split), 1.0 - residual / np.where(variance > 0, variance, 1.0), np.nan)


def correlation(recorded: Array, predicted: Array, row_split: RowSplit = None) -> Array:
    """Return the correlation r of recorded and predicted responses of every site, pooled over splits; r² bounds EV.

    Σ Cov / √(Σ SST Σ SSP), with sums about the means within each split; of one split it is Pearson's r.

    Parameters
    ----------
    recorded : array of shape (row, site)
    predicted : array of shape (row, site)
        For the same stimuli and sites.
    row_split : int array of shape (row,), optional
        Split of each row; all are of one without.

    Returns
    -------
    array of shape (site,)
        NaN where the recorded response varies in no split or is missing; 0 where the prediction is constant.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> recorded = np.array([[0.0], [1.0], [2.0]])
    >>> correlation(recorded, -3 * recorded)
    array([-1.])
    """
    _same_shape(recorded, predicted)
    y, f = centred(recorded, row_split), centred(predicted, row_split)
    scale = np.sqrt(np.square(y).sum(axis=0) * np.square(f).sum(axis=0))
    predicts = _varies(predicted, row_split) & (scale > 0)
    r = np.where(predicts, (y * f).sum(axis=0) / np.where(predicts, scale, 1.0), 0.0)
    return np.where(_varies(recorded, row_split), np.clip(r, -1.0, 1.0), np.nan)


def centred(values: Array, row_split: RowSplit = None) -> Array:
    """Return values (row, site) less their mean over the rows of their split."""
    found = np.empty(values.shape)
    for part in _parts(row_split):
        found[part] = values[part] - values[part].mean(axis=0)
    return found


def sum_of_squares(values: Array, row_split: RowSplit = None) -> Array:
    """Return the sum of squares (site,) of values (row, site) about their mean over the rows of their split."""
    return np.asarray(np.square(centred(values, row_split)).sum(axis=0))


def variance_shares(recorded: Array, contributions: Array) -> Array:
    """Divide the explained variance of a sum of predictions among its terms: Pratt's product measure.

    With ŷ = Σ ŷ_l + constant, the share of term l is [2 Cov(y, ŷ_l) − Cov(ŷ_l, ŷ)] / Var(y). The shares of a site sum
    to its explained variance; one is negative where its term makes the prediction worse.

    Parameters
    ----------
    recorded : array of shape (stimulus, site)
        y.
    contributions : array of shape (layer, stimulus, site)
        ŷ_l, for the same stimuli and sites; constants added to them do not matter.

    Returns
    -------
    array of shape (layer, site)
        NaN where y does not vary or is missing.

    References
    ----------
    Pratt (1987), Proc. 2nd International Tampere Conference in Statistics, 245–260; for predictions on held-out data:
    Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant (2022), NeuroImage 264, 119728.
    """
    for part in contributions:
        _same_shape(recorded, part)
    y = recorded - recorded.mean(axis=0)
    parts = contributions - contributions.mean(axis=1, keepdims=True)
    product = np.einsum("lts,ts->ls", parts, 2 * y - parts.sum(axis=0))
    square = (y**2).sum(axis=0)
    return np.where(varies(recorded), product / np.where(square > 0, square, 1.0), np.nan)


def check_explained_variance(ev: Array, r: Array) -> None:
    """Raise if an explained variance exceeds the squared correlation, which no prediction can reach.

    With the best possible scaling of ŷ the explained variance is r²; any other scaling gives less.

    Raises
    ------
    BadScore
    """
    impossible = ev > r**2 + SLACK
    if impossible.any():
        at = tuple(int(index[0]) for index in np.nonzero(impossible))
        raise BadScore(
            f"Explained variance {ev[at]:.4f} with correlation {r[at]:.4f} at {at} is impossible: EV cannot exceed r².",
            todo="Look for swapped arguments, or for a mean over the wrong axis.",
        )


def _parts(row_split: RowSplit) -> list[slice | NDArray[np.bool_]]:
    return [slice(None)] if row_split is None else [row_split == split for split in np.unique(row_split)]


def _varies(values: Array, row_split: RowSplit) -> NDArray[np.bool_]:
    complete = np.isfinite(values).all(axis=0)
    return np.asarray(complete & np.any([varies(values[part]) for part in _parts(row_split)], axis=0))


def _same_shape(recorded: Array, predicted: Array) -> None:
    if recorded.shape != predicted.shape:
        raise ValueError(f"recorded {recorded.shape} and predicted {predicted.shape} differ in shape")
