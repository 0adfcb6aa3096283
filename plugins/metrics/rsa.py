"""Representational similarity analysis: how alike the dissimilarities of images are in a layer and in the brain.

Kriegeskorte, Mur & Bandettini (2008), Front. Syst. Neurosci. 2, 4. The choice of distance and comparison: Nili et al.
(2014), PLoS Comput. Biol. 10, e1003553; Diedrichsen et al. (2021), Neurons, Behav., Data Anal., and Theory 5(3).
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ComparisonResult, hookimpl


@hookimpl
def itbench_metrics(register):
    register("rsa", SimilarityAnalysis, description="likeness of the dissimilarities in a layer and in the brain")


@dataclass(frozen=True)
class SimilarityAnalysis:
    form = "comparison"
    measure = "rsa"
    formula = (
        "RSA = how alike d and e are, over all pairs of images\n"
        "d, e: dissimilarities of two images in the layer and in the responses"
    )

    distance: str = field(
        default="correlation",
        metadata={"help": "correlation, euclidean, cosine, or crossnobis: euclidean across repetitions"},
    )
    compare: str = field(default="pearson", metadata={"help": "pearson, spearman, kendall, cosine or whitened"})

    def __post_init__(self):
        from itbench.metrics.rdm import check_distance
        from itbench.metrics.rsa import check_comparison

        check_distance(self.distance)
        check_comparison(self.compare)

    def __call__(self, gram, recorded, groups):
        from itbench.metrics.rdm import rdm_of_gram, rdm_of_neural_data
        from itbench.metrics.rsa import compare_rdms

        model, brain = rdm_of_gram(gram, self.distance), rdm_of_neural_data(recorded, self.distance)
        value, *without = compare_rdms(model, brain, self.compare, groups)
        return ComparisonResult(float(value), np.array(without))
