"""Stacked regressions: predictions from layers, and from sums of layers, combined with non-negative weights a site."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.metrics.layer_kernels import Reading, runs_of_layers
from itbench.metrics.readout import JointReadoutResult, ReadoutResult
from itbench.util.arrays import Array

PENALTY, SHARED = 0.005, 0.05  # best on training images of three sessions of macaque V4 and of synthetic-it
FOLDS = 5  # of the training rows: weights fitted on some are tested on the others
SEED = 0  # of these folds
LEAST = 1e-10  # penalty that makes the weights of equal layers equal
ROUNDING = 1e-12  # of the variance: a gradient of this size is rounding
TINY = 1e-300  # in place of 0 below a 0


def stack(
    alone: Mapping[str, ReadoutResult],
    responses: Array,
    groups: Sequence[Collection[str]] = (),
    *,
    penalty: float = PENALTY,
    shared: float = SHARED,
    readings: Sequence[Reading] = (),
    neighbours: Sequence[str] = ("1",),
) -> JointReadoutResult:
    """Combine the predictions of several layers by stacked regressions.

    Per site, the weights w ≥ 0 minimise |y − ȳ − Σ w_j (z_j − z̄_j)|² / |y − ȳ|² + λ |w|² + μ |w − v|² over the
    training rows, z_j the inner predictions of a reading; rows without any (NaN), to which a trained network was
    fitted, are left out. v ≥ 0 minimises the mean of the first two terms over the
    sites: weights that all sites share. A single reading keeps its own predictions.

    Parameters
    ----------
    alone : mapping of str to ReadoutResult
        Predictions of each layer by itself.
    responses : array of shape (train, site)
    groups : sequence of collections of str
        Layers to leave out together; only the weights are fitted again.
    penalty, shared : float
        λ and μ; both 0 for Breiman's stacking.
    readings : sequence of Reading
        What is stacked, by default `alone`.
    neighbours : sequence of str
        Which of the readings: those of `runs_of_layers`, of all layers or of those that a group leaves.

    Returns
    -------
    JointReadoutResult
        An inner prediction comes from weights fitted without its row's fold; the inner predictions of other rows, which
        those weights are fitted on, have used the row. A layer's weight is the sum over its readings; a reading of k
        layers counts 1/k for each. A layer's contribution to such a reading is what its own kernel adds.

    References
    ----------
    Breiman (1996), Machine Learning 24, 49–64. Lin, Naselaris, Kay & Wehbe (2024), NeuroImage 298, 120772,
    whose weights sum to 1.
    """
    mean = responses.mean(axis=0)
    readings = readings or [Reading((name,), one, (one.predictions - mean)[None]) for name, one in alone.items()]
    outer = np.stack([reading.result.predictions for reading in readings])
    inner = np.stack([reading.result.inner_predictions for reading in readings])
    rows = np.flatnonzero(~np.isnan(inner).all(axis=2).any(axis=0))
    problem = _StackingProblem.of(inner[:, rows], responses[rows], penalty, shared)

    def kept(layers: Sequence[str]) -> NDArray[np.intp]:
        runs = set(runs_of_layers(layers, neighbours))
        return np.array([i for i, one in enumerate(readings) if one.layers in runs], np.intp)

    every = kept(list(alone))
    stacked = problem.fit(every)
    rest = [problem.fit(kept([name for name in alone if name not in left])).predict(outer) for left in groups]
    weights = {name: np.zeros(len(mean)) for name in alone}
    contributions = {name: np.zeros(outer.shape[1:]) for name in alone}
    for reading, weight in zip(readings, stacked.weights, strict=True):
        for name, part in zip(reading.layers, reading.parts, strict=True):
            weights[name] += weight / len(reading.layers)
            contributions[name] += weight * part
    stacked_inner = np.full_like(responses, np.nan)
    stacked_inner[rows] = problem.inner_predictions(every)
    return JointReadoutResult(
        predictions=stacked.predict(outer),
        inner_predictions=stacked_inner,
        alone=alone,
        weights=np.stack(list(weights.values())),
        contributions=np.stack(list(contributions.values())),
        without=np.array(rest).reshape(len(groups), *outer.shape[1:]),
    )


def check_penalty(penalty: float, name: str = "penalty") -> None:
    """Raise if a penalty on stacking weights is negative or infinite.

    Parameters
    ----------
    penalty : float
    name : str
        Of the option.

    Raises
    ------
    BadOption
    """
    if not 0 <= penalty < np.inf:
        raise BadOption(f"Option {name}={penalty} must be 0 or a positive number.")


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
    """Stacking weights (reading, site) and constants (site,)."""

    weights: Array
    constant: Array

    def predict(self, values: Array) -> Array:
        return self.constant + np.einsum("ls,lts->ts", self.weights, values)


@dataclass(frozen=True, eq=False)
class _StackingProblem:
    """Moments of inner predictions and responses over the training rows, to fit stacking weights.

    Parameters
    ----------
    inner : array of shape (reading, train, site)
    penalty, shared : float
    folds : list of int arrays
        Rows of each fold of the training rows.
    means : array of shape (part, reading + 1, site)
        Of the inner predictions and the response: over all rows, then over all but each fold.
    products : array of shape (part, site, reading + 1, reading + 1)
        Their centred cross-products, over the response's own; 0 at a site whose response does not vary.
    """

    inner: Array
    penalty: float
    shared: float
    folds: Sequence[NDArray[np.intp]]
    means: Array
    products: Array

    @classmethod
    def of(cls, inner: Array, responses: Array, penalty: float, shared: float) -> _StackingProblem:
        order = np.random.default_rng(SEED).permutation(len(responses))
        folds = [np.sort(rows) for rows in np.array_split(order, min(FOLDS, len(responses)))]
        means, products = _moments(np.concatenate([inner, responses[None]]), folds)
        square = products[..., -1, -1]  # (part, site)
        inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
        return cls(inner, max(penalty, LEAST), shared, folds, means, products * inverse[..., None, None])

    def fit(self, keep: NDArray[np.intp], part: int = 0) -> _Stack:
        """Fit the stacking weights of the readings `keep` to a part of the rows; one alone has the weight 1."""
        means = self.means[part]
        weights = np.zeros_like(means[:-1])
        if len(keep) == 1:
            weights[keep] = 1.0
            return _Stack(weights, np.zeros_like(means[-1]))
        if len(keep):
            weights[keep] = self._weights(self.products[part], keep)
        return _Stack(weights, means[-1] - (weights * means[:-1]).sum(axis=0))

    def inner_predictions(self, keep: NDArray[np.intp]) -> Array:
        """Predict the training rows (train, site) of each fold by weights fitted to those of the others."""
        inner = np.empty(self.inner.shape[1:])
        for part, rows in enumerate(self.folds, start=1):
            inner[rows] = self.fit(keep, part).predict(self.inner[:, rows])
        return inner

    def _weights(self, products: Array, keep: NDArray[np.intp]) -> Array:
        """Weights (reading, site) from the scaled cross-products of one part of the rows."""
        varies = products[:, -1, -1] > 0
        gram = products[varies][:, keep[:, None], keep] + self.penalty * np.eye(len(keep))
        target = products[varies][:, keep, -1]
        weights = np.zeros((len(keep), len(varies)))
        if self.shared and varies.any():
            common = non_negative_least_squares(gram.mean(axis=0, keepdims=True), target.mean(axis=0, keepdims=True))
            gram, target = gram + self.shared * np.eye(len(keep)), target + self.shared * common
        weights[:, varies] = non_negative_least_squares(gram, target).T
        return weights


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
