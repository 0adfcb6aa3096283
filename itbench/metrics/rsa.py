"""Representational similarity analysis (RSA): compare two RDMs by Pearson, cosine, whitened cosine or ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadRecordings, UnknownName
from itbench.metrics.cka import centred_alignment, normalised
from itbench.metrics.neural_data import centred_from_distances
from itbench.statistics.jackknife import Groups, JackknifeSums, count_groups
from itbench.util.arrays import Array

Ranks = NDArray[np.signedinteger[Any]]


def spearman_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return Spearman's rank correlation ρ of two RDMs over pairs of images; equal values share their mean rank.

    Parameters and what it returns are those of `pearson_of_pairs`.
    """
    first, second = np.triu_indices(len(one), 1)
    order = np.argsort(one[first, second])  # neighbours in rank are neighbours in memory: twice as fast
    pairs = first[order], second[order]
    levels = [np.unique(values[pairs], return_inverse=True)[1].astype(np.int32) for values in (one, other)]
    return np.array([_pearson(*(_ranks(level[kept]) for level in levels)) for kept in _pair_masks(pairs, groups)])


def kendall_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return Kendall's rank correlation τ_a of two RDMs over pairs of images.

    τ_a = Σ_{e<f} sign(a_e − a_f) sign(b_e − b_f) / (m (m − 1) / 2) over m pairs of images (Kendall 1938, Biometrika
    30, 81–93). Without a group, the sum is that of all pairs, less the terms of the group's pairs with any other, plus
    their terms with each other: O(m log m) in all. Parameters and what it returns are those of `pearson_of_pairs`.
    """
    pairs = np.triu_indices(len(one), 1)
    a, b = one[pairs], other[pairs]
    agreement = concordance(a, b)
    values = []
    for kept in _pair_masks(pairs, groups):
        out = ~kept
        total = agreement.sum() / 2 - agreement[out].sum() + concordance(a[out], b[out]).sum() / 2
        m = int(kept.sum())
        values.append(total / (m * (m - 1) / 2))
    return np.array(values)


def concordance(a: Array, b: Array) -> Array:
    """Return Σ_f sign(a_e − a_f) sign(b_e − b_f) of every e, the summands of Kendall's rank correlation; O(m log m).

    Without ties it follows from the ranks of e in a and in b and the number of values that are below it in both. Ties
    are broken so that they agree, then so that they disagree: in the mean of the two they cancel.

    Parameters
    ----------
    a, b : array of shape (m,)
    """
    m = len(a)
    along, against = np.arange(m), -np.arange(m)
    agreeing = _concordance(_order(a, b, along), _order(b, a, along))
    if not _tied(a) and not _tied(b):
        return agreeing
    return (agreeing + _concordance(_order(a, -b, along), _order(b, -a, against))) / 2


def _concordance(rank_a: Ranks, rank_b: Ranks) -> Array:
    by_a = _scatter(np.arange(len(rank_a)), rank_a)
    below = _scatter(smaller_before(rank_b[by_a]), by_a).astype(np.int64)
    return (len(rank_a) - 1 - 2 * (rank_a + rank_b) + 4 * below).astype(np.float64)


def smaller_before(ranks: Ranks) -> Ranks:
    """Return how many smaller ranks precede each rank of a permutation of 0 … m − 1, for Kendall's rank correlation.

    Bit by bit from the highest: of those that share all higher bits, the ones with a 0 here are smaller than the ones
    with a 1. A stable partition by that bit keeps the order within each half, so that no level has to sort.
    """
    m = len(ranks)
    place = np.arange(m, dtype=np.int32)
    values, element, count = ranks.astype(np.int32), place, np.zeros(m, np.int32)  # of whoever stands there
    for bit in reversed(range((m - 1).bit_length())):
        one = (values >> bit) & 1 == 1
        start = values >> (bit + 1) << (bit + 1)  # whoever shares the higher bits lies from here on
        zeros = np.cumsum(~one, dtype=np.int32) - ~one
        before = zeros - zeros[start]
        count += np.where(one, before, 0)
        where = np.where(one, place - before + (1 << bit), start + before)
        values, element, count = (_scatter(array, where) for array in (values, element, count))
    return _scatter(count, element)


def _scatter(values: Ranks, where: Ranks) -> Ranks:
    moved = np.empty_like(values)
    moved[where] = values
    return moved


def _order(first: Array, then: Array, last: Ranks) -> Ranks:
    """Ranks without ties."""
    order = np.lexsort((last, then, first)) if _tied(first) else np.argsort(first)
    return _scatter(np.arange(len(first)), order)


def _tied(values: Array) -> bool:
    ordered = np.sort(values)
    return bool((ordered[1:] == ordered[:-1]).any())


def _pair_masks(pairs: tuple[Ranks, Ranks], groups: Groups | None) -> Iterator[NDArray[np.bool_]]:
    """Masks: all pairs, then by group."""
    yield np.ones(len(pairs[0]), bool)
    if groups is not None:
        first, second = (groups[index].astype(np.int32) for index in pairs)
        for group in range(count_groups(groups)):
            yield (first != group) & (second != group)


def _ranks(levels: Ranks) -> Array:
    """Mean ranks of tied levels."""
    count = np.bincount(levels)
    return (np.cumsum(count) - (count - 1) / 2)[levels]


def _pearson(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    power = float(a @ a) * float(b @ b)
    return float(a @ b) / np.sqrt(power) if power > 0 else 0.0


def whitened_cosine(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return the whitened cosine of two RDMs for representational similarity analysis.

    Errors of the distances between the same images are correlated; their covariance under independent noise is removed.
    With squared and unbiased distances, as crossnobis, the similarity is unbiased too. It is the biased linear CKA of
    the Grams −½ H D H.

    Parameters
    ----------
    one, other : array of shape (stimulus, stimulus)
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0.

    Returns
    -------
    array of shape (1 + group,)
        Of all images, then without each group.

    References
    ----------
    Diedrichsen et al. (2021), Neurons, Behavior, Data Analysis, and Theory 5(3).
    """
    return centred_alignment(centred_from_distances(one), centred_from_distances(other), "biased", groups)


