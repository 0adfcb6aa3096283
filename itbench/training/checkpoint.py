"""Checkpoint file of a training, written atomically after every epoch and verified by its checksum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from itbench.util.checksum import is_sealed, seal_file
from itbench.util.files import replace_damaged, whole_file


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
        with whole_file(self.path) as partial:
            with partial.open("wb") as file:
                try:
                    torch.save({"finished": self.finished, "current": current}, file)
                except RuntimeError as error:
                    raise error.__context__ or error from error  # torch hides the system's error about a full disk
            seal_file(partial, bytes)

    def finish(self, outcome: dict[str, Any]) -> None:
        """Record in the checkpoint that the network in training is done."""
        self.finished.append(outcome)
        self.write(None)

    def _read(self) -> dict[str, Any]:
        if self.path is None or not self.path.exists():
            return {}
        if not is_sealed(self.path, bytes):
            replace_damaged(
                self.path, f"The checkpoint {self.path} is damaged.", "the training starts again", stacklevel=3
            )
            return {}
        return dict(torch.load(self.path, map_location="cpu", weights_only=True))
