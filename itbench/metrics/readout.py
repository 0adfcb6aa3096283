"""Readouts: Grams of one layer, or of several together, and training responses to predicted responses."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from itbench.gram import Gram


@dataclass(frozen=True, eq=False)
class ReadoutResult:
    """Result of a readout of one layer in one split: predictions, inner predictions and penalties.

    Parameters
    ----------
    predictions : array of shape (test, site)
    inner_predictions : array of shape (train, site)
        Of every training row from other training rows only; the layer is chosen by them. A row of NaN was not
        predicted so, as those that a model was trained on.
    alpha : array of shape (site,)
        The chosen penalty; NaN for a readout that has none.
    remarks : tuple of str
        What the user should know, such as a penalty at the edge of its grid.
    """

    predictions: NDArray[np.float64]
    inner_predictions: NDArray[np.float64]
    alpha: NDArray[np.float64]
    remarks: tuple[str, ...] = ()


class Readout(Protocol):
    """Protocol of a readout: the Gram of a layer and training responses to predicted responses.

    One that also takes ``validation=None`` is given the validation rows of a trained network, as places among the
    training rows. They alone choose penalties and have inner predictions, each from all other training rows; to the
    others the network was fitted, so that they look too predictable (`takes_validation`).
    """

    def __call__(
        self,
        gram: Gram,
        responses: NDArray[np.float64],
        train: NDArray[np.integer],
        test: NDArray[np.integer],
    ) -> ReadoutResult:
        """Fit the readout to the rows `train` and their `responses` (train, site); predict the rows `test`."""


@dataclass(frozen=True, eq=False)
class JointReadoutResult:
    """Result of a joint readout of several layers in one split: predictions, and weight and part of each layer.

    Parameters
    ----------
    predictions : array of shape (test, site)
    inner_predictions : array of shape (train, site)
        Of every training row from other training rows only.
    alone : mapping of str to ReadoutResult
        What each layer says by itself.
    weights : array of shape (layer, site)
        Of each layer's own prediction in the joint one; layers in the order of the Grams.
    contributions : array of shape (layer, test, site)
        What each layer adds: their sum is `predictions` but for a constant a site.
    without : array of shape (group, test, site)
        Predictions fitted again without the layers of each group.
    remarks : tuple of str
        What the user should know.
    """

    predictions: NDArray[np.float64]
    inner_predictions: NDArray[np.float64]
    alone: Mapping[str, ReadoutResult]
    weights: NDArray[np.float64]
    contributions: NDArray[np.float64]
    without: NDArray[np.float64]
    remarks: tuple[str, ...] = ()


class JointReadout(Protocol):
    """Protocol of a joint readout: Grams of several layers or models and training responses to predictions.

    One that also takes ``validation=None`` lets these rows alone choose penalties and weights, as a `Readout` does.
    """

    form: ClassVar[str] = "joint"

    def __call__(
        self,
        grams: Mapping[str, Gram],
        responses: NDArray[np.float64],
        train: NDArray[np.integer],
        test: NDArray[np.integer],
        groups: Sequence[Collection[str]] = (),
    ) -> JointReadoutResult:
        """Fit the joint readout to the rows `train` of the Grams, by layer, and their `responses` (train, site).

        Predict the rows `test`: from all layers, from each layer alone, and without the layers of each group.
        """


def takes_validation(readout: Any) -> bool:
    """Return whether a readout takes the validation rows of a trained network, which choose its penalties."""
    parameters = inspect.signature(readout).parameters.values()
    return any(one.name == "validation" or one.kind is one.VAR_KEYWORD for one in parameters)


def validation_only(inner: NDArray[np.float64], validation: NDArray[np.integer] | None) -> NDArray[np.float64]:
    """Return the inner predictions (train, site) of the validation rows of a trained network, NaN in all others.

    Parameters
    ----------
    inner : array of shape (train, site)
    validation : int array, optional
        Places among the training rows. Without, all inner predictions are returned.
    """
    if validation is None:
        return inner
    kept = np.full_like(inner, np.nan)
    kept[validation] = inner[validation]
    return kept
