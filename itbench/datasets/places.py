"""Names of recordings and where they lie."""

from __future__ import annotations

import re
from pathlib import Path

from itbench import folders
from itbench.errors import BadRecordings, UnknownName
from itbench.known import KNOWN

ENDING = ".h5"
PATH_ENDINGS = (ENDING, ".hdf5", ".nc")  # what ends so is a path, not a name


def path_of(name: str) -> Path:
    """Return where recordings called `name` lie or would lie: `name` itself if it is a path."""
    return Path(name).expanduser() if name.endswith(PATH_ENDINGS) else folders.data() / f"{name}{ENDING}"


def installed() -> dict[str, Path]:
    """Return the recordings in the data folder, by name."""
    return {path.stem: path for path in sorted(folders.data().glob(f"*{ENDING}"))}


def state(name: str) -> str:
    """Return ``here``, ``made when needed``, ``fetched when needed`` or ``missing``."""
    if path_of(name).exists():
        return "here"
    if name not in KNOWN:
        return "missing"
    return "fetched when needed" if KNOWN[name].files else "made when needed"


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


def unknown(name: str) -> UnknownName:
    """Return the error for recordings that are neither here nor known."""
    bring = f"Bring it with: itbench data pack {Path(name).stem} --images … --responses …"
    return UnknownName.of("data set", name, {*KNOWN, *installed()}, todo=bring)
