"""The model that learns under check: what it starts from, and the predictors that its fits give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.check.findings import Broken, NotHere
from itbench.check.fresh_process import FreshLook
from itbench.check.model import MEMBERS, Activations, ModelSubject, probe, resident
from itbench.data.stimuli import StimulusSet
from itbench.models.protocols import Model
from itbench.models.weights import Weights
from itbench.registry import ModelEntry, Registry
from itbench.scoring.plan import make_learner, start_at_hand
from itbench.scoring.run import Entrant
from itbench.training.per_split import make_trainable
from itbench.training.protocols import Predictor, TrainableModel, Training
from itbench.util.arrays import Array

SMALL = ("epochs=1", "batch=3", "patience=0", "members=1", "precision=float32")  # of the recipe, to be quick
LARGE = 30_000_000  # numbers in a state: whatever makes more is fitted once only
LEARNS, PREDICTS = (tuple(name for name in vars(kind) if name[0] != "_") for kind in (TrainableModel, Predictor))


class LearnerSubject(ModelSubject):
    """A registered model that learns, and the weights that it starts from.

    Parameters
    ----------
    entry : ModelEntry
    registry : Registry
        Has the model on which it is built.
    start : str, optional
        ``pretrained``, ``random`` or the path of a file; by default random weights where there are any.
    layers, fresh
        As of `ModelSubject`.

    Notes
    -----
    The model whose layers are looked at is the predictor that its first fit gives.
    """

    def __init__(
        self,
        entry: ModelEntry,
        registry: Registry,
        start: str | None,
        layers: Sequence[str],
        fresh: Callable[[], FreshLook],
    ) -> None:
        super().__init__(entry, Weights("none"), layers, fresh)
        self.registry, self.start = registry, start
        self.core: Model | None = None

    @cached_property
    def learner(self) -> Entrant:
        """The model with its core and its recipe, which is shortened."""
        start = self.start or start_at_hand(self.registry, self.entry)
        return make_learner(self.registry, [self.entry], start, 0, (), SMALL)

    @cached_property
    def trainable(self) -> TrainableModel:
        """The model that the first fit is of; `core` is what it is built on."""
        made, self.core = self.begin()
        return made

    def begin(self) -> tuple[TrainableModel, Model | None]:
        """Call the factory once more; return what it makes, and the core that it was given.

        Raises
        ------
        Broken
            If what it returns is no `itbench.TrainableModel`.
        """
        learner = self.learner
        core = learner.core.factory(learner.weights) if learner.core else None
        made = make_trainable(learner, core)
        _require(made, LEARNS, "the factory returns", "itbench.TrainableModel")
        return made, core

    @property
    def identity(self) -> Mapping[str, str]:
        """What another process must find too: what was trained is found by it."""
        return self.trainable.identity

    @cached_property
    def model(self) -> Predictor:
        """What the first fit gives."""
        trainable = self.trainable
        self.given, self.kept, self.before = self.lesson(), self.lesson(), self.core_says()
        predictor = self.fit(trainable, self.given)
        self._resting = resident()
        return predictor

    def lesson(self) -> Lesson:
        """Return what a fit is given, in arrays of its own."""
        assert self.learner.recipe is not None
        return Lesson.of(self.learner.recipe.label)

    def fit(self, trainable: TrainableModel, lesson: Lesson, seed: int = 0) -> Predictor:
        """Return what a trainable learns from a lesson.

        Raises
        ------
        Broken
            If it is no `itbench.Predictor`.
        """
        recipe = self.learner.recipe
        assert recipe is not None
        taught = lesson.taught if recipe.losses.get("teacher") else None
        training = Training(recipe, seed, lesson.classes, taught, "cpu")
        predictor = trainable.fit(lesson.stimuli, lesson.responses, lesson.validation, training)
        _require(predictor, (*MEMBERS, *PREDICTS), "fit returns", "itbench.Predictor")
        predictor.place("cpu", "float32")
        return predictor

    def fit_again(self, seed: int = 0, lesson: Lesson | None = None) -> Predictor:
        """Return what another trainable learns.

        Raises
        ------
        NotHere
            If that takes too long.
        """
        self.refuse_large()
        return self.fit(self.begin()[0], lesson or self.lesson(), seed)

    def refuse_large(self) -> None:
        """Raise `NotHere` where another fit would take minutes."""
        size = sum(np.size(values) for values in self.model.state.values())
        if size > LARGE:
            raise NotHere(f"training made {size / 1e6:.0f} million numbers: no second fit; check it on a smaller core")

    def restored(self) -> Predictor:
        """Return the predictor that another trainable makes of the first one's state."""
        state = {name: np.array(values) for name, values in self.model.state.items()}
        predictor = self.begin()[0].restore(state, SITES, len(self.kept.classes))
        predictor.place("cpu", "float32")
        return predictor

    @property
    def predicts(self) -> bool:
        """Whether it learns to predict responses, and not only layers to be read out."""
        losses = self.learner.recipe.losses if self.learner.recipe else {}
        return bool(losses.get("responses") or losses.get("teacher"))

    def says(self, predictor: Predictor, images: NDArray[Any] | None = None) -> Activations:
        """Return what a predictor says: the responses if it learnt any, else its layers."""
        images = (self.images if images is None else images).copy()
        if self.predicts:
            return {"output": np.asarray(predictor.predict(images))}
        return self.activations(images, model=predictor)

    def core_says(self) -> Activations:
        """Return the activations of the core, if there is one, for one image."""
        if self.core is None:
            return {}
        found = self.core.activations(self.core.prepare(self.images[:1].copy()), tuple(self.core.layers))
        return {layer: values.copy() for layer, values in found.items()}


def _require(made: Any, members: Sequence[str], what: str, kind: str) -> None:
    missing = [name for name in dict.fromkeys(members) if not hasattr(made, name)]
    if missing:
        raise Broken(f"{what} a {type(made).__name__} without {', '.join(missing)}; see {kind}")


IMAGES, SITES = 8, 5
VALIDATION = (6, 7)  # rows; the others are learnt from
CLASSES = ("cat", "dog")


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one fit is given.

    Parameters
    ----------
    stimuli : StimulusSet
    responses, taught : array of shape (stimulus, site)
        Simulated rates, all above 0, and what a teacher might say of them.
    classes : sequence of str
        Names of the classes, if there are any.
    validation : int array
    """

    stimuli: StimulusSet
    responses: Array
    taught: Array
    classes: Sequence[str] = ()
    validation: NDArray[np.intp] = field(default_factory=lambda: np.array(VALIDATION))

    @classmethod
    def of(cls, label: str) -> Lesson:
        """Return the lesson, in arrays of its own; with classes as the coordinate `label` if that is not empty."""
        rng = np.random.default_rng(0)
        images = probe(count=IMAGES)
        signal = (images.mean(axis=(1, 2)) - 128) @ rng.standard_normal((3, SITES))
        responses = 10 + signal / signal.std(axis=0) + 0.3 * rng.standard_normal(signal.shape)
        taught = responses + 0.1 * rng.standard_normal(signal.shape)
        metadata = {label: np.array(CLASSES * (IMAGES // len(CLASSES)), dtype=object)} if label else {}
        stimuli = StimulusSet(tuple(f"image{number}" for number in range(IMAGES)), images, metadata)
        every = np.arange(IMAGES)  # taken from a set, as those that a split trains on
        return cls(stimuli.take(every), responses, taught, CLASSES if label else ())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return its arrays by what they are called."""
        return {
            "the images": self.stimuli.images[:],
            "the responses": self.responses,
            "the teacher's predictions": self.taught,
            "the validation rows": self.validation,
        }
