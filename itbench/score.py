"""The score: an xarray Dataset of every layer and site, with all that produced it, in one netCDF file."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from itbench.errors import BadScore, DamagedFile, ItbenchWarning
from itbench.files import whole_file

FORMAT = "itbench score 1"
FAILED = ".failed.json"
NAMES = ("model", "weights", "benchmark", "metric")  # what a row of a leaderboard is called by


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
        **{key: score.attrs[key] for key in NAMES},
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


def write_score(score: xr.Dataset, folder: Path) -> Path:
    """Write a score into `folder`, whole or not at all, and return its path.

    A score of the same model, weights, benchmark, metric and settings takes the place of the former one. The file is
    netCDF-4; behind it stands a line with its SHA-256, which readers of netCDF pass over.
    """
    path = folder / f"{score.attrs['file_stem']}.nc"
    with whole_file(path) as partial:
        score.assign_attrs(format=FORMAT).to_netcdf(partial, engine="h5netcdf")
        with partial.open("r+b") as file:
            file.write(_seal(file.read()))
    forget_failures(folder, score.attrs)
    return path


def read_score(path: Path) -> xr.Dataset:
    """Read a score.

    Raises
    ------
    BadScore
        If it is missing, or no score of this version.
    DamagedFile
        If it is truncated or was altered.
    """
    try:
        sealed = path.read_bytes()
    except OSError as error:
        raise BadScore(f"No score file {path}: {error.strerror}.") from error
    content = sealed[: -len(_seal(b""))]
    if sealed != content + _seal(content):  # before HDF5 sees it: a flipped bit can make HDF5 loop for ever
        raise DamagedFile(
            f"The score {path} is truncated or was altered since it was written; it is not used.",
            todo="Remove it and score again.",
        )
    score = xr.load_dataset(io.BytesIO(content), engine="h5netcdf")
    if score.attrs.pop("format", None) != FORMAT:
        raise BadScore(f"{path} is no score that this version of itbench reads.", todo="Remove it and score again.")
    return score


def failures(folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the records of runs that failed; warn of one that cannot be read."""
    for path in sorted(folder.glob(f"*{FAILED}")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            yield path, {key: record[key] for key in (*NAMES, "failed")}
        except (OSError, ValueError, KeyError, TypeError):
            warnings.warn(f"The record {path} of a failure cannot be read; remove it.", ItbenchWarning, stacklevel=2)


def forget_failures(folder: Path, about: Mapping[str, Any]) -> None:
    """Remove the records of failed runs of the same model, weights, benchmark and metric."""
    for path, record in failures(folder):
        if all(record[key] == about[key] for key in NAMES):
            path.unlink(missing_ok=True)


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


def _seal(content: bytes) -> bytes:
    return f"\nitbench SHA-256 {hashlib.sha256(content).hexdigest()}\n".encode()
