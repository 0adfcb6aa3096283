"""Ordinary least squares on principal components: linear regression without a penalty.

Massy (1965), J. Am. Stat. Assoc. 60, 234-256. It fits all that it can, noise too; `ridge` does not.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ReadoutResult, hookimpl


@hookimpl
def itbench_metrics(register):
    register("ols", LeastSquares, description="linear regression on principal components, no penalty")


@dataclass(frozen=True)
class LeastSquares:
    formula = (
        "min over b, w of |y − b − T w|²\n"
        "T: principal components of the training images; y: a site's training responses"
    )

    components: int | None = field(default=1000, metadata={"help": "principal components at most; none: all features"})

    def __post_init__(self):
        from itbench.metrics.kernel import check_components

        check_components(self.components)

    def __call__(self, gram, responses, train, test):
        from itbench.metrics.kernel import eigenbasis
        from itbench.metrics.ridge import leave_one_out_least_squares, ridge_predict

        basis = eigenbasis(gram, train, test, self.components)
        n_sites = responses.shape[1]
        predictions = ridge_predict(basis, responses, np.zeros(n_sites))
        inner = leave_one_out_least_squares(basis, responses)
        return ReadoutResult(predictions, inner, np.full(n_sites, np.nan), remarks(basis))


def remarks(basis):
    """Say where there are so many components that nothing is left to learn from."""
    rows, components = basis.vectors.shape
    if components < rows - 1:
        return ()
    return (
        f"{components} components of {rows} training images meet every training response, noise too: the "
        "solution of least norm is taken; take fewer with -o components=100",
    )
