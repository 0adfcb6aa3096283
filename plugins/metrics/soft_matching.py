"""Soft matching: the mean correlation of single features with single sites after the best soft assignment.

Khosla & Williams (2024), Soft Matching Distance: A metric on neural representations that captures single-neuron tuning,
UniReps. Rotations of the layer change it. A Gram does not hold single features, so the network runs for every score.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ComparisonResult, hookimpl
from itbench.metrics import check_features, soft_matching


@hookimpl
def itbench_metrics(register):
    register(
        "soft-matching",
        SoftMatching,
        description="correlation of features and sites, softly assigned",
        bibtex="khosla2024",
    )


@dataclass(frozen=True)
class SoftMatching:
    form = "feature-comparison"
    measure = "soft_matching"
    formula = (
        "max over P of Σ_ij P_ij r(x_i, y_j)\n"
        "P ≥ 0, Σ_j P_ij = 1 / features, Σ_i P_ij = 1 / sites\n"
        "r: correlation of a feature and a site over images"
    )

    features: int = field(default=1000, metadata={"help": "features of a layer at most; wider ones are refused"})

    def __post_init__(self):
        check_features(self.features)

    def __call__(self, gram, recorded, groups):
        value, *without = soft_matching(gram.features, recorded.means, groups)
        return ComparisonResult(float(value), np.array(without))
