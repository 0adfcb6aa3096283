"""Partial least squares (PLS2): regression on components shared by all sites, the readout of Brain-Score.

Wold, Sjöström & Eriksson (2001), Chemom. Intell. Lab. Syst. 58, 109-130; from kernels: Rosipal & Trejo (2001), J. Mach.
Learn. Res. 2, 97-123.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import BadOption, ReadoutResult, hookimpl
from itbench.metrics import check_components, partial_least_squares


@hookimpl
def itbench_metrics(register):
    register(
        "pls",
        PartialLeastSquares,
        description="partial least squares: explained variance and correlation",
        bibtex="wold2001 rosipal2001",
    )


@dataclass(frozen=True)
class PartialLeastSquares:
    formula = (
        "ŷ = b + Σ_k c_k t_k\n"
        "t_k: component k, the one with the largest covariance with the responses of all sites,\n"
        "uncorrelated with t_1 … t_(k−1); c_k: its regression coefficient"
    )

    components: int = field(default=25, metadata={"help": "components at most, shared by all sites"})
    inner_folds: int = field(default=5, metadata={"help": "inner folds of the training images, to choose the layer"})

    def __post_init__(self):
        check_components(self.components)
        if self.inner_folds < 2:
            raise BadOption(f"Option inner_folds={self.inner_folds} must be at least 2.")

    def __call__(self, gram, responses, train, test, validation=None):
        how = (self.components, self.inner_folds, validation)
        result = partial_least_squares(gram, responses, train, test, *how)
        no_penalty = np.full(responses.shape[1], np.nan)
        warnings = remarks(result.components, self.components)
        return ReadoutResult(result.predictions, result.inner_predictions, no_penalty, warnings)


def remarks(found, requested):
    """Warn where fewer components exist than requested."""
    return () if found == requested else (f"only {found} of the {requested} requested components exist",)
