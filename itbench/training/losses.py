"""What a network is trained to make small: losses of its outputs, weighted and summed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from itbench.errors import BadOption, UnknownName
from itbench.models.recipe import Recipe

Outputs = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Targets:
    """What the outputs for some images ought to be; None where no loss asks for it.

    Parameters
    ----------
    responses, teacher : tensor of shape (image, site), optional
        In units of the output; NaN where one is missing.
    classes : int tensor of shape (image,), optional
    complete : bool
        Whether no response is missing.
    """

    responses: Tensor | None = None
    teacher: Tensor | None = None
    classes: Tensor | None = None
    complete: bool = True

    def take(self, rows: Tensor) -> Targets:
        """Return those of some images."""
        return self._each(lambda values: values[rows])

    def to(self, device: str) -> Targets:
        """Return them on a device."""
        return self._each(lambda values: values.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Targets:
        def changed(part: Tensor | None) -> Tensor | None:
            return None if part is None else change(part)

        return Targets(changed(self.responses), changed(self.teacher), changed(self.classes), self.complete)


def as_outputs(returned: Tensor | Outputs) -> Outputs:
    """Return what a network returned by the names of its outputs: a tensor alone is of responses."""
    return {"responses": returned} if isinstance(returned, Tensor) else returned


def rates(output: Tensor) -> Tensor:
    """Return the rates that outputs stand for where the loss is Poisson's."""
    return functional.softplus(output)


def total_loss(outputs: Outputs, targets: Targets, images: Tensor, recipe: Recipe) -> Tensor:
    """Return the weighted sum of a recipe's losses, each a mean over images, and over sites or pixels.

    Parameters
    ----------
    outputs : mapping of str to tensor
        ``responses`` (batch, site), ``classes`` (batch, class), ``picture`` (batch, 3, y, x).
    targets : Targets
    images : tensor of shape (batch, 3, y, x)
        What the network saw, which ``picture`` is to reconstruct at its own size.
    recipe : Recipe

    Raises
    ------
    UnknownName
        If the network lacks an output that a loss needs.
    """
    total = images.new_zeros((), dtype=torch.float32)
    for name, weight in recipe.losses.items():
        if not weight:
            continue
        output = _of("responses" if name == "teacher" else name, outputs).float()
        if name == "classes":
            assert targets.classes is not None
            loss = functional.cross_entropy(output, targets.classes)
        elif name == "picture":
            loss = functional.mse_loss(output, _resized(images.float(), output))
        elif name == "responses" and recipe.response_loss == "poisson":
            loss = _masked(_poisson, rates(output), targets.responses, targets.complete)
        else:
            predicted = rates(output) if recipe.response_loss == "poisson" else output
            loss = _masked(functional.mse_loss, predicted, getattr(targets, name), targets.complete)
        total = total + weight * loss
    return total


def _of(name: str, outputs: Outputs) -> Tensor:
    if name not in outputs:
        raise UnknownName.of(
            "output of the network", name, outputs, todo="Give its loss no weight, or choose another system."
        )
    return outputs[name]


def _poisson(predicted: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    return functional.poisson_nll_loss(predicted, target, log_input=False, reduction=reduction)


def _masked(loss: Callable[..., Tensor], predicted: Tensor, target: Tensor | None, complete: bool) -> Tensor:
    """Return the mean loss over what is not NaN."""
    assert target is not None
    if predicted.shape != target.shape:
        raise BadOption(f"The network gives responses of shape {tuple(predicted.shape)}, not {tuple(target.shape)}.")
    if complete:
        return loss(predicted, target)
    there = target.isfinite()
    each = loss(predicted, torch.where(there, target, 0.0), reduction="none")
    return (each * there).sum() / there.sum().clamp(min=1)


def _resized(images: Tensor, output: Tensor) -> Tensor:
    height, width = output.shape[-2:]
    same = images.shape[-2:] == (height, width)
    return images if same else functional.adaptive_avg_pool2d(images, (height, width))
