"""One process at a time: a lock that the system lifts when its holder dies."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from itbench.errors import ItbenchError
from itbench.files import disk_errors


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the file `path` as a lock while the block runs, and remove it at the end.

    Parameters
    ----------
    path : Path
    what : str
        What its holder does, for the error of whoever comes second: ``IT_data.h5 is being fetched``.

    Raises
    ------
    ItbenchError
        If another process holds it, naming that process.
    """
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _take(path, what)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _take(path: Path, what: str) -> TextIO:
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _names(path, file):
                return file
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read() or "another process"
            file.close()
            raise ItbenchError(
                f"{what} by {holder} already.", todo="Wait until it has ended, or end it; then run the same again."
            ) from error
        file.close()  # its last holder removed it after it was opened here


def _names(path: Path, file: TextIO) -> bool:
    """Say whether `path` is still the name of an open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
