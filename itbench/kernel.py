"""Principal components of a layer, from its Gram alone, centred on the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.gram import Gram

Array = NDArray[np.float64]
RANK_TOLERANCE = 1e-9  # of the largest eigenvalue: what float32 activations leave where there is nothing


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


def eigenbasis(gram: Gram, train: NDArray[np.integer], test: NDArray[np.integer], components: int) -> Eigenbasis:
    """Decompose the training rows of a Gram and project the test rows.

    The components are those of ``sklearn.decomposition.PCA(svd_solver="full")`` on the activations, up to sign.

    Parameters
    ----------
    gram : Gram
    train, test : int arrays of shape (train,) and (test,)
        Rows of the Gram. Nothing about the test rows enters the centre or the components.
    components : int
        How many to keep at most; fewer where the rank of the training rows is lower.
    """
    inner, outer = centre(gram.matrix, train, test)
    values, vectors = np.linalg.eigh(inner)  # scipy's would wake a second pool of threads beside numpy's
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int((values > RANK_TOLERANCE * max(values[0], 0.0)).sum())
    keep = min(components, rank, gram.n_features, len(train) - 1)
    vectors = np.ascontiguousarray(vectors[:, :keep])
    return Eigenbasis(values[:keep].copy(), vectors, outer @ vectors)


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
