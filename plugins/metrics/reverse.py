"""Reverse prediction: variance of a layer's activations explained by the sites, by ridge regression on held-out images.

Muzellec & Kar (2025), bioRxiv 2025.08.08.669382: a model that predicts a brain well may be predicted by it badly. All
activations are predicted from all sites; 1 - sum |x - x̂|² / sum |x - mean|² over features and held-out images.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import BadOption, ComparisonResult, hookimpl
from itbench.metrics import check_alphas, check_components, reverse_prediction, seeded_folds


@hookimpl
def itbench_metrics(register):
    register(
        "reverse",
        ReversePrediction,
        description="variance of a layer's activations that the sites explain",
        bibtex="muzellec2025",
    )


@dataclass(frozen=True)
class ReversePrediction:
    form = "comparison"
    measure = "reverse_explained_variance"
    site_groups = 10  # each takes as long as all sites do
    formula = (
        "1 − Σ |x − x̂|² / Σ |x − x̄|², over features and held-out images\n"
        "x̂: activations predicted from all sites by ridge regression"
    )

    components: int | None = field(
        default=None, metadata={"help": "principal components of the layer to predict; none: all features"}
    )
    alphas: tuple[float, ...] | None = field(
        default=None,
        metadata={"help": "penalties to choose from: low:high:count or a,b,c; none: 1e-6:1e8:29 times trace(YᵀY) / n"},
    )
    folds: int = field(default=5, metadata={"help": "folds of the images; each is predicted from the others"})
    seed: int = field(default=0, metadata={"help": "of the folds"})

    def __post_init__(self):
        check_components(self.components)
        object.__setattr__(self, "alphas", check_alphas(self.alphas))
        if self.folds < 2:
            raise BadOption(f"Option folds={self.folds} must be at least 2.")

    def __call__(self, gram, recorded, groups):
        splits = seeded_folds(gram.stimulus_ids, self.folds, self.seed)
        result = reverse_prediction(gram, recorded.factor, splits, self.alphas, self.components)
        value, *without = result.explained(groups)
        return ComparisonResult(float(value), np.array(without), result.remarks)
