"""How alike two representations of the same pictures are, also with each group of pictures left out.

Every function returns the value of all pictures and its values without each group of pictures: an array of shape
(1 + group,), whose first entry leaves out nothing. What is made of sums over pairs of pictures is made of the same sums
for all groups; leaving out fifty groups then costs hardly more than leaving out none.
"""

from itbench.similarity.alignment import centred_alignment, check_estimator
from itbench.similarity.dissimilarity import COMPARE, check_compare, compare_rdms
from itbench.similarity.procrustes import procrustes
from itbench.similarity.reverse import Reverse, folds_by_name, reverse_explained

__all__ = [
    "COMPARE",
    "Reverse",
    "centred_alignment",
    "check_compare",
    "check_estimator",
    "compare_rdms",
    "folds_by_name",
    "procrustes",
    "reverse_explained",
]
