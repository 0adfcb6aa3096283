"""Reverse prediction: variance of a layer's activations explained by the sites, on held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from itbench.data.splits import Split, SplitPlan
from itbench.gram import Gram
from itbench.metrics.kernel import centre
from itbench.metrics.principal_components import eigenbasis
from itbench.statistics.jackknife import Groups, JackknifeSums
from itbench.util.arrays import Array


@dataclass(frozen=True, eq=False)
class ReverseResult:
    """Reverse prediction errors: squared error and variance of every image's activations, predicted from the sites.

    Parameters
    ----------
    residual : array of shape (stimulus,)
        |x − x̂|².
    power : array of shape (stimulus,)
        |x − mean of the training rows|².
    alphas : array of shape (fold,)
        The chosen penalties.
    """

    residual: Array
    power: Array
    alphas: Array

    def explained(self, groups: Groups | None = None) -> Array:
        """Return the reverse explained variance 1 − Σ |x − x̂|² / Σ |x − x̄|² over images.

        Parameters
        ----------
        groups : int array of shape (stimulus,), optional
            Jackknife group of each image, numbered from 0; nothing is fitted again without a group.

        Returns
        -------
        array of shape (1 + group,)
            Of all images, then without each group. 0 where no activation varies.
        """
        kept = JackknifeSums(len(self.power), groups).kept
        power = self.power @ kept
        return np.where(power > 0, 1.0 - self.residual @ kept / np.where(power > 0, power, 1.0), 0.0)


def seeded_folds(stimulus_ids: Sequence[str], folds: int, seed: int) -> list[Split]:
    """Return seeded folds of the stimuli for reverse prediction, independent of the order of the stimuli.

    Parameters
    ----------
    stimulus_ids : sequence of str
    folds : int
        Number of folds.
    seed : int

    Returns
    -------
    list of Split
        Folds that test each image once.
    """
    rows = np.argsort(np.array(stimulus_ids))
    splits = SplitPlan("kfold", folds, seed).divide(len(rows), {})
    return [Split(split.name, rows[split.train], rows[split.test]) for split in splits]


def reverse_prediction(
    gram: Gram, factor: Array, splits: list[Split], alphas: Array, components: int | None
) -> ReverseResult:
    """Predict a layer's activations on held-out images from the sites by ridge (reverse prediction), from its Gram.

    With responses Y centred on the training rows, P = Y* (YᵀY + α)⁻¹ Yᵀ maps training activations to test ones, and
    |x − x̂|² is the diagonal of K** − 2 P K.* + P K.. Pᵀ, K the Gram centred likewise. One penalty for all features is
    chosen in every fold by leave-one-out over its training rows (Golub, Heath & Wahba 1979, Technometrics 21, 215–223).

    Parameters
    ----------
    gram : Gram
    factor : array of shape (stimulus, dimension)
        Y: the responses, or any matrix with their inner products.
    splits : list of Split
        Folds that test each image once.
    alphas : array of shape (alpha,)
    components : int, optional
        Number of principal components of the training rows to predict; else all features.

    Returns
    -------
    ReverseResult

    References
    ----------
    Muzellec & Kar (2025), bioRxiv 2025.08.08.669382.
    """
    residual, power, chosen = np.zeros(len(gram)), np.zeros(len(gram)), []
    for split in splits:
        own, cross, square = _products(gram, split, components)
        y = factor - factor[split.train].mean(axis=0)
        u, s, vt = np.linalg.svd(y[split.train], full_matrices=False)
        inside = u.T @ own  # (dimension, train)
        best = alphas[_errors(own, u, s, inside, alphas).argmin()]
        p = (y[split.test] @ vt.T) * (s / (s**2 + best))  # P = p Uᵀ
        fitted = np.einsum("ij,ij->i", p @ (inside @ u), p)
        residual[split.test] = square - 2 * np.einsum("ij,ij->i", p, cross @ u) + fitted
        power[split.test] = square
        chosen.append(best)
    return ReverseResult(residual, power, np.array(chosen))


def _errors(own: Array, u: Array, s: Array, inside: Array, alphas: Array) -> Array:
    crossed, square = inside.T, np.diag(own)  # K U (train, dimension)
    middle = inside @ u
    errors = []
    for alpha in alphas:
        hat = u * (s**2 / (s**2 + alpha))  # H = 1/n + hat Uᵀ
        left = np.maximum(1.0 - 1.0 / len(u) - (hat * u).sum(axis=1), 1e-12)
        residual = square - 2 * (hat * crossed).sum(axis=1) + ((hat @ middle) * hat).sum(axis=1)
        errors.append((residual / left**2).sum())
    return np.array(errors)


def _products(gram: Gram, split: Split, components: int | None) -> tuple[Array, Array, Array]:
    """Return K.. (train, train), K*. (test, train) and the diagonal of K** (test,) for reverse prediction, centred."""
    if components is None:
        own, cross = centre(gram.matrix, split.train, split.test)
        to_train = gram.matrix[np.ix_(split.test, split.train)].mean(axis=1)
        total = gram.matrix[np.ix_(split.train, split.train)].mean()
        return own, cross, np.diag(gram.matrix)[split.test] - 2 * to_train + total
    basis = eigenbasis(gram, split.train, split.test, components)
    train, test = basis.vectors * np.sqrt(basis.values), basis.cross / np.sqrt(basis.values)
    return train @ train.T, test @ train.T, np.square(test).sum(axis=1)
