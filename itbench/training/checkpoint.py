"""Training history with its best epoch, and the checkpoint file from which an interrupted training resumes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from itbench.models.recipe import Recipe
from itbench.util.checksum import is_sealed, seal_file
from itbench.util.files import replace_damaged, whole_file

REPORTED = {"explained_variance": "inner EV", "correlation": "r", "accuracy": "inner accuracy"}


@dataclass(eq=False)
class History:
    """Training history: loss, learning rate and validation scores of every epoch, and the best epoch.

    Parameters
    ----------
    state : mapping
        The network's tensors at the best epoch.
    best : float
        The validation score of that epoch.
    best_epoch, epochs : int
        Counted from 1.
    history : list of dict
        Per epoch: loss, learning rate, validation scores; seconds in all, of gradient steps, and of waiting for images.
    """

    state: dict[str, Tensor] = field(default_factory=dict)
    best: float = -np.inf
    best_epoch: int = 0
    epochs: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def is_over(self, recipe: Recipe) -> bool:
        """Return whether the last epoch has run, or the training history shows no better one within the patience."""
        patience_over = bool(recipe.patience) and self.epochs - self.best_epoch >= recipe.patience
        return patience_over or self.epochs >= recipe.epochs

    def line(self, recipe: Recipe, each: float) -> str:
        """Return a progress line about the last epoch of the training history; `each` is seconds per epoch."""
        last = self.history[-1]
        figures = [f"loss {last['loss']:.4g}"]
        figures += [f"{name} {last[key]:.3f}" for key, name in REPORTED.items() if key in last]
        ending = f"at most {_duration(each * (recipe.epochs - self.epochs))} left"
        if self.is_over(recipe):
            ending = f"ends; the best is epoch {self.best_epoch}"
        return f"epoch {self.epochs} of {recipe.epochs}: {', '.join(figures)}; {ending}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


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
