"""Procrustes similarity: the cosine of the angle that the best rotation leaves between a layer and the responses.

Williams, Kunz, Kornblith & Linderman (2021), NeurIPS; Ding, Denain & Steinhardt (2021), NeurIPS; Schönemann (1966),
Psychometrika 31, 1-10. The angle itself is a metric: it keeps the triangle inequality.
"""

from dataclasses import dataclass

import numpy as np

from itbench import ComparisonResult, hookimpl


@hookimpl
def itbench_metrics(register):
    register("procrustes", Procrustes, description="likeness of a layer and the responses after the best rotation")


@dataclass(frozen=True)
class Procrustes:
    form = "comparison"
    measure = "procrustes"
    formula = "‖Xᵀ Y‖_* / (‖X‖ ‖Y‖)\nX, Y: centred activations and responses; ‖·‖_*: sum of singular values"

    def __call__(self, gram, recorded, groups):
        from itbench.metrics.procrustes import procrustes_similarity

        value, *without = procrustes_similarity(gram.matrix, recorded.factor, groups)
        return ComparisonResult(float(value), np.array(without))
