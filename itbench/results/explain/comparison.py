"""How a comparison of Grams comes to one number: the values of layers, and an honest choice among them."""

from __future__ import annotations

from typing import Any

import xarray as xr

from itbench.results.explain.steps import Step, in_words, sentences
from itbench.statistics.jackknife import cross_validated_choice

IMAGES = """
    All images enter the comparison of a layer with the recordings at once. To know how certain the result is, it is
    repeated without each of some groups of images.
"""
CHOICE = """
    Every group of images chooses its layer by the values without it, and what the layer is worth is judged by the
    group itself. Where all choose the same layer, the headline is the value of that layer. The oracle layer is the one
    with the largest value on all images; the regret is what was lost by not knowing it.
"""
FORMULA = """\
headline = mean over groups g of [θ_l + p_gl − mean over groups h of p_hl], l = l(g)
p_gl = G θ_l − (G − 1) θ_(g)l
θ_l: value of layer l; θ_(g)l: its value without group g; G: number of groups
l(g): the layer with the largest θ_(g)l"""


def compared_images(score: xr.Dataset) -> Step:
    """Say what is compared with what."""
    n = int(score["group_size"].sum())
    numbers = {"images": n, "groups": score.sizes["group"]}
    return Step("Images compared", sentences(IMAGES), numbers=numbers)


def comparison(score: xr.Dataset) -> Step:
    """Say what each layer is worth, which was chosen, and what the choice is worth."""
    measure = score.attrs["measure"]
    values, without = score["value"].values, score["without"].values
    chosen, headline, _ = cross_validated_choice(values, without)
    names = [str(name) for name in score["layer"].values]
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
        "regret": float(values[best] - headline),
    }
    return Step(f"{in_words(measure)} of the layers", sentences(CHOICE), FORMULA, numbers)
