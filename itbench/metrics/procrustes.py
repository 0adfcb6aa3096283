"""Procrustes similarity of a layer and responses, partial whitening before it, and canonical correlations (SVCCA)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.metrics.kernel import RANK_TOLERANCE, double_centre
from itbench.statistics.jackknife import Groups, count_groups
from itbench.util.arrays import Array

DEPENDENT = 1e-10  # of a direction's variance: what rounding leaves where the others hold it all
FORCED = 0.999  # of 1: a mean squared correlation that unrelated sides would have


def procrustes_similarity(matrix: Array, factor: Array, groups: Groups | None = None) -> Array:
    """Return the Procrustes similarity ‖Xᵀ Y‖_* / (‖X‖_F ‖Y‖_F) of a layer X and responses Y, both centred.

    It is the cosine of the angular Procrustes distance, and 1 − d/2 with the squared Procrustes distance d of X and Y
    scaled to unit norm. The nuclear norm, the sum of singular values, is Σ √λ over the eigenvalues λ of Yᵀ K Y: of X,
    only K = X Xᵀ is needed.

    Parameters
    ----------
    matrix : array of shape (stimulus, stimulus)
        K; centred or not.
    factor : array of shape (stimulus, dimension)
        Y; the fewer dimensions, the faster.
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0.

    Returns
    -------
    array of shape (1 + group,)
        Of all images, then without each group. 0 where one of the two does not vary.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), NeurIPS; Ding, Denain & Steinhardt (2021), NeurIPS.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 3.0]])
    >>> rotated = x @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> procrustes_similarity(x @ x.T, rotated).round(6)
    array([1.])
    """
    k = double_centre(matrix)
    y = factor - factor.mean(axis=0)
    ky, row_sums = k @ y, k.sum(axis=0)
    values = [_similarity(k, y, ky, row_sums, np.empty(0, np.intp))]
    for group in range(count_groups(groups)):
        values.append(_similarity(k, y, ky, row_sums, np.flatnonzero(groups == group)))
    return np.array(values)


def _similarity(k: Array, y: Array, ky: Array, row_sums: Array, out: NDArray[np.intp]) -> float:
    """Return the Procrustes similarity without the images `out`; `ky` is K Y of all images, `row_sums` K 1."""
    n = len(k) - len(out)
    kept = np.ones(len(k), bool)
    kept[out] = False
    mean = y[kept].mean(axis=0)
    z = y - mean
    z[out] = 0.0  # Y centred on the images that remain
    sums = row_sums - k[:, out].sum(axis=1)
    kz = ky - k[:, out] @ y[out] - np.multiply.outer(sums, mean)
    power = np.diag(k)[kept].sum() - sums[kept].sum() / n, np.square(z).sum()
    if min(power) <= 0:
        return 0.0
    inner = z.T @ kz
    eigenvalues = np.linalg.eigvalsh((inner + inner.T) / 2)
    real = eigenvalues > len(inner) * np.finfo(float).eps * eigenvalues[-1]  # a root makes much of what is rounding
    return float(np.sqrt(eigenvalues[real]).sum() / np.sqrt(power[0] * power[1]))


class Whitened(NamedTuple):
    """Partially whitened activations, or responses.

    Parameters
    ----------
    factor : array of shape (stimulus, dimension)
        As many dimensions as the rank; the features themselves up to a rotation.
    share : float
        Of their variance: what is the same for whatever has as many dimensions as images, less one; 0 of others.
    """

    factor: Array
    share: float


def check_whitening(whitening: float) -> None:
    """Raise if a degree of whitening is not between 0 and 1.

    Parameters
    ----------
    whitening : float

    Raises
    ------
    BadOption
    """
    if not 0 <= whitening <= 1:
        raise BadOption(f"Option whitening={whitening} must be from 0 (none) to 1 (whitened).")


def partial_whitening(matrix: Array, whitening: float) -> Whitened:
    """Return activations partially whitened, from their Gram: φ(X) = X [(1 − w) I + w (Xᵀ X)^−½], X centred, ‖X‖ = 1.

    w is 1 − α of the source: 0 leaves X as it is, and 1 gives all directions the same variance, so that the Procrustes
    similarity of φ(X) and φ(Y) is Σ ρ / √(dimensions of X · dimensions of Y), ρ the canonical correlations. Singular
    values s become (1 − w) s + w. The scale of X does not matter.

    Parameters
    ----------
    matrix : array of shape (stimulus, stimulus)
        K = X Xᵀ; centred or not.
    whitening : float
        w.

    Returns
    -------
    Whitened

    Raises
    ------
    BadOption
        If w = 1 and there are as many directions as images, less one: whatever X is, φ(X) is then the same.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), NeurIPS: Generalized Shape Metrics on Neural Representations.
    """
    values, vectors = _principal_axes(matrix)
    if not len(values):
        return Whitened(np.zeros((len(matrix), 1)), 0.0)
    scale = (1 - whitening) * np.sqrt(values / values.sum()) + whitening
    share = len(values) * whitening**2 / float(np.square(scale).sum()) if len(values) >= len(matrix) - 1 else 0.0
    if share > FORCED:
        raise BadOption(
            f"{len(values)} directions of {len(matrix)} images, whitened, are the same whatever they are of.",
            todo="Whiten less, such as -o whitening=0.01, or use more images; svcca keeps the largest directions only.",
        )
    return Whitened(vectors * scale, share)


class CanonicalCorrelations(NamedTuple):
    """Mean canonical correlation of a layer and responses.

    Parameters
    ----------
    values : array of shape (1 + group,)
        Of all images, then without each group.
    directions : pair of int
        Kept of the layer, and of the responses.
    chance : float
        Mean squared canonical correlation that unrelated directions would have.
    step : float
        Largest change of the value by one direction more or fewer, of either side.
    """

    values: Array
    directions: tuple[int, int]
    chance: float
    step: float


def canonical_correlations(
    matrix: Array, factor: Array, variance: float = 0.99, penalty: float = 0.0, groups: Groups | None = None
) -> CanonicalCorrelations:
    """Return the mean canonical correlation of the largest principal components of a layer and responses (SVCCA).

    Of each side the fewest principal components are kept that hold the share `variance`. With U S of the layer and V T
    of the responses, the canonical correlations are the singular values of A Uᵀ V B, A² = S² / (S² + κ), B² = T² /
    (T² + λ); without a penalty A = B = 1. Their mean is over the smaller number of components.

    Parameters
    ----------
    matrix : array of shape (stimulus, stimulus)
        Gram of the layer; centred or not.
    factor : array of shape (stimulus, dimension)
        Y of the responses.
    variance : float
        Share of each side's variance to keep.
    penalty : float
        κ and λ in units of trace / n of the centred Grams: canonical ridge regression.
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0. Without a group, the components stay those of all images.

    Returns
    -------
    CanonicalCorrelations

    Raises
    ------
    BadOption
        If a side has as many directions as images, less one: the correlations are then 1 whatever the sides are.

    References
    ----------
    Raghu, Gilmer, Yosinski & Sohl-Dickstein (2017), NeurIPS; Vinod (1976), J. Econometrics 4, 147–166: the penalty.
    """
    n = len(matrix)
    one, other = (_Side.of(*axes, variance, penalty) for axes in (_principal_axes(matrix), _axes_of_factor(factor)))
    directions = one.count, other.count
    if not min(directions):  # one of the two does not vary
        return CanonicalCorrelations(np.zeros(1 + count_groups(groups)), directions, 0.0, 0.0)
    chance = one.effective * other.effective / ((n - 1) * min(directions))
    if chance > FORCED:
        raise BadOption(
            f"{directions[0]} directions of the layer and {directions[1]} of the responses, of {n} images, have "
            "canonical correlations of 1 whatever they are.",
            todo="Keep fewer directions, such as -o variance=0.9, or penalise: -o penalty=1",
        )
    left_out = [np.flatnonzero(groups == group) for group in range(count_groups(groups))]
    values = _correlations(one, other, [np.empty(0, np.intp), *left_out])
    changed = [(one.with_more(step), other) for step in (-1, 1)] + [(one, other.with_more(step)) for step in (-1, 1)]
    step = max(abs(_correlations(*pair)[0] - values[0]) for pair in changed)
    return CanonicalCorrelations(values, directions, chance, float(step))


@dataclass(frozen=True, eq=False)
class _Side:
    """Principal components of layer or responses for SVCCA: the first `count` hold the share of the variance."""

    vectors: Array  # (stimulus, direction)
    penalties: Array  # (direction,): over the direction's variance
    count: int

    @classmethod
    def of(cls, values: Array, vectors: Array, variance: float, penalty: float) -> _Side:
        held = np.cumsum(values) < variance * (1 - len(vectors) * np.finfo(float).eps) * values.sum()
        count = min(int(held.sum()) + 1, len(values))
        most = min(count + 1, len(values))
        return cls(vectors[:, :most], penalty * values.sum() / len(vectors) / values[:most], count)

    @property
    def effective(self) -> float:
        return float((1 / (1 + self.penalties[: self.count])).sum())

    def with_more(self, directions: int) -> _Side:
        return replace(self, count=min(max(self.count + directions, 1), len(self.penalties)))


def _correlations(one: _Side, other: _Side, left_out: Sequence[NDArray[np.intp]] = (np.empty(0, np.intp),)) -> Array:
    """Return the mean canonical correlation without the images of each entry of `left_out`."""
    sides, first = (one, other), one.count
    both = np.concatenate([side.vectors[:, : side.count] for side in sides], axis=1)
    ridge = np.diag(np.concatenate([side.penalties[: side.count] for side in sides]))
    products, values = both.T @ both, []
    for out in left_out:
        sums = both[out].sum(axis=0)  # the rows that remain sum to its negative
        covariance = products - both[out].T @ both[out] - np.multiply.outer(sums, sums) / (len(both) - len(out))
        own, theirs = slice(first), slice(first, None)
        white = _whitened(covariance[own, own] + ridge[own, own], covariance[own, theirs])
        white = _whitened(covariance[theirs, theirs] + ridge[theirs, theirs], white.T)
        values.append(float(np.linalg.svd(white, compute_uv=False).sum()))
    return np.array(values) / min(one.count, other.count)


def _principal_axes(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues, the largest first, and eigenvectors (stimulus, direction) of a centred Gram, without rounding."""
    values, vectors = np.linalg.eigh(double_centre(matrix))
    rounding = len(matrix) * np.finfo(float).eps * np.abs(np.diag(matrix)).max()  # not centred: see rank_threshold
    return _varying(values[::-1], vectors[:, ::-1], rounding)


def _axes_of_factor(factor: Array) -> tuple[Array, Array]:
    vectors, singular, _ = np.linalg.svd(factor - factor.mean(axis=0), full_matrices=False)
    rounding = len(factor) * np.finfo(float).eps * np.square(factor).sum(axis=1).max(initial=0.0)
    return _varying(singular**2, vectors, rounding)


def _varying(values: Array, vectors: Array, rounding: float) -> tuple[Array, Array]:
    threshold = max(RANK_TOLERANCE * values.max(initial=0.0), rounding)
    count = min(int((values > threshold).sum()), len(vectors) - 1)
    return values[:count], vectors[:, :count]


def _whitened(covariance: Array, products: Array) -> Array:
    """Return R⁻¹ P of products P, with R Rᵀ the covariance; directions without variance of their own are left out."""
    with suppress(np.linalg.LinAlgError):
        root = np.linalg.cholesky(covariance)
        if np.diag(root).min() ** 2 > DEPENDENT:
            return np.linalg.solve(root, products)
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.where(values > DEPENDENT, values, np.inf))).T @ products
