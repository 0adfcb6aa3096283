"""Frozen features: the output of a frozen core, computed once for all epochs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from itbench.models.recipe import Recipe
from itbench.training.losses import Outputs
from itbench.training.optimiser import freeze, is_frozen

Forward = Callable[[nn.Module, Tensor], Tensor | Outputs]


def has_frozen_features(module: nn.Module, recipe: Recipe) -> bool:
    """Return whether a network has frozen features, the same in every epoch.

    It has if it offers ``features(images)`` and ``read(features)``, as `itbench.Branches` does, the recipe freezes all
    of its core, and there is no augmentation.
    """
    if recipe.augment or recipe.losses.get("picture") or not isinstance(getattr(module, "core", None), nn.Module):
        return False
    names = [f"core.{name}" for name, _ in module.core.named_parameters()]  # type: ignore[union-attr]  # checked above
    return hasattr(module, "features") and hasattr(module, "read") and all(is_frozen(name, recipe) for name in names)


def frozen_features(module: nn.Module, recipe: Recipe, device: str) -> Callable[[Tensor], Tensor]:
    """Return a function from images (batch, 3, y, x) to the frozen features of a network, on the CPU."""
    freeze(module, recipe)
    running = module.to(device).to(memory_format=torch.channels_last).eval()

    def features(batch: Tensor) -> Tensor:
        with torch.inference_mode():
            computed: Tensor = running.features(batch.to(device, memory_format=torch.channels_last))  # type: ignore[operator]
        return computed.cpu()

    return features


def forward_images(module: nn.Module, images: Tensor) -> Tensor | Outputs:
    """Run a network on images."""
    outputs: Tensor | Outputs = module(images)
    return outputs


def forward_features(module: nn.Module, features: Tensor) -> Tensor | Outputs:
    """Run a network's heads on its frozen features."""
    outputs: Tensor | Outputs = module.read(features)  # type: ignore[operator]  # it has read
    return outputs
