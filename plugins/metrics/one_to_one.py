"""The single feature of a layer that goes best with each site, and simple linear regression on it.

After Arend, Han, Schrimpf, Bashivan, Kar, Poggio, DiCarlo & Boix (2018), CBMM Memo 93: does a unit of the network stand
for a unit of the brain? The feature is the one with the largest correlation, of either sign, over the training
images. A Gram cannot tell features apart, so the network runs again for every score.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import hookimpl


@hookimpl
def itbench_metrics(register):
    register("one-to-one", OneToOne, description="linear regression on the single best feature of each site")


@dataclass(frozen=True)
class OneToOne:
    form = "channels"
    formula = "ŷ = b + c x_j\nx_j: the feature with the largest |r(x_j, y)| over the training images"

    positive: bool = field(
        default=False, metadata={"help": "only features that rise with the site's response; false: or fall"}
    )

    def rate(self, correlation):
        return correlation if self.positive else np.abs(correlation)

    def __call__(self, features, responses, others):
        from itbench.scoring.single_features import regress_each

        return regress_each(features, responses, others)
