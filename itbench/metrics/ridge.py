"""Ridge regression on the principal components of a layer: every penalty and site from one decomposition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.gram import Gram
from itbench.metrics.principal_components import Eigenbasis, eigenbasis
from itbench.metrics.readout import ReadoutResult
from itbench.util.arrays import Array

ALPHA_GRID = tuple(float(alpha) for alpha in np.geomspace(1e-2, 1e10, 25))  # of penalties, wide enough for any layer
CERTAIN = 1e-10  # a leverage this near to 1 is 1: the row is met exactly
GAIN = 1e-4  # of a site's variance: an edge of the grid that is better by less does not matter


def check_alphas(alphas: Collection[float]) -> tuple[float, ...]:
    """Return ridge penalties in rising order.

    Parameters
    ----------
    alphas : collection of float

    Returns
    -------
    tuple of float

    Raises
    ------
    BadOption
        If there are none, or one is not positive and finite.
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
    """Predict responses from one layer by ridge regression on its principal components.

    Per site, b and w minimise |y − b − T w|² + α |w|², T the principal component scores of the training rows. α
    minimises the leave-one-out error on the training rows, see `leave_one_out`. The same as
    ``sklearn.decomposition.PCA`` followed by
    ``sklearn.linear_model.RidgeCV``.

    Parameters
    ----------
    gram : Gram
        Of the activations, or of a kernel's features (`kernel_gram`).
    responses : array of shape (train, site)
    train, test : int arrays of shape (train,) and (test,)
        Rows of the Gram.
    components : int, optional
        Number of principal components at most, else all.
    alphas : sequence of float
        Penalties to choose from, rising; of one, nothing is chosen.
    per_site : bool
        Choose a penalty for each site; else one for all sites.

    Returns
    -------
    ReadoutResult
        With leave-one-out predictions of the training rows, and a remark where the best penalty is at an edge of
        `alphas`.

    References
    ----------
    Hoerl & Kennard (1970), Technometrics 12, 55–67.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> features = rng.standard_normal((50, 8))
    >>> rows = np.arange(50)
    >>> result = ridge_readout(Gram.from_features(features), features[:40, :2], rows[:40], rows[40:], None, ALPHA_GRID)
    >>> result.predictions.shape
    (10, 2)
    >>> bool(np.abs(result.predictions - features[40:, :2]).max() < 0.01)
    True
    """
    basis = eigenbasis(gram, train, test, components)
    grid = np.array(alphas)
    inner = leave_one_out(basis, responses, grid, per_site=per_site)
    alpha = grid[inner.best]
    remarks = _edge_remarks(inner, grid, responses) if len(grid) > 1 else ()
    return ReadoutResult(ridge_predict(basis, responses, alpha), inner.predictions, alpha, remarks)


def _edge_remarks(inner: LeaveOneOut, alphas: Array, responses: Array) -> tuple[str, ...]:
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
    """Leave-one-out errors of ridge regression for every penalty, and predictions at the best.

    Parameters
    ----------
    error : array of shape (alpha, site)
        Mean squared error of the rows left out.
    best : int array of shape (site,)
        Index of the chosen penalty.
    predictions : array of shape (train, site)
        Of each training row from all other training rows, at the chosen penalty.
    """

    error: Array
    best: NDArray[np.intp]
    predictions: Array


def leave_one_out(basis: Eigenbasis, responses: Array, alphas: Array, *, per_site: bool) -> LeaveOneOut:
    """Return ridge predictions of every training row from all others, for every penalty, in closed form.

    y_i − ŷ_−i = (y_i − ŷ_i) / (1 − h_ii), with the hat matrix H = 1/n + U Λ (Λ + α)⁻¹ Uᵀ.

    Parameters
    ----------
    basis : Eigenbasis
    responses : array of shape (train, site)
    alphas : array of shape (alpha,)
        Penalties on the squared weights of the component scores.
    per_site : bool
        Choose a penalty for each site; else one for all sites, by the error summed over sites in units of their
        variance.

    Returns
    -------
    LeaveOneOut

    References
    ----------
    Golub, Heath & Wahba (1979), Technometrics 21, 215–223.
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
    """Predict the test rows by ridge regression with one given penalty per site.

    Per site, b and w minimise |y − b − T w|² + α |w|² over the training rows, T their principal component scores:
    ŷ* = ȳ + K* U (Λ + α)⁻¹ Uᵀ (y − ȳ).

    Parameters
    ----------
    basis : Eigenbasis
    responses : array of shape (train, site)
    alpha : array of shape (site,)
        0 for least squares.

    Returns
    -------
    array of shape (test, site)
    """
    mean = responses.mean(axis=0)
    projected = basis.vectors.T @ (responses - mean)
    return mean + basis.cross @ (projected / (basis.values[:, None] + alpha))


def leave_one_out_least_squares(basis: Eigenbasis, responses: Array) -> Array:
    """Return leave-one-out predictions of ridge regression in the limit of no penalty: least squares of least norm.

    y_i − ŷ_−i = (y_i − ŷ_i) / (1 − h_ii), with the hat matrix H = 1/n + U Uᵀ. Where h_ii = 1, as in every row once
    there are as many components as rows less one, that is 0 / 0; its limit for a vanishing penalty is (K⁺ y)_i / K⁺_ii,
    with K⁺ = U Λ⁻¹ Uᵀ.

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
