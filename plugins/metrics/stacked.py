"""Stacked regressions: ridge predictions of every layer, combined with non-negative weights for each site.

Breiman (1996), Machine Learning 24, 49-64; for layers of networks and brain areas: Lin, Naselaris, Kay & Wehbe (2024),
NeuroImage 298, 120772. Each layer is read out by ridge with a linear and with a Gaussian kernel. The weights are fitted
to leave-one-out predictions, and drawn towards those that are best for all sites together.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from itbench import hookimpl
from itbench.metrics import LayerKernels, check_alphas, check_components, check_penalty, stack


@hookimpl
def itbench_metrics(register):
    register(
        "stacked",
        Stacked,
        description="all layers at once: ridge of each, weighted per site",
        bibtex="breiman1996 lin2024",
    )


@dataclass(frozen=True)
class Stacked:
    form: ClassVar[str] = "joint"
    formula = (
        "ŷ = ȳ + Σ_j w_j (ŷ_j − ȳ_j), with w ≥ 0 that minimise\n"
        "|y − ȳ − Σ_j w_j (z_j − z̄_j)|² / |y − ȳ|² + λ |w|² + μ |w − v|²\n"
        "ŷ_j: ridge regression on one kernel of a layer; z_j: its leave-one-out predictions\n"
        "v ≥ 0: minimises the mean of the first two terms over sites; λ: penalty; μ: shared"
    )

    components: int | None = field(
        default=1000, metadata={"help": "principal components of each kernel at most; none: all"}
    )
    alphas: tuple[float, ...] | None = field(
        default=None,
        metadata={"help": "penalties of each kernel: low:high:count or a,b,c; none: 1e-6:1e8:29 times trace(Kc) / n"},
    )
    penalty: float = field(default=0.005, metadata={"help": "on the squared weights; 0: none"})
    shared: float = field(
        default=0.05, metadata={"help": "on the squared distance of a site's weights from those of all sites; 0: none"}
    )
    kernels: tuple[str, ...] = field(
        default=("linear", "rbf"), metadata={"help": "of each layer: linear, cosine, rbf or several of them, as a,b"}
    )
    width: float = field(
        default=1.0, metadata={"help": "of rbf, in units of the median squared distance between training images"}
    )
    neighbours: tuple[str, ...] = field(
        default=("1",),
        metadata={"help": "numbers of neighbouring layers whose kernels are summed: 1, each layer; 1,3; 1,all; slower"},
    )

    def __post_init__(self):
        check_components(self.components)
        check_penalty(self.penalty)
        check_penalty(self.shared, "shared")
        object.__setattr__(self, "alphas", check_alphas(self.alphas))
        object.__setattr__(self, "neighbours", tuple(map(str, self.neighbours)))
        self._layer_kernels()  # refuses other options

    def _layer_kernels(self):
        return LayerKernels(self.kernels, self.width, self.neighbours, self.components, self.alphas)

    def __call__(self, grams, responses, train, test, groups=(), validation=None):
        alone, readings = self._layer_kernels().readings(grams, responses, train, test, groups, validation)
        return stack(
            alone,
            responses,
            groups,
            penalty=self.penalty,
            shared=self.shared,
            readings=readings,
            neighbours=self.neighbours,
        )
