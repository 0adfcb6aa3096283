"""Principal components of a layer's activations from its Gram: the eigenbasis of the centred training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.gram import Gram
from itbench.metrics.kernel import centre, double_centre
from itbench.util.arrays import Array

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
