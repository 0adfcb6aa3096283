"""Ridge regression in the eigenbasis: every penalty and every site from one decomposition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.gram import Gram
from itbench.metrics.kernel import Eigenbasis, eigenbasis
from itbench.metrics.protocols import ReadoutResult
from itbench.util.arrays import Array

ALPHA_GRID = tuple(float(alpha) for alpha in np.geomspace(1e-2, 1e10, 25))  # of penalties, wide enough for any layer
CERTAIN = 1e-10  # a leverage this near to 1 is 1: the row is met exactly
GAIN = 1e-4  # of a site's variance: an edge of the grid that is better by less does not matter


def check_alphas(alphas: Collection[float]) -> tuple[float, ...]:
    """Return penalties in order, or refuse them: there must be some, all positive.

    Raises
    ------
    BadOption
    """
    if not alphas or not all(0 < alpha < np.inf for alpha in alphas):
        raise BadOption("Options alpha and alphas must be positive numbers.", todo="For almost none: -o alphas=1e-6")
    return tuple(sorted(alphas))


def ridge_readout(
    gram: Gram,
    responses: Array,
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    components: int | None,
    alphas: Sequence[float],
    *,
    per_site: bool = True,
) -> ReadoutResult:
    """Read one layer by ridge on its principal components, the penalty chosen by leave-one-out.

    Parameters
    ----------
    gram : Gram
        Of the activations, or of a kernel's features.
    responses : array of shape (train, site)
    train, test : int arrays of shape (train,) and (test,)
        Rows of the Gram.
    components : int, optional
        How many at most, else all.
    alphas : sequence of float
        Penalties to choose from, rising.
    per_site : bool
        Choose a penalty for each site; else one for all.
    """
    basis = eigenbasis(gram, train, test, components)
    grid = np.array(alphas)
    inner = leave_one_out(basis, responses, grid, per_site=per_site)
    alpha = grid[inner.best]
    remarks = _edge_remarks(inner, grid, responses) if len(grid) > 1 else ()
    return ReadoutResult(ridge_predict(basis, responses, alpha), inner.predictions, alpha, remarks)


def _edge_remarks(inner: LeaveOneOut, alphas: Array, responses: Array) -> tuple[str, ...]:
    """Say where a penalty beyond the grid would have been better still."""
    scaled = inner.error / np.maximum(responses.var(axis=0), 1e-300)
    remarks = []
    for edge, neighbour, name in ((0, 1, "smallest"), (len(alphas) - 1, -2, "largest")):
        sites = int(((inner.best == edge) & (scaled[neighbour] - scaled[edge] > GAIN)).sum())
        if sites:
            chosen = f"{sites} of {responses.shape[1]} sites chose the {name} alpha of the grid, {alphas[edge]:g}"
            remarks.append(f"{chosen}; widen it with -o alphas=low:high:count")
    return tuple(remarks)


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


def ridge_predict(basis: Eigenbasis, responses: Array, alpha: Array) -> Array:
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


def leave_one_out_least_squares(basis: Eigenbasis, responses: Array) -> Array:
    """Predict every training row from all others by least squares, of least norm where many fit, in closed form.

    y_i − ŷ_−i = (y_i − ŷ_i) / (1 − h_ii), with the hat matrix H = 1/n + U Uᵀ. Where h_ii = 1, as in every row once
    there are as many components as rows less one, that is 0 / 0; its limit for a vanishing penalty is
    (K⁺ y)_i / K⁺_ii, with K⁺ = U Λ⁻¹ Uᵀ.

    Parameters
    ----------
    basis : Eigenbasis
    responses : array of shape (train, site)

    Returns
    -------
    array of shape (train, site)
    """
    centred = responses - responses.mean(axis=0)
    projected = basis.vectors.T @ centred
    left = 1.0 - 1.0 / len(responses) - (basis.vectors**2).sum(axis=1)
    met = left < CERTAIN
    residual = centred - basis.vectors @ projected
    residual[~met] /= left[~met, None]
    inverse = basis.vectors[met] / basis.values
    residual[met] = inverse @ projected / (inverse * basis.vectors[met]).sum(axis=1, keepdims=True)
    return responses - residual
