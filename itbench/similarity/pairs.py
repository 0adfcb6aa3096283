"""Pearson's correlation and the cosine of two RDMs, from sums over pairs of pictures."""

from __future__ import annotations

import numpy as np

from itbench.similarity.sums import Array, Groups, Remaining, ratio


def pearson_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return Pearson's r of two RDMs over pairs of pictures, of all and without each group.

    Parameters
    ----------
    one, other : array of shape (stimulus, stimulus)
        Symmetric; the diagonal does not count.
    groups : int array of shape (stimulus,), optional

    Returns
    -------
    array of shape (1 + group,)
        0 where one of the two does not vary, since it then says nothing of the other.
    """
    remaining = Remaining(len(one), groups)
    pairs = remaining.count * (remaining.count - 1)
    a, b = (_off_diagonal(values, centred=True) for values in (one, other))
    mean_a, mean_b = remaining.of_pairs(a) / pairs, remaining.of_pairs(b) / pairs
    covariance = remaining.of_pairs(a * b) / pairs - mean_a * mean_b
    return ratio(
        covariance,
        remaining.of_pairs(a * a) / pairs - mean_a**2,
        remaining.of_pairs(b * b) / pairs - mean_b**2,
    )


def cosine_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return the cosine of two RDMs over pairs of pictures; as `pearson_of_pairs`, without the means."""
    remaining = Remaining(len(one), groups)
    a, b = (_off_diagonal(values, centred=False) for values in (one, other))
    return ratio(remaining.of_pairs(a * b), remaining.of_pairs(a * a), remaining.of_pairs(b * b))


def _off_diagonal(values: Array, *, centred: bool) -> Array:
    n = len(values)
    # the mean of all pairs first: the variance is then no small difference of large sums
    own = values - (values.sum() - np.trace(values)) / (n * (n - 1)) if centred else values.copy()
    np.fill_diagonal(own, 0.0)
    return own
