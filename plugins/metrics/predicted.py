"""Readout, then comparison: are the responses that ridge regression predicts as alike or unlike as those recorded?

Khaligh-Razavi, Henriksson, Kay & Kriegeskorte (2017), J. Math. Psychol. 76, 184-197: features are first weighted to fit
each site, and RDMs are compared after that, on pictures that the weights were not learnt from.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import BadOption, Gram, Reading, hookimpl

GRID = tuple(float(alpha) for alpha in np.geomspace(1e-2, 1e10, 25))


@hookimpl
def itbench_metrics(register):
    register("predicted-rsa", PredictedSimilarity, description="RSA between predicted and recorded responses")
    register("predicted-cka", PredictedAlignment, description="CKA between predicted and recorded responses")


@dataclass(frozen=True)
class Predicted:
    components: int | None = field(default=1000, metadata={"help": "principal components at most; none: all features"})
    alphas: tuple[float, ...] = field(
        default=GRID, metadata={"help": "penalties to choose from: low:high:count or a,b,c"}
    )

    def __post_init__(self):
        from itbench.kernel import check_components

        check_components(self.components)
        if not self.alphas or not all(0 < alpha < np.inf for alpha in self.alphas):
            raise BadOption("Option alphas must be positive numbers.", todo="For almost none: -o alphas=1e-6")

    def __call__(self, gram, responses, train, test):
        from itbench.kernel import eigenbasis
        from itbench.ridge import leave_one_out, predict

        basis = eigenbasis(gram, train, test, self.components)
        alphas = np.sort(self.alphas)
        inner = leave_one_out(basis, responses, alphas, per_site=True)
        alpha = alphas[inner.best]
        return Reading(predict(basis, responses, alpha), inner.predictions, alpha)


@dataclass(frozen=True)
class PredictedSimilarity(Predicted):
    measure = "predicted_rsa"
    formula = "RSA of y and ŷ over the held-out pictures\nŷ: predicted by ridge regression"

    distance: str = field(default="correlation", metadata={"help": "correlation, euclidean or cosine"})
    rdms_by: str = field(default="pearson", metadata={"help": "pearson, spearman, kendall, cosine or whitened"})

    def __post_init__(self):
        from itbench.rdm import check_distance
        from itbench.similarity import check_compare

        super().__post_init__()
        check_distance(self.distance)
        check_compare(self.rdms_by)

    def compare(self, recorded, predicted):
        from itbench.rdm import rdm_of_gram
        from itbench.similarity import compare_rdms

        rdms = (rdm_of_gram(Gram.from_features(patterns), self.distance) for patterns in (recorded, predicted))
        return float(compare_rdms(*rdms, self.rdms_by)[0])


@dataclass(frozen=True)
class PredictedAlignment(Predicted):
    measure = "predicted_cka"
    formula = "CKA of y and ŷ over the held-out pictures\nŷ: predicted by ridge regression"

    def compare(self, recorded, predicted):
        from itbench.similarity import centred_alignment

        return float(centred_alignment(recorded @ recorded.T, predicted @ predicted.T)[0])
