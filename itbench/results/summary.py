"""Summary of a score: headline, interval, ceiling and one row a layer, as numbers that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from itbench.results.score_file import NAMES, edition_of, provenance
from itbench.results.score_variables import (
    SHARED,
    SITE_MEASURES,
    ceiling_of,
    ceilings_of,
    chosen_layers,
    dimensionality_of_layers,
    drawn_text,
    has_split_measure,
    in_each_split,
    interval_of,
    is_comparison,
    is_joint_readout,
    layer_groups,
    layer_names,
    measure_of,
    partition_of,
    pooled,
    pooled_values,
)
from itbench.statistics.brainscore import brainscore_ratio
from itbench.statistics.noise_ceiling import ceiling_corrected
from itbench.util.arrays import Array

CORRECTED = ("ceiling", "explained_variance_corrected", "n_sites_corrected", "brainscore", "r2_over_ceiling")
LABELS = {  # of the columns of tables
    "explained_variance": "EV",
    "brainscore": "Brain-Score",
    "cka": "CKA",
    "rsa": "RSA",
    "procrustes": "Procrustes",
    "mutual_knn": "mutual kNN",
    "svcca": "SVCCA",
    "soft_matching": "soft matching",
    "reverse_explained_variance": "reverse EV",
    "predicted_rsa": "RSA",
    "predicted_cka": "CKA",
}


def summary(score: xr.Dataset) -> dict[str, Any]:
    """Return the summary of a score, which tables and ``--json`` print.

    Returns
    -------
    dict
        ``edition`` of the rules by which it was scored, ``measure``, its ``value``, ``low`` and ``high``, its 95 %
        interval, and what was ``drawn`` for it, such as ``64 objects × 168 sites``. ``layer`` is the one chosen most
        often, ``layers_chosen`` the count of each, ``layers`` the values of each layer, and ``models``, of several
        models read together, the share and the unique part of each.

        Of a readout also ``explained_variance`` and ``correlation``, pooled over splits (`pooled`) at the layer that
        each split chose on its training rows, means over sites and their medians; ``oracle_layer``, the best one on
        held-out images, and ``gap_to_oracle``, how much lower the headline is: biased upwards, since the best of
        several estimates is too high. Where there are repetitions, ``ceiling``
        (median over sites), ``explained_variance_corrected`` (explained variance over ceiling: a ratio of sums over the
        ``n_sites_corrected`` that have both), ``brainscore``, which is (r / ceiling)² of medians, and
        ``r2_over_ceiling``.
    """
    of_kind = _comparison if is_comparison(score) else _readout
    return {
        **{key: score.attrs[key] for key in NAMES},
        "edition": edition_of(score),
        "baseline": score.attrs.get("baseline", ""),
        **of_kind(score),
        **_interval(score),
        "drawn": drawn_text(score),
        **{key: int(score.attrs[key]) for key in ("n_sites", "n_sites_scored", "n_stimuli")},
        "seconds": round(sum(provenance(score)["seconds"].values()), 2),
        "layers": _layers(score),
        "models": _models(score),
    }


def sites_text(n_sites: int, n_scored: int) -> str:
    """Return the number of sites in a summary as a table prints it; empty for recordings without sites."""
    return "" if n_sites == 0 else str(n_sites) if n_sites == n_scored else f"{n_scored}/{n_sites}"


def layer_text(figures: Mapping[str, Any]) -> str:
    """Return the layer of a summary as a table prints it: with how often it was chosen, where others were too."""
    chosen = figures["layers_chosen"]
    total = sum(chosen.values())
    return figures["layer"] if len(chosen) == 1 else f"{figures['layer']} ({chosen[figures['layer']]}/{total})"


def interval_text(low: float | None, high: float | None) -> str:
    """Return the interval of a summary as a table prints it."""
    return "" if low is None or high is None else f"{low:.3f}–{high:.3f}" if low >= 0 else f"{low:.3f} to {high:.3f}"


def brainscore(score: xr.Dataset) -> float | None:
    """Return (r / ceiling)² of a score's medians over sites, with the sign of r; None without ceiling."""
    ceilings = ceilings_of(score)
    ratio = brainscore_ratio(in_each_split(score, "correlation").values, ceilings) if ceilings is not None else np.nan
    return ratio if np.isfinite(ratio) else None


def r2_over_ceiling(score: xr.Dataset) -> float | None:
    """Return r² / ceiling of a score's medians over sites, with the sign of r; None without ceiling."""
    r, ceiling = pooled_values(score, "correlation", chosen=True), ceiling_of(score)
    limit = float(np.nanmedian(ceiling)) if ceiling is not None and np.isfinite(ceiling).any() else np.nan
    if not limit > 0 or not np.isfinite(r).any():
        return None
    middle = float(np.nanmedian(r))
    return middle * abs(middle) / limit


