"""Centred kernel alignment (CKA) of two Grams, biased or debiased."""

from __future__ import annotations

import numpy as np

from itbench.errors import UnknownName
from itbench.metrics.kernel import double_centre
from itbench.statistics.jackknife import Groups, JackknifeSums
from itbench.util.arrays import Array

ESTIMATORS = ("debiased", "biased")


def check_estimator(estimator: str) -> None:
    """Raise if there is no such estimator of CKA.

    Parameters
    ----------
    estimator : str
        One of ``debiased``, ``biased``.

    Raises
    ------
    UnknownName
    """
    if estimator not in ESTIMATORS:
        raise UnknownName.of("estimator", estimator, ESTIMATORS)


def centred_alignment(one: Array, other: Array, estimator: str = "debiased", groups: Groups | None = None) -> Array:
    """Return the centred kernel alignment of two Grams, CKA = HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)).

    ============ ==================================================================================================
    ``biased``   HSIC ∝ tr(H K H L), H the centring matrix of the images used: Σ_ij k_ij l_ij − 2/n Σ_i k_i
                 l_i + k l / n², with the sums k_i of rows and k of all. Near 1 for few images and many features,
                 whatever they are (Kornblith et al. 2019, ICML, eq. 4).
    ``debiased`` HSIC ∝ Σ_ij k_ij l_ij − 2/(n − 2) Σ_i k_i l_i + k l / ((n − 1)(n − 2)), diagonals taken as 0: 0 in
                 expectation where the two are unrelated (Song et al. 2012, J. Mach. Learn. Res. 13, 1393–1434, eq. 5).
    ============ ==================================================================================================

    Parameters
    ----------
    one, other : array of shape (stimulus, stimulus)
        K and L; centred or not.
    estimator : {"debiased", "biased"}
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0 (`itbench.statistics.jackknife_groups`).

    Returns
    -------
    array of shape (1 + group,)
        Of all images, then without each group. 0 where one of the two does not vary.
    """
    remaining = JackknifeSums(len(one), groups)
    a, b = (_Centred(matrix, remaining, estimator) for matrix in (one, other))
    return normalised(a.times(b), a.times(a), b.times(b))


class _Centred:
    """A Gram for CKA, centred over all images: HSIC does not change, and its sums lose no digits to a common mean."""

    def __init__(self, matrix: Array, remaining: JackknifeSums, estimator: str) -> None:
        self.debiased, self.remaining = estimator == "debiased", remaining
        self.matrix = double_centre(matrix)
        if self.debiased:
            np.fill_diagonal(self.matrix, 0.0)
        self.rows = remaining.over_rows(self.matrix)  # (stimulus, 1 + group)
        self.total = self.rows.sum(axis=0)

    def times(self, other: _Centred) -> Array:
        """HSIC (1 + group,), up to a factor."""
        n = self.remaining.count
        products = self.remaining.over_pairs(self.matrix * other.matrix)
        rows = (self.rows * other.rows).sum(axis=0)
        if self.debiased:
            return products - 2 / (n - 2) * rows + self.total * other.total / ((n - 1) * (n - 2))
        return products - 2 / n * rows + self.total * other.total / n**2


def normalised(product: Array, one: Array, other: Array) -> Array:
    """Cosine; 0 where a side is constant."""
    positive = (one > 0) & (other > 0)
    return np.where(positive, product / np.sqrt(np.where(positive, one * other, 1.0)), 0.0)
