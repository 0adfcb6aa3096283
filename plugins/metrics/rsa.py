"""Representational similarity analysis (RSA): the correlation of the RDMs of a layer and of the brain.

Kriegeskorte, Mur & Bandettini (2008), Front. Syst. Neurosci. 2, 4. The choice of distance and comparison: Nili et al.
(2014), PLoS Comput. Biol. 10, e1003553; Diedrichsen et al. (2021), Neurons, Behav., Data Anal., and Theory 5(3).
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ComparisonResult, hookimpl
from itbench.metrics import check_comparison, check_distance, compare_rdms, rdm_of_gram, rdm_of_neural_data


@hookimpl
def itbench_metrics(register):
    register(
        "rsa",
        SimilarityAnalysis,
        description="correlation of the dissimilarity matrices of a layer and the brain",
        bibtex="kriegeskorte2008rsa nili2014 diedrichsen2021",
    )


@dataclass(frozen=True)
class SimilarityAnalysis:
    form = "comparison"
    measure = "rsa"
    formula = (
        "RSA = correlation of d and e over all pairs of images, or their cosine\n"
        "d, e: dissimilarities of two images in the layer and in the responses\n"
        "of the dissimilarities of several subjects: the mean over subjects of the RSA with each"
    )

    distance: str = field(
        default="correlation",
        metadata={"help": "correlation, euclidean, cosine, or crossnobis: euclidean across repetitions"},
    )
    compare: str = field(default="pearson", metadata={"help": "pearson, spearman, kendall, cosine or whitened"})
    squared: bool = field(
        default=False,
        metadata={"help": "signed square of each subject's; with spearman the Algonauts challenge's"},
    )

    def __post_init__(self):
        check_distance(self.distance)
        check_comparison(self.compare)

    def __call__(self, gram, recorded, groups):
        model, brain = rdm_of_gram(gram, self.distance), rdm_of_neural_data(recorded, self.distance)
        found = compare_rdms(model, brain, self.compare, groups)
        value, *without = found * np.abs(found) if self.squared else found
        return ComparisonResult(float(value), np.array(without))
