"""Checkpoint file of a training, written atomically after every epoch and verified by its checksum."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import IO, Any, cast

import torch

from itbench.errors import ItbenchWarning
from itbench.util.files import set_aside, whole_file

DIGEST_BYTES = 32  # at the end of the file, which readers of zip archives skip
CHUNK = 2**20  # bytes read at once


class Checkpoint:
    """Checkpoint file of a training: the networks already trained, and the state of the one in training.

    Parameters
    ----------
    path : Path, optional
        Without a path nothing is written. A damaged file is renamed with a warning.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        stored = self._read()
        self.finished: list[dict[str, Any]] = stored.get("finished", [])
        self.current: dict[str, Any] | None = stored.get("current")

    def write(self, current: dict[str, Any] | None) -> None:
        """Replace the checkpoint file with one that holds the state of the network in training.

        Raises
        ------
        NoSpace
            If the disk is full; the former checkpoint stays.
        """
        self.current = current
        if self.path is None:
            return
        with whole_file(self.path) as partial, partial.open("wb") as file:
            hashing = _HashingFile(file)
            try:
                torch.save({"finished": self.finished, "current": current}, cast(IO[bytes], hashing))
            except RuntimeError as error:
                raise error.__context__ or error from error  # torch hides the system's error about a full disk
            file.write(hashing.sha.digest())

    def finish(self, outcome: dict[str, Any]) -> None:
        """Record in the checkpoint that the network in training is done."""
        self.finished.append(outcome)
        self.write(None)

    def _read(self) -> dict[str, Any]:
        if self.path is None or not self.path.exists():
            return {}
        if not _is_intact(self.path):
            aside = set_aside(self.path)
            warnings.warn(
                f"The checkpoint {self.path} is damaged; it is now {aside.name}, and the training starts again.",
                ItbenchWarning,
                stacklevel=3,
            )
            return {}
        return dict(torch.load(self.path, map_location="cpu", weights_only=True))


class _HashingFile:
    """Checkpoint file being written, with the running SHA-256 of its bytes: a large state is never in memory twice."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha = file, hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self.sha.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _is_intact(path: Path) -> bool:
    sha, rest = hashlib.sha256(), path.stat().st_size - DIGEST_BYTES
    with path.open("rb") as file:
        while rest > 0 and (chunk := file.read(min(rest, CHUNK))):
            sha.update(chunk)
            rest -= len(chunk)
        return file.read() == sha.digest()
