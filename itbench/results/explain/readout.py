"""Explain the readout of a score: metric and options, choice of the layer, joint readout, explained variance."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np
import xarray as xr

from itbench.metrics import options
from itbench.registry import MetricEntry
from itbench.results.explain.steps import Step, Value, in_words, sentences
from itbench.results.score_file import is_earlier, provenance
from itbench.results.score_setup import Setup
from itbench.results.score_variables import (
    in_each_split,
    is_joint_readout,
    layer_groups,
    layer_names,
    mean_by_layer,
    measure_of,
    model_layers,
    penalties_at_sites,
    pooled,
)
from itbench.util.tables import counted


def explain_metric(score: xr.Dataset, entry: MetricEntry | None) -> Step:
    """Explain the metric by which a score reads out its Grams: description, formula, options, penalties."""
    used = provenance(score)["options"]
    name = score.attrs["metric"]
    if entry is None:
        text = f"{name} is a metric of a plugin that is not loaded: name it with --plugin FILE for its description."
        helps: dict[str, str] = {}
    else:
        text = f"{name}: {metric_description(entry)}"
        helps = {option["option"]: option["help"] for option in options.describe(entry.readout)}
    lines = [
        f"{option} = {value} ({how}){': ' if helps.get(option) else ''}{helps.get(option, '')}"
        for how, values in (("given", used["given"]), ("default", used["defaulted"]))
        for option, value in values.items()
    ]
    text += "\n\n" + "\n".join(["Options:", *lines]) if lines else ""
    formula = entry.formula if entry else ""
    if Setup.of(score).trained and (entry is None or entry.form.reads_layers):
        text += "\n\n" + sentences(CHOSEN_BY_VALIDATION)
    penalties = _penalties(score)
    text += "\n\n" + sentences(OF_PENALTIES) if penalties else ""
    return Step("The metric", text, formula, penalties)


def metric_description(entry: MetricEntry) -> str:
    """Return the paragraphs that explain a readout: the docstring of its class, or of its plugin.

    A class whose docstring is one paragraph says what is its own among several of a plugin, which explains the rest.
    """
    of_class = entry.readout.__dict__.get("__doc__") or ""
    written = "" if of_class.startswith(f"{entry.readout.__name__}(") else of_class  # dataclasses generate one
    module = sys.modules.get(entry.readout.__module__)
    of_plugin = inspect.cleandoc((module and module.__doc__) or entry.description).split("\n\n")
    own = inspect.cleandoc(written).split("\n\n") if written else []
    paragraphs = own if len(own) > 1 else [*own, *of_plugin[1:]] if own else of_plugin
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _penalties(score: xr.Dataset) -> dict[str, Value]:
    """Return the least, median and largest penalty over splits and sites, at the layers that the splits chose."""
    penalties = penalties_at_sites(score)
    alpha = np.empty(0) if penalties is None else penalties[np.isfinite(penalties)]
    if not len(alpha):
        return {}
    return {
        "alpha_lowest": float(alpha.min()),
        "alpha_median": float(np.median(alpha)),
        "alpha_highest": float(alpha.max()),
    }


BY_INNER_PREDICTIONS = """
    Every split chooses its layer by the explained variance of inner predictions: each training image is predicted by
    a readout that was fitted to other training images. The held-out images take no part in it.
"""
BY_VALIDATION = """
    Every split chooses its layer by the explained variance of its validation images, each predicted by a readout that
    was fitted to other training images. The held-out images take no part in it.
"""
OF_PENALTIES = "alpha: the penalties of all sites and splits, at the layer that each split chose."
CHOSEN_BY_VALIDATION = """
    The network was fitted to the other training images, which look too predictable: so the validation images alone
    choose what the metric chooses, such as penalties and weights of layers, if it takes them.
"""
ORACLE = """
    The oracle layer is the best one on the held-out images, which is not known beforehand. The gap to it is biased
    upwards: the best of several estimates is too high, even where all layers are equally good.
"""
INNER = "chosen(split) = the layer l with the largest mean over sites of inner EV(split, l)"


def explain_layer_choice(score: xr.Dataset) -> Step:
    """Explain the choice of the layer by the inner predictions of a readout, with the gap to the oracle layer."""
    names = layer_names(score)
    chosen = [str(name) for name in score["chosen_layer"].values]
    held_out, inner = (mean_by_layer(score, name) for name in ("explained_variance", "inner_explained_variance"))
    rows = [
        {"layer": name, "inner EV": inner[name], "EV": held_out[name], "chosen": f"{chosen.count(name)}/{len(chosen)}"}
        for name in names
    ]
    if len(names) == 1:
        text = f"There was one layer to choose from, {names[0]}."
        return Step("The choice of the layer", text, numbers={"layers": rows})
    if is_joint_readout(score):
        compared, numbers = _site_by_site(score, chosen[0])
        text = f"No layer was chosen: {chosen[0]} reads all layers together. The table also has each layer alone."
        return Step("The layers together and alone", f"{text}\n\n{compared}", numbers={"layers": rows, **numbers})
    how = _how(BY_VALIDATION if Setup.of(score).trained else BY_INNER_PREDICTIONS, chosen)
    return Step("The choice of the layer", how, INNER, {"layers": rows, **_oracle(score, held_out)})


BELOW = """
    Which layer is best at a site was seen on the same held-out images; that favours it.
