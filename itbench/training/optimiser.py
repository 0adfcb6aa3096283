"""Optimiser: frozen parameters and features, AdamW with its learning rates and schedule, moving average of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from itbench.errors import BadOption
from itbench.models.layers import evenly_spaced
from itbench.models.recipe import Recipe
from itbench.training.losses import Outputs


def freeze(module: nn.Module, recipe: Recipe) -> None:
    """Set which parameters the optimiser trains: all but those that a recipe freezes.

    Raises
    ------
    BadOption
        If a recipe freezes every parameter, or a pattern matches none.
    """
    names = list(module.state_dict())  # with buffers frozen by itbench.with_low_rank
    unused = [pattern for pattern in recipe.freeze if not any(fnmatch(name, pattern) for name in names)]
    if unused:
        raise _unmatched("freeze", unused, names)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(not is_frozen(name, recipe))
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise BadOption(f"The recipe freezes every parameter: {', '.join(recipe.freeze) or 'there is none'}.")


def set_training_mode(module: nn.Module, recipe: Recipe) -> None:
    """Put a network into training mode for the optimiser, its modules with frozen parameters into eval mode."""
    module.train()
    for name, part in module.named_modules():
        if name and is_frozen(f"{name}.weight", recipe):
            part.eval()


def is_frozen(name: str, recipe: Recipe) -> bool:
    """Return whether a recipe freezes the parameter with this name, so that the optimiser skips it."""
    return any(fnmatch(name, pattern) for pattern in recipe.freeze)


def make_optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Return the optimiser of a recipe: AdamW over the trained parameters, grouped by learning rate and weight decay.

    Raises
    ------
    BadOption
        If a pattern of `lr_by` matches no trained parameter.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    unused = set(recipe.lr_by)
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        matching = [pattern for pattern in recipe.lr_by if fnmatch(name, pattern)]
        unused -= set(matching)
        factor = recipe.lr_by[matching[-1]] if matching else 1.0
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    if unused:
        trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        raise _unmatched("lr_by", sorted(unused), trained)
    parts = [
        {"params": group, "lr": recipe.lr * factor, "weight_decay": decay} for (factor, decay), group in groups.items()
    ]
    return torch.optim.AdamW(parts)


def _unmatched(key: str, patterns: Sequence[str], names: Sequence[str]) -> BadOption:
    return BadOption(
        f"The recipe's {key} {', '.join(patterns)} fits no parameter.",
        known=f"There are {len(names)}, such as {', '.join(evenly_spaced(names, 6))}.",
    )


def make_schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Return the learning rate schedule over all `steps`: a linear rise, then constant or half a cosine to 0."""
    rise = round(recipe.warmup * steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        if recipe.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise))))

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def make_average(module: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """Return the moving average of a network's weights and norm statistics that the optimiser updates, or None.

    Its decay grows with the steps, min(decay, (1 + n) / (10 + n)), so that the initial weights soon drop out.
    """
    if not recipe.average:
        return None

    def blend(averages: Any, currents: Any, count: Any) -> None:  # lists of one type: a step waits once for a GPU
        decay = min(recipe.average, (1 + int(count)) / (10 + int(count)))
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, currents, 1 - decay)
        else:
            torch._foreach_copy_(averages, currents)

    return AveragedModel(module, multi_avg_fn=blend, use_buffers=True)


def trained_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """Yield parameters that are not frozen."""
    return (parameter for parameter in module.parameters() if parameter.requires_grad)


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
