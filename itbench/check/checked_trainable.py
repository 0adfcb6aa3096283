"""Checked trainable model: its starting weights, short fits to simulated responses, and the predictors they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.check.checked_model import MEMBERS, Activations, CheckedModel, resident, sample_images
from itbench.check.findings import CheckFailed, CheckSkipped, FreshProcess
from itbench.data.stimuli import StimulusSet
from itbench.models.model import Model
from itbench.models.weights import Weights
from itbench.registry import ModelEntry, Registry
from itbench.training.trainable_model import (
    Predictor,
    TrainableModel,
    TrainableSpec,
    Training,
    offline_start,
    trainable_spec,
)
from itbench.util.arrays import Array

SHORT = ("epochs=1", "batch=3", "patience=0", "members=1", "precision=float32")  # changes of the recipe
LARGE = 30_000_000  # numbers in a state: a larger model is fitted once only
TRAINABLE_MEMBERS, PREDICTOR_MEMBERS = (
    tuple(name for name in vars(kind) if name[0] != "_") for kind in (TrainableModel, Predictor)
)


class CheckedTrainable(CheckedModel):
    """A checked trainable model: its registration, its starting weights and its first fit.

    Parameters
    ----------
    entry : ModelEntry
    registry : Registry
        Holds the core, the model that it is built on.
    start : str, optional
        ``pretrained``, ``random`` or the path of a file; by default random weights if it has any.
    layers, fresh_process
        See `CheckedModel`.

    Notes
    -----
    `model`, whose layers are checked, is the predictor that its first fit returns.
    """

    def __init__(
        self,
        entry: ModelEntry,
        registry: Registry,
        start: str | None,
        layers: Sequence[str],
        fresh_process: Callable[[], FreshProcess],
    ) -> None:
        super().__init__(entry, Weights("none"), layers, fresh_process)
        self.registry, self.start = registry, start
        self.core: Model | None = None

    @cached_property
    def spec(self) -> TrainableSpec:
        """The checked trainable model with its core, and its recipe shortened to one epoch."""
        start = self.start or offline_start(self.registry, self.entry)
        return trainable_spec(self.registry, self.entry, start, changes=SHORT)

    @cached_property
    def trainable(self) -> TrainableModel:
        """The checked trainable model of the first fit; `core` is the model that it is built on."""
        trainable, self.core = self.make_anew()
        return trainable

    def make_anew(self) -> tuple[TrainableModel, Model | None]:
        """Make the checked trainable model by another call of its factory; return it and its core.

        Raises
        ------
        CheckFailed
            If the factory does not return an `itbench.TrainableModel`.
        """
        spec = self.spec
        core = spec.core.make(spec.weights) if spec.core else None
        trainable = spec.make(core)
        _require(trainable, TRAINABLE_MEMBERS, "the factory returns", "itbench.TrainableModel")
        return trainable, core

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity of the checked trainable model, by which trained weights are found; the same in a fresh process."""
        return self.trainable.identity

    @cached_property
    def model(self) -> Predictor:
        """The predictor that the checked trainable model's first fit returns."""
        trainable = self.trainable
        self.fit_inputs, self.inputs_before = self.training_set(), self.training_set()
        self.core_activations_before = self.core_activations()
        predictor = self.fit(trainable, self.fit_inputs)
        self._resting = resident()
        return predictor

    def training_set(self) -> SimulatedTrainingSet:
        """Return a new copy of the simulated training set for a checked trainable model."""
        return SimulatedTrainingSet.of(self.spec.recipe.label)

    def fit(self, trainable: TrainableModel, training_set: SimulatedTrainingSet, seed: int = 0) -> Predictor:
        """Fit a checked trainable model to a simulated training set and return the predictor.

        Raises
        ------
        CheckFailed
            If `fit` does not return an `itbench.Predictor`.
        """
        recipe = self.spec.recipe
        teacher = training_set.teacher if recipe.losses.get("teacher") else None
        training = Training(recipe, seed, training_set.classes, teacher, "cpu")
        predictor = trainable.fit(training_set.stimuli, training_set.responses, training_set.validation, training)
        _require(predictor, (*MEMBERS, *PREDICTOR_MEMBERS), "fit returns", "itbench.Predictor")
        predictor.place("cpu", "float32")
        return predictor

    def fit_again(self, seed: int = 0, training_set: SimulatedTrainingSet | None = None) -> Predictor:
        """Make and fit the checked trainable model once more and return the predictor.

        Raises
        ------
        CheckSkipped
            If the model is too large for a second fit.
        """
        self.skip_if_large()
        return self.fit(self.make_anew()[0], training_set or self.training_set(), seed)

    def skip_if_large(self) -> None:
        """Skip a check that needs another fit of a checked trainable model too large for it.

        Raises
        ------
        CheckSkipped
            If its state holds more than `LARGE` numbers.
        """
        size = sum(np.size(values) for values in self.model.state.values())
        if size > LARGE:
            raise CheckSkipped(
                f"training made {size / 1e6:.0f} million numbers: no second fit; check it on a smaller core"
            )

    def restored(self) -> Predictor:
        """Restore the checked trainable model's predictor from the state of its first fit."""
        state = {name: np.array(values) for name, values in self.model.state.items()}
        predictor = self.make_anew()[0].restore(state, SITES, len(self.inputs_before.classes))
        predictor.place("cpu", "float32")
        return predictor

    @property
    def predicts(self) -> bool:
        """Whether the checked trainable model is trained to predict responses, and not only its layers."""
        return self.spec.predicts_responses

    def outputs(self, predictor: Predictor, images: NDArray[Any] | None = None) -> Activations:
        """Return a checked trainable model's predictions, or its activations if it predicts no responses."""
        images = (self.images if images is None else images).copy()
        if self.predicts:
            return {"output": np.asarray(predictor.predict(images))}
        return self.activations(images, model=predictor)

    def core_activations(self) -> Activations:
        """Return the activations of the checked trainable model's core for one image; empty if it has no core."""
        if self.core is None:
            return {}
        found = self.core.activations(self.core.prepare(self.images[:1].copy()), tuple(self.core.layers))
        return {layer: values.copy() for layer, values in found.items()}


