"""Validation score of an epoch: explained variance, accuracy or loss on the validation images of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from itbench.models.recipe import Recipe
from itbench.statistics.explained_variance import correlation, explained_variance
from itbench.training.losses import Targets, softplus_rates


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
