"""Resampling of images and sites from held-out rows: EV, correlation and noise ceiling from weighted sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itbench.data.responses import varies
from itbench.statistics.noise_ceiling import ceiling_corrected
from itbench.util.arrays import Array


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """Cluster and split of each held-out row, for resampling: what is drawn together, and where it is tested.

    Parameters
    ----------
    cluster : int array of shape (row,)
        From 0; a cluster is an image, or all images of an object.
    parts : tuple of int arrays
        The rows of each split.
    n : int
        Number of clusters.
    """

    cluster: NDArray[np.intp]
    parts: tuple[NDArray[np.intp], ...]
    n: int

    @classmethod
    def of(cls, row_cluster: ArrayLike, row_split: ArrayLike) -> HeldOutRows:
        clusters, cluster = np.unique(row_cluster, return_inverse=True)
        splits, part = np.unique(row_split, return_inverse=True)
        return cls(cluster, tuple(np.flatnonzero(part == split) for split in range(len(splits))), len(clusters))

    def draw(self, n: int, random: np.random.Generator) -> Array:
        """Resample the clusters with replacement: how often each is drawn (draw, cluster)."""
        drawn = random.integers(0, self.n, (n, self.n)) + self.n * np.arange(n)[:, None]
        return np.bincount(drawn.ravel(), minlength=n * self.n).reshape(n, self.n).astype(np.float64)


def scorable(recorded: Array, predicted: Array, rows: HeldOutRows) -> NDArray[np.bool_]:
    """Return which sites can be resampled: all predictions are finite, and responses vary in every split."""
    whole = np.isfinite(predicted).all(axis=0)
    return np.asarray(np.all([whole, *(varies(recorded[part]) for part in rows.parts)], axis=0))


ROUNDING = 1e-12  # of a mean square: a variance below it is that of equal values


class SumsOfSquares(NamedTuple):
    """Sums of squares and products of resampled rows about the means of their split.

    Parameters
    ----------
    recorded, predicted, product : arrays of shape (draw, split, site), or (draw, site) where pooled over splits
        Σ (y − ȳ)², Σ (f − f̄)² and Σ (y − ȳ)(f − f̄); 0 where y or f do not vary.
    """

    recorded: Array
    predicted: Array
    product: Array

    def pooled(self) -> SumsOfSquares:
        """Return the sums over all splits (draw, site)."""
        return SumsOfSquares(*(values.sum(axis=1) for values in self))

    def explained_variance(self) -> Array:
        """Return explained variance; NaN where the responses do not vary."""
        varies = self.recorded > 0
        return np.where(varies, (2 * self.product - self.predicted) / np.where(varies, self.recorded, 1.0), np.nan)

    def correlation(self) -> Array:
        """Return the correlation; NaN where the responses do not vary, 0 where the prediction is constant."""
        scale = np.sqrt(self.recorded * self.predicted)
        r = np.where(scale > 0, np.clip(self.product / np.where(scale > 0, scale, 1.0), -1.0, 1.0), 0.0)
        return np.where(self.recorded > 0, r, np.nan)


class ImageSums:
    """Sums of squares of resampled images, each split by one matrix product.

    Parameters
    ----------
    rows : HeldOutRows
    recorded, predicted : arrays of shape (row, site)
    noise : array of shape (row, site), optional
        Variance that noise has in each recorded response.
    """

    def __init__(self, rows: HeldOutRows, recorded: Array, predicted: Array, noise: Array | None = None) -> None:
        self.rows, self.n_sites = rows, recorded.shape[1]
        self.moments = [moments(recorded[part], predicted[part]).reshape(len(part), -1) for part in rows.parts]
        self.noise = None if noise is None else [noise[part] for part in rows.parts]

    def squares(self, counts: Array) -> SumsOfSquares:
        """Return the sums of squares (draw, split, site) of resampling counts (draw, cluster)."""
        found = []
        for part, values in zip(self.rows.parts, self.moments, strict=True):
            weights = counts[:, self.rows.cluster[part]]
            sums = (weights @ values).reshape(len(counts), 5, self.n_sites)
            found.append(squares_of(sums, weights.sum(axis=1)))
        return SumsOfSquares(*(np.stack(values, axis=1) for values in zip(*found, strict=True)))

    def noise_share(self, counts: Array, recorded: Array) -> Array:
        """Return the share (draw, site) of noise in the sums of squares `recorded` (draw, site) of resampling counts.

        Independent noise of variance n_i in responses weighted by w_i has the expected sum of squares
        Σ w_i n_i − Σ w_i² n_i / Σ w_i about its weighted mean.
        """
        total = np.zeros_like(recorded)
        for part, noise in zip(self.rows.parts, self.noise or (), strict=False):
            weights = counts[:, self.rows.cluster[part]]
            total += (weights - weights**2 / np.maximum(weights.sum(axis=1, keepdims=True), 1.0)) @ noise
        return np.where(recorded > 0, total / np.where(recorded > 0, recorded, 1.0), np.nan)


def moments(recorded: Array, predicted: Array) -> Array:
    """Return y, y², f, f² and yf (row, 5, site) of responses y and predictions f, the terms that resampling sums.

    Both are centred first: neither measure depends on their means, and variances do not come out as small differences
    of large numbers.
    """
    y, f = recorded - recorded.mean(axis=0), predicted - predicted.mean(axis=0)
    return np.stack([y, y * y, f, f * f, y * f], axis=1)


def squares_of(sums: Array, weight: Array) -> SumsOfSquares:
    """Return the sums of squares (draw, site) of the resampled rows of a split, from weighted sums of `moments`.

    Parameters
    ----------
    sums : array of shape (draw, 5, site)
    weight : array of shape (draw,)
        The sum of the weights.
    """
    y, yy, f, ff, yf = np.moveaxis(sums, 1, 0)
    total = np.maximum(weight, 1.0)[:, None]  # all 0 where none of the images of a split is drawn
    recorded, predicted, product = yy - y * y / total, ff - f * f / total, yf - y * f / total
    responds, predicts = recorded > ROUNDING * yy, predicted > ROUNDING * ff
    return SumsOfSquares(
        np.where(responds, recorded, 0.0),
        np.where(predicts, predicted, 0.0),
        np.where(responds & predicts, product, 0.0),
    )


@dataclass(frozen=True, eq=False)
class Resampled:
    """Sums of squares and sites of a block of resampling draws.

    Parameters
    ----------
    squares : SumsOfSquares
        Of the images drawn (draw, split, site).
    sites : int array of shape (draw, site)
        The sites drawn.
    ceiling : array of shape (draw, division, site), optional
        In each division of the repetitions, of the images drawn.
    """

    squares: SumsOfSquares
    sites: NDArray[np.intp]
    ceiling: Array | None = None

    def at_sites(self, values: Array) -> Array:
        """Values at the sites drawn."""
        index = self.sites.reshape(len(self.sites), *[1] * (values.ndim - 2), -1)
        return np.take_along_axis(values, np.broadcast_to(index, values.shape), axis=-1)


def _mean_ev(drawn: Resampled) -> Array:
    return mean(drawn.at_sites(drawn.squares.pooled().explained_variance()))


def _mean_correlation(drawn: Resampled) -> Array:
    return mean(drawn.at_sites(drawn.squares.pooled().correlation()))


def _corrected(drawn: Resampled) -> Array:
    assert drawn.ceiling is not None
    ev = drawn.squares.pooled().explained_variance()
    return ceiling_corrected(drawn.at_sites(ev), drawn.at_sites(drawn.ceiling.mean(axis=1)))


def _ceiling(drawn: Resampled) -> Array:
    assert drawn.ceiling is not None
    return median(drawn.at_sites(drawn.ceiling.mean(axis=1)))


def _brainscore(drawn: Resampled) -> Array:
    """Of each split by itself: the protocol is a mean over splits of medians."""
    assert drawn.ceiling is not None
    r = median(drawn.at_sites(drawn.squares.correlation())).mean(axis=1)
    ceiling = median(drawn.at_sites(drawn.ceiling)).mean(axis=1)
    return np.sign(r) * np.square(r / np.where(ceiling > 0, ceiling, np.nan))


# By name: the draws of a measure, and whether it needs a ceiling.
MEASURES: dict[str, tuple[Callable[[Resampled], Array], bool]] = {
    "explained_variance": (_mean_ev, False),
    "correlation": (_mean_correlation, False),
    "explained_variance_corrected": (_corrected, True),
    "brainscore": (_brainscore, True),
    "ceiling": (_ceiling, True),
}


def mean(values: Array) -> Array:
    """Mean of the finite values."""
    finite = np.isfinite(values)
    count = finite.sum(axis=-1)
    return np.where(count > 0, np.where(finite, values, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def median(values: Array) -> Array:
    """Median of the finite values."""
    ordered = np.sort(values, axis=-1)  # NaN comes last
    count = np.isfinite(ordered).sum(axis=-1)[..., None]
    middle = [np.take_along_axis(ordered, np.maximum(index, 0), axis=-1) for index in ((count - 1) // 2, count // 2)]
    return ((middle[0] + middle[1]) / 2)[..., 0]
