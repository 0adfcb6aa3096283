"""Recordings in the data folder: found by name or path, made or fetched when they are needed, listed, verified."""

from __future__ import annotations

from itbench.datasets.bring import fetch, import_files
from itbench.datasets.listing import describe, overview, verify
from itbench.datasets.places import installed, new_path, path_of, state
from itbench.datasets.reading import load

__all__ = [
    "describe",
    "fetch",
    "import_files",
    "installed",
    "load",
    "new_path",
    "overview",
    "path_of",
    "state",
    "verify",
]
