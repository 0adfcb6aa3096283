"""Recordings by name; those that itbench knows are brought when they are first needed."""

from __future__ import annotations

from itbench.datasets.bring import fetch
from itbench.datasets.places import path_of, unknown
from itbench.errors import DamagedFile
from itbench.known import KNOWN
from itbench.protocols import Reporter, Silence
from itbench.recordings import Recordings, read_recordings


def load(name: str, reporter: Reporter | None = None) -> Recordings:
    """Return the recordings called `name`, or in the file `name`; known ones are made or fetched if they are missing.

    `reporter` is told what is made or fetched before it is.

    Raises
    ------
    UnknownName
        If there are none of that name.
    DamagedFile
        If they are truncated or were altered.
    Unreachable, NoSpace
        If they are missing and cannot be fetched.
    """
    path = path_of(name)
    if not path.exists():
        if name not in KNOWN:
            raise unknown(name)
        fetch(name, reporter or Silence())
    try:
        return read_recordings(path)
    except DamagedFile as error:
        again = f"Make them again: itbench data fetch {name} --replace" if name in KNOWN else error.todo
        raise DamagedFile(error.what, known=error.known, todo=again) from error
