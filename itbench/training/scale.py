"""From responses to what a network gives, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from itbench.errors import BadRecordings
from itbench.models.recipe import Recipe
from itbench.training.losses import rates
from itbench.util.arrays import Array


@dataclass(frozen=True, eq=False)
class Scale:
    """What a network's outputs stand for: responses = mean + scale × output, per site.

    Parameters
    ----------
    mean, scale : array of shape (site,)
    rates : bool
        Whether outputs pass softplus first.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    rates: bool = False

    @classmethod
    def of(cls, responses: NDArray[np.floating], recipe: Recipe) -> Scale:
        """Return what brings responses (stimulus, site), NaN where missing, to the units of a recipe's loss."""
        there = np.isfinite(responses)
        count = np.maximum(there.sum(axis=0), 1)
        known = np.where(there, responses, 0.0)
        mean = known.sum(axis=0) / count
        if recipe.response_loss == "poisson":
            if (known < 0).any():
                raise BadRecordings(
                    f"Poisson's loss needs rates: {(known < 0).any(axis=0).sum()} sites have responses below 0.",
                    todo="Use --recipe response_loss=mse.",
                )
            return cls(np.zeros_like(mean, np.float32), np.where(mean > 0, mean, 1.0).astype(np.float32), True)
        deviation = np.sqrt((np.square(known - mean) * there).sum(axis=0) / count)
        return cls(mean.astype(np.float32), np.where(deviation > 0, deviation, 1.0).astype(np.float32))

    def to_output(self, responses: NDArray[np.floating]) -> Tensor:
        """Return responses in units of the output; of rates, before softplus is taken off."""
        return torch.from_numpy(((responses - self.mean) / self.scale).astype(np.float32))

    def to_responses(self, output: Tensor) -> Array:
        """Return outputs in the units of the recordings."""
        said = rates(output) if self.rates else output
        return self.mean.astype(np.float64) + self.scale * said.double().numpy()
