"""Bootstrap over clusters of stimuli and over sites, percentile intervals, and p-values that agree with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from itbench.errors import UnknownName
from itbench.statistics.resampling import (
    MEASURES,
    HeldOutRows,
    ImageSums,
    Resampled,
    SumsOfSquares,
    median,
    scorable,
)
from itbench.util.arrays import Array

OVER = ("both", "stimuli", "sites")
CHUNK = 48 * 10**6  # bytes that one block of draws takes


def bootstrap_draws(
    recorded: ArrayLike,
    predicted: ArrayLike,
    row_cluster: ArrayLike,
    row_split: ArrayLike,
    *,
    ceiling: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    n: int = 2_000,
    seed: int = 0,
    over: str = "both",
) -> dict[str, Array]:
    """Draw a readout's measures by a two-way bootstrap over images and sites, from its held-out predictions.

    Clusters of images, such as all images of an object, are drawn with replacement, and sites with replacement among
    those that can be scored, each independently of the other: the two-way bootstrap (McCullagh 2000, Bernoulli 6,
    285–301), which counts what images and sites vary together more than once (Owen 2007, Ann. Appl. Stat. 1, 386–411).
    Errors of a readout are alike for the images of an object, so images drawn one by one would say too little of
    other objects. Readouts are not fitted again: the draws describe these readouts on other images and sites of the
    same kind. Sums of squares within each split are added up over splits in every draw, before any ratio. The ceiling
    of a site is that of the images drawn where `noise` is given: 1 less the share of noise in the variance of the
    responses, the same as `ceiling` once each image is drawn once. Without `noise` it is held fixed.

    A cluster counts equally often in all splits that test it. The draws depend on the seed and on the numbers of
    clusters, splits and sites alone, so the draws of two models on the same recordings are paired.

    The draws of each measure are shifted so that their median is the measure itself. Ratios of variances come out a
    little lower in every draw, as they did in the score, since both are of a limited number of images; the more
    sites are averaged, the more this counts beside the width of an interval.

    Parameters
    ----------
    recorded, predicted : array of shape (row, site)
        Held-out responses; a row is one image in one split that tests it. Sites with NaN are left out.
    row_cluster, row_split : int array of shape (row,)
        What is drawn together, the image or its object, and the split of each row.
    ceiling : array of shape (site,) or (division, site), optional
        Reliability of the recorded responses; NaN where it is not known. Without it, measures that need one are absent.
    noise : array of shape (row, site), optional
        Variance of the noise in each recorded response, as `itbench.statistics.noise_power.noise_of_means` returns it.
    n : int
        Number of draws.
    seed : int
    over : {"both", "stimuli", "sites"}
        What is resampled.

    Returns
    -------
    dict of str to array of shape (draw,)
        Keys are measures: ``explained_variance``, ``correlation`` and, with a ceiling,
        ``explained_variance_corrected``, ``brainscore`` and ``ceiling``, the median over sites. A site whose responses
        vary in no split of a draw is left out of it; the draw is NaN if no
        site remains.

    Raises
    ------
    UnknownName
        For an unknown `over`.
    """
    if over not in OVER:
        raise UnknownName.of("kind of draws", over, OVER)
    y, f = np.asarray(recorded, np.float64), np.asarray(predicted, np.float64)
    rows = HeldOutRows.of(row_cluster, row_split)
    usable = scorable(y, f, rows)
    error = None if noise is None else np.nan_to_num(np.asarray(noise, np.float64)[:, usable])
    sums = ImageSums(rows, y[:, usable], f[:, usable], error)
    known = None if ceiling is None else np.atleast_2d(np.asarray(ceiling, np.float64))[:, usable]
    names = [name for name, (_, needs) in MEASURES.items() if known is not None or not needs]
    if not usable.any():
        return {name: np.full(n, np.nan) for name in names}
    with threadpool_limits(1, "blas"):  # the products are small: threads would wait for one another
        drawn = _resampled(sums, known, n, seed, over)
        blocks = [{name: MEASURES[name][0](block) for name in names} for block in drawn]
    once = _observed(sums, known)
    return {name: _centred([block[name] for block in blocks], MEASURES[name][0](once)) for name in names}


def percentile_interval(draws: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of bootstrap draws.

    Parameters
    ----------
    draws : array of shape (draw,)
    level : float
        Confidence level.

    Returns
    -------
    low, high : float
        NaN if fewer than half of the draws have a value: there are then too few images for an interval.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

    Examples
    --------
    >>> percentile_interval(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    values = np.asarray(draws, np.float64)
    values, n = values[np.isfinite(values)], values.size
    if 2 * len(values) < n or not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def two_sided_p(draws: ArrayLike) -> float:
    """Return the two-sided p-value of 0 from bootstrap draws: 1 less the level of the interval that ends at 0.

    So p is below 0.05 exactly where the 95 % `percentile_interval` excludes 0: one inference, and not two.

    Parameters
    ----------
    draws : array of shape (draw,)
        Of a difference, about its value.

    Returns
    -------
    float
        At least 2 / (number of draws + 1); NaN where `percentile_interval` is.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 15.4 (achieved significance level).

    Examples
    --------
    >>> round(two_sided_p(np.arange(-1.0, 40.0)), 3)
    0.05
    """
    values = np.asarray(draws, np.float64)
    values, n = np.sort(values[np.isfinite(values)]), values.size
    if 2 * len(values) < n or not len(values):
        return np.nan
    if values[0] == values[-1] == 0:
        return 1.0
    shares = np.linspace(0, 1, len(values))
    below, not_above = 1 - np.interp(0.0, -values[::-1], shares), np.interp(0.0, values, shares)  # apart for draws of 0
    return float(np.clip(2 * min(not_above, 1 - below), 2 / (len(values) + 1), 1.0))


def _resampled(sums: ImageSums, ceiling: Array | None, n: int, seed: int, over: str) -> Iterator[Resampled]:
    """Yield blocks of draws."""
    images, sites = np.random.default_rng(seed).spawn(2)
    n_images, n_splits, n_sites = sums.rows.n, len(sums.rows.parts), sums.n_sites
    n_divisions = 0 if ceiling is None else len(ceiling)
    step = max(1, CHUNK // (8 * (4 * n_images + (20 + 6 * n_splits + 3 * n_divisions) * n_sites)))
    once = np.ones((1, n_images))
    for start in range(0, n, step):
        size = min(step, n - start)
        drawn = once if over == "sites" else sums.rows.draw(size, images)
        each = np.broadcast_to(np.arange(n_sites), (size, n_sites))
        yield _measured(sums, drawn, each if over == "stimuli" else sites.integers(0, n_sites, each.shape), ceiling)


def _observed(sums: ImageSums, ceiling: Array | None) -> Resampled:
    """Every image and every site once."""
    return _measured(sums, np.ones((1, sums.rows.n)), np.arange(sums.n_sites)[None], ceiling)


def _measured(sums: ImageSums, counts: Array, sites: NDArray[np.intp], ceiling: Array | None) -> Resampled:
    """Return draws of sites (draw, site) of images by their counts (draw, image), or (1, image) for all draws."""
    squares = sums.squares(counts)
    limit = None if ceiling is None else _drawn_ceiling(sums, counts, squares.pooled().recorded, ceiling)

    def in_each(values: Array) -> Array:
        return np.broadcast_to(values, (len(sites), *values.shape[1:]))

    return Resampled(SumsOfSquares(*map(in_each, squares)), sites, None if limit is None else in_each(limit))


def _drawn_ceiling(sums: ImageSums, counts: Array, recorded: Array, ceiling: Array) -> Array:
    """Return the ceiling (draw, division, site) of the images drawn, whose noise share changes from that of all."""
    if sums.noise is None:
        return ceiling[None]
    share = sums.noise_share(counts, recorded)
    of_all = np.ones((1, counts.shape[1]))
    once = sums.noise_share(of_all, sums.squares(of_all).pooled().recorded)
    change = np.where(once > 0, share / np.where(once > 0, once, 1.0), 1.0)
    return 1.0 - (1.0 - ceiling) * change[:, None]


def _centred(blocks: Sequence[Array], observed: Array) -> Array:
    draws = np.concatenate([np.empty(0), *blocks])
    return draws + (observed - median(draws)) if len(draws) else draws
