"""Resampling of images and sites from held-out rows: explained variance and correlation of weighted sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itbench.data.responses import varies
from itbench.util.arrays import Array


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """Image and split of each held-out row, for resampling.

    Parameters
    ----------
    image : int array of shape (row,)
        Numbered so that images which may be drawn for one another are neighbours.
    parts : tuple of int arrays
        The rows of each split.
    first, size : int arrays of shape (image,)
        First and number of the images that may be drawn in place of each image.
    """

    image: NDArray[np.intp]
    parts: tuple[NDArray[np.intp], ...]
    first: NDArray[np.intp]
    size: NDArray[np.intp]

    @classmethod
    def of(cls, row_stimulus: ArrayLike, row_split: ArrayLike) -> HeldOutRows:
        stimuli, image = np.unique(row_stimulus, return_inverse=True)
        splits, part = np.unique(row_split, return_inverse=True)
        group = np.zeros(len(stimuli), np.intp)
        if len(stimuli) == len(image):  # each is tested once: the size of every split is kept
            group[image] = part
        order = np.argsort(group, kind="stable")
        rank = np.argsort(order)
        first = np.searchsorted(group[order], group[order])
        size = np.searchsorted(group[order], group[order], side="right") - first
        return cls(rank[image], tuple(np.flatnonzero(part == split) for split in range(len(splits))), first, size)

    def draw(self, n: int, random: np.random.Generator) -> Array:
        """Resample the images with replacement: how often each is drawn (draw, image)."""
        images = len(self.size)
        drawn = self.first + random.integers(0, self.size, (n, images))
        drawn += images * np.arange(n)[:, None]
        return np.bincount(drawn.ravel(), minlength=n * images).reshape(n, images).astype(np.float64)


def scorable(recorded: Array, predicted: Array, rows: HeldOutRows) -> NDArray[np.bool_]:
    """Return which sites can be resampled: all predictions are finite, and responses vary in every split."""
    whole = np.isfinite(predicted).all(axis=0)
    return np.asarray(np.all([whole, *(varies(recorded[part]) for part in rows.parts)], axis=0))


ROUNDING = 1e-12  # of a mean square: a variance below it is that of equal values


class ImageSums:
    """Explained variance and correlation of resampled images, each split by one matrix product."""

    def __init__(self, rows: HeldOutRows, recorded: Array, predicted: Array) -> None:
        self.rows, self.n_sites = rows, recorded.shape[1]
        self.moments = [moments(recorded[part], predicted[part]).reshape(len(part), -1) for part in rows.parts]

    def agreement(self, counts: Array) -> tuple[Array, Array]:
        """Return explained variance and correlation (draw, split, site) of resampling counts (draw, image)."""
        found = []
        for part, values in zip(self.rows.parts, self.moments, strict=True):
            weights = counts[:, self.rows.image[part]]
            sums = (weights @ values).reshape(len(counts), 5, self.n_sites)
            found.append(agreement_of(sums, weights.sum(axis=1)))
        ev, r = (np.stack(values, axis=1) for values in zip(*found, strict=True))
        return ev, r


def moments(recorded: Array, predicted: Array) -> Array:
    """Return y, y², f, f² and yf (row, 5, site) of responses y and predictions f, the terms that resampling sums.

    Both are centred first: neither measure depends on their means, and variances do not come out as small differences
    of large numbers.
    """
    y, f = recorded - recorded.mean(axis=0), predicted - predicted.mean(axis=0)
    return np.stack([y, y * y, f, f * f, y * f], axis=1)


def agreement_of(sums: Array, weight: Array) -> tuple[Array, Array]:
    """Return explained variance and correlation of resampled rows, from weighted sums of `moments`.

    As `itbench.statistics.explained_variance` defines them: NaN where y does not vary, r of 0 where the
    prediction is constant.

    Parameters
    ----------
    sums : array of shape (draw, 5, site)
    weight : array of shape (draw,)
        The sum of the weights.

    Returns
    -------
    explained_variance, correlation : arrays of shape (draw, site)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        y, yy, f, ff, yf = np.moveaxis(sums / weight[:, None, None], 1, 0)
        var_y, var_f, covariance = yy - y * y, ff - f * f, yf - y * f
        responds, predicts = var_y > ROUNDING * yy, var_f > ROUNDING * ff
        ev = np.where(responds, (2 * covariance - var_f) / var_y, np.nan)
        r = np.where(predicts, np.clip(covariance / np.sqrt(var_y * var_f), -1.0, 1.0), 0.0)
    return ev, np.where(responds, r, np.nan)


@dataclass(frozen=True, eq=False)
class Resampled:
    """Explained variance, correlation and sites of a block of resampling draws.

    Parameters
    ----------
    explained_variance, correlation : array of shape (draw, split, site)
        Of the images drawn.
    sites : int array of shape (draw, site)
        The sites drawn.
    ceiling : array of shape (division, site), optional
        In each division of the repetitions.
    """

    explained_variance: Array
    correlation: Array
    sites: NDArray[np.intp]
    ceiling: Array | None = None

    def at_sites(self, values: Array) -> Array:
        """Values at the sites drawn."""
        index = self.sites.reshape(len(self.sites), *[1] * (values.ndim - 2), -1)
        return np.take_along_axis(values, np.broadcast_to(index, values.shape), axis=-1)


def _mean_ev(drawn: Resampled) -> Array:
    return mean(drawn.at_sites(drawn.explained_variance.mean(axis=1)))


def _mean_correlation(drawn: Resampled) -> Array:
    return mean(drawn.at_sites(drawn.correlation.mean(axis=1)))


def _corrected(drawn: Resampled) -> Array:
    assert drawn.ceiling is not None
    average = drawn.ceiling.mean(axis=0)
    ceiling = np.where(average > 0, average, np.nan)
    return mean(drawn.at_sites(drawn.explained_variance.mean(axis=1) / ceiling))


def _brainscore(drawn: Resampled) -> Array:
    assert drawn.ceiling is not None
    r = median(drawn.at_sites(drawn.correlation)).mean(axis=1)
    ceiling = median(drawn.ceiling[:, drawn.sites]).mean(axis=0)
    return np.square(r / np.where(ceiling > 0, ceiling, np.nan))


# By name: the draws of a measure, and whether it needs a ceiling.
MEASURES: dict[str, tuple[Callable[[Resampled], Array], bool]] = {
    "explained_variance": (_mean_ev, False),
    "correlation": (_mean_correlation, False),
    "explained_variance_corrected": (_corrected, True),
    "brainscore": (_brainscore, True),
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
