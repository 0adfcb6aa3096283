"""Representational similarity analysis (RSA): compare two RDMs by Pearson, cosine, whitened cosine or ranks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from itbench.errors import BadRecordings, UnknownName
from itbench.metrics.cka import centred_alignment, normalised
from itbench.metrics.neural_data import centred_from_distances
from itbench.metrics.rank_correlation import kendall_of_pairs, spearman_of_pairs
from itbench.statistics.jackknife import Groups, JackknifeSums
from itbench.util.arrays import Array


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
    """Return the cosine of two RDMs for RSA, over pairs of images; parameters as for `pearson_of_pairs`."""
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
