"""Ridge regression on the principal components of a layer: every penalty and site from one decomposition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.gram import Gram
from itbench.metrics.kernel import Eigenbasis, eigenbasis
from itbench.metrics.readout import ReadoutResult, validation_only
from itbench.util.arrays import Array

ALPHA_GRID = tuple(float(alpha) for alpha in np.geomspace(1e-6, 1e8, 29))
"""Default penalties, from nearly none to nearly the mean, in units of trace(Kc) / n: see `default_alphas`."""

CERTAIN = 1e-10  # a leverage this near to 1 is 1: the row is met exactly
TINY = 1e-300  # in place of a variance of 0
WIDEN = "widen it with -o alphas=low:high:count"
GAIN = 1e-4  # of a site's variance: a difference of errors below it does not matter
ROUNDING = 1e-12  # relative, of what is computed from few penalties
BLOCK = 64  # sites whose errors are held at once, of every row and penalty
SHARED = 20  # rows of the mean error over sites, added to the validation rows of each: alone they are few for a choice


def check_alphas(alphas: Collection[float] | None) -> tuple[float, ...] | None:
    """Return ridge penalties in rising order; None stands for the default ones.

    Parameters
    ----------
    alphas : collection of float, optional

    Returns
    -------
    tuple of float, or None

    Raises
    ------
    BadOption
        If there are none, or one is not positive and finite.
    """
    if alphas is None:
        return None
    if not alphas or not all(0 < alpha < np.inf for alpha in alphas):
        raise BadOption("Options alpha and alphas must be positive numbers.", todo="For almost none: -o alphas=1e-6")
    return tuple(sorted(alphas))


def default_alphas(mean_square: float) -> Array:
    """Return the default ridge penalties: `ALPHA_GRID` times the mean squared length of what they penalise.

    So the units of the features do not matter: X and 10⁻⁶ X give the same predictions.

    Parameters
    ----------
    mean_square : float
        trace(Kc) / n of the training rows (`Eigenbasis.mean_square`).

    Returns
    -------
    array of shape (alpha,)
    """
    return np.array(ALPHA_GRID) * (mean_square if mean_square > 0 else 1.0)


def ridge_readout(
    gram: Gram,
    responses: Array,
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    components: int | None,
    alphas: Sequence[float] | None = None,
    *,
    per_site: bool = True,
    validation: NDArray[np.integer] | None = None,
) -> ReadoutResult:
    """Predict responses from one layer by ridge regression on its principal components.

    Per site, b and w minimise |y − b − T w|² + α |w|², T the principal component scores of the training rows. α
    minimises the leave-one-out error on the training rows, see `leave_one_out`. The same as
    ``sklearn.decomposition.PCA`` followed by ``sklearn.linear_model.RidgeCV``.

    Parameters
    ----------
    gram : Gram
        Of the activations, or of a kernel's features (`kernel_gram`).
    responses : array of shape (train, site)
    train, test : int arrays of shape (train,) and (test,)
        Rows of the Gram.
    components : int, optional
        Number of principal components at most, else all.
    alphas : sequence of float, optional
        Penalties to choose from, rising, those of scikit-learn; of one, nothing is chosen. By default those of
        `default_alphas`, which follow the units of the features.
    per_site : bool
        Choose a penalty for each site; else one for all sites.
    validation : int array, optional
        Places among the training rows: the leave-one-out errors of these alone choose α. For layers of a network that
        was fitted to the responses of the others; all rows choose without.

    Returns
    -------
    ReadoutResult
        With leave-one-out predictions of the training rows that choose, and a remark where penalties beyond an edge of
        `alphas` would do otherwise.

    References
    ----------
    Hoerl & Kennard (1970), Technometrics 12, 55–67.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> features = rng.standard_normal((50, 8))
    >>> rows = np.arange(50)
    >>> result = ridge_readout(Gram.from_features(features), features[:40, :2], rows[:40], rows[40:], None)
    >>> result.predictions.shape
    (10, 2)
    >>> bool(np.abs(result.predictions - features[40:, :2]).max() < 0.01)
    True
    """
    basis = eigenbasis(gram, train, test, components)
    return ridge_of_components(basis, responses, alphas, per_site=per_site, validation=validation)


def ridge_of_components(
    basis: Eigenbasis,
    responses: Array,
    alphas: Sequence[float] | None = None,
    *,
    per_site: bool = True,
    validation: NDArray[np.integer] | None = None,
) -> ReadoutResult:
    """Predict responses by ridge regression on principal components that are known already.

    Parameters
    ----------
    basis : Eigenbasis
        Of the training and the test rows.
    responses, alphas, per_site, validation
        As of `ridge_readout`.
    """
    grid = default_alphas(basis.mean_square) if alphas is None else np.array(alphas)
    inner = leave_one_out(basis, responses, grid, per_site=per_site, validation=validation)
    alpha = grid[inner.best]
    judges = slice(None) if validation is None else validation
    remarks = _grid_remarks(inner, grid, basis, responses, judges) if len(grid) > 1 else ()
    predictions = ridge_predict(basis, responses, alpha)
    return ReadoutResult(predictions, validation_only(inner.predictions, validation), alpha, remarks)


def _grid_remarks(
    inner: LeaveOneOut, alphas: Array, basis: Eigenbasis, responses: Array, judges: NDArray[np.integer] | slice
) -> tuple[str, ...]:
    """Say where a chosen edge of the grid limits the choice, and where all penalties of the grid do alike.

    An edge is no limit where its neighbour and all that lies beyond do alike: least squares, or the mean.
    """
    variance = np.maximum(responses.var(axis=0), TINY)
    alone = np.square(responses - responses.mean(axis=0))[judges].mean(axis=0)
    most = alone * (len(responses) / max(len(responses) - 1, 1)) ** 2
    flat = np.ptp(inner.error, axis=0) <= GAIN * variance
    least, asked = inner.error[0].copy(), flat | (inner.best == 0)
    if asked.any():
        rest = responses[:, asked] - leave_one_out_least_squares(basis, responses[:, asked])
        least[asked] = np.square(rest)[judges].mean(axis=0)
    remarks = []
    for edge, neighbour, beyond, name in ((0, 1, least, "smallest"), (len(alphas) - 1, -2, most, "largest")):
        others = np.stack([beyond, inner.error[neighbour]])
        limited = (inner.best == edge) & (np.abs(others - inner.error[edge]) > GAIN * variance).any(axis=0)
        flat &= ~limited
        if sites := int(limited.sum()):
            chosen = f"{sites} of {responses.shape[1]} sites chose the {name} alpha of the grid, {alphas[edge]:g}"
            remarks.append(f"{chosen}; {WIDEN}")
    if sites := int((flat & (np.abs(most - least) > GAIN * variance)).sum()):
        same = f"at {sites} of {responses.shape[1]} sites every alpha of the grid, {alphas[0]:g} to {alphas[-1]:g}, is"
        remarks.append(f"{same} as good or bad as any other; {WIDEN}")
    return tuple(remarks)


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Leave-one-out errors of ridge regression for every penalty, and predictions at the best.

    Parameters
    ----------
    error : array of shape (alpha, site)
        Mean squared error of the rows left out, those that choose the penalty.
    best : int array of shape (site,)
        Index of the chosen penalty.
    predictions : array of shape (train, site)
        Of each training row from all other training rows, at the chosen penalty.
    """

    error: Array
    best: NDArray[np.intp]
    predictions: Array