def _require(value: Any, members: Sequence[str], what: str, kind: str) -> None:
    missing = [name for name in dict.fromkeys(members) if not hasattr(value, name)]
    if missing:
        raise CheckFailed(f"{what} a {type(value).__name__} without {', '.join(missing)}; see {kind}")


IMAGES, SITES = 8, 5
VALIDATION = (6, 7)  # rows; the others are trained on
CLASSES = ("cat", "dog")


@dataclass(frozen=True, eq=False)
class SimulatedTrainingSet:
    """Simulated training set for the fit of a checked trainable model.

    Parameters
    ----------
    stimuli : StimulusSet
    responses, teacher : array of shape (stimulus, site)
        Simulated rates, all above 0, and a teacher's predictions of them.
    classes : sequence of str
        Names of the classes, if there are any.
    validation : int array
        Rows for validation.
    """

    stimuli: StimulusSet
    responses: Array
    teacher: Array
    classes: Sequence[str] = ()
    validation: NDArray[np.intp] = field(default_factory=lambda: np.array(VALIDATION))

    @classmethod
    def of(cls, label: str) -> SimulatedTrainingSet:
        """Return a simulated training set in new arrays; a label that is not empty adds a coordinate of classes."""
        rng = np.random.default_rng(0)
        images = sample_images(count=IMAGES)
        signal = (images.mean(axis=(1, 2)) - 128) @ rng.standard_normal((3, SITES))
        responses = 10 + signal / signal.std(axis=0) + 0.3 * rng.standard_normal(signal.shape)
        teacher = responses + 0.1 * rng.standard_normal(signal.shape)
        metadata = {label: np.array(CLASSES * (IMAGES // len(CLASSES)), dtype=object)} if label else {}
        stimuli = StimulusSet(tuple(f"image{number}" for number in range(IMAGES)), images, metadata)
        rows = np.arange(IMAGES)  # taken from a set, like the training rows of a split
        return cls(stimuli.take(rows), responses, teacher, CLASSES if label else ())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return its arrays by name."""
        return {
            "the images": self.stimuli.images[:],
            "the responses": self.responses,
            "the teacher's predictions": self.teacher,
            "the validation rows": self.validation,
        }
