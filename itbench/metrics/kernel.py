"""Kernel matrices: the cosine and the Gaussian kernel of a Gram, and the centring of a kernel matrix."""

from __future__ import annotations

from dataclasses import replace

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
