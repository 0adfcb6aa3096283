"""Ordinary least squares on principal components: linear regression without a penalty.

Massy (1965), J. Am. Stat. Assoc. 60, 234-256. Without a penalty it also fits noise; `ridge` does less.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ReadoutResult, hookimpl
from itbench.metrics import check_components, eigenbasis, leave_one_out_least_squares, ridge_predict, validation_only


@hookimpl
def itbench_metrics(register):
    register(
        "ols", LeastSquares, description="linear regression on principal components, no penalty", bibtex="massy1965"
    )


@dataclass(frozen=True)
class LeastSquares:
    formula = (
        "min over b, w of |y − b − T w|²\n"
        "T: principal components of the training images; y: a site's training responses"
    )

    components: int | None = field(default=1000, metadata={"help": "principal components at most; none: all features"})

    def __post_init__(self):
        check_components(self.components)

    def __call__(self, gram, responses, train, test, validation=None):
        basis = eigenbasis(gram, train, test, self.components)
        n_sites = responses.shape[1]
        predictions = ridge_predict(basis, responses, np.zeros(n_sites))
        inner = validation_only(leave_one_out_least_squares(basis, responses), validation)
        return ReadoutResult(predictions, inner, np.full(n_sites, np.nan), remarks(basis))


def remarks(basis):
    """Warn where there are as many components as training images less one."""
    rows, components = basis.vectors.shape
    if components < rows - 1:
        return ()
    return (
        f"{components} components of {rows} training images fit every training response exactly, noise "
        "included: the solution of least norm is used; use fewer with -o components=100",
    )
