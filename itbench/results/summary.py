"""A score in figures that JSON can hold and a table can show."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from itbench.results.score_file import NAMES, provenance
from itbench.statistics.bootstrap import percentile_interval
from itbench.statistics.brainscore import brainscore_ratio
from itbench.statistics.noise_ceiling import ceiling_corrected
from itbench.util.arrays import Array

FIGURES = ("explained_variance", "correlation")
CORRECTED = ("ceiling", "explained_variance_corrected", "n_sites_corrected", "brainscore", "r2_over_ceiling")
LABELS = {  # of the columns of tables
    "explained_variance": "EV",
    "brainscore": "Brain-Score",
    "cka": "CKA",
    "rsa": "RSA",
    "procrustes": "Procrustes",
    "reverse_explained_variance": "reverse EV",
    "predicted_rsa": "RSA",
    "predicted_cka": "CKA",
}


def summary(score: xr.Dataset) -> dict[str, Any]:
    """Return one score in figures.

    Returns
    -------
    dict
        ``measure``, its ``value``, and ``low`` and ``high``, its 95 % interval: what a leaderboard ranks by. ``layer``
        is the one chosen most often, ``layers_chosen`` says how often each was, ``layers`` what each one is worth, and
        ``models``, of several models together, what each adds.

        Of a readout also ``explained_variance`` and ``correlation``, means over sites at the layer that each split
        chose on its training rows, and their medians; ``oracle_layer``, the best one on held-out images, and
        ``regret``, what was lost by not knowing it. Where there are repetitions, ``ceiling`` (median over sites),
        ``explained_variance_corrected`` (mean of explained variance over ceiling, over the ``n_sites_corrected`` whose
        ceiling is above 0), ``brainscore``, which is (r / ceiling)² of medians, and ``r2_over_ceiling``.
    """
    kind = _comparison if "value" in score else _readout
    return {
        **{key: score.attrs[key] for key in NAMES},
        "baseline": score.attrs.get("baseline", ""),
        **kind(score),
        **_interval(score),
        **{key: int(score.attrs[key]) for key in ("n_sites", "n_sites_scored", "n_stimuli")},
        "seconds": round(sum(provenance(score)["seconds"].values()), 2),
        "layers": [_layer(score, str(layer)) for layer in score["layer"].values],
        "models": _models(score),
    }


def sites_text(n_sites: int, n_scored: int) -> str:
    """Return how many sites were scored as a table shows it; nothing for recordings without sites."""
    return "" if n_sites == 0 else str(n_sites) if n_sites == n_scored else f"{n_scored}/{n_sites}"


def interval_text(low: float | None, high: float | None) -> str:
    """Return an interval as a table shows it."""
    return "" if low is None or high is None else f"{low:.3f}–{high:.3f}" if low >= 0 else f"{low:.3f} to {high:.3f}"


def in_each_split(score: xr.Dataset, variable: str) -> xr.DataArray:
    """Return a variable (split, layer, …) at the layer that each split chose on its training rows (split, …)."""
    layers = score.indexes["layer"].get_indexer(score["chosen_layer"].values)
    return score[variable].isel(
        split=xr.DataArray(np.arange(len(layers)), dims="split"), layer=xr.DataArray(layers, dims="split")
    )


def at_chosen_layer(score: xr.Dataset, variable: str) -> xr.DataArray:
    """Return a variable at the layer that each split chose on its training rows, averaged over splits."""
    return in_each_split(score, variable).mean("split", skipna=False)


def chosen_layers(score: xr.Dataset) -> dict[str, int]:
    """Return how often each layer was chosen, the most often chosen first; of equals the better inner one."""
    count = Counter(str(layer) for layer in score["chosen_layer"].values)
    worth = score["value"] if "value" in score else score["inner_explained_variance"].mean(("split", "site"))
    return dict(sorted(count.items(), key=lambda item: (-item[1], -float(worth.sel(layer=item[0])))))


def ceilings_of(score: xr.Dataset) -> Array | None:
    """Return the ceiling of every site in each division of the repetitions (division, site); None without any."""
    for name in ("ceiling_divisions", "ceiling"):
        if name in score:
            return np.atleast_2d(score[name].values)
    return None


def brainscore(score: xr.Dataset) -> float | None:
    """Return (r / ceiling)², both medians over sites, averaged over splits: the formula of Brain-Score's code.

    None where there is no ceiling.
    """
    ceilings = ceilings_of(score)
    ratio = brainscore_ratio(in_each_split(score, "correlation").values, ceilings) if ceilings is not None else np.nan
    return ratio if np.isfinite(ratio) else None


def r2_over_ceiling(score: xr.Dataset) -> float | None:
    """Return r² / ceiling, both medians over sites: what a model without noise explains of what can be explained.

    None where there is no ceiling above 0.
    """
    r, ceiling = at_chosen_layer(score, "correlation").values, score["ceiling"].values
    most = float(np.nanmedian(ceiling)) if np.isfinite(ceiling).any() else np.nan
    return float(np.nanmedian(r) ** 2 / most) if most > 0 and np.isfinite(r).any() else None


def _readout(score: xr.Dataset) -> dict[str, Any]:
    ev, r = (at_chosen_layer(score, name) for name in FIGURES)
    chosen = chosen_layers(score)
    by_layer = {layer: _mean(score["explained_variance"].sel(layer=layer).mean("split")) for layer in _names(score)}
    scored = {layer: value for layer, value in by_layer.items() if value is not None}
    oracle = max(scored, key=scored.__getitem__) if scored else None
    found = {
        "layer": next(iter(chosen)),
        "layers_chosen": chosen,
        "oracle_layer": oracle,
        "regret": scored[oracle] - float(np.nanmean(ev.values)) if oracle else None,
        "explained_variance": _mean(ev),
        "correlation": _mean(r),
        "explained_variance_median": _mean(ev, np.median),
        "correlation_median": _mean(r, np.median),
        **_ceiling(score, ev.values),
    }
    measure = score.attrs.get("measure", FIGURES[0])
    value = found[measure] if measure in found else _mean(at_chosen_layer(score, "agreement"))
    return {"measure": measure, "value": value, **found}


def _ceiling(score: xr.Dataset, ev: Any) -> dict[str, Any]:
    """Return the ceiling and what is corrected by it; None where there are no repetitions."""
    if "ceiling" not in score:
        return dict.fromkeys(CORRECTED)
    ratio = ceiling_corrected(ev, score["ceiling"].values)
    return {
        "ceiling": _mean(score["ceiling"], np.median),
        "explained_variance_corrected": _mean(score["ceiling"].copy(data=ratio)),
        "n_sites_corrected": int(np.isfinite(ratio).sum()),
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
        "regret": float(score["value"].max()) - value,
    }


def _interval(score: xr.Dataset) -> dict[str, float | None]:
    """Return the 95 % interval of the headline."""
    measure = score.attrs.get("measure", FIGURES[0])
    if "draws" not in score or measure not in score["measure"].values:
        return {"low": None, "high": None}
    low, high = percentile_interval(score["draws"].sel(measure=measure).values)
    return {"low": low, "high": high} if low <= high else {"low": None, "high": None}  # of too few draws it is NaN


def _layer(score: xr.Dataset, layer: str) -> dict[str, Any]:
    one = score.sel(layer=layer)
    if "value" in score:
        return {"layer": layer, "n_features": int(one["n_features"]), "value": float(one["value"])}
    figures = {name: _mean(one[name].mean("split", skipna=False)) for name in (*FIGURES, "inner_explained_variance")}
    if "agreement" in one:
        figures["value"] = _mean(one["agreement"].mean("split"))
    if "part" in score and layer in score["part"].values:
        for name in ("weight", "share"):
            figures[name] = _mean(score[name].sel(part=layer).mean("split"))
    if "group" in score and layer in score["group"].values:
        figures["unique"] = _mean(score["unique"].sel(group=layer).mean("split"))
    return {"layer": layer, "n_features": int(one["n_features"]), **figures}


def _models(score: xr.Dataset) -> list[dict[str, Any]]:
    """Return share and unique part of every model, where several were read together."""
    groups = [] if "group" not in score else [str(name) for name in score["group"].values]
    layers = _names(score)
    found = []
    for model in (name for name in groups if name not in layers):
        own = [layer for layer in layers if layer.startswith(f"{model}:")]
        share = score["share"].sel(part=own).sum("part", skipna=False).mean("split")
        unique = score["unique"].sel(group=model).mean("split")
        width = int(score["n_features"].sel(layer=own).sum())
        found.append({"model": model, "n_features": width, "share": _mean(share), "unique": _mean(unique)})
    return found


def _names(score: xr.Dataset) -> list[str]:
    return [str(layer) for layer in score["layer"].values]


def _mean(values: xr.DataArray, statistic: Any = np.mean) -> float | None:
    """Return a statistic over the values that there are; None, not 0, if there is none."""
    finite = values.values[np.isfinite(values.values)]
    return float(statistic(finite)) if len(finite) else None
