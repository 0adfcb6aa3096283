"""Partial least squares: the readout of Brain-Score and of much of the field.

Wold, Sjöström & Eriksson (2001), Chemom. Intell. Lab. Syst. 58, 109-130; from kernels: Rosipal & Trejo (2001), J. Mach.
Learn. Res. 2, 97-123. All sites share the components.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import BadOption, ReadoutResult, hookimpl


@hookimpl
def itbench_metrics(register):
    register("pls", PartialLeastSquares, description="partial least squares: explained variance and correlation")


@dataclass(frozen=True)
class PartialLeastSquares:
    formula = (
        "ŷ = b + Σ_k c_k t_k\n"
        "t_k: component k, of all that do not correlate with t_1 … t_(k−1) the one with the\n"
        "largest covariance with the responses of all sites; c_k: its regression coefficient"
    )

    components: int = field(default=25, metadata={"help": "components at most, shared by all sites"})
    inner_folds: int = field(default=5, metadata={"help": "folds of the training images that choose the layer"})

    def __post_init__(self):
        from itbench.metrics.kernel import check_components

        check_components(self.components)
        if self.inner_folds < 2:
            raise BadOption(f"Option inner_folds={self.inner_folds} must be at least 2.")

    def __call__(self, gram, responses, train, test):
        from itbench.metrics.pls import partial_least_squares

        reading = partial_least_squares(gram, responses, train, test, self.components, self.inner_folds)
        no_penalty = np.full(responses.shape[1], np.nan)
        return ReadoutResult(
            reading.predictions, reading.inner_predictions, no_penalty, remarks(reading, self.components)
        )


def remarks(reading, components):
    """Say where there were fewer components than asked for."""
    if reading.components == components:
        return ()
    return (f"{reading.components} components of the {components} asked for: there are no more",)
