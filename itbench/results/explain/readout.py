"""Which images were learnt from and which held out, and what the metric does with a Gram."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from itbench.metrics import options
from itbench.registry import MetricEntry
from itbench.results.explain.inputs import has_learnt
from itbench.results.explain.steps import Step, Value, counted, in_words, sentences
from itbench.results.score_file import provenance
from itbench.results.summary import at_chosen_layer, in_each_split


def splits(score: xr.Dataset) -> Step:
    """Say how the images were divided."""
    train, test = (score[name].values for name in ("n_train", "n_test"))
    n = len(train)
    sizes = f"{_range(train)} images to learn from and {_range(test)} held out"
    text = sentences(
        splits_in_words(provenance(score)["splits"]),
        f"{counted(n, 'split')}{', each with' if n > 1 else ' with'} {sizes}.",
        "Whatever is learnt, the centre and the penalties included, is learnt from the former alone.",
    )
    numbers: dict[str, Value] = {"splits": n, "learnt_from": _range(train), "held_out": _range(test)}
    return Step("Images to learn from, images held out", text, numbers=numbers)


def splits_in_words(plan: Mapping[str, Any]) -> str:
    """Return a sentence on how images are divided."""
    if plan["kind"] == "provided":
        return "The division is the one published with the images."
    if plan["kind"] == "none":
        return "The images are not divided: nothing is learnt that could be tried on others."
    if plan["kind"] != "kfold":
        return f"The splits are those that belong to the metric ({plan['kind'].removeprefix('of ')})."
    balance = f", each with every {plan['stratify']} in equal shares" if plan.get("stratify") else ""
    return f"{plan['folds']} shuffled folds{balance}, from seed {plan['seed']}; each is held out once."


def readout(score: xr.Dataset, entry: MetricEntry | None) -> Step:
    """Say what the metric does, and with which options."""
    said = provenance(score)["options"]
    name = score.attrs["metric"]
    if entry is None:
        text = f"{name} is a metric of a plugin that is not here: name it with --plugin FILE to read what it does."
        helps: dict[str, str] = {}
    else:
        text = f"{name}: {about(entry)}"
        helps = {option["option"]: option["help"] for option in options.describe(entry.readout)}
    lines = [
        f"{option} = {value} ({how}){': ' if helps.get(option) else ''}{helps.get(option, '')}"
        for how, values in (("given", said["given"]), ("default", said["defaulted"]))
        for option, value in values.items()
    ]
    text += "\n\n" + "\n".join(["Options:", *lines]) if lines else ""
    formula = entry.formula if entry else ""
    return Step("The metric", text, formula, _penalties(score))


def about(entry: MetricEntry) -> str:
    """Return what a metric says of itself: the first paragraphs of its plugin's docstring."""
    own = entry.readout.__dict__.get("__doc__") or ""
    written = "" if own.startswith(f"{entry.readout.__name__}(") else own  # dataclasses write one themselves
    module = sys.modules.get(entry.readout.__module__)
    whole = inspect.cleandoc(written or (module and module.__doc__) or entry.description)
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in whole.split("\n\n"))


def _penalties(score: xr.Dataset) -> dict[str, Value]:
    if "alpha" not in score:
        return {}
    alpha = score["alpha"].values
    alpha = alpha[np.isfinite(alpha)]
    if not len(alpha):
        return {}
    return {
        "alpha_lowest": float(alpha.min()),
        "alpha_median": float(np.median(alpha)),
        "alpha_highest": float(alpha.max()),
    }


def _range(sizes: Any) -> str:
    low, high = int(sizes.min()), int(sizes.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


HOW = """
    Every split chooses its layer by the explained variance of inner predictions: each image to learn from is
    predicted by a readout that learnt from others of them. The images held out take no part in it.
"""
HOW_LEARNT = """
    Every split chooses its layer by the explained variance of the images that it set aside while it learnt, each
    predicted by a readout that was fitted to the others. The images held out take no part in it.
"""
ORACLE = """
    The oracle layer is the best one on the held-out images, which nobody may know beforehand; the regret is what was
    lost by not knowing it.
"""
INNER = "chosen(split) = the layer l with the largest mean over sites of inner EV(split, l)"


def layer_choice(score: xr.Dataset) -> Step:
    """Say which layer each split of a readout chose."""
    names = [str(name) for name in score["layer"].values]
    chosen = [str(name) for name in score["chosen_layer"].values]
    held_out, inner = (mean_by_layer(score, name) for name in ("explained_variance", "inner_explained_variance"))
    rows = [
        {"layer": name, "inner EV": inner[name], "EV": held_out[name], "chosen": f"{chosen.count(name)}/{len(chosen)}"}
        for name in names
    ]
    if len(names) == 1:
        text = f"There was one layer to choose from, {names[0]}."
        return Step("The choice of the layer", text, numbers={"layers": rows})
    if "part" in score.coords:
        text = (
            f"Nothing was chosen: {chosen[0]} is what all layers say together. Beside it stands what each says alone."
        )
        return Step("The layers together and alone", text, numbers={"layers": rows})
    how = _how(HOW_LEARNT if has_learnt(score) else HOW, chosen)
    return Step("The choice of the layer", how, INNER, {"layers": rows, **_oracle(score, held_out)})


def mean_by_layer(score: xr.Dataset, variable: str) -> dict[str, float]:
    """Return the mean over splits and sites of a variable (split, layer, site), by layer."""
    of_sites = score[variable].mean("split", skipna=False)
    return {str(layer): float(np.nanmean(of_sites.sel(layer=layer))) for layer in score["layer"].values}


def _how(how: str, chosen: list[str]) -> str:
    most = max(dict.fromkeys(chosen), key=chosen.count)
    return sentences(how, f"{most} was chosen in {chosen.count(most)} of {counted(len(chosen), 'split')}.", ORACLE)


def _oracle(score: xr.Dataset, held_out: dict[str, float]) -> dict[str, Any]:
    best = max(held_out, key=held_out.__getitem__)
    reached = float(np.nanmean(at_chosen_layer(score, "explained_variance")))
    return {"oracle_layer": best, "oracle_value": held_out[best], "regret": held_out[best] - reached}


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


FORMULAS = {
    "explained_variance": "EV = 1 − Var(y − ŷ) / Var(y)    y: recorded, ŷ: predicted, over held-out images",
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
        f"At every site, over the held-out images of a split, at the layer that the split chose. {WORDS[measure]}",
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
        f"sites and held-out images of a split at once, and is averaged over {counted(len(rows), 'split')}.",
    )
    return Step(in_words(name), text, numbers={"splits": rows, name: float(values.mean())})
