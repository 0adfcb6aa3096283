"""Frozen features are computed once: what does not learn need not run in every epoch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from itbench.models.recipe import Recipe
from itbench.training.losses import Outputs
from itbench.training.optimiser import freeze, is_frozen

Call = Callable[[nn.Module, Tensor], Tensor | Outputs]


def has_frozen_features(module: nn.Module, recipe: Recipe) -> bool:
    """Say whether a network's features are the same in every epoch.

    They are if it says how it reads them (``features(images)``, ``read(features)``, as `itbench.Branches` does), all
    of its core is frozen, and the images do not change.
    """
    if recipe.augment or recipe.losses.get("picture") or not isinstance(getattr(module, "core", None), nn.Module):
        return False
    names = [f"core.{name}" for name, _ in module.core.named_parameters()]  # type: ignore[union-attr]  # checked above
    return hasattr(module, "features") and hasattr(module, "read") and all(is_frozen(name, recipe) for name in names)


def frozen_features(module: nn.Module, recipe: Recipe, device: str) -> Callable[[Tensor], Tensor]:
    """Return a function from images (batch, 3, y, x) to the network's features, on the CPU."""
    freeze(module, recipe)
    running = module.to(device).to(memory_format=torch.channels_last).eval()

    def features(batch: Tensor) -> Tensor:
        with torch.inference_mode():
            found: Tensor = running.features(batch.to(device, memory_format=torch.channels_last))  # type: ignore[operator]
        return found.cpu()

    return features


def whole(module: nn.Module, images: Tensor) -> Tensor | Outputs:
    """Run a network on images."""
    said: Tensor | Outputs = module(images)
    return said


def reading(module: nn.Module, features: Tensor) -> Tensor | Outputs:
    """Run what a network does with features."""
    said: Tensor | Outputs = module.read(features)  # type: ignore[operator]  # it has read
    return said
