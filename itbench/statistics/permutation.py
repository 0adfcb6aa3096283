"""Permutation test of two models at given sites: swap their predictions of images; false discovery rate over sites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from itbench.statistics.explained_variance import sum_of_squares
from itbench.statistics.resampling import (
    MEASURES,
    HeldOutRows,
    Resampled,
    SumsOfSquares,
    moments,
    scorable,
    squares_of,
)
from itbench.util.arrays import Array

CHUNK = 48 * 10**6  # bytes that one block of permutations takes
ROUNDING = 1e-12  # of a difference: what is as large but for rounding counts as large


@dataclass(frozen=True, eq=False)
class PermutationResult:
    """Difference and p-value of a permutation test of two models, over all sites and at each.

    Parameters
    ----------
    difference : float
        Of the measure: the first model's less the second's.
    p : float
        Two-sided.
    site_difference, site_p : array of shape (site,)
        The same of every site by itself; NaN where it cannot be scored. No correction for the number of sites.
    """

    difference: float
    p: float
    site_difference: Array
    site_p: Array


def permutation_test(
    recorded: ArrayLike,
    predicted: tuple[ArrayLike, ArrayLike],
    row_cluster: ArrayLike,
    row_split: ArrayLike,
    *,
    measure: str = "explained_variance",
    ceiling: ArrayLike | None = None,
    n: int = 10_000,
    seed: int = 0,
) -> PermutationResult:
    """Return a permutation test of whether two models predict equally well: swaps of their predictions of images.

    If it did not matter which model a prediction of an image comes from, the difference observed would be one among
    those after swaps: p = (b + 1) / (n + 1), with b of n swaps giving a difference as large or larger, in either
    direction (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9, 39). All images of a cluster and all sites are
    swapped together, in all splits that test them, which keeps the correlations between images and between sites. The
    sites themselves are held fixed: the test is of these sites, and says nothing of others (`two_sided_p` of paired
    bootstrap draws does).
    What the measure does not see is taken out of the predictions before they are swapped: their mean in every split
    and site, and for a correlation their scale at every site (for Brain-Score's, in every split and site).

    Parameters
    ----------
    recorded : array of shape (row, site)
        Held-out responses; a row is one image in one split that tests it.
    predicted : pair of arrays of shape (row, site)
    row_cluster, row_split : int array of shape (row,)
        What is swapped together, the image or its object, and the split of each row.
    measure : str
        One of `itbench.statistics.resampling.MEASURES`.
    ceiling : array of shape (site,) or (division, site), optional
        For measures that need one.
    n : int
        Number of swaps.
    seed : int

    Returns
    -------
    PermutationResult
    """
    y, *both = (np.asarray(values, np.float64) for values in (recorded, *predicted))
    rows = HeldOutRows.of(row_cluster, row_split)
    usable = np.all([scorable(y, f, rows) for f in both], axis=0)
    known = None if ceiling is None else np.atleast_2d(np.asarray(ceiling, np.float64))[:, usable]
    scaled = (_scaled(f[:, usable], np.asarray(row_split), measure) for f in both)
    swaps = _Swaps(rows, y[:, usable], *scaled)
    none = np.zeros((1, rows.n))
    observed, site_observed = (values[0] for values in swaps.differences(none, measure, known))
    exceeding, site_exceeding = 0, np.zeros(usable.sum(), np.intp)
    random, step = np.random.default_rng(seed), max(1, CHUNK // swaps.bytes_each)
    with threadpool_limits(1, "blas"):  # the products are small: threads would wait for one another
        for start in range(0, n, step):
            swapped = random.integers(0, 2, (min(step, n - start), rows.n)).astype(np.float64)
            difference, at_site = swaps.differences(swapped, measure, known)
            exceeding += int((np.abs(difference) >= abs(observed) - ROUNDING).sum())
            site_exceeding += (np.abs(at_site) >= np.abs(site_observed) - ROUNDING).sum(axis=0)
    return PermutationResult(
        float(observed),
        (exceeding + 1) / (n + 1),
        _everywhere(site_observed, usable),
        _everywhere((site_exceeding + 1) / (n + 1), usable),
    )


def benjamini_hochberg(p: Array, rate: float = 0.05) -> NDArray[np.bool_]:
    """Return which p-values of permutation tests to reject at a false discovery rate, by Benjamini and Hochberg.

    Parameters
    ----------
    p : array of shape (hypothesis,)
        NaN is never rejected, and not counted.
    rate : float
        The false discovery rate: the expected share of true hypotheses among those rejected.

    Returns
    -------
    bool array of shape (hypothesis,)

    References
    ----------
    Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57, 289–300.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.001, 0.04, 0.5, np.nan]))
    array([ True, False, False, False])
    """
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested])]
    below = np.flatnonzero(p[order] <= rate * np.arange(1, len(order) + 1) / max(len(order), 1))
    rejected = np.zeros(len(p), bool)
    rejected[order[: below[-1] + 1 if len(below) else 0]] = True
    return rejected


def _scaled(predicted: Array, row_split: NDArray[np.integer], measure: str) -> Array:
    """Return predictions (row, site) divided by what the measure does not see of their scale."""
    if measure == "correlation":
        return predicted / _norm(predicted, row_split)
    if measure == "brainscore":  # each split has a correlation of its own
        parts = [row_split == split for split in np.unique(row_split)]
        scale = np.ones_like(predicted)
        for part in parts:
            scale[part] = _norm(predicted[part], None)
        return predicted / scale
    return predicted


def _norm(predicted: Array, row_split: NDArray[np.integer] | None) -> Array:
    square = sum_of_squares(predicted, row_split)
    return np.sqrt(np.where(square > 0, square, 1.0))


class _Swaps:
    """Differences between two models after the swaps of a permutation test.

    A swap of one cluster replaces its images' moments of one model by those of the other, so the sums after any
    swaps are those before, and the 0/1 matrix of swaps times the differences between the two models' moments.
    """

    def __init__(self, rows: HeldOutRows, recorded: Array, first: Array, second: Array) -> None:
        self.rows, self.n_sites = rows, recorded.shape[1]
        self.sums, self.change = [], []
        for part in rows.parts:
            mine, other = (moments(recorded[part], predicted[part]) for predicted in (first, second))
            self.sums.append((mine.sum(axis=0), other.sum(axis=0)))
            self.change.append((other - mine)[:, 2:].reshape(len(part), -1))  # y and y² are the same

    @property
    def bytes_each(self) -> int:
        """Bytes of one permutation."""
        return 8 * (2 * self.rows.n + (30 + 8 * len(self.rows.parts)) * self.n_sites)

    def differences(self, swapped: Array, measure: str, ceiling: Array | None) -> tuple[Array, Array]:
        """Return permutation differences (draw,), and at every site (draw, site), after swaps (draw, cluster)."""
        found: tuple[list[SumsOfSquares], list[SumsOfSquares]] = ([], [])
        for part, sums, change in zip(self.rows.parts, self.sums, self.change, strict=True):
            moved = np.zeros((len(swapped), 5, self.n_sites))
            moved[:, 2:] = (swapped[:, self.rows.cluster[part]] @ change).reshape(len(swapped), 3, self.n_sites)
            weight = np.full(len(swapped), float(len(part)))
            for model, after in zip(found, (sums[0] + moved, sums[1] - moved), strict=True):
                model.append(squares_of(after, weight))
        every = np.broadcast_to(np.arange(self.n_sites), (len(swapped), self.n_sites))
        limit = None if ceiling is None else np.broadcast_to(ceiling, (len(swapped), *ceiling.shape))
        first, second = (
            Resampled(SumsOfSquares(*(np.stack(values, axis=1) for values in zip(*model, strict=True))), every, limit)
            for model in found
        )
        total, at_site = MEASURES[measure][0], AT_SITES.get(measure, _ev_at_sites)
        return total(first) - total(second), at_site(first.squares) - at_site(second.squares)


def _ev_at_sites(squares: SumsOfSquares) -> Array:
    return squares.pooled().explained_variance()


AT_SITES: dict[str, Callable[[SumsOfSquares], Array]] = {  # measures whose figure at one site is a correlation
    "correlation": lambda squares: squares.pooled().correlation(),
    "brainscore": lambda squares: squares.correlation().mean(axis=1),
}


def _everywhere(values: Array, usable: NDArray[np.bool_]) -> Array:
    whole = np.full(len(usable), np.nan)
    whole[usable] = values
    return whole
