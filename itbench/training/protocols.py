"""Protocols of a trainable model, its training settings and its predictor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from itbench.data.stimuli import Images, StimulusSet
from itbench.models.model import Model
from itbench.models.recipe import Recipe
from itbench.util import folders
from itbench.util.progress import Reporter, SilentReporter


class Predictor(Model, Protocol):
    """Protocol of a predictor: a model trained on recordings that predicts responses, with layers like any model."""

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """All trained arrays, by name."""

    @property
    def account(self) -> Mapping[str, Any]:
        """Training summary in the predictor protocol: ``epochs``, ``best_epoch``, ``history`` …

        Empty if the predictor was restored.
        """

    def predict(self, images: Images) -> NDArray[np.floating]:
        """Return predicted responses (image, site) to images (image, y, x, 3), as the predictor protocol requires.

        They are in the units of the recordings.

        Raises
        ------
        BadOption
            If it was not trained on responses.
        """


@dataclass(frozen=True, eq=False)
class Training:
    """Training settings in the trainable model protocol, an argument of `fit`: recipe, seed, device.

    Parameters
    ----------
    recipe : Recipe
    seed : int
    classes : sequence of str
        Names of the classes, where the recipe has a label.
    teacher_predictions : array of shape (stimulus, site), optional
        A teacher's predicted responses to the training images, where the recipe has a teacher.
    device : {"auto", "cpu", "cuda"}
    memory : int
        Bytes that the process must not exceed.
    scratch : Path
        Folder for preprocessed images that do not fit in memory.
    checkpoint : Path, optional
        File to write after every epoch, from which an interrupted training resumes.
    reporter : Reporter
    """

    recipe: Recipe
    seed: int = 0
    classes: Sequence[str] = ()
    teacher_predictions: NDArray[np.floating] | None = None
    device: str = "auto"
    memory: int = 4 * 10**9
    scratch: Path = field(default_factory=folders.scratch)
    checkpoint: Path | None = None
    reporter: Reporter = field(default_factory=SilentReporter)

    @property
    def taught(self) -> NDArray[np.floating] | None:
        """Former name of `teacher_predictions`."""
        return self.teacher_predictions


class TrainableModel(Protocol):
    """Protocol of a trainable model: identity for cache keys, training by `fit`, restoring of trained weights."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity for cache keys in the trainable model protocol: code, initial weights, preprocessing."""

    def fit(
        self,
        stimuli: StimulusSet,
        responses: NDArray[np.floating],
        validation: NDArray[np.integer],
        training: Training,
    ) -> Predictor:
        """Train on the training rows of a split and return a predictor, as the trainable model protocol requires.

        Parameters
        ----------
        stimuli : StimulusSet
            Those of the training rows alone.
        responses : array of shape (stimulus, site)
            NaN where one is missing.
        validation : int array
            Rows of `stimuli` that choose the best epoch and stop the training; not used for gradients.
        training : Training
        """

    def restore(self, state: Mapping[str, NDArray[Any]], sites: int, classes: int) -> Predictor:
        """Return a predictor from its `state`, as the trainable model protocol requires."""


@runtime_checkable
class Previewable(Protocol):
    """Protocol of a trainable model that shows its untrained network, so that wrong layer names are refused early."""

    def untrained(self, sites: int, classes: int, members: int = 1) -> Model:
        """Return the untrained model for a number of sites, classes and ensemble members: an optional protocol."""
