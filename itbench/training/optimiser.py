"""How weights move: which learn, how fast, along what schedule, and their moving average."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from itbench.errors import BadOption
from itbench.models.layers import spread
from itbench.models.recipe import Recipe


def freeze(module: nn.Module, recipe: Recipe) -> None:
    """Let every parameter learn but those that a recipe freezes.

    Raises
    ------
    BadOption
        If none is left, or a pattern fits none.
    """
    names = list(module.state_dict())  # with what is frozen by construction: see itbench.with_low_rank
    unused = [pattern for pattern in recipe.freeze if not any(fnmatch(name, pattern) for name in names)]
    if unused:
        raise _fits_nothing("freeze", unused, names)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(not is_frozen(name, recipe))
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise BadOption(f"The recipe freezes every parameter: {', '.join(recipe.freeze) or 'there is none'}.")


def set_training(module: nn.Module, recipe: Recipe) -> None:
    """Put a network into training mode, but for the frozen parts: their norms and dropouts stay as in use."""
    module.train()
    for name, part in module.named_modules():
        if name and is_frozen(f"{name}.weight", recipe):
            part.eval()


def is_frozen(name: str, recipe: Recipe) -> bool:
    """Say whether a recipe freezes the parameter of that name."""
    return any(fnmatch(name, pattern) for pattern in recipe.freeze)


def make_optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW over what learns, in groups of one learning rate and one weight decay.

    Raises
    ------
    BadOption
        If a pattern of `lr_by` fits no parameter that learns.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    unused = set(recipe.lr_by)
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        fitting = [pattern for pattern in recipe.lr_by if fnmatch(name, pattern)]
        unused -= set(fitting)
        factor = recipe.lr_by[fitting[-1]] if fitting else 1.0
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    if unused:
        learn = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        raise _fits_nothing("lr_by", sorted(unused), learn)
    parts = [
        {"params": own, "lr": recipe.lr * factor, "weight_decay": decay} for (factor, decay), own in groups.items()
    ]
    return torch.optim.AdamW(parts)


def _fits_nothing(key: str, patterns: Sequence[str], names: Sequence[str]) -> BadOption:
    return BadOption(
        f"The recipe's {key} {', '.join(patterns)} fits no parameter.",
        known=f"There are {len(names)}, such as {', '.join(spread(names, 6))}.",
    )


def make_schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Return the schedule of the learning rate over all `steps`: a linear rise, then constant or half a cosine to 0."""
    rise = round(recipe.warmup * steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        if recipe.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise))))

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def make_average(module: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """Return the moving average of a network's weights and statistics, if a recipe asks for one.

    Its decay grows with the steps, min(decay, (1 + n) / (10 + n)), so that the start is soon forgotten.
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


def learning(module: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the parameters that learn."""
    return (parameter for parameter in module.parameters() if parameter.requires_grad)