def leave_one_out(
    basis: Eigenbasis,
    responses: Array,
    alphas: Array,
    *,
    per_site: bool,
    validation: NDArray[np.integer] | None = None,
) -> LeaveOneOut:
    """Return ridge predictions of every training row from all others, for every penalty, in closed form.

    y_i − ŷ_−i = (y_i − ŷ_i) / (1 − h_ii), with the hat matrix H = 1/n + U Λ (Λ + α)⁻¹ Uᵀ. Both are summed from
    1 − Λ (Λ + α)⁻¹ = α (Λ + α)⁻¹, which keeps their digits where the penalty is small.

    Parameters
    ----------
    basis : Eigenbasis
    responses : array of shape (train, site)
    alphas : array of shape (alpha,)
        Penalties on the squared weights of the component scores.
    per_site : bool
        Choose a penalty for each site; else one for all sites, by the error summed over sites in units of their
        variance.
    validation : int array, optional
        Places among the training rows, whose errors alone choose the penalty; all without. They are few for a choice
        at every site: the mean error over sites, in units of their variance, counts as `SHARED` more of them.

    Returns
    -------
    LeaveOneOut

    References
    ----------
    Golub, Heath & Wahba (1979), Technometrics 21, 215–223.
    """
    centred = responses - responses.mean(axis=0)
    projected = basis.vectors.T @ centred
    kept = alphas / (basis.values[:, None] + alphas)  # (component, alpha): what a penalty leaves unexplained
    beside, rest = _outside(basis, centred, projected)
    left = beside[:, None] + basis.vectors**2 @ kept  # 1 − h (train, alpha)
    judges = slice(None) if validation is None else validation
    judging = replace(basis, vectors=basis.vectors[judges])
    error = _mean_square_errors(judging, alphas, projected, rest[judges], left[judges])
    if per_site and validation is None:
        best = error.argmin(axis=0)
    else:
        variance = centred.var(axis=0)
        usable = variance > 0
        relative = error / np.where(usable, variance, np.inf)
        shared = relative.sum(axis=1, keepdims=True) / max(int(usable.sum()), 1)
        own = len(validation) / SHARED if per_site and validation is not None else 0.0
        best = (own * relative + shared).argmin(axis=0)
    predictions = np.empty_like(responses)
    for index in np.unique(best):
        sites = best == index
        unfitted = rest[:, sites] + basis.vectors @ (kept[:, index, None] * projected[:, sites])
        predictions[:, sites] = responses[:, sites] - unfitted / left[:, index, None]
    return LeaveOneOut(error, best, predictions)


