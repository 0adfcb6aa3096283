"""Score on a page: its values, layers, sites, images predicted best and worst, provenance and command, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from itbench.results.explain import explain_splits
from itbench.results.score_command import score_command
from itbench.results.score_file import EDITION, edition_of, provenance
from itbench.results.score_setup import SHORT, Setup
from itbench.results.score_variables import (
    SITE_MEASURES,
    ceiling_of,
    drawn_text,
    has_splits,
    held_out_rows,
    interval_of,
    is_comparison,
    layer_names,
    measures_site_by_site,
    model_layers,
    pooled_values,
    predictions,
    scored_sites,
)
from itbench.util.arrays import Array
from itbench.util.tables import counted

MEASURES = (*SITE_MEASURES, "explained_variance_corrected", "brainscore")
SHOWN = 6  # images predicted best, and worst
DIGITS = 4  # of a number on a page


def number(value: float | None, digits: int = DIGITS) -> float | None:
    """Return a number rounded for a page; None for NaN."""
    return None if value is None or not np.isfinite(value) else round(float(value), digits)


def numbers(values: Array) -> list[float | None]:
    """Return an array of numbers rounded for a page; None for NaN."""
    return [number(value) for value in values.tolist()]


def page_of(
    path: Path, score: xr.Dataset, figures: Mapping[str, Any], setup: Setup, recorded: Array | None
) -> dict[str, Any]:
    """Return what pages show of a score.

    Parameters
    ----------
    path : Path
        Of its file.
    score : Dataset
    figures : mapping
        Its `summary`.
    setup : Setup
    recorded : array of shape (stimulus, site), optional
        Mean responses of its recordings; without them no image is said to be predicted well or badly.
    """
    sites = ceiling = None
    if measures_site_by_site(score):
        sites, ceiling = pooled_values(score, SITE_MEASURES[0], chosen=True), ceiling_of(score)
    return {
        "measures": _measures(score, figures),
        "drawn": drawn_text(score),
        "layers": [_layer(row) for row in figures["layers"]],
        "joint": [name for name in layer_names(score) if name not in model_layers(score)],
        "chosen": figures["layers_chosen"],
        "oracle": figures.get("oracle_layer"),
        "sites": None if sites is None else sites.tolist(),
        "names": setup.sites,
        "ceilings": None if ceiling is None or not np.isfinite(ceiling).any() else numbers(ceiling),
        "images": None if recorded is None else _images(score, recorded),
        "depth": _depth(score, figures["layer"]),
        "splits": explain_splits(score).text if has_splits(score) else "",
        "fitted": has_splits(score) and bool(score["n_train"].values.any()),
        "comparison": is_comparison(score),
        "kind": _kind(setup, figures["baseline"]),
        "weights": _weights(setup),
        "provenance": [[label, text] for label, text in _provenance(path, score, setup) if text],
        "command": "" if figures["baseline"] else score_command(score),
    }


def _measures(score: xr.Dataset, figures: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """Return value, low and high of every measure that a score has: the headline, and those of single sites."""
    found = {}
    for measure in dict.fromkeys((figures["measure"], *MEASURES)):
        value = figures["value"] if measure == figures["measure"] else figures.get(measure)
        if value is not None:
            low, high = interval_of(score, measure) or (np.nan, np.nan)
            found[measure] = [number(value, 5), *([number(low), number(high)] if low <= high else [None, None])]
    return found


def _layer(row: Mapping[str, Any]) -> list[Any]:
    """Return name, features, dimensionality, EV, correlation and value of a layer; the value of a comparison."""
    names = ("effective_dimensionality", *SITE_MEASURES, "value")
    return [row["layer"], row["n_features"], *(row.get(name) for name in names)]


def _depth(score: xr.Dataset, layer: str) -> float | None:
    """Return the depth of a layer among those that were read: 0 the first, 1 the last; None where it is not one."""
    names = model_layers(score)
    return None if layer not in names or len(names) < 2 else round(names.index(layer) / (len(names) - 1), 3)


def _images(score: xr.Dataset, recorded: Array) -> dict[str, Any] | None:
    """Return the images predicted best and worst, as [row of the stimulus, explained variance over its sites].

    1 − Σ (y − ŷ)² / Σ y² over sites and splits, both centred within their split, sites in units of their standard
    deviation.
    """
    rows, scored = held_out_rows(score), scored_sites(score)
    if rows is None or scored is None or not scored.any():
        return None
    stimulus, split = rows
    errors, total = np.zeros((2, len(recorded)))
    for one in np.unique(split):
        at = split == one
        y, predicted = recorded[stimulus[at]][:, scored], predictions(score)[at][:, scored]
        y, predicted = y - y.mean(axis=0), predicted - predicted.mean(axis=0)
        scale = np.maximum(np.square(y).mean(axis=0), np.finfo(float).tiny)
        np.add.at(errors, stimulus[at], (np.square(y - predicted) / scale).sum(axis=1))
        np.add.at(total, stimulus[at], (np.square(y) / scale).sum(axis=1))
    known = np.flatnonzero(total > 0)
    value = 1 - errors[known] / total[known]
    order = np.argsort(-value, kind="stable")
    best, worst = order[:SHOWN], order[::-1][: min(SHOWN, max(0, len(order) - SHOWN))]
    shown = {"best": best, "worst": worst}
    return {key: [[int(known[i]), number(value[i])] for i in at] for key, at in shown.items()} | {"n": len(known)}


def _kind(setup: Setup, baseline: str) -> str:
    if baseline or not setup.sources:
        return "baseline"
    if len(setup.sources) > 1:
        return "several models"
    if setup.trained:
        return "trained on recordings"
    return "function" if "function" in setup.sources[0].get("identity", {}) else "network"


def _weights(setup: Setup) -> str:
    return " + ".join(dict.fromkeys(str(source["weights"]["kind"]) for source in setup.sources)) or "none"


def _provenance(path: Path, score: xr.Dataset, setup: Setup) -> list[tuple[str, str]]:
    """Return labels and texts of where a score comes from; empty texts are left out."""
    record = provenance(score)
    git, machine, versions = (record.get(key) or {} for key in ("git", "machine", "versions"))
    given, defaulted = (setup.options.get(key, {}) for key in ("given", "defaulted"))
    commit = str(git.get("commit") or "")[:12]
    return [
        ("Scored", str(record.get("date", ""))),
        ("Rules", f"edition {edition_of(score)}{'' if edition_of(score) == EDITION else f'; current: {EDITION}'}"),
        *(item for source in setup.sources for item in _source(source)),
        ("Layers", f"{counted(len(model_layers(score)), 'layer')}, {setup.settings['layers']}"),
        ("Forward pass", ", ".join(f"{key} {setup.settings[key]}" for key in ("precision", "pool", "degrees"))),
        ("Options given", _options(given)),
        ("Default options", _options(defaulted)),
        (
            "Digests of the recordings",
            ", ".join(f"{key} {str(value)[:SHORT]}" for key, value in setup.digests.items() if key != "weights"),
        ),
        ("Commit", f"{commit}{', with uncommitted changes' if git.get('dirty') else ''}" if commit else ""),
        ("Machine", " ".join(str(machine[key]) for key in ("system", "processor") if key in machine)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("File", path.name),
    ]


def _source(source: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    weights, identity = source["weights"], source.get("identity", {})
    kind = {"random": f"random, seed {weights.get('seed')}", "file": f"file {weights.get('file')}"}
    digest = str(weights.get("digest") or "none")[:SHORT]
    return (
        ("Model", f"{source['model']}{' of ' + str(source['source']) if source.get('source') else ''}"),
        ("Weights", f"{kind.get(weights['kind'], weights['kind'])}{'' if digest == 'none' else f' (digest {digest})'}"),
        ("Preprocessing", " ".join(str(identity.get("preprocessing") or identity.get("function") or "").split())),
    )


def _options(values: Mapping[str, str]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in values.items())
