"""Rank correlation of two RDMs: Spearman's ρ and Kendall's τ_a, also without each jackknife group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.statistics.jackknife import Groups, count_groups
from itbench.util.arrays import Array

Ranks = NDArray[np.signedinteger[Any]]


def spearman_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return Spearman's rank correlation ρ of two RDMs over pairs of images; equal values share their mean rank.

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
    first, second = np.triu_indices(len(one), 1)
    order = np.argsort(one[first, second])  # neighbours in rank are neighbours in memory: twice as fast
    pairs = first[order], second[order]
    levels = [np.unique(values[pairs], return_inverse=True)[1].astype(np.int32) for values in (one, other)]
    return np.array([_pearson(*(_ranks(level[kept]) for level in levels)) for kept in _pair_masks(pairs, groups)])


def kendall_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return Kendall's rank correlation τ_a of two RDMs over pairs of images.

    τ_a = Σ_{e<f} sign(a_e − a_f) sign(b_e − b_f) / (m (m − 1) / 2) over m pairs of images (Kendall 1938, Biometrika
    30, 81–93). Without a group, the sum is that of all pairs, less the terms of the group's pairs with any other, plus
    their terms with each other: O(m log m) in all.

    Parameters
    ----------
    one, other : array of shape (stimulus, stimulus)
        Symmetric; the diagonal does not count.
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0.

    Returns
    -------
    array of shape (1 + group,)
        Of all images, then without each group.
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
