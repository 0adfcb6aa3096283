"""Where a training stands, on disk after every epoch: whole or not at all, and never used if it was altered."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import IO, Any, cast

import torch

from itbench.errors import ItbenchWarning
from itbench.util.files import set_aside, whole_file

SEAL = 32  # bytes of the digest at the end, which readers of zip archives pass over
PIECE = 2**20  # bytes read at once


class Checkpoint:
    """A file that holds where a training stands: networks that are done, and the one that is being trained.

    Parameters
    ----------
    path : Path, optional
        Nothing is kept without one. A damaged file is set aside with a warning.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        stored = self._read()
        self.finished: list[dict[str, Any]] = stored.get("finished", [])
        self.current: dict[str, Any] | None = stored.get("current")

    def write(self, current: dict[str, Any] | None) -> None:
        """Replace what was written of the network that is being trained.

        Raises
        ------
        NoSpace
            If the disk is full; what was written before is still there.
        """
        self.current = current
        if self.path is None:
            return
        with whole_file(self.path) as partial, partial.open("wb") as file:
            sealing = _Sealing(file)
            try:
                torch.save({"finished": self.finished, "current": current}, cast(IO[bytes], sealing))
            except RuntimeError as error:
                raise error.__context__ or error from error  # torch hides the system's word on a full disk
            file.write(sealing.sha.digest())

    def finish(self, outcome: dict[str, Any]) -> None:
        """Count the network that was being trained among those that are done."""
        self.finished.append(outcome)
        self.write(None)

    def _read(self) -> dict[str, Any]:
        if self.path is None or not self.path.exists():
            return {}
        if not _is_whole(self.path):
            aside = set_aside(self.path)
            warnings.warn(
                f"The checkpoint {self.path} is damaged; it is now {aside.name}, and the training starts again.",
                ItbenchWarning,
                stacklevel=3,
            )
            return {}
        return dict(torch.load(self.path, map_location="cpu", weights_only=True))


class _Sealing:
    """A file that keeps the digest of what is written, so that a large state need not lie in memory twice."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha = file, hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self.sha.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _is_whole(path: Path) -> bool:
    sha, rest = hashlib.sha256(), path.stat().st_size - SEAL
    with path.open("rb") as file:
        while rest > 0 and (piece := file.read(min(rest, PIECE))):
            sha.update(piece)
            rest -= len(piece)
        return file.read() == sha.digest()
