"""Ridge regression in the eigenbasis: every penalty and every site from one decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.kernel import Array, Eigenbasis


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """What leave-one-out over the training rows says about each penalty.

    Parameters
    ----------
    error : array of shape (alpha, site)
        Mean squared error of the left-out rows.
    best : int array of shape (site,)
        Index of the chosen penalty.
    predictions : array of shape (train, site)
        Of each row from all other rows, at the chosen penalty.
    """

    error: Array
    best: NDArray[np.intp]
    predictions: Array


def leave_one_out(basis: Eigenbasis, responses: Array, alphas: Array, *, per_site: bool) -> LeaveOneOut:
    """Predict every training row from all others, for every penalty, in closed form.

    For ridge with an intercept, y_i − ŷ_−i = (y_i − ŷ_i) / (1 − h_ii), with the hat matrix
    H = 1/n + U Λ (Λ + α)⁻¹ Uᵀ (Golub, Heath & Wahba 1979, Technometrics 21, 215–223).

    Parameters
    ----------
    basis : Eigenbasis
    responses : array of shape (train, site)
    alphas : array of shape (alpha,)
        Penalties on the squared weights of the component scores.
    per_site : bool
        Choose a penalty for each site; else one for all, by the error summed over sites in units of their variance.
    """
    centred = responses - responses.mean(axis=0)
    projected = basis.vectors.T @ centred
    shrink = basis.values[:, None] / (basis.values[:, None] + alphas)  # (component, alpha)
    # a row that alone spans a component has leverage 1: without it nothing is known but the mean
    left = np.maximum(1.0 - 1.0 / len(responses) - basis.vectors**2 @ shrink, 1e-12)  # (train, alpha)

    def residual(index: int, sites: NDArray[np.bool_] | slice = slice(None)) -> Array:
        fitted = basis.vectors @ (shrink[:, index, None] * projected[:, sites])
        return (centred[:, sites] - fitted) / left[:, index, None]

    error = np.stack([np.square(residual(index)).mean(axis=0) for index in range(len(alphas))])
    if per_site:
        best = error.argmin(axis=0)
    else:
        variance = centred.var(axis=0)
        usable = variance > 0
        best = np.full(responses.shape[1], (error[:, usable] / variance[usable]).sum(axis=1).argmin())
    predictions = np.empty_like(responses)
    for index in np.unique(best):
        sites = best == index
        predictions[:, sites] = responses[:, sites] - residual(index, sites)
    return LeaveOneOut(error, best, predictions)


def predict(basis: Eigenbasis, responses: Array, alpha: Array) -> Array:
    """Predict the test rows by ridge with one penalty per site.

    Minimises |y − b − T w|² + α |w|² per site over the training rows, T their component scores.

    Parameters
    ----------
    basis : Eigenbasis
    responses : array of shape (train, site)
    alpha : array of shape (site,)

    Returns
    -------
    array of shape (test, site)
    """
    mean = responses.mean(axis=0)
    projected = basis.vectors.T @ (responses - mean)
    return mean + basis.cross @ (projected / (basis.values[:, None] + alpha))
