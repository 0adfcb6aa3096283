"""What several layers, or models, say together: weights, shares, and what each alone can add."""

from __future__ import annotations

import numpy as np
import xarray as xr

from itbench.explain.steps import Step, sentences

TEXT = """
    The prediction is a sum of what the layers contribute. The weight is how much each layer's own prediction counts in
    it. Shares divide the explained variance among the layers and add up to it; one may be below 0. What is unique to a
    layer is what is lost when the joint prediction is learnt without it: layers that say the same have nothing unique,
    however good they are. Means over splits and sites.
"""
FORMULA = """\
ŷ = Σ_l ŷ_l + constant
share of l = [2 Cov(y, ŷ_l) − Cov(ŷ_l, ŷ)] / Var(y)
unique part of g = EV(all layers) − EV(all layers but those of g, learnt again)"""


def together(score: xr.Dataset) -> Step:
    """Say what each layer, and each group of layers, contributes."""
    rows = []
    groups = [str(name) for name in score["group"].values]
    parts = [str(name) for name in score["part"].values]
    for name in dict.fromkeys((*parts, *groups)):
        row: dict[str, float | str | None] = {"layer": name}
        for figure, dimension, known in (
            ("weight", "part", parts),
            ("share", "part", parts),
            ("unique", "group", groups),
        ):
            row[figure] = _mean(score[figure].sel({dimension: name})) if name in known else None
        rows.append(row)
    total = sum(row["share"] for row in rows if isinstance(row["share"], float))
    return Step(
        "What each layer contributes", sentences(TEXT), FORMULA, {"contributions": rows, "sum_of_shares": total}
    )


def _mean(values: xr.DataArray) -> float | None:
    """Return the mean over splits and sites; None where nothing was asked for."""
    of_sites = values.mean("split").values
    return float(np.nanmean(of_sites)) if np.isfinite(of_sites).any() else None