"""


def _site_by_site(score: xr.Dataset, whole: str) -> tuple[str, dict[str, Any]]:
    """Compare the layers together with each site's best layer alone, on the held-out images."""
    held_out = pooled(score, "explained_variance")
    loss = (held_out.sel(layer=model_layers(score)).max("layer") - held_out.sel(layer=whole)).values
    loss = loss[np.isfinite(loss)]
    below = loss[loss > 0]
    many = f"At {len(below)} of {counted(len(loss), 'site')} the layers together explain less of the held-out images"
    if not len(below):
        return sentences(f"{many} than the best of them alone."), {"sites_below_their_best_layer": 0}
    text = f"{many} than the site's best layer alone, by {below.mean():.4f} on average and {below.max():.4f} at most."
    numbers = {"mean_loss_there": float(below.mean()), "largest_loss": float(below.max())}
    return sentences(text, BELOW), {"sites_below_their_best_layer": len(below), **numbers}


def _how(how: str, chosen: list[str]) -> str:
    most = max(dict.fromkeys(chosen), key=chosen.count)
    return sentences(how, f"{most} was chosen in {chosen.count(most)} of {counted(len(chosen), 'split')}.", ORACLE)


def _oracle(score: xr.Dataset, held_out: dict[str, float]) -> dict[str, Any]:
    best = max(held_out, key=held_out.__getitem__)
    reached = float(np.nanmean(pooled(score, "explained_variance", chosen=True)))
    return {"oracle_layer": best, "oracle_value": held_out[best], "gap_to_oracle": held_out[best] - reached}


CONTRIBUTIONS = """
    The joint prediction is the sum of the contributions of the layers. The weight is the factor of each layer's own
    prediction in that sum: of several, as from several kernels, the sum of their factors, and of a prediction by k
    layers 1/k of its factor. Shares divide the explained variance among the layers and add up to it; one may be below
    0. The unique part of a layer is the explained variance that is lost when the joint readout is fitted without it:
    layers with the same information have no unique part, however good they are. Shares and unique parts are pooled over
    splits as explained variance is, weights averaged; then the mean over sites.
"""
FORMULA = """\
ŷ = Σ_l ŷ_l + constant
share of l = [2 Cov(y, ŷ_l) − Cov(ŷ_l, ŷ)] / Var(y)
unique part of g = EV(all layers) − EV(all layers but those of g, fitted again)"""


def explain_contributions(score: xr.Dataset) -> Step:
    """Explain what each layer, and each model, contributes to a joint readout: weight, share and unique part."""
    rows = []
    groups, parts = layer_groups(score), model_layers(score)
    for name in dict.fromkeys((*parts, *groups)):
        row: dict[str, float | str | None] = {"layer": name}
        for figure, dimension, known in (
            ("weight", "part", parts),
            ("share", "part", parts),
            ("unique", "group", groups),
        ):
            row[figure] = _mean(pooled(score, figure).sel({dimension: name})) if name in known else None
        rows.append(row)
    total = sum(row["share"] for row in rows if isinstance(row["share"], float))
    return Step(
        "What each layer contributes",
        sentences(CONTRIBUTIONS),
        FORMULA,
        {"contributions": rows, "sum_of_shares": total},
    )


def _mean(values: xr.DataArray) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


FORMULAS = {
    "explained_variance": "EV = 1 − Σ SSR / Σ SST    y: recorded, ŷ: predicted; Σ over splits\n"
    "SSR, SST: sums of squares of y − ŷ and of y over a split's held-out images, about their means",
    "correlation": "r = Σ SPR / √(Σ SST Σ SSP)    SSP: as SST, of ŷ; SPR: sums of products of y and ŷ",
}
NOTES = {
    "explained_variance": "1 is a perfect prediction, 0 is no better than the mean response, below 0 is worse.",
    "correlation": "It does not depend on scale and offset of the prediction; so r² is at least the explained variance,"
    " at every site and in every split. A score that breaks this law is refused.",
}


def explain_site_measure(score: xr.Dataset, measure: str) -> Step:
    """Explain how a readout's explained variance, or correlation, is pooled over splits and averaged over sites."""
    values = in_each_split(score, measure).values  # (split, site)
    of_sites = pooled(score, measure, chosen=True).values
    found = of_sites[np.isfinite(of_sites)]
    rows = [
        {"split": str(split), "layer": str(layer), "mean over sites": float(np.nanmean(row))}
        for split, layer, row in zip(score["split"].values, score["chosen_layer"].values, values, strict=True)
    ]
    text = sentences(
        f"At every site, over the held-out images of a split, at the layer that the split chose. {NOTES[measure]}",
        f"{_over_splits(score, len(rows))} Then averaged over {counted(len(found), 'site')}.",
    )
    numbers: dict[str, Any] = {
        "splits": rows,
        measure: float(found.mean()),
        f"{measure}_median": float(np.median(found)),
        "lowest_site": float(found.min()),
        "highest_site": float(found.max()),
    }
    return Step(in_words(measure).capitalize(), text, FORMULAS[measure], numbers)


def _over_splits(score: xr.Dataset, n_splits: int) -> str:
    if n_splits == 1:
        return ""
    if is_earlier(score):
        return f"By earlier rules, averaged over {n_splits} splits."
    return f"Sums of squares are added up over {n_splits} splits, and then divided: a mean of ratios would be biased."


def explain_split_measure(score: xr.Dataset) -> Step:
    """Explain the measure of a readout that compares all predictions of a split at once, such as predicted RSA."""
    values = in_each_split(score, "agreement").values  # (split,)
    name = measure_of(score)
    rows = [
        {"split": str(split), "layer": str(layer), name: float(value)}
        for split, layer, value in zip(score["split"].values, score["chosen_layer"].values, values, strict=True)
    ]
    text = sentences(
        f"The headline of this metric, {in_words(name)}, compares the recorded with the predicted responses of all",
        f"sites and held-out images of a split at once, and is averaged over {counted(len(rows), 'split')}.",
    )
    return Step(in_words(name), text, numbers={"splits": rows, name: float(values.mean())})
