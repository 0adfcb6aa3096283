"""How well a network does on images that it did not learn from: what stops a training and chooses its epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from itbench.models.recipe import Recipe
from itbench.statistics.explained_variance import correlation, explained_variance
from itbench.training.losses import Targets, rates


@dataclass(frozen=True)
class ValidationScore:
    """The number that training tries to raise, and what goes with it.

    Parameters
    ----------
    value : float
        Mean explained variance where responses are learnt, else the share of classes named right, else the loss
        below 0.
    about : mapping of str to float
        ``explained_variance``, ``correlation``, ``accuracy``, ``inner_loss``, as far as there are any.
    """

    value: float
    about: Mapping[str, float]


def validation_score(outputs: Mapping[str, Tensor], targets: Targets, loss: float, recipe: Recipe) -> ValidationScore:
    """Return how well outputs (image, …) meet the targets of the same images.

    A site that lacks a response to some of them is left out; where all do, the loss decides.
    """
    about = {"inner_loss": loss}
    value = -loss
    if recipe.losses.get("classes") and "classes" in outputs and targets.classes is not None:
        about["accuracy"] = value = float((outputs["classes"].argmax(1) == targets.classes).float().mean())
    if (recipe.losses.get("responses") or recipe.losses.get("teacher")) and targets.responses is not None:
        output = outputs["responses"]
        predicted = rates(output) if recipe.response_loss == "poisson" else output
        recorded, said = (np.asarray(part, np.float64) for part in (targets.responses, predicted))
        ev, r = explained_variance(recorded, said), correlation(recorded, said)
        if np.isfinite(ev).any():
            about["explained_variance"], about["correlation"] = float(np.nanmean(ev)), float(np.nanmean(r))
            value = about["explained_variance"]
    return ValidationScore(value if np.isfinite(value) else -np.inf, about)
