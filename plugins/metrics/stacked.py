"""Stacked regressions: ridge predictions of every layer, combined with non-negative weights for each site.

Breiman (1996), Machine Learning 24, 49-64; for layers of networks and brain areas: Lin, Naselaris, Kay & Wehbe (2024),
NeuroImage 298, 120772. The weights are fitted to leave-one-out predictions.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from itbench import hookimpl
from itbench.metrics import (
    check_alphas,
    check_components,
    check_kernel,
    check_penalty,
    kernel_gram,
    ridge_readout,
    stack,
)


@hookimpl
def itbench_metrics(register):
    register("stacked", Stacked, description="all layers at once: ridge of each, weighted per site")


@dataclass(frozen=True)
class Stacked:
    form: ClassVar[str] = "joint"
    formula = (
        "ŷ = ȳ + Σ_l w_l (ŷ_l − ȳ_l), with w ≥ 0 that minimise\n"
        "|y − ȳ − Σ_l w_l (z_l − z̄_l)|² / |y − ȳ|² + λ |w|²\n"
        "ŷ_l: ridge regression on layer l; z_l: its leave-one-out predictions; λ: penalty"
    )

    components: int | None = field(
        default=1000, metadata={"help": "principal components of each layer at most; none: all features"}
    )
    alphas: tuple[float, ...] | None = field(
        default=None,
        metadata={"help": "penalties of each layer: low:high:count or a,b,c; none: 1e-6:1e8:29 times trace(Kc) / n"},
    )
    penalty: float = field(default=0.02, metadata={"help": "on the squared weights of the layers; 0: none"})
    kernel: str = field(default="linear", metadata={"help": "linear, cosine or rbf"})
    width: float = field(
        default=1.0, metadata={"help": "of rbf, in units of the median squared distance between training images"}
    )

    def __post_init__(self):
        check_components(self.components)
        check_kernel(self.kernel, self.width)
        check_penalty(self.penalty)
        object.__setattr__(self, "alphas", check_alphas(self.alphas))

    def __call__(self, grams, responses, train, test, groups=(), validation=None):
        def read(gram):
            kernel = kernel_gram(gram, train, self.kernel, self.width)
            return ridge_readout(kernel, responses, train, test, self.components, self.alphas, validation=validation)

        alone = {layer: read(gram) for layer, gram in grams.items()}
        return stack(alone, responses, groups, penalty=self.penalty)
