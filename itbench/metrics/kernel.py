"""Kernel matrices: cosine and Gaussian kernel of a Gram, centring, and principal components of a kernel matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption, UnknownName
from itbench.gram import Gram
from itbench.util.arrays import Array

KERNELS = ("linear", "cosine", "rbf")


def check_kernel(kernel: str, width: float) -> None:
    """Raise if a kernel has no such name, or its width is not positive.

    Parameters
    ----------
    kernel : str
        One of ``linear``, ``cosine``, ``rbf``.
    width : float
        Of the Gaussian kernel.

    Raises
    ------
    UnknownName, BadOption
    """
    if kernel not in KERNELS:
        raise UnknownName.of("kernel", kernel, KERNELS)
    if not 0 < width < np.inf:
        raise BadOption(f"Option width={width} must be a positive number.")


def kernel_gram(gram: Gram, train: NDArray[np.integer], kernel: str, width: float = 1.0) -> Gram:
    """Return the kernel matrix of a layer as a Gram; ridge on its principal components is kernel ridge.

    ============ ==================================================================================================
    ``linear``   k(a, b) = a · b: the Gram itself
    ``cosine``   k(a, b) = a · b / (|a| |b|); 0 where all activations of an image are 0
    ``rbf``      k(a, b) = exp(−|a − b|² / (w m)), w the `width` and m the median of |a − b|² over all pairs of
                 training images, or their mean where that median is 0
    ============ ==================================================================================================

    Parameters
    ----------
    gram : Gram
        Of the activations.
    train : int array of shape (train,)
        The rows that m is computed from. Every other entry needs only the activations of its two images.
    kernel : {"linear", "cosine", "rbf"}
    width : float
        Of the Gaussian, in units of m.

    Returns
    -------
    Gram
        For ``rbf``, which has infinitely many features, ``n_features`` is the number of images (the highest possible
        rank) and the row sums are NaN.

    Raises
    ------
    UnknownName, BadOption

    References
    ----------
    Schölkopf, Smola & Müller (1998), Neural Computation 10, 1299–1319: principal components in a kernel's features.
    """
    check_kernel(kernel, width)
    if kernel == "linear":
        return gram
    square = np.diag(gram.matrix)
    if kernel == "cosine":
        norm = np.sqrt(np.where(square > 0, square, 1.0))
        return replace(gram, matrix=gram.matrix / norm / norm[:, None], row_sums=gram.row_sums / norm)
    distance = np.maximum(square + square[:, None] - 2 * gram.matrix, 0.0)
    pairs = distance[np.ix_(train, train)][np.triu_indices(len(train), 1)]
    scale = float(np.median(pairs)) or float(pairs.mean()) or 1.0
    np.fill_diagonal(distance, 0.0)
    matrix = np.exp(distance / (-width * scale))
    return replace(gram, matrix=matrix, row_sums=np.full(len(gram), np.nan), n_features=len(gram))


def of_unit_length(gram: Gram, train: NDArray[np.integer]) -> Gram:
    """Return a Gram scaled so that the training rows have a mean squared distance of 1 from their mean.

    Parameters
    ----------
    gram : Gram
    train : int array of shape (train,)

    Returns
    -------
    Gram
        As it was where the training rows are all alike.
    """
    inner, _ = centre(gram.matrix, train, train[:0])
    square = float(np.trace(inner)) / len(train)
    scale = 1 / square if square > 0 else 1.0
    return replace(gram, matrix=gram.matrix * scale, row_sums=gram.row_sums * np.sqrt(scale))


def centre(matrix: Array, train: NDArray[np.integer], test: NDArray[np.integer]) -> tuple[Array, Array]:
    """Centre a kernel matrix on the mean of its training rows, as ``sklearn.preprocessing.KernelCenterer`` does.

    Parameters
    ----------
    matrix : array of shape (stimulus, stimulus)
        K = X Xᵀ.
    train, test : int arrays of shape (train,) and (test,)
        Rows of the matrix. The mean is that of the training rows alone.

    Returns
    -------
    inner : array of shape (train, train)
        Xc Xcᵀ, Xc the activations less their training mean.
    outer : array of shape (test, train)
        Xc* Xcᵀ of the test rows.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0], [8.0]])
    >>> inner, outer = centre(x @ x.T, np.array([0, 1]), np.array([2]))
    >>> inner
    array([[ 1., -1.],
           [-1.,  1.]])
    >>> outer
    array([[-6.,  6.]])
    """
    inner = matrix[np.ix_(train, train)]
    outer = matrix[np.ix_(test, train)]
    column = inner.mean(axis=0)
    total = column.mean()
    outer -= outer.mean(axis=1, keepdims=True) + column - total
    inner -= column[:, None] + column - total
    return inner, outer


def double_centre(matrix: Array) -> Array:
    """Centre a kernel matrix on the mean of all its rows: H K H, H = 1 − 1/n.

    Parameters
    ----------
    matrix : array of shape (stimulus, stimulus)

    Returns
    -------
    array of shape (stimulus, stimulus)
        0 where only rounding remains, as when all images have equal activations.
    """
    rows = matrix.mean(axis=0)
    result = matrix - rows
    result -= rows[:, None] - rows.mean()
    rounding = len(matrix) * np.finfo(float).eps * np.abs(np.diag(matrix)).max()
    return result if np.diag(result).max() > rounding else np.zeros_like(result)


RANK_TOLERANCE = 1e-9  # of the largest eigenvalue: what float32 activations leave where there is nothing
BLOCKS = 16  # of rows that are turned around at a time


@dataclass(frozen=True, eq=False)
class Eigenbasis:
    """Principal components of the training rows of a Gram, and the projection of the test rows on them.

    With Xc the activations centred on the training mean and Kc = Xc Xcᵀ = U Λ Uᵀ over training rows, the scores on the
    principal components are U Λ^½ for training rows, and Xc* Xcᵀ U Λ^−½ for test rows.

    Parameters
    ----------
    values : array of shape (component,)
        Λ: the eigenvalues, positive, the largest first.
    vectors : array of shape (train, component)
        U: the eigenvectors, orthonormal and orthogonal to the constant.
    cross : array of shape (test, component)
        Xc* Xcᵀ U of the test rows: their scores times Λ^½.
    mean_square : float
        trace(Kc) / n: the mean squared distance of the training rows from their mean, over all components.
    """

    values: Array
    vectors: Array
    cross: Array
    mean_square: float


def check_components(components: int | None) -> None:
    """Raise if a number of principal components is below 1; None means all of them.

    Parameters
    ----------
    components : int or None

    Raises
    ------
    BadOption
    """
    if components is not None and components < 1:
        raise BadOption(f"Option components={components} must be at least 1.")


def eigenbasis(gram: Gram, train: NDArray[np.integer], test: NDArray[np.integer], components: int | None) -> Eigenbasis:
    """Return the principal components of the training rows of a Gram, and project the test rows on them.

    Kc = U Λ Uᵀ, Kc the Gram of the training rows centred on their mean. The components are those of
    ``sklearn.decomposition.PCA(svd_solver="full")`` on the activations, up to sign.

    Parameters
    ----------
    gram : Gram
        Of the activations, or of a kernel's features (`kernel_gram`).
    train, test : int arrays of shape (train,) and (test,)
        Rows of the Gram. Neither the mean nor the components depend on the test rows.
    components : int, optional
        Number of components at most, else all; fewer where the rank of the training rows is lower.

    Returns
    -------
    Eigenbasis

    Examples
    --------
    >>> gram = Gram.from_features(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [9.0, 5.0]]))
    >>> basis = eigenbasis(gram, np.array([0, 1, 2]), np.array([3]), None)
    >>> basis.values  # the second feature is constant over the training rows
    array([8.])
    """
    inner, outer = centre(gram.matrix, train, test)
    mean_square = float(np.trace(inner)) / len(train)
    values, vectors = np.linalg.eigh(inner)  # scipy's would wake a second pool of threads beside numpy's
    values = values[::-1]
    for rows in np.array_split(vectors, BLOCKS):  # in place: memory touched for the first time takes longer to get
        rows[:] = rows[:, ::-1]
    rank = int((values > rank_threshold(gram, train, values[0])).sum())
    keep = min(rank, gram.n_features, len(train) - 1)
    keep = keep if components is None else min(components, keep)
    vectors = vectors[:, :keep]
    return Eigenbasis(values[:keep].copy(), vectors, outer @ vectors, mean_square)


def effective_dimensionality(matrix: Array) -> float:
    """Return the effective dimensionality (Σ λ)² / Σ λ² of a layer from its Gram, λ the variances of its components.

    The participation ratio of the principal components: 1 where one direction has all variance, the number of
    directions where all have the same. From the centred Gram Kc it is tr(Kc)² / ‖Kc‖²; no decomposition is needed.

    Parameters
    ----------
    matrix : array of shape (stimulus, stimulus)
        K; centred or not.

    Returns
    -------
    float
        From 1 to the number of images less one; NaN where the layer does not vary.

    References
    ----------
    Elmoznino & Bonner (2024), PLoS Comput. Biol. 20, e1011792; Gao et al. (2017), bioRxiv 214262.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> effective_dimensionality(x @ x.T)
    2.0
    """
    centred = double_centre(matrix)
    power = float(np.trace(centred))
    return power**2 / float(np.square(centred).sum()) if power > 0 else float("nan")


def rank_threshold(gram: Gram, train: NDArray[np.integer], largest: float) -> float:
    """Return the eigenvalue below which a principal component of the training rows is rounding.

    Parameters
    ----------
    gram : Gram
        Not centred: where all images are nearly alike, the centring loses their digits.
    train : int array of shape (train,)
    largest : float
        The largest eigenvalue.
    """
    rounding = np.finfo(float).eps * len(train) * float(np.diag(gram.matrix)[train].max())
    return max(RANK_TOLERANCE * largest, rounding)
