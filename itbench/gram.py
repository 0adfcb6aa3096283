"""The Gram matrix K = X Xᵀ of a layer: inner products between images, all that a linear readout needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.util.arrays import Array


@dataclass(frozen=True, eq=False)
class Gram:
    """Gram matrix K = X Xᵀ of one layer's activations X (stimulus, feature).

    Parameters
    ----------
    matrix : float64 array of shape (stimulus, stimulus)
        Inner products, not centred.
    row_sums : float64 array of shape (stimulus,)
        Sum of each image's activations.
    n_features : int
        Number of features of X.
    stimulus_ids : tuple of str
        One per row.

    Examples
    --------
    >>> gram = Gram.from_features(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> gram.matrix
    array([[ 5., 11.],
           [11., 25.]])
    """

    matrix: Array
    row_sums: Array
    n_features: int
    stimulus_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.stimulus_ids)
        if self.matrix.shape != (n, n) or self.row_sums.shape != (n,):
            raise ValueError(
                f"a Gram of {n} stimuli has a matrix of shape {(n, n)} and row sums of shape {(n,)}, "
                f"not {self.matrix.shape} and {self.row_sums.shape}"
            )

    @classmethod
    def from_features(cls, features: NDArray[np.floating], stimulus_ids: Sequence[str] | None = None) -> Gram:
        """Return the Gram of activations (stimulus, feature) in memory."""
        wide = np.asarray(features, dtype=np.float64)
        ids = tuple(stimulus_ids) if stimulus_ids is not None else tuple(map(str, range(len(wide))))
        return cls(wide @ wide.T, wide.sum(axis=1), wide.shape[1], ids)

    def __len__(self) -> int:
        return len(self.stimulus_ids)

    def take(self, rows: NDArray[np.integer]) -> Gram:
        """Return the Gram of the stimuli in `rows`, in that order."""
        ids = tuple(self.stimulus_ids[row] for row in rows)
        return Gram(self.matrix[np.ix_(rows, rows)], self.row_sums[rows], self.n_features, ids)

    def __add__(self, other: Gram) -> Gram:
        """Return the Gram of two layers' features concatenated."""
        if self.stimulus_ids != other.stimulus_ids:
            raise ValueError("Grams of different stimuli cannot be added")
        return Gram(
            self.matrix + other.matrix,
            self.row_sums + other.row_sums,
            self.n_features + other.n_features,
            self.stimulus_ids,
        )


def times_transpose(panel: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return P Pᵀ of a panel of activations, for a Gram. NumPy computes one triangle only (BLAS syrk)."""
    return panel @ panel.T
