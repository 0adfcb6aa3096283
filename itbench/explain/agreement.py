"""How well the held-out responses were predicted: explained variance, correlation, and measures of a metric's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from itbench.explain.steps import Step, counted, in_words, sentences
from itbench.summary import in_each_split

FORMULAS = {
    "explained_variance": "EV = 1 − Var(y − ŷ) / Var(y)    y: recorded, ŷ: predicted, over held-out pictures",
    "correlation": "r = Cov(y, ŷ) / √(Var(y) Var(ŷ))",
}
WORDS = {
    "explained_variance": "1 is a perfect prediction, 0 is no better than the mean response, below 0 is worse.",
    "correlation": "The scale and the offset of the prediction do not matter to it; so r² is at least the explained"
    " variance, at every site and in every split. A score that breaks this law is refused.",
}


def agreement(score: xr.Dataset, measure: str) -> Step:
    """Say how explained variance, or correlation, comes from single sites and splits."""
    values = in_each_split(score, measure).values  # (split, site)
    of_sites = values.mean(axis=0)
    found = of_sites[np.isfinite(of_sites)]
    rows = [
        {"split": str(split), "layer": str(layer), "mean over sites": float(np.nanmean(row))}
        for split, layer, row in zip(score["split"].values, score["chosen_layer"].values, values, strict=True)
    ]
    text = sentences(
        f"At every site, over the held-out pictures of a split, at the layer that the split chose. {WORDS[measure]}",
        f"Averaged over {counted(len(rows), 'split')}, then over {counted(len(found), 'site')}.",
    )
    numbers: dict[str, Any] = {
        "splits": rows,
        measure: float(found.mean()),
        f"{measure}_median": float(np.median(found)),
        "lowest_site": float(found.min()),
        "highest_site": float(found.max()),
    }
    return Step(in_words(measure).capitalize(), text, FORMULAS[measure], numbers)


def own_measure(score: xr.Dataset) -> Step:
    """Say what a metric measures of a whole split of predictions."""
    values = in_each_split(score, "agreement").values  # (split,)
    name = score.attrs["measure"]
    rows = [
        {"split": str(split), "layer": str(layer), name: float(value)}
        for split, layer, value in zip(score["split"].values, score["chosen_layer"].values, values, strict=True)
    ]
    text = sentences(
        f"The headline of this metric, {in_words(name)}, compares the recorded with the predicted responses of all",
        f"sites and held-out pictures of a split at once, and is averaged over {counted(len(rows), 'split')}.",
    )
    return Step(in_words(name), text, numbers={"splits": rows, name: float(values.mean())})
