"""One-to-one mapping: the single feature of a layer that correlates best with each site, and linear regression on it.

After Arend, Han, Schrimpf, Bashivan, Kar, Poggio, DiCarlo & Boix (2018), CBMM Memo 93: does a unit of the network
correspond to a unit of the brain? The feature has the largest absolute correlation over the training images. A Gram
does not hold single features, so the network runs again for every score.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import hookimpl


@hookimpl
def itbench_metrics(register):
    register(
        "one-to-one",
        OneToOne,
        description="linear regression on the single best feature of each site",
        bibtex="arend2018",
    )


@dataclass(frozen=True)
class OneToOne:
    form = "channels"
    formula = "ŷ = b + c x_j\nx_j: the feature with the largest |r(x_j, y)| over the training images"

    positive: bool = field(
        default=False, metadata={"help": "only features with a positive correlation; false: either sign"}
    )

    def rate(self, correlation):
        return correlation if self.positive else np.abs(correlation)

    def __call__(self, features, responses, others):
        centre, mean = features.mean(axis=0), responses.mean(axis=0)
        variance = np.square(features - centre).sum(axis=0)
        slope = ((features - centre) * (responses - mean)).sum(axis=0) / np.where(variance > 0, variance, 1.0)
        return mean + slope * (others - centre)  # the mean where the feature does not vary
