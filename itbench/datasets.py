"""Recordings in the data folder: found by name or path, drawn, listed, verified."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench import folders
from itbench.errors import BadRecordings, DamagedFile, UnknownName
from itbench.recordings import Recordings, read_recordings, write_recordings
from itbench.responses import mean_over_repetitions, repetitions_per_stimulus

ENDING = ".h5"
PATH_ENDINGS = (ENDING, ".hdf5", ".nc")  # what ends so is a path, not a name


@dataclass(frozen=True)
class KnownDataset:
    """Recordings that itbench knows how to get.

    Parameters
    ----------
    description : str
    make : callable
        Returns the `Recordings`.
    """

    description: str
    make: Callable[[], Recordings]


def _synthetic() -> Recordings:
    from itbench.synthetic import synthetic_it

    return synthetic_it()


KNOWN = {"synthetic-it": KnownDataset("640 pictures drawn and 168 IT sites simulated by itbench itself", _synthetic)}


def path_of(name: str) -> Path:
    """Return where recordings called `name` lie or would lie: `name` itself if it is a path."""
    return Path(name).expanduser() if name.endswith(PATH_ENDINGS) else folders.data() / f"{name}{ENDING}"


def installed() -> dict[str, Path]:
    """Return the recordings in the data folder, by name."""
    return {path.stem: path for path in sorted(folders.data().glob(f"*{ENDING}"))}


def load(name: str, note: Callable[[str], None] = lambda message: None) -> Recordings:
    """Return the recordings called `name`, or in the file `name`; known ones are made when they are missing.

    `note` is told what is made before it is.

    Raises
    ------
    UnknownName
        If there are none of that name.
    DamagedFile
        If they are truncated or were altered.
    """
    path = path_of(name)
    if name in KNOWN and not path.exists():
        note(f"making {name}: {KNOWN[name].description}")
        write_recordings(KNOWN[name].make(), path)
    if state(name) == "missing":
        raise _unknown(name)
    return read_recordings(path)


def new_path(name: str, replace: bool) -> Path:
    """Return where new recordings called `name` may be written.

    Raises
    ------
    BadRecordings
        If the name is taken and not to be replaced, or no name for a file.
    """
    if not re.fullmatch(r"[\w.+-]{1,100}", name) or name.startswith(".") or name.endswith(PATH_ENDINGS):
        raise BadRecordings(
            f"{name!r} is no name for recordings.",
            known=f"Up to 100 letters, digits and . _ + - are, without the ending {ENDING}.",
        )
    if name in KNOWN:
        raise BadRecordings(f"The name {name!r} belongs to a known data set.", todo="Choose another.")
    path = folders.data() / f"{name}{ENDING}"
    if path.exists() and not replace:
        raise BadRecordings(
            f"There are recordings called {name!r} already: {path}.", todo="Choose another name, or add --replace."
        )
    return path


def state(name: str) -> str:
    """Return ``here``, ``made when needed`` or ``missing``."""
    if path_of(name).exists():
        return "here"
    return "made when needed" if name in KNOWN else "missing"


def overview() -> list[dict[str, Any]]:
    """Return name, state, size and description of all recordings that are here or known."""
    rows = []
    for name in sorted({*KNOWN, *installed()}):
        path = path_of(name)
        size = round(path.stat().st_size / 1e6, 1) if path.exists() else None
        about = KNOWN[name].description if name in KNOWN else "packed here"
        rows.append({"name": name, "state": state(name), "MB": size, "description": about})
    return rows


def verify(names: Iterable[str]) -> list[dict[str, str]]:
    """Check recordings against their digests; return name, state (``whole``, ``damaged``) and file.

    Known data sets that are not here have the state ``made when needed``.

    Raises
    ------
    UnknownName
        If there are none of a name.
    """
    rows = []
    for name in names:
        path, found = path_of(name), state(name)
        if found == "missing":
            raise _unknown(name)
        if found == "here":
            try:
                read_recordings(path)
                found = "whole"
            except (BadRecordings, DamagedFile):
                found = "damaged"
        rows.append({"name": name, "state": found, "file": str(path)})
    return rows


def describe(name: str) -> dict[str, Any]:
    """Return what recordings hold: counts, coordinates, repetitions, digests."""
    recordings = load(name)
    responses, stimuli = recordings.responses, recordings.stimuli
    values = mean_over_repetitions(responses)
    return {
        "name": recordings.name,
        **{key: value for key, value in recordings.about.items() if value is not None},
        "pictures": f"{len(stimuli)} of {stimuli.pictures.shape[1]} × {stimuli.pictures.shape[2]} pixels",
        "sites": responses.sizes["site"],
        "repetitions": list(repetitions_per_stimulus(responses)),
        "sites_missing_a_stimulus": int(np.isnan(values).any(axis=0).sum()),
        "mean_response": round(float(np.nanmean(values)), 4),
        "stimulus_coordinates": {key: _values(column) for key, column in stimuli.metadata.items()},
        "site_coordinates": [str(key) for key, coord in responses.coords.items() if coord.dims == ("site",)],
        "digests": dict(recordings.digests),
        "file": str(path_of(name)),
    }


def _unknown(name: str) -> UnknownName:
    bring = f"Bring it with: itbench data pack {Path(name).stem} --images … --responses …"
    return UnknownName.of("data set", name, {*KNOWN, *installed()}, todo=bring)


def _values(column: NDArray[Any]) -> str:
    different = sorted(set(column.tolist()))
    if len(different) <= 12:
        return ", ".join(map(str, different))
    return f"{len(different)} values from {different[0]} to {different[-1]}"
