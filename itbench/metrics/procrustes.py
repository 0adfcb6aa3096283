"""Procrustes similarity of a layer and responses, after the best rotation of one onto the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itbench.metrics.kernel import double_centre
from itbench.statistics.jackknife import Groups, count_groups
from itbench.util.arrays import Array


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
