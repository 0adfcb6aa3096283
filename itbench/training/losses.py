"""Losses: response, teacher, class and image losses of a batch, and the validation score of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.models.recipe import Recipe
from itbench.statistics.explained_variance import correlation, explained_variance
from itbench.util.arrays import Array

Outputs = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets of the losses for some images: responses, teacher predictions and classes; None where no loss needs them.

    Parameters
    ----------
    responses, teacher : tensor of shape (image, site), optional
        In units of the network's output; NaN where one is missing.
    classes : int tensor of shape (image,), optional
    complete : bool
        Whether no response is missing.
    """

    responses: Tensor | None = None
    teacher: Tensor | None = None
    classes: Tensor | None = None
    complete: bool = True

    def take(self, rows: Tensor) -> Targets:
        """Return the targets of some images."""
        return self._each(lambda values: values[rows])

    def to(self, device: str) -> Targets:
        """Return the targets on a device."""
        return self._each(lambda values: values.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Targets:
        def changed(part: Tensor | None) -> Tensor | None:
            return None if part is None else change(part)

        return Targets(changed(self.responses), changed(self.teacher), changed(self.classes), self.complete)


@dataclass(frozen=True, eq=False)
class ResponseScale:
    """Units of the response loss: responses = mean + scale × network output, per site.

    Parameters
    ----------
    mean, scale : array of shape (site,)
    rates : bool
        Whether softplus of the output comes first, as for Poisson's loss.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    rates: bool = False

    @classmethod
    def of(cls, responses: NDArray[np.floating], recipe: Recipe) -> ResponseScale:
        """Return the per-site mean and scale that bring responses (stimulus, site) to the units of a recipe's loss.

        Missing responses are NaN.
        """
        there = np.isfinite(responses)
        count = np.maximum(there.sum(axis=0), 1)
        filled = np.where(there, responses, 0.0)
        mean = filled.sum(axis=0) / count
        if recipe.response_loss == "poisson":
            if (filled < 0).any():
                raise BadRecordings(
                    f"Poisson's loss needs rates: {(filled < 0).any(axis=0).sum()} sites have responses below 0.",
                    todo="Use --recipe response_loss=mse.",
                )
            return cls(np.zeros_like(mean, np.float32), np.where(mean > 0, mean, 1.0).astype(np.float32), True)
        deviation = np.sqrt((np.square(filled - mean) * there).sum(axis=0) / count)
        return cls(mean.astype(np.float32), np.where(deviation > 0, deviation, 1.0).astype(np.float32))

    def to_output(self, responses: NDArray[np.floating]) -> Tensor:
        """Return responses in units of the loss; rates are left relative to their mean."""
        return torch.from_numpy(((responses - self.mean) / self.scale).astype(np.float32))

    def to_responses(self, output: Tensor) -> Array:
        """Return network outputs, in units of the loss, in units of the recordings."""
        scaled = softplus_rates(output) if self.rates else output
        return self.mean.astype(np.float64) + self.scale * scaled.double().numpy()


def outputs_by_name(returned: Tensor | Outputs) -> Outputs:
    """Return a network's outputs by the names of their losses; a single tensor is ``responses``."""
    return {"responses": returned} if isinstance(returned, Tensor) else returned


def softplus_rates(output: Tensor) -> Tensor:
    """Return the rates that Poisson's loss takes: softplus of the network's output."""
    return functional.softplus(output)


def total_loss(outputs: Outputs, targets: Targets, images: Tensor, recipe: Recipe) -> Tensor:
    """Return the weighted sum of a recipe's losses, each a mean over images and over sites or pixels.

    Parameters
    ----------
    outputs : mapping of str to tensor
        ``responses`` (batch, site), ``classes`` (batch, class), ``picture`` (batch, 3, y, x).
    targets : Targets
    images : tensor of shape (batch, 3, y, x)
        Input of the network, the target of ``picture`` at the size of that output.
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
        output = _named_output("responses" if name == "teacher" else name, outputs).float()
        if name == "classes":
            assert targets.classes is not None
            loss = functional.cross_entropy(output, targets.classes)
        elif name == "picture":
            loss = functional.mse_loss(output, _resized(images.float(), output))
        elif name == "responses" and recipe.response_loss == "poisson":
            loss = _masked(_poisson, softplus_rates(output), targets.responses, targets.complete)
        else:
            predicted = softplus_rates(output) if recipe.response_loss == "poisson" else output
            loss = _masked(functional.mse_loss, predicted, getattr(targets, name), targets.complete)
        total = total + weight * loss
    return total


def _named_output(name: str, outputs: Outputs) -> Tensor:
    if name not in outputs:
        raise UnknownName.of(
            "output of the network", name, outputs, todo="Set the weight of its loss to 0, or choose another system."
        )
    return outputs[name]


def _poisson(predicted: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    return functional.poisson_nll_loss(predicted, target, log_input=False, reduction=reduction)


def _masked(loss: Callable[..., Tensor], predicted: Tensor, target: Tensor | None, complete: bool) -> Tensor:
    """Mean loss over non-missing targets."""
    assert target is not None
    if predicted.shape != target.shape:
        raise BadOption(f"The network returns responses of shape {tuple(predicted.shape)}, not {tuple(target.shape)}.")
    if complete:
        return loss(predicted, target)
    recorded = target.isfinite()
    each = loss(predicted, torch.where(recorded, target, 0.0), reduction="none")
    return (each * recorded).sum() / recorded.sum().clamp(min=1)


def _resized(images: Tensor, output: Tensor) -> Tensor:
    height, width = output.shape[-2:]
    same = images.shape[-2:] == (height, width)
    return images if same else functional.adaptive_avg_pool2d(images, (height, width))


@dataclass(frozen=True)
class ValidationScore:
    """Validation score of one epoch, by which the best epoch is chosen, with its correlation, accuracy and loss.

    Parameters
    ----------
    value : float
        Mean explained variance where the recipe trains on responses, else classification accuracy, else the negative
        loss.
    about : mapping of str to float
        ``explained_variance``, ``correlation``, ``accuracy``, ``inner_loss``, as far as they apply.
    """

    value: float
    about: Mapping[str, float]


def validation_score(outputs: Mapping[str, Tensor], targets: Targets, loss: float, recipe: Recipe) -> ValidationScore:
    """Return the validation score of a network's outputs (image, …) for the validation images.

    Sites with missing responses are skipped; where every site has some, the score is the negative loss.
    """
    about = {"inner_loss": loss}
    value = -loss
    if recipe.losses.get("classes") and "classes" in outputs and targets.classes is not None:
        about["accuracy"] = value = float((outputs["classes"].argmax(1) == targets.classes).float().mean())
    if (recipe.losses.get("responses") or recipe.losses.get("teacher")) and targets.responses is not None:
        output = outputs["responses"]
        predicted = softplus_rates(output) if recipe.response_loss == "poisson" else output
        recorded, estimated = (np.asarray(part, np.float64) for part in (targets.responses, predicted))
        ev, r = explained_variance(recorded, estimated), correlation(recorded, estimated)
        if np.isfinite(ev).any():
            about["explained_variance"], about["correlation"] = float(np.nanmean(ev)), float(np.nanmean(r))
            value = about["explained_variance"]
    return ValidationScore(value if np.isfinite(value) else -np.inf, about)
