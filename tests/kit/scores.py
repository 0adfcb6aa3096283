"""Score files of known predictions, as `itbench score` writes them, without a model."""

import json

import numpy as np
import xarray as xr

from itbench.results.score_file import EDITION
from itbench.statistics.bootstrap import bootstrap_draws
from itbench.statistics.explained_variance import correlation, explained_variance, sum_of_squares
from itbench.statistics.jackknife import jackknife_draws

ABOUT = {
    "digests": {"stimuli": "1" * 64, "responses": "2" * 64, "content": "3" * 64, "weights": "4" * 64},
    "splits": {"kind": "kfold", "folds": 4, "seed": 0, "stratify": None},
    "options": {"given": {}, "defaulted": {"components": "1000"}},
    "asked": {},
    "layers": "candidates",
    "precision": "float32",
    "pool": "none",
    "degrees": "",
    "seconds": {"readout": 0.5},
}
LABELS = {"pretrained": ("pretrained", 0), "none": ("none", 0), "random-0": ("random", 0), "random-7": ("random", 7)}


def readout_score(
    recorded, predicted, *, folds=4, ceiling=None, n_draws=500, keep=True, model="net", objects=None, **how
):
    """Score predictions (stimulus, site) of recorded responses (stimulus, site), each tested in one of `folds`.

    Draws are of `objects`, numbers (stimulus,), where they are given.
    """
    n, sites = recorded.shape
    fold = np.arange(n) % folds
    stimulus = np.concatenate([np.flatnonzero(fold == number) for number in range(folds)])
    split = fold[stimulus]
    values, sst = np.empty((3, folds, 2, sites)), np.empty((folds, sites))
    for number in range(folds):
        at = stimulus[split == number]
        sst[number] = sum_of_squares(recorded[at])
        for layer, quality in enumerate((0.5, 1.0)):  # the first layer is worse
            values[0, number, layer] = explained_variance(recorded[at], quality * predicted[at])
            values[1, number, layer] = correlation(recorded[at], quality * predicted[at])
            values[2, number, layer] = sum_of_squares(quality * predicted[at])
    names = ("explained_variance", "correlation", "ssp")
    data = {name: (("split", "layer", "site"), value) for name, value in zip(names, values, strict=True)}
    data |= {"inner_explained_variance": data["explained_variance"], "sst": (("split", "site"), sst)}
    cluster = (np.arange(n) if objects is None else objects)[stimulus]
    drawn = bootstrap_draws(recorded[stimulus], predicted[stimulus], cluster, split, ceiling=ceiling, n=n_draws)
    if ceiling is not None:
        data["ceiling"] = ("site", ceiling)
    if n_draws:
        data["draws"] = (("measure", "draw"), np.stack(list(drawn.values())).astype(np.float32))
    coords = {
        "split": [f"fold{number}" for number in range(folds)],
        "layer": ["early", "late"],
        "site": [f"site{number:03d}" for number in range(sites)],
        "n_features": ("layer", [10, 20]),
        "chosen_layer": ("split", ["late"] * folds),
        **({"measure": list(drawn)} if n_draws else {}),
    }
    if keep:
        data["predictions"] = (("row", "site"), predicted[stimulus].astype(np.float32))
        coords |= {"row_stimulus": ("row", stimulus), "row_split": ("row", split), "row_cluster": ("row", cluster)}
    scored = int(np.isfinite(predicted).all(axis=0).sum())
    clusters = {"clusters": "" if objects is None else "object", "n_clusters": len(np.unique(cluster))}
    return xr.Dataset(data, coords, attributes(model, n=n, sites=sites, scored=scored, **clusters, **how))


def comparison_score(without, without_sites=(), *, model="net", metric="cka", n_draws=500, **how):
    """Score one layer by a comparison whose values without each group of two images are `without` (group,).

    Without each group of sites, or each subject, they are `without_sites` (site_group,).
    """
    without, without_sites = (np.asarray(values, float) for values in (without, without_sites))
    value = without.mean()
    data = {
        "value": ("layer", [value]),
        "without": (("layer", "group"), without[None]),
        "without_sites": (("layer", "site_group"), without_sites[None]),
        "group_size": ("group", np.full(len(without), 2)),
        "headline": value,
        "draws": (
            ("measure", "draw"),
            jackknife_draws(value, without, without_sites, n=n_draws)[None].astype(np.float32),
        ),
    }
    coords = {
        "layer": ["late"],
        "n_features": ("layer", [20]),
        "chosen_layer": ("group", ["late"] * len(without)),
        "measure": [metric],
    }
    return xr.Dataset(data, coords, attributes(model, metric=metric, measure=metric, n=2 * len(without), **how))


def attributes(
    model,
    *,
    weights="pretrained",
    benchmark="toy",
    metric="ridge",
    measure="explained_variance",
    n=80,
    clusters="",
    n_clusters=None,
    sites=5,
    scored=None,
    stem="",
    baseline="",
    **about,
):
    """Return the attributes of a score; `about` is put into its provenance."""
    kind, seed = LABELS.get(weights, ("file", 0))
    source = {"model": model, "weights": {"kind": kind, "seed": seed, "file": weights if kind == "file" else None}}
    names = {"model": model, "weights": weights, "benchmark": benchmark, "metric": metric, "measure": measure}
    counts = {"n_sites": sites, "n_sites_scored": sites if scored is None else scored, "n_stimuli": n}
    counts |= {"clusters": clusters, "n_clusters": n if n_clusters is None else n_clusters}
    stem = stem or "--".join([model, weights, benchmark, metric])
    said = json.dumps({**ABOUT, "sources": [source], **about})
    more = {"baseline": baseline} if baseline else {}
    return {**names, **counts, "edition": EDITION, "file_stem": stem, "provenance": said, **more}


MEASURES = ("explained_variance", "correlation", "alpha", "inner_explained_variance")


def small_score(**attrs):
    """Three splits, two layers, three sites; in the first split `early` is chosen, in the others `late`."""
    rng = np.random.default_rng(0)
    values = {name: (("split", "layer", "site"), rng.random((3, 2, 3))) for name in (*MEASURES, "ssp")}
    values["sst"] = (("split", "site"), rng.random((3, 3)))
    coords = {
        "split": ["fold0", "fold1", "fold2"],
        "layer": ["early", "late"],
        "site": ["a", "b", "c"],
        "n_features": ("layer", [10, 20]),
        "chosen_layer": ("split", ["early", "late", "late"]),
        "n_train": ("split", [6, 6, 6]),
        "n_test": ("split", [3, 3, 3]),
    }
    names = {"model": "m", "weights": "w", "benchmark": "b", "metric": "ridge", "file_stem": "m--w--b--ridge"}
    counts = {"n_sites": 3, "n_sites_scored": 3, "n_stimuli": 9, "clusters": "", "n_clusters": 9, "edition": EDITION}
    about = json.dumps({"seconds": {"data": 0.5, "readout": 0.25}})
    return xr.Dataset(values, coords, {**names, **counts, "provenance": about, **attrs})
