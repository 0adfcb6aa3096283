"""Partial least squares (PLS2): all sites on shared components, from a Gram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.gram import Gram
from itbench.metrics.kernel import centre, rank_threshold
from itbench.util.arrays import Array

SEED = 0  # of the inner folds


@dataclass(frozen=True, eq=False)
class PLSResult:
    """Predictions of partial least squares in one split.

    Parameters
    ----------
    predictions : array of shape (test, site)
    inner_predictions : array of shape (train, site)
        Of every training row, fitted on the inner folds that it is not in; NaN in rows that no fold tests.
    components : int
        Number of components found; fewer than requested where features or responses have no more.
    """

    predictions: Array
    inner_predictions: Array
    components: int


def partial_least_squares(
    gram: Gram,
    responses: Array,
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    components: int,
    folds: int,
    validation: NDArray[np.integer] | None = None,
) -> PLSResult:
    """Predict responses from one layer by partial least squares, with inner folds of the training rows.

    Component after component, the weights w of the features X and c of the responses Y, both of length 1 and both
    centred on the fitted rows, maximise (Xw)ᵀ(Yc); then the part that the scores t = Xw explain is subtracted from X
    and from Y. Predictions are the regression of Y on the scores. From K = XXᵀ: c is the first eigenvector of YᵀKY, a
    matrix (site, site), and t ∝ KYc. The result is that of ``sklearn.cross_decomposition.PLSRegression(scale=False)``.

    K is never deflated: all fits advance together, and a component costs one product of K with one column per fit.

    Parameters
    ----------
    gram : Gram
    responses : array of shape (train, site)
    train, test : int arrays of shape (train,) and (test,)
    components : int
        Number of components at most.
    folds : int
        Inner folds: shuffled from a fixed seed, of equal size.
    validation : int array, optional
        Places among the training rows: the folds divide these, and every fit has all others. All rows without.

    Returns
    -------
    PLSResult

    References
    ----------
    Rosipal & Trejo (2001), J. Mach. Learn. Res. 2, 97–123; de Jong & ter Braak (1994), J. Chemom. 8, 169–174.
    """
    kernel = np.concatenate(centre(gram.matrix, train, test))  # (row, train): rows of train, then of test
    order = np.random.default_rng(SEED).permutation(len(train) if validation is None else validation)
    held = [np.sort(rows) for rows in np.array_split(order, min(folds, len(order)))]
    whole, *inner = _advance(kernel, _start(kernel, responses, held), gram, train, components)
    inner_predictions = np.full_like(responses, np.nan)
    for rows, fit in zip(held, inner, strict=True):
        inner_predictions[rows] = fit.predict(rows)
    return PLSResult(whole.predict(np.arange(len(train), len(kernel))), inner_predictions, whole.components)


def _start(kernel: Array, responses: Array, held: list[NDArray[np.intp]]) -> list[_Fit]:
    centred = responses - responses.mean(axis=0)
    padded = np.column_stack([centred, np.ones(len(centred))])
    shares = [kernel[:, rows] @ padded[rows] for rows in held]
    everyone = np.arange(len(centred))
    rest = np.setdiff1d(everyone, np.concatenate(held))  # in no fold
    total = np.sum(shares, axis=0)  # so that all fits together take one product of K with the responses
    total = total + kernel[:, rest] @ padded[rest] if len(rest) else total
    parts = [(everyone, total)]
    parts += [(np.setdiff1d(everyone, rows), total - share) for rows, share in zip(held, shares, strict=True)]
    return [_Fit(rows, responses[rows], product, responses.mean(axis=0)) for rows, product in parts]


def _advance(kernel: Array, fits: list[_Fit], gram: Gram, train: NDArray[np.integer], components: int) -> list[_Fit]:
    growing = fits
    for _ in range(min(components, gram.n_features)):
        growing = [fit for fit in growing if fit.find_component(gram, train)]
        if not growing:
            break
        columns = np.zeros((kernel.shape[1], len(growing)))
        for column, fit in zip(columns.T, growing, strict=True):
            column[fit.rows] = fit.newest[fit.rows]
        for fit, product in zip(growing, (kernel @ columns).T, strict=True):
            fit.deflate(product)
    return fits


class _Fit:
    """One PLS fit while components are added: scores T, orthonormal over the fitted rows, and loadings Q = YᵀT.

    The deflated responses are Y − TQᵀ and the deflated Gram is (1 − TTᵀ)K(1 − TTᵀ); neither is ever computed. Beside T
    and Q it keeps KT, KY, and M = YᵀKY of the deflated responses.

    Parameters
    ----------
    rows : int array of shape (fitted,)
        The fitted rows, among the training rows.
    responses : array of shape (fitted, site)
    product : array of shape (row, site + 1)
        K times responses less `origin`, and times 1, over the fitted rows.
    origin : array of shape (site,)
    """

    def __init__(self, rows: NDArray[np.intp], responses: Array, product: Array, origin: Array) -> None:
        self.rows, self.mean = rows, responses.mean(axis=0)
        self.responses = responses - self.mean
        self.product = self._centred(product[:, :-1] - product[:, -1:] * (self.mean - origin))  # KY (row, site)
        self.covariance = self.responses.T @ self.product[rows]  # M (site, site)
        self.scores = np.empty((len(product), 0))  # T (row, component)
        self.products = np.empty((len(product), 0))  # KT (row, component)
        self.loadings = np.empty((len(origin), 0))  # Q (site, component)
        self.largest = 0.0  # variance of a component

    @property
    def components(self) -> int:
        return self.scores.shape[1]

    @property
    def newest(self) -> Array:
        return self.scores[:, -1]

    def find_component(self, gram: Gram, train: NDArray[np.integer]) -> bool:
        """Add the scores of one more PLS component; False if features or responses have none left."""
        values, vectors = np.linalg.eigh(self.covariance)
        covariance, weights = float(values[-1]), vectors[:, -1]
        scores = self.product @ weights - self.products @ (self.loadings.T @ weights)
        for _ in range(2):  # the second time takes away what rounding left
            scores -= self.scores @ (self.scores[self.rows].T @ scores[self.rows])
        square = float(scores[self.rows] @ scores[self.rows])
        variance = square / covariance if covariance > 0 else 0.0  # of Xw, w of length 1
        self.largest = max(self.largest, variance)
        if variance <= rank_threshold(gram, train, self.largest):
            return False
        self.scores = np.column_stack([self.scores, scores / np.sqrt(square)])
        return True

    def deflate(self, product: Array) -> None:
        """Subtract the newest PLS component from the responses; `product` is K times its scores."""
        product = self._centred(product)
        scores = self.newest[self.rows]
        loading = self.responses.T @ scores
        along = self.scores[self.rows].T @ product[self.rows]  # TᵀKt, the newest last
        shared = self.responses.T @ product[self.rows] - self.loadings @ along[:-1]  # of the responses before
        change = np.outer(shared - along[-1] / 2 * loading, loading)
        self.covariance -= change + change.T
        self.products = np.column_stack([self.products, product])
        self.loadings = np.column_stack([self.loadings, loading])

    def predict(self, rows: NDArray[np.intp]) -> Array:
        return self.mean + self.scores[rows] @ self.loadings.T

    def _centred(self, product: Array) -> Array:
        return product - product[self.rows].mean(axis=0)
