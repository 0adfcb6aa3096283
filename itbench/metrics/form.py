"""Base class of the forms of a metric: what a form needs, what it refuses, and how it measures a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.errors import BadOption
from itbench.gram import Gram
from itbench.util.arrays import Array
from itbench.util.progress import Reporter


class Measured(NamedTuple):
    """What a form of metric measured: a dataset by layer, and remarks for the user."""

    dataset: xr.Dataset
    remarks: Sequence[str] = ()


def require_narrow(widths: Mapping[str, int], widest: int) -> None:
    """Raise if a form of metric that reads single features gets a layer with too many.

    Parameters
    ----------
    widths : mapping of str to int
        Features of every layer.
    widest : int
        Largest number of features.

    Raises
    ------
    BadOption
    """
    wide = {layer: width for layer, width in widths.items() if width > widest}
    if wide:
        layer, width = next(iter(wide.items()))
        narrow = [name for name in widths if name not in wide]
        raise BadOption(
            f"Layer {layer!r} has {width:,} features; the metric reads single features of at most {widest:,}.",
            known=f"Narrow enough: {', '.join(narrow)}." if narrow else "No layer of the run is narrow enough.",
            todo="Name narrow layers with -l, or raise the limit with -o features=N: time and memory grow with it.",
        )


class Panels(Protocol):
    """Streamed activations that a form of metric reads in panels of features."""

    @property
    def ids(self) -> Sequence[str]:
        """Stimuli of the rows."""

    @property
    def widths(self) -> Mapping[str, int]:
        """Number of features of every layer."""

    def panels(self, name: str) -> Iterator[tuple[NDArray[np.floating], NDArray[np.floating]]]:
        """Yield panels (stimulus, some features) of a layer to a form of metric, less a reference row, and that row."""


class FrozenModels(Protocol):
    """Protocol of the frozen models that a form of metric measures, the same for all splits."""

    @property
    def layers_by_model(self) -> Mapping[str, Sequence[str]]: ...

    @property
    def reporter(self) -> Reporter: ...

    def grams(self) -> Iterator[tuple[str, Gram]]: ...

    def stream(self, beside: int, widest: int | None = None) -> AbstractContextManager[Panels]:
        """Stream activations to a form of metric that needs the memory `beside`, bytes, meanwhile.

        Layers of more than `widest` features are refused before the model runs: see `require_narrow`.
        """

    def parts(self, layer: str) -> Sequence[str]: ...


class WrappedModels:
    """Frozen models for a form of metric, as other ones give them; a subclass changes or watches their Grams."""

    def __init__(self, models: FrozenModels) -> None:
        self.models = models

    @property
    def layers_by_model(self) -> Mapping[str, Sequence[str]]:
        """Layers of each model for the form of metric."""
        return self.models.layers_by_model

    @property
    def reporter(self) -> Reporter:
        """Where progress is told."""
        return self.models.reporter

    def grams(self) -> Iterator[tuple[str, Gram]]:
        """Yield (layer, Gram) to a form of metric."""
        return self.models.grams()

    def stream(self, beside: int, widest: int | None = None) -> AbstractContextManager[Panels]:
        """Stream activations to a form of metric."""
        return self.models.stream(beside, widest)

    def parts(self, layer: str) -> Sequence[str]:
        """Return the layers whose features a layer ``A+B`` puts side by side."""
        return self.models.parts(layer)


class TrainedModel(Protocol):
    """Protocol of the trained model of one split that a form of metric measures."""

    @property
    def split(self) -> Split: ...

    @property
    def layers(self) -> Sequence[str]: ...

    @property
    def validation(self) -> NDArray[np.intp]: ...

    def grams(self) -> Iterator[tuple[str, Gram]]: ...

    def predict(self, rows: NDArray[np.integer]) -> NDArray[np.floating]: ...


class TrainedModels(Protocol):
    """Protocol of a trainable model that a form of metric measures, trained anew in every split."""

    def each_split(self) -> Iterator[TrainedModel]: ...


class Form:
    """Base class of a form of metric; a subclass overrides what differs and has one instance in `FORMS`.

    Attributes
    ----------
    name : str
        What a metric's class attribute ``form`` says.
    several_models : bool
        Whether it reads the layers of several models together.
    needs_responses : bool
        Whether dissimilarities without responses, and benchmarks without splits, cannot be measured.
    reads_layers : bool
        Whether it reads layers, not the model's own predictions.
    reads_one_layer : bool
        Whether any Gram can be read by itself, so that other animals' sites can stand in for a layer.
    streams : bool
        Whether it needs the activations themselves, so that nothing can be measured from cached Grams.
    teaches : bool
        Whether its predictions of training rows can teach another model.
    refuses_trained : str
        Why a model that was trained on some of the stimuli cannot be measured; empty if it can.
    """

    name: ClassVar[str] = ""
    several_models: ClassVar[bool] = False
    needs_responses: ClassVar[bool] = True
    reads_layers: ClassVar[bool] = True
    reads_one_layer: ClassVar[bool] = False
    streams: ClassVar[bool] = False
    teaches: ClassVar[bool] = False
    refuses_trained: ClassVar[str] = ""

    def measure(self, metric: Any, name: str, models: FrozenModels, task: Task) -> Measured:
        """Measure frozen models by a metric of this form, called `name`."""
        raise NotImplementedError(f"the form {self.name} measures no frozen model")

    def measure_trained(self, metric: Any, name: str, models: TrainedModels, task: Task) -> Measured:
        """Measure a model that is trained in every split by a metric of this form."""
        raise NotImplementedError(f"the form {self.name} measures no trained model")

    def teach(self, metric: Any, grams: Mapping[str, Gram], recorded: Array, train: NDArray[np.integer]) -> Array:
        """Return a teacher's predictions (train, site) of each training row from the others, by this form."""
        raise NotImplementedError(f"the form {self.name} teaches no model")
