"""Centred kernel alignment (CKA): the similarity of the Grams of a layer and of the responses.

Kornblith, Norouzi, Lee & Hinton (2019), ICML; debiased: Song, Smola, Gretton, Bedo & Borgwardt (2012), J. Mach.
Learn. Res. 13, 1393-1434. Nothing is fitted; rotations and a common scale of features or sites do not change it.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ComparisonResult, hookimpl
from itbench.metrics import centred_alignment, check_estimator, check_kernel, kernel_gram


@hookimpl
def itbench_metrics(register):
    register(
        "cka",
        CentredAlignment,
        description="centred kernel alignment of a layer and the responses",
        bibtex="kornblith2019cka song2012",
    )


@dataclass(frozen=True)
class CentredAlignment:
    form = "comparison"
    measure = "cka"
    formula = (
        "CKA = ⟨K, L⟩ / √(⟨K, K⟩ ⟨L, L⟩)\n"
        "K, L: centred Grams of the layer and of the responses; ⟨A, B⟩ = Σ_ij A_ij B_ij,\n"
        "debiased: an unbiased estimate of ⟨K, L⟩, without the diagonals"
    )

    estimator: str = field(default="debiased", metadata={"help": "debiased or biased"})
    kernel: str = field(default="linear", metadata={"help": "linear, cosine or rbf, for layer and responses"})
    width: float = field(default=1.0, metadata={"help": "of rbf, in units of the median squared distance of images"})

    def __post_init__(self):
        check_kernel(self.kernel, self.width)
        check_estimator(self.estimator)

    def __call__(self, gram, recorded, groups):
        every = np.arange(len(gram))
        model, brain = (kernel_gram(side, every, self.kernel, self.width).matrix for side in (gram, recorded.gram))
        value, *without = centred_alignment(model, brain, self.estimator, groups)
        return ComparisonResult(float(value), np.array(without))
