"""Recordings to a file, checked on the way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.errors import BadRecordings
from itbench.files import check_space, whole_file
from itbench.recordings.content import PICTURE_DIMS, RDM_DIMS, Recordings
from itbench.recordings.layout import FORMAT, digests_of
from itbench.responses import DIMS, check_sites
from itbench.stimuli import StimulusSet

OVERHEAD = 2048  # bytes a stimulus that coordinates and HDF5's own tables take, generously


def write_recordings(recordings: Recordings, path: Path) -> None:
    """Write recordings to `path`, whole or not at all, checking them on the way.

    Raises
    ------
    BadRecordings
        For infinite or wholly missing sites, for pictures that occur twice, and for those that are neither uint8 nor
        float32 in 0…255.
    NoSpace
        If the disk is too full.
    """
    stimuli, recorded = recordings.stimuli, _recorded(recordings)
    kind = stimuli.pictures[0:1].dtype
    size = sum(array.nbytes for _, array in recorded.values()) + math.prod(stimuli.pictures.shape) * kind.itemsize
    with whole_file(path) as partial:
        check_space(path.parent, size + size // 10 + OVERHEAD * (len(stimuli) + 64))
        xr.Dataset(_of_stimuli(stimuli) | recorded).to_netcdf(partial, engine="h5netcdf")
        with h5netcdf.File(partial, "a") as file:
            for dim, length in zip(PICTURE_DIMS, stimuli.pictures.shape[1:], strict=True):
                file.dimensions[dim] = length
            chunk = (1, *stimuli.pictures.shape[1:])
            pictures = file.create_variable("pictures", ("stimulus", *PICTURE_DIMS), kind, chunks=chunk)
            for rows, block in stimuli.blocks():
                pictures[rows] = _checked(block)
            about = {key: value for key, value in recordings.about.items() if value is not None}
            file.attrs.update(name=recordings.name, format=FORMAT, about=json.dumps(about, default=str))
        with h5py.File(partial, "r+") as file:
            written = StimulusSet(stimuli.ids, file["pictures"])
            _refuse_duplicates(written)
            file.attrs.update(digests_of(file, written))


def _of_stimuli(stimuli: StimulusSet) -> dict[str, Any]:
    """Return what is said of the stimuli, but for the pictures, as xarray takes it."""
    columns = {"stimulus": stimuli.ids, **stimuli.metadata}
    return {key: ("stimulus", _storable(column)) for key, column in columns.items()}


def _recorded(recordings: Recordings) -> dict[str, Any]:
    """Return the responses with all that is said of the sites, or the RDMs with their subjects, as xarray takes it."""
    if recordings.rdms is not None:
        subjects = ("subject", _storable(recordings.rdms["subject"].values))
        return {"rdms": (RDM_DIMS, recordings.rdms.transpose(*RDM_DIMS).values), "subject": subjects}
    assert recordings.responses is not None
    check_sites(recordings.responses)
    sites = {key: (dim, _storable(values)) for key, (dim, values) in recordings.site_coordinates().items()}
    return {"responses": (DIMS, recordings.responses.transpose(*DIMS).values), **sites}


def _checked(pictures: NDArray[Any]) -> NDArray[Any]:
    """Refuse pictures that are neither uint8 nor float32 in 0…255."""
    if pictures.dtype not in (np.uint8, np.float32):
        raise BadRecordings(f"Pictures of type {pictures.dtype}.", known="A file holds uint8, or float32 in 0…255.")
    if pictures.dtype == np.float32 and not (pictures.min() >= 0 and pictures.max() <= 255):  # also where one is NaN
        raise BadRecordings(f"Pictures go from {pictures.min():g} to {pictures.max():g}, not within 0…255.")
    return pictures


def _storable(column: Any) -> Any:
    array = np.asarray(column)
    return array if array.dtype.kind in "biuf" else np.array([str(item) for item in array], dtype=object)


def _refuse_duplicates(stimuli: StimulusSet) -> None:
    pairs = stimuli.duplicates()
    if pairs:
        shown = ", ".join(f"{a} = {b}" for a, b in pairs[:5])
        raise BadRecordings(
            f"{len(pairs)} pictures occur twice: {shown}.",
            known="A picture in train and in test would be scored by heart.",
            todo="Average the responses to equal pictures and give each once.",
        )
