"""Trainable models: the protocol with its training settings and predictor, and the spec by which a run names one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from itbench.data.stimuli import Images, StimulusSet
from itbench.errors import BadOption, UnknownName
from itbench.models.model import Model
from itbench.models.recipe import Recipe
from itbench.models.weights import Weights
from itbench.registry import ModelEntry, ModelSpec, Registry, weights_of
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


@dataclass(frozen=True)
class TrainableSpec(ModelSpec):
    """Spec of a trainable model: registered entry, recipe, core, and the weights that training starts from.

    Parameters
    ----------
    entry, weights, layers
        As of `ModelSpec`; the weights are those that training starts from.
    recipe : Recipe
    usual : Recipe
        The recipe that the plugin registered, from which `recipe` may depart.
    core : ModelEntry, optional
        The model on which it is built.
    """

    recipe: Recipe = field(default_factory=Recipe)
    usual: Recipe = field(default_factory=Recipe)
    core: ModelEntry | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """Changes of the trainable model's recipe, by key."""
        return self.recipe.departures(self.usual)

    @property
    def label(self) -> str:
        """Trained weights of the spec in tables: ``trained-SEED``, after an unusual start."""
        usual = (self.weights.kind == "none") or self.weights.kind == start_weights(self.entry, self.core)[0]
        start = "" if usual else f"{self.weights.label}:"
        return f"{start}trained-{self.weights.seed}"

    @property
    def predicts_responses(self) -> bool:
        """Whether the spec's recipe trains the model to predict responses, not only layers to read out."""
        return bool(self.recipe.losses.get("responses") or self.recipe.losses.get("teacher"))

    def make(self, core: Model | None = None) -> TrainableModel:
        """Make the trainable model of the spec, with the options of its recipe.

        Parameters
        ----------
        core : Model, optional
            Its core, if that was made before.

        Raises
        ------
        UnknownName
            For an option that the trainable model does not have.
        NoWeights
        """
        factory = self.entry.factory
        known = list(inspect.signature(factory).parameters)[1:]
        for name in self.recipe.options:
            if name not in known:
                raise UnknownName.of(f"option of {self.name}", name, known)
        if self.core and core is None:
            core = self.core.make(self.weights)
        model = factory(core or self.weights, **self.recipe.options)
        if self.entry.layers and getattr(model, "layers", None) == ():
            model.layers = tuple(self.entry.layers)
        return model


def trainable_spec(
    registry: Registry,
    entry: ModelEntry,
    weights: str = "pretrained",
    seed: int = 0,
    layers: Sequence[str] = (),
    changes: Sequence[str] = (),
) -> TrainableSpec:
    """Return the spec of a registered trainable model, with changes of its recipe as they are typed.

    Parameters
    ----------
    registry : Registry
        Has the core that the recipe names.
    entry : ModelEntry
    weights : str
        ``pretrained``, ``random`` or a file: what training starts from.
    seed : int
        Of training, and of random weights.
    layers : sequence of str
    changes : sequence of str
        ``KEY=VALUE``, or YAML files.

    Raises
    ------
    BadOption, UnknownName, NoWeights
    """
    usual = entry.read_recipe()
    recipe = usual.changed(changes)
    core = registry.core(recipe.core) if recipe.core else None
    starts = start_weights(entry, core)
    if core is None and weights not in ("pretrained", *starts):
        raise BadOption(f"{entry.name} starts from {starts[0]} weights.", todo="Leave --weights out.")
    text = starts[0] if weights == "pretrained" and weights not in starts and starts[0] != "none" else weights
    given = weights_of(core, text, seed) if core else replace(Weights(starts[0]), seed=seed)
    return TrainableSpec(entry, replace(given, seed=seed), tuple(layers), recipe, usual, core)


def start_weights(entry: ModelEntry, core: ModelEntry | None) -> Sequence[str]:
    """Return the kinds of weights that a trainable model can start from, the usual first."""
    if core is None:
        return entry.weights or ("none",)
    return [kind for kind in entry.weights if kind in core.weights] or ["none"]


def offline_start(registry: Registry, entry: ModelEntry) -> str:
    """Return ``random`` for a trainable model that can start from random weights, else ``pretrained``."""
    name = entry.read_recipe().core
    starts = start_weights(entry, registry.core(name) if name else None)
    return "random" if "random" in starts else "pretrained"
