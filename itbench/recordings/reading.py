"""Recordings from a file, never those that are damaged."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import xarray as xr

from itbench.errors import BadRecordings, DamagedFile
from itbench.recordings.content import RDM_DIMS, Recordings
from itbench.recordings.layout import FORMAT, columns_of, digests_of
from itbench.responses import DIMS
from itbench.stimuli import StimulusSet


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
    stimuli = StimulusSet(ids, file["pictures"], columns_of(file, "stimulus"))
    stored = {key: str(file.attrs[key]) for key in ("stimuli", "responses", "content")}
    if digests_of(file, stimuli) != stored:
        raise DamagedFile(_damage(path), known="Its content is not what its digest says.", todo=_mend(path))
    name, about = str(file.attrs["name"]), json.loads(file.attrs["about"])
    if "rdms" in file:
        subjects = columns_of(file, "subject")["subject"]
        rdms = xr.DataArray(file["rdms"][:], dims=RDM_DIMS, coords={"subject": subjects}, name="rdms")
        return Recordings(name, stimuli, None, about, stored, rdms)
    sites = {key: ("site", column) for key, column in columns_of(file, "site").items()}
    responses = xr.DataArray(file["responses"][:], dims=DIMS, coords={"stimulus": list(ids), **sites}, name="responses")
    return Recordings(name, stimuli, responses, about, stored)


def _damage(path: Path) -> str:
    return f"The recordings {path} are truncated or were altered; they are not used."


def _mend(path: Path) -> str:
    return (
        f"Remove the file and make it again: itbench data pack {path.stem} … (synthetic-it is drawn again by itself)."
    )
