"""Centred kernel alignment: how alike the inner products of a layer and of the responses are.

Kornblith, Norouzi, Lee & Hinton (2019), ICML; without bias by Song, Smola, Gretton, Bedo & Borgwardt (2012), J. Mach.
Learn. Res. 13, 1393-1434. Nothing is learnt: a rotation or a common scale of features or sites changes nothing.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ComparisonResult, hookimpl


@hookimpl
def itbench_metrics(register):
    register("cka", CentredAlignment, description="centred kernel alignment of a layer and the responses")


@dataclass(frozen=True)
class CentredAlignment:
    form = "comparison"
    measure = "cka"
    formula = (
        "CKA = ⟨K, L⟩ / √(⟨K, K⟩ ⟨L, L⟩)\n"
        "K, L: centred Grams of the layer and of the responses; ⟨A, B⟩ = Σ_ij A_ij B_ij,\n"
        "or, debiased, its estimate without the images' noise on the diagonal"
    )

    estimator: str = field(default="debiased", metadata={"help": "debiased or biased"})
    kernel: str = field(default="linear", metadata={"help": "linear, cosine or rbf, of both sides"})
    width: float = field(default=1.0, metadata={"help": "of rbf: in units of the median squared distance of images"})

    def __post_init__(self):
        from itbench.metrics.cka import check_estimator
        from itbench.metrics.kernel import check_kernel

        check_kernel(self.kernel, self.width)
        check_estimator(self.estimator)

    def __call__(self, gram, recorded, groups):
        from itbench.metrics.cka import centred_alignment
        from itbench.metrics.kernel import kernel_gram

        every = np.arange(len(gram))
        model, brain = (kernel_gram(own, every, self.kernel, self.width).matrix for own in (gram, recorded.gram))
        value, *without = centred_alignment(model, brain, self.estimator, groups)
        return ComparisonResult(float(value), np.array(without))
