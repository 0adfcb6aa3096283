"""Brain-Score's readouts, splits and ceiling, for scores comparable with https://www.brain-score.org.

Schrimpf et al. (2018), bioRxiv 407007; code: https://github.com/brain-score/vision. Partial least squares with 25
components (Yamins et al. 2014, PNAS 111, 8619-8624), or ridge on all features with penalty 1. One difference:
Brain-Score fixes a layer for each model in advance, here each split chooses one on its training images.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ReadoutResult, hookimpl
from itbench.metrics import partial_least_squares, ridge_readout
from itbench.statistics import brainscore_splits, internal_consistency

COMPONENTS, PENALTY = 25, 1.0
INNER_FOLDS = 5  # of the training images, to choose the layer


@hookimpl
def itbench_metrics(register):
    register(
        "brainscore-pls",
        BrainScorePLS,
        description="Brain-Score's protocol, partial least squares",
        bibtex="schrimpf2018 yamins2014",
    )
    register(
        "brainscore-ridge",
        BrainScoreRidge,
        description="Brain-Score's protocol, ridge with penalty 1",
        bibtex="schrimpf2018",
    )


@dataclass(frozen=True)
class Protocol:
    stratify: str | None = field(
        default="object_name", metadata={"help": "stimulus coordinate that the splits balance; none: random splits"}
    )

    measure = "brainscore"

    def divide(self, n, metadata):
        return brainscore_splits(n, metadata, self.stratify)

    def ceiling(self, responses):
        return internal_consistency(responses)  # (division, site)


class BrainScorePLS(Protocol):
    """Partial least squares with 25 components, by Brain-Score's splits and ceiling."""

    formula = "ŷ = b + Σ_k c_k t_k, k = 1 … 25\nt_k: component of partial least squares"

    def __call__(self, gram, responses, train, test, validation=None):
        result = partial_least_squares(gram, responses, train, test, COMPONENTS, INNER_FOLDS, validation)
        no_penalty = np.full(responses.shape[1], np.nan)
        return ReadoutResult(result.predictions, result.inner_predictions, no_penalty)


class BrainScoreRidge(Protocol):
    """Ridge regression on all features with penalty 1, by Brain-Score's splits and ceiling."""

    units_matter = "Brain-Score's penalty is 1, whatever the units of the features"
    formula = (
        "min over b, w of |y − b − X w|² + |w|²\nX: activations of the training images; y: a site's training responses"
    )

    def __call__(self, gram, responses, train, test, validation=None):
        how = {"per_site": False, "validation": validation}
        return ridge_readout(gram, responses, train, test, None, (PENALTY,), **how)
