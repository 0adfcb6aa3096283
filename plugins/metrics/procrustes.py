"""Procrustes similarity: the cosine of the angle between a layer and the responses after the best rotation.

Williams, Kunz, Kornblith & Linderman (2021), NeurIPS; Ding, Denain & Steinhardt (2021), NeurIPS; Schönemann (1966),
Psychometrika 31, 1-10. The angle is a distance in the strict sense: it obeys the triangle inequality.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ComparisonResult, hookimpl
from itbench.metrics import check_whitening, partial_whitening, procrustes_similarity

WORTH_SAYING = 0.005  # of the variance


@hookimpl
def itbench_metrics(register):
    register(
        "procrustes",
        Procrustes,
        description="similarity of a layer and the responses after the best rotation",
        bibtex="williams2021 ding2021 schonemann1966",
    )


@dataclass(frozen=True)
class Procrustes:
    form = "comparison"
    measure = "procrustes"
    formula = (
        "‖φ(X)ᵀ φ(Y)‖_* / (‖φ(X)‖ ‖φ(Y)‖)\n"
        "X, Y: centred activations and responses, of norm 1; ‖·‖_*: sum of singular values\n"
        "φ(X) = X [(1 − w) I + w (Xᵀ X)^−½], w: whitening"
    )

    whitening: float = field(
        default=0.0, metadata={"help": "of both sides, from 0, none, to 1, canonical correlations"}
    )

    def __post_init__(self):
        check_whitening(self.whitening)

    def __call__(self, gram, recorded, groups):
        if not self.whitening:
            value, *without = procrustes_similarity(gram.matrix, recorded.factor, groups)
            return ComparisonResult(float(value), np.array(without))
        found = ComparisonResult.by_leaving_out(self.whitened, gram, recorded, groups)
        sides = (self.whiten(gram.matrix), self.whiten(recorded.gram.matrix))
        remarks = tuple(
            f"{side.factor.shape[1]} directions of {len(gram)} images: whitening makes {side.share:.0%} of the "
            f"variance of the {name} the same whatever they are"
            for side, name in zip(sides, ("activations", "responses"), strict=True)
            if side.share > WORTH_SAYING
        )
        return ComparisonResult(found.value, found.without, remarks)

    def whitened(self, gram, recorded):
        """Return the similarity of both sides, whitened."""
        model, brain = (self.whiten(side.matrix).factor for side in (gram, recorded.gram))
        return float(procrustes_similarity(model @ model.T, brain)[0])

    def whiten(self, matrix):
        """Return one side, whitened."""
        return partial_whitening(matrix, self.whitening)
