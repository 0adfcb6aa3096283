"""Principal components of a layer from its Gram, linear or of another kernel, centred on the training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption, UnknownName
from itbench.gram import Gram
from itbench.util.arrays import Array

RANK_TOLERANCE = 1e-9  # of the largest eigenvalue: what float32 activations leave where there is nothing
BLOCKS = 16  # of rows that are turned around at a time
KERNELS = ("linear", "cosine", "rbf")


@dataclass(frozen=True, eq=False)
class Eigenbasis:
    """Principal components of the training rows, and every row's place on them.

    With Xc the activations centred on the training mean and Kc = Xc Xcᵀ = U Λ Uᵀ over training rows, the
    principal component scores are U Λ^½ for training rows, and Xc* Xcᵀ U Λ^−½ for others.

    Parameters
    ----------
    values : array of shape (component,)
        Λ, falling; positive.
    vectors : array of shape (train, component)
        U, orthonormal and orthogonal to the constant.
    cross : array of shape (test, component)
        Xc* Xcᵀ U of the test rows: their scores times Λ^½.
    """

    values: Array
    vectors: Array
    cross: Array


def check_components(components: int | None) -> None:
    """Refuse a number of components below 1; None stands for all of them.

    Raises
    ------
    BadOption
    """
    if components is not None and components < 1:
        raise BadOption(f"Option components={components} must be at least 1.")


def check_kernel(kernel: str, width: float) -> None:
    """Refuse options of `kernel_gram` that cannot be used.

    Raises
    ------
    UnknownName, BadOption
    """
    if kernel not in KERNELS:
        raise UnknownName.of("kernel", kernel, KERNELS)
    if not 0 < width < np.inf:
        raise BadOption(f"Option width={width} must be a positive number.")


def kernel_gram(gram: Gram, train: NDArray[np.integer], kernel: str, width: float = 1.0) -> Gram:
    """Return the Gram of the features that a kernel stands for; in its eigenbasis, ridge is kernel ridge.

    ============ ==================================================================================================
    ``linear``   k(a, b) = a · b: the Gram as it is
    ``cosine``   k(a, b) = a · b / (|a| |b|), 0 where an image has no activation at all
    ``rbf``      k(a, b) = exp(−|a − b|² / (w m)), w the `width` and m the median of |a − b|² over all pairs of
                 training images, or their mean where that median is 0
    ============ ==================================================================================================

    Parameters
    ----------
    gram : Gram
        Of the activations.
    train : int array of shape (train,)
        The rows that m is learnt from. Every other entry needs only the activations of its two images.
    kernel : {"linear", "cosine", "rbf"}
    width : float
        Of the Gaussian, in units of m.

    Returns
    -------
    Gram
        Of ``rbf``, the number of features is that of the images, which is as many as can matter, and the row sums,
        over features without end, are NaN.

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


def eigenbasis(gram: Gram, train: NDArray[np.integer], test: NDArray[np.integer], components: int | None) -> Eigenbasis:
    """Decompose the training rows of a Gram and project the test rows.

    The components are those of ``sklearn.decomposition.PCA(svd_solver="full")`` on the activations, up to sign.

    Parameters
    ----------
    gram : Gram
    train, test : int arrays of shape (train,) and (test,)
        Rows of the Gram. Nothing about the test rows enters the centre or the components.
    components : int, optional
        How many to keep at most, else all; fewer where the rank of the training rows is lower.
    """
    inner, outer = centre(gram.matrix, train, test)
    values, vectors = np.linalg.eigh(inner)  # scipy's would wake a second pool of threads beside numpy's
    values = values[::-1]
    for rows in np.array_split(vectors, BLOCKS):  # in place: memory touched for the first time takes longer to get
        rows[:] = rows[:, ::-1]
    rank = int((values > nothing(gram, train, values[0])).sum())
    keep = min(rank, gram.n_features, len(train) - 1)
    keep = keep if components is None else min(components, keep)
    vectors = vectors[:, :keep]
    return Eigenbasis(values[:keep].copy(), vectors, outer @ vectors)


def nothing(gram: Gram, train: NDArray[np.integer], largest: float) -> float:
    """Return what an eigenvalue of the centred training rows must exceed to be more than rounding.

    Parameters
    ----------
    gram : Gram
        Not centred: where all images are nearly alike, the centre takes their digits away.
    largest : float
        Of the eigenvalues.
    """
    rounding = np.finfo(float).eps * len(train) * float(np.diag(gram.matrix)[train].max())
    return max(RANK_TOLERANCE * largest, rounding)


def centre(matrix: Array, train: NDArray[np.integer], test: NDArray[np.integer]) -> tuple[Array, Array]:
    """Return the Gram of activations less their training mean.

    Parameters
    ----------
    matrix : array of shape (stimulus, stimulus)
        K = X Xᵀ.

    Returns
    -------
    inner : array of shape (train, train)
    outer : array of shape (test, train)
    """
    inner = matrix[np.ix_(train, train)]
    outer = matrix[np.ix_(test, train)]
    column = inner.mean(axis=0)
    total = column.mean()
    outer -= outer.mean(axis=1, keepdims=True) + column - total
    inner -= column[:, None] + column - total
    return inner, outer
