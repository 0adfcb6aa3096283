"""Recordings by name; those that itbench knows are brought when they are first needed."""

from __future__ import annotations

from pathlib import Path

from itbench.datasets.bring import fetch
from itbench.datasets.places import path_of, unknown
from itbench.errors import DamagedFile
from itbench.known import KNOWN
from itbench.protocols import Reporter, Silence
from itbench.recordings import Recordings, read_recordings


def load(name: str, reporter: Reporter | None = None) -> Recordings:
    """Return the recordings called `name`, or in the file `name`; known ones are made or fetched if they are missing.

    Those that an older itbench made, and that this one makes otherwise, are made again. `reporter` is told what is made
    or fetched before it is.

    Raises
    ------
    UnknownName
        If there are none of that name.
    DamagedFile
        If they are truncated or were altered.
    Unreachable, NoSpace
        If they are missing and cannot be fetched.
    """
    path, reporter = path_of(name), reporter or Silence()
    if not path.exists():
        if name not in KNOWN:
            raise unknown(name)
        fetch(name, reporter)
    recordings = _read(name, path)
    if _outdated(name, recordings):
        reporter.note(f"{path} is of another edition")
        fetch(name, reporter)
        recordings = _read(name, path)
    return recordings


def _outdated(name: str, recordings: Recordings) -> bool:
    """Say whether recordings that itbench makes itself are of another edition than it makes now."""
    made_here = name in KNOWN and not KNOWN[name].files
    return made_here and recordings.about.get("edition", 1) != KNOWN[name].edition


def _read(name: str, path: Path) -> Recordings:
    try:
        return read_recordings(path)
    except DamagedFile as error:
        again = f"Make them again: itbench data fetch {name} --replace" if name in KNOWN else error.todo
        raise DamagedFile(error.what, known=error.known, todo=again) from error
