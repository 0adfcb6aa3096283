"""How a training goes: its epochs, the best of them, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from itbench.models.recipe import Recipe

SHOWN = {"explained_variance": "inner EV", "correlation": "r", "accuracy": "inner accuracy"}


@dataclass(eq=False)
class History:
    """How a training went.

    Parameters
    ----------
    state : mapping
        The network's tensors at the best epoch.
    best : float
        The inner value there.
    best_epoch, epochs : int
        Counted from 1.
    history : list of dict
        Of every epoch: loss, learning rate, inner values; seconds in all, of learning, and of waiting for images.
    """

    state: dict[str, Tensor] = field(default_factory=dict)
    best: float = -np.inf
    best_epoch: int = 0
    epochs: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def is_over(self, recipe: Recipe) -> bool:
        """Say whether every epoch has run, or none was better for as long as the recipe waits."""
        waited = bool(recipe.patience) and self.epochs - self.best_epoch >= recipe.patience
        return waited or self.epochs >= recipe.epochs

    def line(self, recipe: Recipe, each: float) -> str:
        """Return a line about the last epoch; `each` is the seconds that one takes."""
        last = self.history[-1]
        figures = [f"loss {last['loss']:.4g}"]
        figures += [f"{name} {last[key]:.3f}" for key, name in SHOWN.items() if key in last]
        left = f"at most {_duration(each * (recipe.epochs - self.epochs))} left"
        if self.is_over(recipe):
            left = f"ends; the best is epoch {self.best_epoch}"
        return f"epoch {self.epochs} of {recipe.epochs}: {', '.join(figures)}; {left}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
