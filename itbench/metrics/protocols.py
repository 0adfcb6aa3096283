"""The forms of a metric, and what each says: of a layer, of layers together, of single features, of Grams."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from itbench.gram import Gram
from itbench.metrics.neural_data import NeuralData


@dataclass(frozen=True, eq=False)
class ReadoutResult:
    """What a readout says about one layer in one split.

    Parameters
    ----------
    predictions : array of shape (test, site)
    inner_predictions : array of shape (train, site)
        Of every training row from other training rows only; the layer is chosen by them. A row of NaN was not
        predicted so, as those that a model has learnt from.
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
    """Gram and training responses to predicted responses. Its dataclass fields are its options."""

    def __call__(
        self,
        gram: Gram,
        responses: NDArray[np.float64],
        train: NDArray[np.integer],
        test: NDArray[np.integer],
    ) -> ReadoutResult:
        """Learn from the rows `train` of the Gram and their `responses` (train, site); predict the rows `test`."""


@dataclass(frozen=True, eq=False)
class JointReadoutResult:
    """What a readout of several layers at once says in one split.

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
        Predictions learnt again without the layers of each group.
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
    """Grams of several layers, or of several models, and training responses to predicted responses."""

    form: ClassVar[str] = "joint"

    def __call__(
        self,
        grams: Mapping[str, Gram],
        responses: NDArray[np.float64],
        train: NDArray[np.integer],
        test: NDArray[np.integer],
        groups: Sequence[Collection[str]] = (),
    ) -> JointReadoutResult:
        """Learn from the rows `train` of the Grams, by layer, and their `responses` (train, site).

        Predict the rows `test`: from all layers, from each layer alone, and without the layers of each group.
        """


class Channels(Protocol):
    """One feature of a layer for every site to predicted responses."""

    form: ClassVar[str] = "channels"

    def rate(self, correlation: NDArray[np.float64]) -> NDArray[np.float64]:
        """Say how good features are from their correlation (feature, site) with the sites, over training rows.

        Each site gets the feature that is rated highest for it; none if no rating is above 0.
        """

    def __call__(
        self, features: NDArray[np.float64], responses: NDArray[np.float64], others: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Learn from each site's own feature (train, site) and `responses` (train, site).

        Predict from the same features of the other rows (test, site). A site without a feature has zeros.
        """


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """What a comparison says of one layer.

    Parameters
    ----------
    value : float
        Of all images; the higher, the more alike.
    without : array of shape (group,)
        Of all images but those of each group.
    remarks : tuple of str
        What the user should know.
    """

    value: float
    without: NDArray[np.float64]
    remarks: tuple[str, ...] = ()

    @classmethod
    def by_leaving_out(
        cls,
        compare: Callable[[Gram, NeuralData], float],
        gram: Gram,
        recorded: NeuralData,
        groups: NDArray[np.integer],
    ) -> ComparisonResult:
        """Compare all images, then again without each group: for comparisons that have no shorter way."""
        kept = [np.flatnonzero(groups != group) for group in range(int(groups.max()) + 1)]
        without = [compare(gram.take(rows), recorded.take(rows)) for rows in kept]
        return cls(compare(gram, recorded), np.array(without))


class Comparison(Protocol):
    """A layer's Gram and what was recorded of the same images to one number. Its dataclass fields are its options."""

    form: ClassVar[str] = "comparison"

    measure: ClassVar[str]
    """What the number is called."""

    def __call__(self, gram: Gram, recorded: NeuralData, groups: NDArray[np.integer]) -> ComparisonResult:
        """Compare all images, and all but those of each group; `groups` (stimulus,) numbers them from 0."""
