"""Recordings from the course's file, checked for its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from itbench.course.categories import CATEGORY_OF, unknown_objects
from itbench.course.pictures import UndonePictures, survey
from itbench.errors import BadRecordings
from itbench.protocols import Reporter
from itbench.recordings import Recordings
from itbench.recordings.source import readable
from itbench.responses import make_responses
from itbench.stimuli import StimulusSet

PARTS = {"train": ("train", 4), "val": ("test", 3), "test": ("unrecorded", 3)}  # of the file: our split, digits of ids
RECORDED = ("train", "val")
CACHE = {"rdcc_nbytes": 100 * 2**20, "rdcc_nslots": 100_003}  # chunks that span more pictures than one slice stay here


def read_course_file(path: Path, reporter: Reporter) -> Recordings:
    """Read ``IT_data.h5``, macaque IT of Majaj, Hong, Solomon & DiCarlo (2015) averaged over repetitions.

    Parameters
    ----------
    path : Path
        HDF5 with ``stimulus_*`` (stimulus, 3, y, x), ``object_*`` (stimulus,) and ``spikes_*`` (stimulus, site) of
        ``train`` and ``val``; ``test`` has no spikes.
    reporter : Reporter

    Returns
    -------
    Recordings
        With the stimulus coordinates ``split`` (``train``, ``test``, ``unrecorded``), ``part`` (the file's own word),
        ``object`` and, if all objects are known, ``category``. The responses to unrecorded pictures are NaN. The
        pictures stay in the file; they are uint8 if that is exact to rounding, else float32, as ``about`` says.

    Raises
    ------
    DamagedFile
        If it is no HDF5 or truncated.
    BadRecordings
        If it departs from that form; says where.
    """
    with readable(path, "HDF5"):
        file = h5py.File(path, "r", **CACHE)  # stays open: pictures are read in slices
        parts = _datasets(file, path)
        pictures = {f"stimulus_{part}": _pictures(parts, part, path) for part in PARTS}
        objects = {part: _objects(parts, part, path) for part in PARTS}
        spikes = _spikes(parts, path)
        seen = survey(pictures, path, reporter)
    reporter.note(f"pictures: {seen}")
    counts = {part: len(names) for part, names in objects.items()}
    ids = tuple(f"{part}-{number:0{PARTS[part][1]}d}" for part, n in counts.items() for number in range(n))
    stimuli = StimulusSet(ids, UndonePictures(tuple(pictures.values()), seen.exact), _metadata(objects))
    silent = np.full((counts["test"], spikes.shape[1]), np.nan, spikes.dtype)
    about = {
        "region": "IT",
        "window": [70.0, 170.0],
        "counts": ", ".join(f"{n} {part}" for part, n in counts.items()) + "; those of test without responses",
        "ids": "made up: part and number in the file",
        "responses": "averaged over repetitions",
        "pictures": str(seen),
        "unknown_objects": ", ".join(unknown_objects(chain(*objects.values()))) or None,
    }
    return Recordings("majaj-it", stimuli, make_responses(np.concatenate([spikes, silent]), ids), about)


def _metadata(objects: Mapping[str, Sequence[str]]) -> dict[str, NDArray[Any]]:
    """Return the stimulus coordinates of the parts, one after another; categories only if all objects are known."""
    rows = [(PARTS[part][0], part, name) for part, names in objects.items() for name in names]
    columns = dict(zip(("split", "part", "object"), zip(*rows, strict=True), strict=True))
    if not unknown_objects(columns["object"]):
        columns["category"] = tuple(CATEGORY_OF[name] for name in columns["object"])
    return {key: np.array(column, dtype=object) for key, column in columns.items()}


def _datasets(file: h5py.File, path: Path) -> dict[str, h5py.Dataset]:
    keys = [f"{what}_{part}" for what in ("stimulus", "object") for part in PARTS]
    keys += [f"spikes_{part}" for part in RECORDED]
    missing = [key for key in keys if not isinstance(file.get(key), h5py.Dataset)]
    if missing:
        raise BadRecordings(
            f"{path} lacks {', '.join(missing)}.",
            known=f"It holds: {', '.join(sorted(file)) or 'nothing'}.",
            todo="Is it the course's IT_data.h5?",
        )
    return {key: file[key] for key in keys}


def _pictures(parts: Mapping[str, h5py.Dataset], part: str, path: Path) -> h5py.Dataset:
    pictures, size = parts[f"stimulus_{part}"], parts["stimulus_train"].shape[2:]
    if pictures.ndim != 4 or pictures.shape[1:] != (3, *size) or not pictures.size:
        raise BadRecordings(
            f"{path}: stimulus_{part} has the shape {pictures.shape}.",
            known="It must be (stimulus, 3, y, x), with 3 colours and one size of picture in all parts.",
        )
    if pictures.dtype not in (np.float32, np.float64):
        raise BadRecordings(f"{path}: stimulus_{part} is of type {pictures.dtype}, not float32 or float64.")
    return pictures


def _objects(parts: Mapping[str, h5py.Dataset], part: str, path: Path) -> list[str]:
    key, n = f"object_{part}", parts[f"stimulus_{part}"].shape[:1]
    if parts[key].shape != n:
        raise BadRecordings(f"{path}: {key} has the shape {parts[key].shape}, but there are {n[0]} pictures.")
    if h5py.check_string_dtype(parts[key].dtype) is None:
        raise BadRecordings(f"{path}: {key} is of type {parts[key].dtype}, not bytes.")
    return [name.decode("latin-1") for name in parts[key][:].tolist()]


def _spikes(parts: Mapping[str, h5py.Dataset], path: Path) -> NDArray[np.floating]:
    """Return the responses (stimulus, site) to the recorded parts, one after another."""
    found = []
    for part in RECORDED:
        key, n = f"spikes_{part}", parts[f"stimulus_{part}"].shape[0]
        sites = parts["spikes_train"].shape[-1:]
        if parts[key].shape != (n, *sites) or not parts[key].size:
            raise BadRecordings(
                f"{path}: {key} has the shape {parts[key].shape}.",
                known=f"It must be (stimulus, site) for {n} pictures, with the same sites in train and val.",
            )
        if parts[key].dtype.kind not in "iuf":
            raise BadRecordings(f"{path}: {key} is of type {parts[key].dtype}, not numbers.")
        values = parts[key][:]
        if not np.isfinite(values).all():
            raise BadRecordings(f"{path}: {key} holds {np.sum(~np.isfinite(values))} values that are no numbers.")
        found.append(values if values.dtype == np.float32 else values.astype(np.float64))
    return np.concatenate(found)