def _mean_square_errors(basis: Eigenbasis, alphas: Array, projected: Array, rest: Array, left: Array) -> Array:
    """Return mean squared leave-one-out errors (alpha, site) of the rows of a basis, computed from few penalties."""
    few, share = _few_penalties(basis.values, alphas)
    inverse = 1 / (basis.values[:, None] + alphas[few])
    share = np.vstack([alphas * share, np.ones(len(alphas))])  # the last of what no component holds
    each = (share / left[:, None]).swapaxes(1, 2)  # (row, alpha, penalty)
    error = np.empty((len(alphas), rest.shape[1]))
    for start in range(0, rest.shape[1], BLOCK):
        sites = slice(start, start + BLOCK)
        weights = inverse[:, :, None] * projected[:, None, sites]  # (component, penalty, site)
        residual = each @ np.concatenate([np.tensordot(basis.vectors, weights, axes=1), rest[:, None, sites]], axis=1)
        error[:, sites] = np.einsum("ras,ras->as", residual, residual) / len(rest)
    return error


def _few_penalties(values: Array, alphas: Array) -> tuple[NDArray[np.intp], Array]:
    """Return places of few penalties, and weights (few, alpha) by which they stand for all, to a relative 1e-12.

    1 / (λ + α) = Σ_j w_j(α) / (λ + α_j): cross approximation of a Cauchy matrix, exact at some eigenvalues λ_j. Wrong
    by Π_j (λ − λ_j) (α − α_j) / ((λ + α_j) (α + λ_j)) of its value; λ_j and α_j are chosen where that is largest.
    """
    left, places = np.ones((len(values), len(alphas))), []
    while left.size and np.abs(left).max() > ROUNDING:
        places.append(np.unravel_index(np.abs(left).argmax(), left.shape))
        node, pole = values[places[-1][0]], alphas[places[-1][1]]
        left *= ((values - node) / (values + pole))[:, None] * ((alphas - pole) / (alphas + node))
    rows, few = np.array(places, np.intp).reshape(-1, 2).T
    nodes, poles, same = values[rows][:, None, None], alphas[few], np.eye(len(few))
    shifted = (alphas - poles[:, None, None]) / (poles - poles[:, None] + same)[..., None]
    factors = (nodes + poles[:, None]) / (nodes + alphas) * np.where(same[..., None] > 0, 1.0, shifted)
    return few, factors.prod(axis=0)


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
    left, residual = _outside(basis, centred, projected)
    met = left == 0
    residual[~met] /= left[~met, None]
    inverse = basis.vectors[met] / basis.values
    residual[met] = inverse @ projected / (inverse * basis.vectors[met]).sum(axis=1, keepdims=True)
    return responses - residual


def _outside(basis: Eigenbasis, centred: Array, projected: Array) -> tuple[Array, Array]:
    """Return 1 − 1/n − Σ u² of every training row, and its responses outside the components; 0 of rows inside."""
    left = 1.0 - 1.0 / len(centred) - (basis.vectors**2).sum(axis=1)
    met = left < CERTAIN
    left[met] = 0.0
    rest = np.zeros_like(centred)
    rest[~met] = centred[~met] - basis.vectors[~met] @ projected
    return left, rest
