"""RSA and CKA between the responses predicted by ridge regression and the recorded ones, on held-out images.

Khaligh-Razavi, Henriksson, Kay & Kriegeskorte (2017), J. Math. Psychol. 76, 184-197: features are first weighted to
fit each site; RDMs (or Grams: Kornblith, Norouzi, Lee & Hinton 2019, ICML) are then compared on held-out images.
"""

from dataclasses import dataclass, field

from itbench import Gram, hookimpl
from itbench.metrics import (
    centred_alignment,
    check_alphas,
    check_comparison,
    check_components,
    check_distance,
    compare_rdms,
    rdm_of_gram,
    ridge_readout,
)


@hookimpl
def itbench_metrics(register):
    rsa = "RSA between predicted and recorded responses"
    register("predicted-rsa", PredictedSimilarity, description=rsa, bibtex="khaligh-razavi2017")
    register(
        "predicted-cka",
        PredictedAlignment,
        description="CKA between predicted and recorded responses",
        bibtex="khaligh-razavi2017 kornblith2019cka",
    )


@dataclass(frozen=True)
class Predicted:
    components: int | None = field(default=1000, metadata={"help": "principal components at most; none: all features"})
    alphas: tuple[float, ...] | None = field(
        default=None,
        metadata={"help": "penalties to choose from: low:high:count or a,b,c; none: 1e-6:1e8:29 times trace(Kc) / n"},
    )

    def __post_init__(self):
        check_components(self.components)
        object.__setattr__(self, "alphas", check_alphas(self.alphas))

    def __call__(self, gram, responses, train, test, validation=None):
        return ridge_readout(gram, responses, train, test, self.components, self.alphas, validation=validation)


@dataclass(frozen=True)
class PredictedSimilarity(Predicted):
    """RSA between the responses predicted by ridge regression and the recorded ones, on held-out images."""

    measure = "predicted_rsa"
    formula = "RSA of y and ŷ over the held-out images\nŷ: predicted by ridge regression"

    distance: str = field(default="correlation", metadata={"help": "correlation, euclidean or cosine"})
    rdms_by: str = field(default="pearson", metadata={"help": "pearson, spearman, kendall, cosine or whitened"})

    def __post_init__(self):
        super().__post_init__()
        check_distance(self.distance)
        check_comparison(self.rdms_by)

    def compare(self, recorded, predicted):
        rdms = (rdm_of_gram(Gram.from_features(patterns), self.distance) for patterns in (recorded, predicted))
        return float(compare_rdms(*rdms, self.rdms_by)[0])


@dataclass(frozen=True)
class PredictedAlignment(Predicted):
    """CKA between the responses predicted by ridge regression and the recorded ones, on held-out images."""

    measure = "predicted_cka"
    formula = "CKA of y and ŷ over the held-out images\nŷ: predicted by ridge regression"

    def compare(self, recorded, predicted):
        return float(centred_alignment(recorded @ recorded.T, predicted @ predicted.T)[0])
