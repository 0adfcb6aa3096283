"""Reverse prediction: variance of a layer's activations explained by the sites, on held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from itbench.data.splits import Split, SplitPlan
from itbench.gram import Gram
from itbench.metrics.kernel import centre, eigenbasis
from itbench.metrics.ridge import CERTAIN, GAIN, WIDEN, default_alphas
from itbench.statistics.jackknife import Groups, JackknifeSums
from itbench.util.arrays import Array

FAR = 1e3  # beyond the ends of a grid of penalties


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
    remarks : tuple of str
        Where penalties beyond the grid would do otherwise than those at its edge.
    """

    residual: Array
    power: Array
    alphas: Array
    remarks: tuple[str, ...] = ()

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
    gram: Gram, factor: Array, splits: list[Split], alphas: Sequence[float] | None, components: int | None
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
    alphas : sequence of float, optional
        Penalties, rising; by default those of `itbench.metrics.default_alphas`, which follow the units of the
        responses.
    components : int, optional
        Number of principal components of the training rows to predict; else all features.

    Returns
    -------
    ReverseResult

    References
    ----------
    Muzellec & Kar (2025), bioRxiv 2025.08.08.669382.
    """
    residual, power = np.zeros(len(gram)), np.zeros(len(gram))
    chosen, limits = [], []
    for split in splits:
        own, cross, square = _products(gram, split, components)
        y = factor - factor[split.train].mean(axis=0)
        u, s, vt = np.linalg.svd(y[split.train], full_matrices=False)
        rank = int((s > s.max(initial=0.0) * max(y.shape) * np.finfo(float).eps).sum())
        u, s, vt = u[:, :rank], s[:rank], vt[:rank]  # the rest may hold the mean, which is taken out of y
        inside = u.T @ own  # (dimension, train)
        grid = default_alphas(float(np.square(s).sum()) / len(u)) if alphas is None else np.array(alphas)
        errors = _errors(own, u, s, inside, np.array([grid[0] / FAR, *grid, grid[-1] * FAR]))
        best = grid[errors[1:-1].argmin()]
        p = (y[split.test] @ vt.T) * (s / (s**2 + best))  # P = p Uᵀ
        fitted = np.einsum("ij,ij->i", p @ (inside @ u), p)
        residual[split.test] = square - 2 * np.einsum("ij,ij->i", p, cross @ u) + fitted
        power[split.test] = square
        chosen.append(best)
        limits.append(_limit(errors, grid, GAIN * float(np.trace(own))) if len(grid) > 1 else "")
    remarks = [
        f"{limits.count(limit)} of {len(splits)} folds {limit}; {WIDEN}" for limit in dict.fromkeys(limits) if limit
    ]
    return ReverseResult(residual, power, np.array(chosen), tuple(remarks))


def _limit(errors: Array, grid: Array, slack: float) -> str:
    """Say how a grid limited the choice, by the errors (1 + alpha + 1,) of it and of one penalty beyond each end."""
    inner = errors[1:-1]
    for edge, neighbour, beyond, name in ((0, 1, 0, "smallest"), (len(inner) - 1, -2, -1, "largest")):
        if inner.argmin() == edge and max(abs(errors[beyond] - inner[edge]), inner[neighbour] - inner[edge]) > slack:
            return f"chose the {name} alpha of the grid, {grid[edge]:g}"
    flat = np.ptp(inner) <= slack < abs(errors[-1] - errors[0])
    return f"found every alpha of the grid, {grid[0]:g} to {grid[-1]:g}, as good or bad as any other" if flat else ""


def _errors(own: Array, u: Array, s: Array, inside: Array, alphas: Array) -> Array:
    crossed, middle = inside.T, inside @ u  # K U (train, dimension), Uᵀ K U
    beside = 1.0 - 1.0 / len(u) - (u * u).sum(axis=1)
    met = beside < CERTAIN  # rows inside the dimensions: all of 1 − h, and of the residual, is what the penalty leaves
    beside[met] = 0.0
    rest = np.diag(own) - 2 * (u * crossed).sum(axis=1) + ((u @ middle) * u).sum(axis=1)
    errors = []
    for alpha in alphas:
        kept = u * (alpha / (s**2 + alpha))  # 1 − H = 1 − 1/n − U Uᵀ + kept Uᵀ
        left = beside + (kept * u).sum(axis=1)
        within = ((kept @ middle) * kept).sum(axis=1)
        across = ((crossed - u @ middle) * kept).sum(axis=1)
        residual = np.where(met, within, np.maximum(rest, 0.0) + 2 * across + within)
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
