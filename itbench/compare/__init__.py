"""Two scored models, picture by picture: which is better, by how much, and whether chance would do as well."""

from itbench.compare.finding import find_scores
from itbench.compare.paired import PairedComparison, Standing, compare_scores, responses_of
from itbench.compare.permutation import Permuted, permute, significant

__all__ = [
    "PairedComparison",
    "Permuted",
    "Standing",
    "compare_scores",
    "find_scores",
    "permute",
    "responses_of",
    "significant",
]
