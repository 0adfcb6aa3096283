"""A score in figures that JSON can hold and a table can show."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from itbench.bootstrap import interval
from itbench.ceiling import corrected
from itbench.score import NAMES, provenance

FIGURES = ("explained_variance", "correlation")
LABELS = {"explained_variance": "EV", "brainscore": "Brain-Score", "cka": "CKA", "rsa": "RSA"}  # of columns


def summary(score: xr.Dataset) -> dict[str, Any]:
    """Return one score in figures.

    Returns
    -------
    dict
        ``measure``, its ``value``, and ``low`` and ``high``, its 95 % interval: what a leaderboard ranks by. ``layer``
        is the one chosen most often, ``layers_chosen`` says how often each was, ``layers`` what each one is worth.

        Of a readout also ``explained_variance`` and ``correlation``, means over sites at the layer that each split
        chose on its training rows, and their medians; ``oracle_layer``, the best one on held-out pictures, and
        ``regret``, what was lost by not knowing it. Where there are repetitions, ``ceiling`` (median over sites),
        ``explained_variance_corrected`` (mean of explained variance over ceiling, over the ``n_sites_corrected`` whose
        ceiling is above 0) and ``brainscore``.
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
    }


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


def brainscore(score: xr.Dataset) -> float | None:
    """Return the median over sites of r, averaged over splits, squared, over the median ceiling.

    Brain-Score's own formula: https://www.brain-score.org. None where there is no ceiling.
    """
    ceiling = score["ceiling"].values if "ceiling" in score else np.array([np.nan])
    r = in_each_split(score, "correlation").values
    if np.isnan(ceiling).all() or np.isnan(r).all():
        return None
    middle = float(np.nanmedian(ceiling))
    return float(np.nanmedian(r, axis=1).mean() ** 2 / middle) if middle > 0 else None


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
        return dict.fromkeys(("ceiling", "explained_variance_corrected", "n_sites_corrected", "brainscore"))
    ratio = corrected(ev, score["ceiling"].values)
    return {
        "ceiling": _mean(score["ceiling"], np.median),
        "explained_variance_corrected": _mean(score["ceiling"].copy(data=ratio)),
        "n_sites_corrected": int(np.isfinite(ratio).sum()),
        "brainscore": brainscore(score),
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
    low, high = interval(score["draws"].sel(measure=measure).values)
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


def _names(score: xr.Dataset) -> list[str]:
    return [str(layer) for layer in score["layer"].values]


def _mean(values: xr.DataArray, statistic: Any = np.mean) -> float | None:
    """Return a statistic over the values that there are; None, not 0, if there is none."""
    finite = values.values[np.isfinite(values.values)]
    return float(statistic(finite)) if len(finite) else None
