"""Training history: loss and validation scores of every epoch, and the best epoch with its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from itbench.models.recipe import Recipe

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