def _readout(score: xr.Dataset) -> dict[str, Any]:
    ev, r = (pooled_values(score, name, chosen=True) for name in SITE_MEASURES)
    chosen = chosen_layers(score)
    by_layer = dict(zip(layer_names(score), map(_mean, pooled_values(score, "explained_variance")), strict=True))
    scored = {layer: value for layer, value in by_layer.items() if value is not None}
    oracle = max(scored, key=scored.__getitem__) if scored else None
    found = {
        "layer": next(iter(chosen)),
        "layers_chosen": chosen,
        "oracle_layer": oracle,
        "gap_to_oracle": scored[oracle] - float(np.nanmean(ev)) if oracle else None,
        "explained_variance": _mean(ev),
        "correlation": _mean(r),
        "explained_variance_median": _mean(ev, np.median),
        "correlation_median": _mean(r, np.median),
        **_ceiling(score, ev),
    }
    measure = measure_of(score)
    value = found[measure] if measure in found else _mean(pooled_values(score, "agreement", chosen=True))
    return {"measure": measure, "value": value, **found}


def _ceiling(score: xr.Dataset, ev: Any) -> dict[str, Any]:
    ceiling = ceiling_of(score)
    if ceiling is None:
        return dict.fromkeys(CORRECTED)
    ratio = float(ceiling_corrected(ev, ceiling))
    return {
        "ceiling": _mean(ceiling, np.median),
        "explained_variance_corrected": ratio if np.isfinite(ratio) else None,
        "n_sites_corrected": int((np.isfinite(ev) & np.isfinite(ceiling)).sum()),
        "brainscore": brainscore(score),
        "r2_over_ceiling": r2_over_ceiling(score),
    }


def _comparison(score: xr.Dataset) -> dict[str, Any]:
    chosen = chosen_layers(score)
    best = str(score["layer"].values[int(np.argmax(score["value"].values))])
    value = float(score["headline"])
    return {
        "measure": score.attrs["measure"],
        "value": value,
        "layer": next(iter(chosen)),
        "layers_chosen": chosen,
        "oracle_layer": best,
        "gap_to_oracle": float(score["value"].max()) - value,
    }


def _interval(score: xr.Dataset) -> dict[str, float | None]:
    low, high = interval_of(score) or (np.nan, np.nan)
    return {"low": low, "high": high} if low <= high else {"low": None, "high": None}  # of too few draws it is NaN


def _layers(score: xr.Dataset) -> list[dict[str, Any]]:
    """Return one row a layer: its width and, of a readout, means over sites pooled over splits."""
    names = layer_names(score)
    if is_comparison(score):
        by_layer: dict[str, Any] = {"value": score["value"].values}
    else:
        by_layer = {name: pooled_values(score, name) for name in (*SITE_MEASURES, "inner_explained_variance")}
        if has_split_measure(score):
            by_layer["value"] = pooled_values(score, "agreement")
    widths = score.variables["n_features"].values
    dimensionality = dimensionality_of_layers(score)
    rows: list[dict[str, Any]] = [
        {"layer": layer, "n_features": int(widths[i]), "effective_dimensionality": dimensionality[i]}
        | {name: _mean(values[i]) for name, values in by_layer.items()}
        for i, layer in enumerate(names)
    ]
    parts = [*((name, "part") for name in ("weight", "share")), ("unique", "group")] if is_joint_readout(score) else []
    for figure, dimension in parts:
        of_parts = pooled(score, figure)
        known = [str(name) for name in of_parts[dimension].values]
        for row in rows:
            if row["layer"] in known:
                row[figure] = _mean(of_parts.sel({dimension: row["layer"]}))
    return rows


def _models(score: xr.Dataset) -> list[dict[str, Any]]:
    """Return the models of a summary, where several were read together: share and unique part of each.

    Of two, also what they share. Unique and shared parts have 95 % intervals.
    """
    layers, partition = layer_names(score), partition_of(score)
    found: list[dict[str, Any]] = []
    for model in (name for name in layer_groups(score) if name not in layers):
        own = [layer for layer in layers if layer.startswith(f"{model}:")]
        share = pooled(score, "share").sel(part=own).sum("part", skipna=False)
        unique = pooled(score, "unique").sel(group=model)
        width = int(score["n_features"].sel(layer=own).sum())
        figures = {"n_features": width, "share": _mean(share), "unique": _mean(unique)}
        found.append({"model": model, **figures, **_ends(partition.get(model))})
    if SHARED in partition:
        found.append({"model": SHARED, "unique": partition[SHARED][0], **_ends(partition[SHARED])})
    return found


def _ends(part: tuple[float, float, float] | None) -> dict[str, float | None]:
    return dict(zip(("low", "high"), part[1:] if part else (None, None), strict=True))


def _mean(values: xr.DataArray | Array, statistic: Any = np.mean) -> float | None:
    """None, not 0, without any value."""
    array = np.asarray(values)
    finite = array[np.isfinite(array)]
    return float(statistic(finite)) if len(finite) else None
