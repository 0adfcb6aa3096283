"""Stacked regressions: the predictions of several layers combined with non-negative weights for each site."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.metrics.readout import JointReadoutResult, ReadoutResult
from itbench.util.arrays import Array

FOLDS = 5  # of the training rows: weights fitted on some are tested on the others
SEED = 0  # of these folds
MARGIN = 1.0  # standard errors by which one layer alone must be better to be taken
LEAST = 1e-10  # penalty that makes the weights of equal layers equal
ROUNDING = 1e-12  # of the variance: a gradient of this size is rounding
TINY = 1e-300  # in place of 0 below a 0


def stack(
    alone: Mapping[str, ReadoutResult],
    responses: Array,
    groups: Sequence[Collection[str]] = (),
    *,
    penalty: float = 0.02,
) -> JointReadoutResult:
    """Combine the predictions of several layers by stacked regressions.

    Per site, the weights w ≥ 0 minimise |y − ȳ − Σ w_l (z_l − z̄_l)|² / |y − ȳ|² + λ |w|² over the training rows, z_l
    the layer's inner predictions; rows without any (NaN), to which a trained network was fitted, are left out. Where
    one layer alone is better by more than a standard error on training rows held out from the fit of the weights, that
    layer alone is used; a single layer keeps its own predictions.

    Parameters
    ----------
    alone : mapping of str to ReadoutResult
        Predictions of each layer by itself.
    responses : array of shape (train, site)
    groups : sequence of collections of str
        Layers to leave out together; only the weights are fitted again.
    penalty : float
        λ; 0 for Breiman's stacking.

    Returns
    -------
    JointReadoutResult
        An inner prediction comes from weights fitted without its row's fold; the inner predictions of other rows, which
        those weights are fitted on, have used the row.

    References
    ----------
    Breiman (1996), Machine Learning 24, 49–64. Lin, Naselaris, Kay & Wehbe (2024), NeuroImage 298, 120772,
    whose weights sum to 1.
    """
    inner = np.stack([reading.inner_predictions for reading in alone.values()])
    outer = np.stack([reading.predictions for reading in alone.values()])
    rows = np.flatnonzero(~np.isnan(inner).all(axis=2).any(axis=0))
    problem = _StackingProblem.of(inner[:, rows], responses[rows], penalty)
    names = list(alone)
    stacked = problem.fit(np.arange(len(names)))
    rest = [
        problem.fit(np.array([i for i, name in enumerate(names) if name not in left], np.intp)).predict(outer)
        for left in groups
    ]
    stacked_inner = np.full_like(responses, np.nan)
    stacked_inner[rows] = stacked.inner
    return JointReadoutResult(
        predictions=stacked.predict(outer),
        inner_predictions=stacked_inner,
        alone=alone,
        weights=stacked.weights,
        contributions=stacked.weights[:, None] * (outer - responses.mean(axis=0)),
        without=np.array(rest).reshape(len(groups), *outer.shape[1:]),
    )


def check_penalty(penalty: float) -> None:
    """Raise if the penalty on stacking weights is negative or infinite.

    Parameters
    ----------
    penalty : float

    Raises
    ------
    BadOption
    """
    if not 0 <= penalty < np.inf:
        raise BadOption(f"Option penalty={penalty} must be 0 or a positive number.")


def non_negative_least_squares(gram: Array, target: Array) -> Array:
    """Minimise wᵀAw − 2bᵀw with w ≥ 0, the stacking weights of many sites at once, by the active set method.

    Parameters
    ----------
    gram : array of shape (problem, weight, weight)
        A, symmetric and positive definite.
    target : array of shape (problem, weight)
        b, scaled to about 1.

    Returns
    -------
    array of shape (problem, weight)

    References
    ----------
    Lawson & Hanson (1974), Solving Least Squares Problems, chapter 23; ``scipy.optimize.nnls`` solves one problem.

    Examples
    --------
    >>> non_negative_least_squares(np.eye(2)[None], np.array([[0.5, -1.0]]))
    array([[0.5, 0. ]])
    """
    weights, free = np.zeros(target.shape), np.zeros(target.shape, bool)
    for _ in range(3 * target.shape[1]):
        gradient = np.where(free, 0.0, target - np.einsum("pij,pj->pi", gram, weights))
        pending = np.flatnonzero((gradient > ROUNDING).any(axis=1))
        if not len(pending):
            break
        free[pending, gradient[pending].argmax(axis=1)] = True
        while len(pending):
            best = _least_squares(gram[pending], target[pending], free[pending])
            below = free[pending] & (best <= 0)
            settled = ~below.any(axis=1)
            weights[pending[settled]] = best[settled]
            pending, best, below = pending[~settled], best[~settled], below[~settled]
            now = weights[pending]
            ratio = np.where(below, now / np.maximum(now - best, TINY), np.inf)
            step = ratio.min(axis=1, keepdims=True)  # as far as all weights stay positive, and one gets 0
            free[pending] &= ratio > step
            weights[pending] = np.where(free[pending], now + step * (best - now), 0.0)
    return weights


def _least_squares(gram: Array, target: Array, free: NDArray[np.bool_]) -> Array:
    both = free[:, :, None] & free[:, None, :]
    matrix = np.where(both, gram, 0.0) + ~free[:, :, None] * np.eye(free.shape[1])
    return np.asarray(np.linalg.solve(matrix, np.where(free, target, 0.0)[..., None])[..., 0], float)


class _Stack(NamedTuple):
    """Stacking weights (layer, site), constants (site,), and inner predictions (train, site)."""

    weights: Array
    constant: Array
    inner: Array

    def predict(self, outer: Array) -> Array:
        return self.constant + np.einsum("ls,lts->ts", self.weights, outer)


@dataclass(frozen=True, eq=False)
class _StackingProblem:
    """Moments of inner predictions and responses over the training rows, to fit stacking weights.

    Parameters
    ----------
    inner : array of shape (layer, train, site)
    responses : array of shape (train, site)
    penalty : float
    folds : list of int arrays
        Rows of each fold of the training rows.
    means : array of shape (part, layer + 1, site)
        Of the inner predictions and the response: over all rows, then over all but each fold.
    products : array of shape (part, site, layer + 1, layer + 1)
        Their centred cross-products.
    errors : array of shape (part, layer, site)
        Sums of squared errors of each layer alone.
    """

    inner: Array
    responses: Array
    penalty: float
    folds: Sequence[NDArray[np.intp]]
    means: Array
    products: Array
    errors: Array

    @classmethod
    def of(cls, inner: Array, responses: Array, penalty: float) -> _StackingProblem:
        order = np.random.default_rng(SEED).permutation(len(responses))
        folds = [np.sort(rows) for rows in np.array_split(order, min(FOLDS, len(responses)))]
        means, products = _moments(np.concatenate([inner, responses[None]]), folds)
        squares = np.square(inner - responses)
        parts = np.stack([squares[:, rows].sum(axis=1) for rows in folds])
        errors = np.concatenate([parts.sum(axis=0)[None], parts.sum(axis=0) - parts])
        return cls(inner, responses, max(penalty, LEAST), folds, means, products, errors)

    def fit(self, keep: NDArray[np.intp]) -> _Stack:
        """Fit the stacking weights of the layers `keep`; per site, use one layer alone where that is better."""
        if not len(keep):
            return self._cross_predict(np.zeros(self.errors.shape), self.means[:, -1])
        single = self._cross_predict(*self._best_single(keep))
        if len(keep) == 1:
            return single
        stacked = self._cross_predict(*self._weighted(keep))
        worse = np.square(stacked.inner - self.responses) - np.square(single.inner - self.responses)
        falls_back = worse.mean(axis=0) > MARGIN * worse.std(axis=0) / np.sqrt(len(worse))
        return _Stack(*(np.where(falls_back, one, other) for one, other in zip(single, stacked, strict=True)))

    def _weighted(self, keep: NDArray[np.intp]) -> tuple[Array, Array]:
        square = self.products[..., -1, -1]  # (part, site)
        scaled = self.products / np.where(square > 0, square, 1.0)[..., None, None]
        n = len(keep)
        gram = scaled[..., keep[:, None], keep] + self.penalty * np.eye(n)
        solution = non_negative_least_squares(gram.reshape(-1, n, n), scaled[..., keep, -1].reshape(-1, n))
        weights = np.zeros(self.errors.shape)
        weights[:, keep] = solution.reshape(*square.shape, n).swapaxes(1, 2)
        return weights, self.means[:, -1] - (weights * self.means[:, :-1]).sum(axis=1)

    def _best_single(self, keep: NDArray[np.intp]) -> tuple[Array, Array]:
        best = keep[self.errors[:, keep].argmin(axis=1)]  # (part, site)
        weights = (np.arange(len(self.inner))[:, None] == best[:, None]).astype(float)
        return weights, np.zeros(best.shape)

    def _cross_predict(self, weights: Array, constant: Array) -> _Stack:
        inner = np.empty_like(self.responses)
        for part, rows in enumerate(self.folds, start=1):
            inner[rows] = constant[part] + np.einsum("ls,lts->ts", weights[part], self.inner[:, rows])
        return _Stack(weights[0], constant[0], inner)


def _moments(values: Array, folds: Sequence[NDArray[np.intp]]) -> tuple[Array, Array]:
    """Return the means and cross-products that stacking needs, of all rows, then without each fold."""
    n, mean = values.shape[1], values.mean(axis=1)
    centred = np.moveaxis(values - mean[:, None], 2, 0)  # (site, value, row)
    parts = [centred[:, :, rows] for rows in folds]
    products = np.stack([part @ part.swapaxes(1, 2) for part in parts])
    whole = products.sum(axis=0)
    left = np.array([n - len(rows) for rows in folds])[:, None, None]
    shift = -np.stack([part.sum(axis=2) for part in parts]) / left  # of the mean of the rows left (fold, site, value)
    without = whole - products - left[..., None] * shift[..., :, None] * shift[..., None, :]
    means = np.concatenate([mean[None], mean + shift.swapaxes(1, 2)])
    return means, np.concatenate([whole[None], without])
