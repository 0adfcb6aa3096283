"""SVCCA: the mean canonical correlation of the largest principal components of a layer and of the responses.

Raghu, Gilmer, Yosinski & Sohl-Dickstein (2017), NeurIPS. Any invertible linear map of the kept components leaves it as
it is. Many directions of few images correlate by chance: a warning says by how much.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import BadOption, ComparisonResult, hookimpl
from itbench.metrics import canonical_correlations
from itbench.statistics import jackknife_error

HIGH = 0.25  # mean squared correlation by chance: where it is worth a warning


@hookimpl
def itbench_metrics(register):
    register(
        "svcca",
        CanonicalCorrelation,
        description="mean canonical correlation of principal components",
        bibtex="raghu2017",
    )


@dataclass(frozen=True)
class CanonicalCorrelation:
    form = "comparison"
    measure = "svcca"
    formula = (
        "mean of the singular values of A Uᵀ V B, over the smaller number of components\n"
        "U, V: principal components of layer and responses, of unit length\n"
        "A² = λ / (λ + penalty), λ: eigenvalues of the layer's Gram; B alike"
    )

    variance: float = field(default=0.99, metadata={"help": "share of each side's variance that components hold"})
    penalty: float = field(default=0.0, metadata={"help": "canonical ridge, in units of trace(Kc) / n of each side"})

    def __post_init__(self):
        if not 0 < self.variance <= 1:
            raise BadOption(f"Option variance={self.variance} must be above 0, and 1 at most.")
        if not 0 <= self.penalty < np.inf:
            raise BadOption(f"Option penalty={self.penalty} must be 0 or more.")

    def __call__(self, gram, recorded, groups):
        found = canonical_correlations(gram.matrix, recorded.factor, self.variance, self.penalty, groups)
        value, *without = found.values
        return ComparisonResult(float(value), np.array(without), tuple(remarks(found, len(gram))))


def remarks(found, n):
    """Say what chance alone would give, and where the number of directions decides."""
    ours, theirs = found.directions
    if found.chance > HIGH:
        yield (
            f"{ours} directions of the layer and {theirs} of the responses, of {n} images, have canonical correlations "
            f"of about {found.chance**0.5:.2f} by chance"
        )
    if len(found.values) > 1 and found.step > jackknife_error(found.values[1:]):
        yield (
            f"a direction more or fewer than {ours} and {theirs} moves the value by up to {found.step:.3f}, which the "
            "interval does not hold"
        )
