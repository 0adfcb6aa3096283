"""Two RDMs compared, by any of the ways that the field has."""

from __future__ import annotations

from collections.abc import Callable

from itbench.errors import UnknownName
from itbench.recorded import centred_from_distances
from itbench.similarity.alignment import centred_alignment
from itbench.similarity.pairs import cosine_of_pairs, pearson_of_pairs
from itbench.similarity.ranks import kendall_of_pairs, spearman_of_pairs
from itbench.similarity.sums import Array, Groups


def whitened_cosine(one: Array, other: Array, groups: Groups | None = None) -> Array:
    """Return the whitened cosine of two RDMs, of all pictures and without each group.

    Errors of the distances between the same pictures are correlated; their covariance under independent noise is taken
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


COMPARE: dict[str, Callable[[Array, Array, Groups | None], Array]] = {
    "pearson": pearson_of_pairs,
    "spearman": spearman_of_pairs,
    "kendall": kendall_of_pairs,
    "cosine": cosine_of_pairs,
    "whitened": whitened_cosine,
}


def check_compare(compare: str) -> None:
    """Refuse a way to compare RDMs that does not exist.

    Raises
    ------
    UnknownName
    """
    if compare not in COMPARE:
        raise UnknownName.of("way to compare RDMs", compare, COMPARE)


def compare_rdms(one: Array, other: Array, compare: str, groups: Groups | None = None) -> Array:
    """Compare two RDMs (stimulus, stimulus) over pairs of pictures, of all and without each group (1 + group,).

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
    check_compare(compare)
    return COMPARE[compare](one, other, groups)
