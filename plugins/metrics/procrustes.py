"""Procrustes similarity: the cosine of the angle between a layer and the responses after the best rotation.

Williams, Kunz, Kornblith & Linderman (2021), NeurIPS; Ding, Denain & Steinhardt (2021), NeurIPS; Schönemann (1966),
Psychometrika 31, 1-10. The angle is a distance in the strict sense: it obeys the triangle inequality.
"""

from dataclasses import dataclass

import numpy as np

from itbench import ComparisonResult, hookimpl
from itbench.metrics import procrustes_similarity


@hookimpl
def itbench_metrics(register):
    register("procrustes", Procrustes, description="similarity of a layer and the responses after the best rotation")


@dataclass(frozen=True)
class Procrustes:
    form = "comparison"
    measure = "procrustes"
    formula = "‖Xᵀ Y‖_* / (‖X‖ ‖Y‖)\nX, Y: centred activations and responses; ‖·‖_*: sum of singular values"

    def __call__(self, gram, recorded, groups):
        value, *without = procrustes_similarity(gram.matrix, recorded.factor, groups)
        return ComparisonResult(float(value), np.array(without))
