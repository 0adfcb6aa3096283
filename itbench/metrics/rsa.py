"""Compare two dissimilarity matrices (RSA): Pearson, cosine, whitened cosine, rank correlations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from itbench.errors import UnknownName
from itbench.metrics.cka import centred_alignment
from itbench.metrics.leave_out import Groups, Remaining, ratio
from itbench.metrics.neural_data import centred_from_distances
from itbench.metrics.rank_correlation import kendall_of_pairs, spearman_of_pairs
from itbench.util.arrays import Array


def whitened_cosine(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return the whitened cosine of two RDMs, of all images and without each group.

    Errors of the distances between the same images are correlated; their covariance under independent noise is taken
    out. With distances squared and unbiased, as crossnobis, so is the similarity (Diedrichsen et al. 2021, Neurons,
    Behavior, Data Analysis, and Theory 5(3)). It is the biased linear CKA of the Grams −½ H D H.

    Parameters
    ----------
    one, other : array of shape (stimulus, stimulus)
    groups : int array of shape (stimulus,), optional

    Returns
    -------
    array of shape (1 + group,)
    """
    return centred_alignment(centred_from_distances(one), centred_from_distances(other), "biased", groups)


def check_comparison(compare: str) -> None:
    """Refuse a way to compare RDMs that does not exist.

    Raises
    ------
    UnknownName
    """
    if compare not in COMPARE:
        raise UnknownName.of("way to compare RDMs", compare, COMPARE)


def compare_rdms(one: Array, other: Array, compare: str, groups: Groups | None = None) -> Array:
    """Compare two RDMs (stimulus, stimulus) over pairs of images, of all and without each group (1 + group,).

    ============ ====================================================================================
    ``pearson``  `pearson_of_pairs`
    ``spearman`` `spearman_of_pairs`: equal values share a rank
    ``kendall``  `kendall_of_pairs`: τ_a, which does not favour models that predict ties
    ``cosine``   `cosine_of_pairs`: 0 stays 0, for distances without bias
    ``whitened`` `whitened_cosine`
    ============ ====================================================================================

    Raises
    ------
    UnknownName
    """
    check_comparison(compare)
    return COMPARE[compare](one, other, groups)


def pearson_of_pairs(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return Pearson's r of two RDMs over pairs of images, of all and without each group.

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
    """Return the cosine of two RDMs over pairs of images; as `pearson_of_pairs`, without the means."""
    remaining = Remaining(len(one), groups)
    a, b = (_off_diagonal(values, centred=False) for values in (one, other))
    return ratio(remaining.of_pairs(a * b), remaining.of_pairs(a * a), remaining.of_pairs(b * b))


def _off_diagonal(values: Array, *, centred: bool) -> Array:
    n = len(values)
    # the mean of all pairs first: the variance is then no small difference of large sums
    own = values - (values.sum() - np.trace(values)) / (n * (n - 1)) if centred else values.copy()
    np.fill_diagonal(own, 0.0)
    return own


COMPARE: dict[str, Callable[[Array, Array, Groups | None], Array]] = {
    "pearson": pearson_of_pairs,
    "spearman": spearman_of_pairs,
    "kendall": kendall_of_pairs,
    "cosine": cosine_of_pairs,
    "whitened": whitened_cosine,
}
