"""Tables of data sets and of one recordings file's contents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.catalog import KNOWN, installed_recordings, recordings_path, recordings_state, unknown_dataset
from itbench.data.fetch import load_recordings
from itbench.data.recordings_file import read_recordings
from itbench.data.responses import mean_over_repetitions, repetitions_per_stimulus
from itbench.errors import BadRecordings, DamagedFile
from itbench.util.progress import Reporter


def overview() -> list[dict[str, Any]]:
    """Return name, state, size and description of all recordings that are here or known."""
    rows = []
    for name in sorted({*KNOWN, *installed_recordings()}):
        path = recordings_path(name)
        size = round(path.stat().st_size / 1e6, 1) if path.exists() else None
        about = KNOWN[name].description if name in KNOWN else "packed here"
        rows.append({"name": name, "state": recordings_state(name), "MB": size, "description": about})
    return rows


def verify(names: Iterable[str]) -> list[dict[str, str]]:
    """Check recordings against their digests; return name, state (``whole``, ``damaged``) and file.

    Known data sets that are not here have the state that `state` says.

    Raises
    ------
    UnknownName
        If there are none of a name.
    """
    rows = []
    for name in names:
        path, found = recordings_path(name), recordings_state(name)
        if found == "missing":
            raise unknown_dataset(name)
        if found == "here":
            try:
                read_recordings(path)
                found = "whole"
            except (BadRecordings, DamagedFile):
                found = "damaged"
        rows.append({"name": name, "state": found, "file": str(path)})
    return rows


def describe(name: str, reporter: Reporter | None = None) -> dict[str, Any]:
    """Return what recordings hold: counts, coordinates, repetitions, digests; known ones are brought if need be."""
    recordings = load_recordings(name, reporter)
    stimuli = recordings.stimuli
    size = f"{len(stimuli)} of {stimuli.images.shape[1]} × {stimuli.images.shape[2]} pixels"
    return {
        "name": recordings.name,
        **{key: value for key, value in recordings.about.items() if value is not None},
        "images": "; ".join(filter(None, (size, recordings.about.get("pictures")))),
        **(_of_rdms(recordings.rdms) if recordings.rdms is not None else _of_sites(recordings.require_responses())),
        "stimulus_coordinates": {key: _values(column) for key, column in stimuli.metadata.items()},
        "site_coordinates": list(recordings.site_coordinates()),
        "digests": dict(recordings.digests),
        "file": str(recordings_path(name)),
    }


def _of_sites(responses: xr.DataArray) -> dict[str, Any]:
    values = mean_over_repetitions(responses)
    return {
        "sites": responses.sizes["site"],
        "repetitions": list(repetitions_per_stimulus(responses)),
        "sites_missing_a_stimulus": int(np.isnan(values).any(axis=0).sum()),
        "mean_response": round(float(np.nanmean(values)), 4),
    }


def _of_rdms(rdms: xr.DataArray) -> dict[str, Any]:
    upper = np.triu_indices(rdms.sizes["stimulus"], 1)
    mean = [float(values[upper].mean()) for values in rdms.values]
    return {
        "subjects": [str(name) for name in rdms["subject"].values],
        "mean_dissimilarity": [round(value, 4) for value in mean],
    }


def _values(column: NDArray[Any]) -> str:
    different = sorted({value for value in column.tolist() if value == value and value != ""})  # NaN is not itself
    if len(different) <= 12:
        return ", ".join(map(str, different))
    return f"{len(different)} values from {different[0]} to {different[-1]}"