def check_comparison(compare: str) -> None:
    """Raise if RSA has no such comparison of RDMs.

    Parameters
    ----------
    compare : str
        One of ``pearson``, ``spearman``, ``kendall``, ``cosine``, ``whitened``.

    Raises
    ------
    UnknownName
    """
    if compare not in COMPARISONS:
        raise UnknownName.of("way to compare RDMs", compare, COMPARISONS)


def compare_rdms(one: Array, other: Array, compare: str, groups: Groups | None = None) -> Array:
    """Return the representational similarity of two RDMs over pairs of images, by the comparison of that name.

    ============ ====================================================================================
    ``pearson``  Pearson's r
    ``spearman`` Spearman's ρ: equal values share a rank
    ``kendall``  Kendall's τ_a, which does not favour models that predict ties
    ``cosine``   the cosine, for unbiased distances: it keeps their zero
    ``whitened`` the whitened cosine (Diedrichsen et al. 2021)
    ============ ====================================================================================

    Parameters
    ----------
    one, other : array of shape (stimulus, stimulus)
        Symmetric; the diagonal does not count.
    compare : str
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0 (`itbench.statistics.jackknife_groups`).

    Returns
    -------
    array of shape (1 + group,)
        Of all images, then without each group. 0 where one of the two does not vary.

    Raises
    ------
    UnknownName
    BadRecordings
        For fewer than 3 images: a single pair has nothing to vary with.

    Examples
    --------
    >>> rdm = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 4.0], [2.0, 4.0, 0.0]])
    >>> compare_rdms(rdm, 3 * rdm + 1, "pearson").round(6)
    array([1.])
    """
    check_comparison(compare)
    if len(one) < 3:
        raise BadRecordings(f"RDMs of {len(one)} images cannot be compared.", known="3 images are needed at least.")
    return COMPARISONS[compare](one, other, groups)


def pearson_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return Pearson's r of two RDMs for RSA, over pairs of images.

    Parameters
    ----------
    one, other : array of shape (stimulus, stimulus)
        Symmetric; the diagonal does not count.
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0.

    Returns
    -------
    array of shape (1 + group,)
        Of all images, then without each group. 0 where one of the two does not vary.
    """
    remaining = JackknifeSums(len(one), groups)
    pairs = remaining.count * (remaining.count - 1)
    a, b = (_off_diagonal(values, centred=True) for values in (one, other))
    mean_a, mean_b = remaining.over_pairs(a) / pairs, remaining.over_pairs(b) / pairs
    covariance = remaining.over_pairs(a * b) / pairs - mean_a * mean_b
    return normalised(
        covariance,
        remaining.over_pairs(a * a) / pairs - mean_a**2,
        remaining.over_pairs(b * b) / pairs - mean_b**2,
    )


def cosine_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return the cosine of two RDMs for RSA, over pairs of images, as `pearson_of_pairs` does."""
    remaining = JackknifeSums(len(one), groups)
    a, b = (_off_diagonal(values, centred=False) for values in (one, other))
    return normalised(remaining.over_pairs(a * b), remaining.over_pairs(a * a), remaining.over_pairs(b * b))


def _off_diagonal(values: Array, *, centred: bool) -> Array:
    n = len(values)
    # the mean of all pairs first: the variance is then no small difference of large sums
    own = values - (values.sum() - np.trace(values)) / (n * (n - 1)) if centred else values.copy()
    np.fill_diagonal(own, 0.0)
    return own


COMPARISONS: dict[str, Callable[[Array, Array, Groups | None], Array]] = {
    "pearson": pearson_of_pairs,
    "spearman": spearman_of_pairs,
    "kendall": kendall_of_pairs,
    "cosine": cosine_of_pairs,
    "whitened": whitened_cosine,
}
