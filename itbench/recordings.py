"""Recordings: pictures and the responses to them, in one self-describing HDF5 file.

The file is netCDF-4: ``pictures`` (stimulus, picture_y, picture_x, channel) uint8, ``responses`` (repetition, stimulus,
site) with NaN where there was no repetition, and flat coordinates of stimuli and sites as variables of one dimension.
Any HDF5 or netCDF reader opens it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr

from itbench.errors import BadRecordings, DamagedFile
from itbench.files import check_space, digest, whole_file
from itbench.responses import DIMS, check_sites
from itbench.stimuli import StimulusSet

FORMAT = "itbench recordings 1"
PICTURE_DIMS = ("picture_y", "picture_x", "channel")
OVERHEAD = 2048  # bytes a stimulus that coordinates and HDF5's own tables take, generously
RESERVED = {*DIMS, *PICTURE_DIMS, "responses", "pictures"}


@dataclass(frozen=True, eq=False)
class Recordings:
    """A stimulus set and the responses to it.

    Parameters
    ----------
    name : str
    stimuli : StimulusSet
    responses : DataArray of dims (repetition, stimulus, site)
    about : mapping
        ``region``, ``window`` (ms) and whatever else the file says of itself.
    digests : mapping
        SHA-256 of ``stimuli`` and ``responses``; of a file only.
    """

    name: str
    stimuli: StimulusSet
    responses: xr.DataArray
    about: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.responses.dims) != set(DIMS):
            raise BadRecordings(
                f"Responses have the dimensions {', '.join(map(str, self.responses.dims))}, not {', '.join(DIMS)}."
            )
        n = self.responses.sizes["stimulus"]
        if n != len(self.stimuli):
            raise BadRecordings(f"{n} stimuli in the responses, but {len(self.stimuli)} pictures.")
        of_stimuli, of_sites = set(self.stimuli.metadata), set(self.site_coordinates()) - {"site"}
        unfit = {name for name in of_stimuli | of_sites if name in RESERVED or not name or "/" in name}
        if unfit:
            raise BadRecordings(f"Coordinates cannot be called {', '.join(map(repr, sorted(unfit)))} in a file.")
        if of_stimuli & of_sites:
            raise BadRecordings(
                f"Stimuli and sites both have a coordinate called {', '.join(sorted(of_stimuli & of_sites))}.",
                todo="Rename one of the two: a file has one variable of a name.",
            )

    def site_coordinates(self) -> dict[str, Any]:
        """Return the flat coordinates of the sites, as xarray takes them."""
        return {
            str(key): ("site", coord.values) for key, coord in self.responses.coords.items() if coord.dims == ("site",)
        }


def write_recordings(recordings: Recordings, path: Path) -> None:
    """Write recordings to `path`, whole or not at all, checking them on the way.

    Raises
    ------
    BadRecordings
        For infinite or wholly missing sites, and for pictures that occur twice.
    NoSpace
        If the disk is too full.
    """
    check_sites(recordings.responses)
    responses = recordings.responses.transpose(*DIMS)
    stimuli = recordings.stimuli
    variables: dict[str, Any] = {"responses": (DIMS, responses.values)}
    variables["stimulus"] = ("stimulus", _storable(stimuli.ids))
    variables |= {key: ("stimulus", _storable(column)) for key, column in stimuli.metadata.items()}
    variables |= {str(key): ("site", _storable(responses[key].values)) for key in _site_columns(responses)}
    size = responses.values.nbytes + math.prod(stimuli.pictures.shape)
    with whole_file(path) as partial:
        check_space(path.parent, size + size // 10 + OVERHEAD * (len(stimuli) + 64))
        xr.Dataset(variables).to_netcdf(partial, engine="h5netcdf")
        with h5netcdf.File(partial, "a") as file:
            for dim, size in zip(PICTURE_DIMS, stimuli.pictures.shape[1:], strict=True):
                file.dimensions[dim] = size
            chunk = (1, *stimuli.pictures.shape[1:])
            pictures = file.create_variable("pictures", ("stimulus", *PICTURE_DIMS), "u1", chunks=chunk)
            for rows, block in stimuli.blocks():
                pictures[rows] = block
            about = {key: value for key, value in recordings.about.items() if value is not None}
            file.attrs.update(name=recordings.name, format=FORMAT, about=json.dumps(about, default=str))
        with h5py.File(partial, "r+") as file:
            written = StimulusSet(stimuli.ids, file["pictures"])
            _refuse_duplicates(written)
            file.attrs.update(_digests(file, written))


def read_recordings(path: Path) -> Recordings:
    """Read recordings; the pictures stay on disk.

    Raises
    ------
    DamagedFile
        If the file is truncated, or its content is not what its digests say.
    """
    try:
        file = h5py.File(path, "r")  # stays open: pictures are read in slices
        if file.attrs.get("format") == FORMAT:
            return _read(file, path)
    except FileNotFoundError as error:
        raise BadRecordings(
            f"No file of recordings {path}.", todo="List what there is with: itbench data list"
        ) from error
    except DamagedFile:
        raise
    except Exception as error:  # HDF5 and h5py say in many ways that a file is broken
        raise DamagedFile(_damage(path), known=f"It cannot be read: {error}.", todo=_mend(path)) from error
    raise BadRecordings(f"{path} is not a file of recordings.", todo="Make one with: itbench data pack")


def _read(file: h5py.File, path: Path) -> Recordings:
    ids = tuple(file["stimulus"].asstr()[:])
    stimuli = StimulusSet(ids, file["pictures"], _columns(file, "stimulus"))
    stored = {key: str(file.attrs[key]) for key in ("stimuli", "responses", "content")}
    if _digests(file, stimuli) != stored:
        raise DamagedFile(_damage(path), known="Its content is not what its digest says.", todo=_mend(path))
    sites = {key: ("site", column) for key, column in _columns(file, "site").items()}
    responses = xr.DataArray(file["responses"][:], dims=DIMS, coords={"stimulus": list(ids), **sites}, name="responses")
    return Recordings(str(file.attrs["name"]), stimuli, responses, json.loads(file.attrs["about"]), stored)


def _digests(file: h5py.File, stimuli: StimulusSet) -> dict[str, str]:
    pictures, responses = stimuli.content_digest(), digest(file["responses"][:])
    columns = {key: _columns(file, key) for key in ("stimulus", "site")}
    flat = [part for key in columns for name, column in sorted(columns[key].items()) for part in (key, name, column)]
    content = digest(str(file.attrs["name"]), str(file.attrs["about"]), pictures, responses, *flat)
    return {"stimuli": pictures, "responses": responses, "content": content}


def _columns(file: h5py.File, dimension: str) -> dict[str, Any]:
    """Return the variables of one dimension, text as text; of stimuli without their ids."""
    scale = file[dimension].name
    columns = {}
    for name, variable in file.items():
        own = name == "site" if dimension == "site" else False
        along = variable.ndim == 1 and variable.name != scale and _dimension(file, variable) == scale
        if own or along:
            columns[name] = variable.asstr()[:] if h5py.check_string_dtype(variable.dtype) else variable[:]
    return columns


def _dimension(file: h5py.File, variable: h5py.Dataset) -> str:
    references = variable.attrs.get("DIMENSION_LIST")
    return file[references[0][0]].name if references is not None else ""


def _site_columns(responses: xr.DataArray) -> list[Any]:
    return [key for key, coord in responses.coords.items() if coord.dims == ("site",)]


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


def _damage(path: Path) -> str:
    return f"The recordings {path} are truncated or were altered; they are not used."


def _mend(path: Path) -> str:
    return (
        f"Remove the file and make it again: itbench data pack {path.stem} … (synthetic-it is drawn again by itself)."
    )
