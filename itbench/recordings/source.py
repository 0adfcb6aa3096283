"""Files of others that recordings are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from itbench.errors import BadRecordings, DamagedFile


@contextmanager
def readable(path: Path, kind: str) -> Iterator[None]:
    """Turn what is said of a file that is missing, damaged or not of its `kind` into an error that names it.

    Raises
    ------
    BadRecordings, DamagedFile
    """
    try:
        yield
    except FileNotFoundError as error:
        raise BadRecordings(f"No file {path}.") from error
    except (OSError, RuntimeError, ValueError, KeyError) as error:  # HDF5 says in many ways that a file is broken
        what = f"{path} cannot be read: it is truncated, altered or no {kind} file."
        raise DamagedFile(what, known=f"{error}.", todo="Fetch it again.") from error
