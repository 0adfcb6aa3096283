"""The score: an xarray Dataset of every layer and site, with all that produced it, in one netCDF file."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from itbench.errors import BadScore, DamagedFile
from itbench.files import digest, whole_file

FORMAT = "itbench score 1"
FAILED = ".failed.json"


def over_splits(score: xr.Dataset, variable: str) -> xr.DataArray:
    """Return a variable (layer, site) averaged over splits."""
    return score[variable].mean("split", skipna=False)


def at_chosen_layer(score: xr.Dataset, variable: str) -> xr.DataArray:
    """Return a variable (site,) at the layer that each split chose on its training rows, averaged over splits."""
    chosen = score["chosen_layer"].values
    picked = [
        score[variable].sel(split=split, layer=layer)
        for split, layer in zip(score["split"].values, chosen, strict=True)
    ]
    return xr.concat(picked, "split", coords="minimal", compat="override").mean("split", skipna=False)


def chosen_layers(score: xr.Dataset) -> dict[str, int]:
    """Return how many splits chose each layer, the most often chosen first."""
    inner = score["inner_explained_variance"].mean(("split", "site"))
    count = Counter(str(layer) for layer in score["chosen_layer"].values)
    return dict(sorted(count.items(), key=lambda item: (-item[1], -float(inner.sel(layer=item[0])))))


def summary(score: xr.Dataset) -> dict[str, Any]:
    """Return one score in figures that JSON can hold.

    ``explained_variance`` and ``correlation`` are means over sites at the layer that each split chose on its training
    rows; ``layer`` is the one chosen most often, ``layers_chosen`` says how often each was.
    """
    ev, r = (at_chosen_layer(score, name) for name in ("explained_variance", "correlation"))
    chosen = chosen_layers(score)
    about = provenance(score)
    return {
        **{key: score.attrs[key] for key in ("model", "weights", "benchmark", "metric")},
        "layer": next(iter(chosen)),
        "layers_chosen": chosen,
        "explained_variance": _mean(ev),
        "correlation": _mean(r),
        "explained_variance_median": _mean(ev, np.median),
        "correlation_median": _mean(r, np.median),
        **{key: int(score.attrs[key]) for key in ("n_sites", "n_sites_scored", "n_stimuli")},
        "seconds": round(sum(about["seconds"].values()), 2),
        "layers": [_layer_summary(score, str(layer)) for layer in score["layer"].values],
    }


def provenance(score: xr.Dataset) -> dict[str, Any]:
    """Return all that produced a score."""
    return dict(json.loads(score.attrs["provenance"]))


def file_stem(attrs: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return the file name of a score, without ending; what departs from the defaults adds a short digest."""
    parts = [str(attrs[key]) for key in ("model", "weights", "benchmark", "metric")]
    if settings:
        parts.append(digest(settings)[:8])
    return "--".join(re.sub(r"[^\w.+-]+", "_", part) for part in parts)


def write_score(score: xr.Dataset, folder: Path) -> Path:
    """Write a score into `folder`, whole or not at all, and return its path.

    A score of the same model, weights, benchmark, metric and settings takes the place of the former one.
    """
    path = folder / f"{score.attrs['file_stem']}.nc"
    sealed = score.assign_attrs(format=FORMAT, content=_content(score))
    with whole_file(path) as partial:
        sealed.to_netcdf(partial, engine="h5netcdf")
    (folder / f"{score.attrs['file_stem']}{FAILED}").unlink(missing_ok=True)
    return path


def read_score(path: Path) -> xr.Dataset:
    """Read a score.

    Raises
    ------
    DamagedFile
        If it is truncated or was altered.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            score = dataset.load()
        sealed = score.attrs.pop("content")
        whole = score.attrs.pop("format") == FORMAT and sealed == _content(score)
    except FileNotFoundError as error:
        raise BadScore(f"No score file {path}.") from error
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise DamagedFile(f"The score {path} cannot be read: {error}.", todo="Remove it and score again.") from error
    if not whole:
        raise DamagedFile(
            f"The score {path} was altered since it was written; it is not used.", todo="Remove it and score again."
        )
    return score


def _layer_summary(score: xr.Dataset, layer: str) -> dict[str, Any]:
    one = score.sel(layer=layer)
    means = {
        name: _mean(one[name].mean("split", skipna=False))
        for name in ("explained_variance", "correlation", "inner_explained_variance")
    }
    return {"layer": layer, "n_features": int(one["n_features"]), **means}


def _mean(values: xr.DataArray, statistic: Any = np.mean) -> float | None:
    """Return a statistic over the sites that have a value; None, not 0, if none has."""
    finite = values.values[np.isfinite(values.values)]
    return float(statistic(finite)) if len(finite) else None


def _content(score: xr.Dataset) -> str:
    attrs = sorted((key, str(value)) for key, value in score.attrs.items() if key not in ("content", "format"))
    variables = [part for name in sorted(map(str, score.variables)) for part in (name, score[name].values)]
    return digest(attrs, *variables)
