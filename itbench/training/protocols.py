"""The protocols of a trainable model and of what it predicts once trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from itbench.data.stimuli import Images, StimulusSet
from itbench.models.protocols import Model
from itbench.models.recipe import Recipe
from itbench.util import folders
from itbench.util.progress import Reporter, SilentReporter


class Predictor(Model, Protocol):
    """A model that has learnt from recordings: it predicts every site, and its layers can be read as any model's."""

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """All that training made, as arrays by name."""

    @property
    def account(self) -> Mapping[str, Any]:
        """How the training went: ``epochs``, ``best_epoch``, ``inner_explained_variance``, ``history`` and the like.

        Empty if it was restored.
        """

    def predict(self, images: Images) -> NDArray[np.floating]:
        """Return responses (image, site) to images (image, y, x, 3), in the units of the recordings.

        Raises
        ------
        BadOption
            If it learnt something else than responses.
        """


@dataclass(frozen=True, eq=False)
class Training:
    """How a model is to learn, and what it is given beside images and responses.

    Parameters
    ----------
    recipe : Recipe
    seed : int
    classes : sequence of str
        Names of the classes, where the recipe has a label.
    taught : array of shape (stimulus, site), optional
        What a teacher predicts of the training images, where the recipe has one.
    device : {"auto", "cpu", "cuda"}
    memory : int
        Bytes that the process shall not exceed.
    scratch : Path
        Folder for images that do not fit.
    checkpoint : Path, optional
        File to write after every epoch and to go on from.
    reporter : Reporter
    """

    recipe: Recipe
    seed: int = 0
    classes: Sequence[str] = ()
    taught: NDArray[np.floating] | None = None
    device: str = "auto"
    memory: int = 4 * 10**9
    scratch: Path = field(default_factory=folders.scratch)
    checkpoint: Path | None = None
    reporter: Reporter = field(default_factory=SilentReporter)


class TrainableModel(Protocol):
    """Learns from recordings."""

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes what it learns, beside recipe, seed and recordings: code, start weights, preprocessing."""

    def fit(
        self,
        stimuli: StimulusSet,
        responses: NDArray[np.floating],
        validation: NDArray[np.integer],
        training: Training,
    ) -> Predictor:
        """Learn.

        Parameters
        ----------
        stimuli : StimulusSet
            Of the training rows alone.
        responses : array of shape (stimulus, site)
            NaN where one is missing.
        validation : int array
            Rows of `stimuli` that stop the training and choose its epoch, and are not learnt from.
        training : Training
        """

    def restore(self, state: Mapping[str, NDArray[Any]], sites: int, classes: int) -> Predictor:
        """Return the predictor whose `state` this is."""


@runtime_checkable
class Previewed(Protocol):
    """A model that learns, and can be looked at before: then layers that it will not have are refused at once."""

    def untrained(self, sites: int, classes: int, members: int = 1) -> Model:
        """Return what it is before it learns, for so many sites and classes; of several `members`, all of them."""
