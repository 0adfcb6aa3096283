"""Ridge regression on principal components, the penalty chosen per site by leave-one-out.

Hoerl & Kennard (1970), Technometrics 12, 55-67. Explained variance and Pearson's correlation on held-out pictures,
per site. Everything is learnt from the training pictures alone.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import BadOption, Reading, hookimpl

GRID = tuple(float(alpha) for alpha in np.geomspace(1e-2, 1e10, 25))
GAIN = 1e-4  # of a site's variance: an edge of the grid that is better by less does not matter


@hookimpl
def itbench_metrics(register):
    register("ridge", Ridge, description="ridge on principal components: explained variance and correlation")


@dataclass(frozen=True)
class Ridge:
    components: int = field(default=1000, metadata={"help": "principal components at most"})
    alphas: tuple[float, ...] = field(
        default=GRID, metadata={"help": "penalties to choose from: low:high:count or a,b,c"}
    )
    alpha: float | None = field(default=None, metadata={"help": "one fixed penalty, nothing is chosen"})
    per_site: bool = field(default=True, metadata={"help": "choose a penalty for each site; false: one for all"})

    def __post_init__(self):
        if self.components < 1:
            raise BadOption(f"Option components={self.components} must be at least 1.")
        if not self.alphas or not all(0 < alpha < np.inf for alpha in (*self.alphas, self.alpha or 1.0)):
            raise BadOption("Options alpha and alphas must be positive numbers.", todo="For almost none: -o alpha=1e-6")
        object.__setattr__(self, "alphas", tuple(sorted(self.alphas)))

    def __call__(self, gram, responses, train, test):
        from itbench.kernel import eigenbasis
        from itbench.ridge import leave_one_out, predict

        basis = eigenbasis(gram, train, test, self.components)
        alphas = np.array(self.alphas if self.alpha is None else (self.alpha,))
        inner = leave_one_out(basis, responses, alphas, per_site=self.per_site)
        alpha = alphas[inner.best]
        remarks = edge_remarks(inner, alphas, responses) if len(alphas) > 1 else ()
        return Reading(predict(basis, responses, alpha), inner.predictions, alpha, remarks)


def edge_remarks(inner, alphas, responses):
    """Say where a penalty beyond the grid would have been better still."""
    scaled = inner.error / np.maximum(responses.var(axis=0), 1e-300)
    remarks = []
    for edge, neighbour, name in ((0, 1, "smallest"), (len(alphas) - 1, -2, "largest")):
        sites = int(((inner.best == edge) & (scaled[neighbour] - scaled[edge] > GAIN)).sum())
        if sites:
            chosen = f"{sites} of {responses.shape[1]} sites chose the {name} alpha of the grid, {alphas[edge]:g}"
            remarks.append(f"{chosen}; widen it with -o alphas=low:high:count")
    return tuple(remarks)
