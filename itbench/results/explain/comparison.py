"""Explain a comparison of Grams, such as CKA or RSA: value of each layer, and the cross-validated choice of one."""

from __future__ import annotations

from typing import Any

import xarray as xr

from itbench.results.explain.steps import Step, in_words, sentences
from itbench.results.score_variables import layer_names, measure_of
from itbench.statistics.jackknife import cross_validated_choice

IMAGES = """
    All images enter the comparison of a layer with the recordings at once. For the uncertainty of the result, it is
    repeated without each of several groups of images.
"""
CHOICE = """
    For every group of images, a layer is chosen by the values without the group, and its value on the group is used.
    Where the same layer is chosen for all groups, the headline is the value of that layer; else it is of no single
    row of the table. The oracle layer is the one with the largest value on all images. The gap to it is biased
    upwards: the best of several estimates is too high, even where all layers are equally good.
"""
FORMULA = """\
headline = mean over groups g of [θ_l + p_gl − mean over groups h of p_hl], l = l(g)
p_gl = G θ_l − (G − 1) θ_(g)l
θ_l: value of layer l; θ_(g)l: its value without group g; G: number of groups
l(g): the layer with the largest θ_(g)l"""


def explain_compared_images(score: xr.Dataset) -> Step:
    """Explain how many images, in how many groups, enter the comparison of Grams."""
    n = int(score["group_size"].sum())
    numbers = {"images": n, "groups": score.sizes["group"]}
    return Step("Images compared", sentences(IMAGES), numbers=numbers)


def explain_comparison(score: xr.Dataset) -> Step:
    """Explain the value of a comparison for each layer, the chosen layer, and the headline of that choice."""
    measure = measure_of(score)
    values, without = score["value"].values, score["without"].values
    chosen, headline, _ = cross_validated_choice(values, without)
    names = layer_names(score)
    n_groups = without.shape[1]
    rows: list[dict[str, Any]] = [
        {
            "layer": name,
            measure: float(values[index]),
            "lowest without a group": float(without[index].min()),
            "highest": float(without[index].max()),
            "chosen": f"{int((chosen == index).sum())}/{n_groups}",
        }
        for index, name in enumerate(names)
    ]
    best = int(values.argmax())
    numbers: dict[str, Any] = {
        "layers": rows,
        measure: headline,
        "oracle_layer": names[best],
        "oracle_value": float(values[best]),
        "gap_to_oracle": float(values[best] - headline),
    }
    return Step(f"{in_words(measure)} of the layers", sentences(CHOICE), FORMULA, numbers)
