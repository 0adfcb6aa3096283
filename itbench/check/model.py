"""The model under check: made once, with the passes that several checks look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from itbench.check.findings import Broken
from itbench.check.fresh_process import FreshLook
from itbench.models.layer_names import evenly_spaced, expand_patterns, split_sum
from itbench.models.protocols import Model
from itbench.models.weights import Weights
from itbench.registry import ModelEntry

SOME = 4  # layers to look at of a model that names none
MEMBERS = (*Model.__annotations__, *(name for name in vars(Model) if not name.startswith("_")))


class ModelSubject:
    """A registered model, its weights, and the layers to look at.

    Parameters
    ----------
    entry : ModelEntry
    weights : Weights
    layers : sequence of str
        Names or patterns; none for the model's candidates.
    fresh : callable
        Returns what another process saw of it.

    Notes
    -----
    It runs on the CPU in float32. `images` are three of (224, 224); `together` are the activations of all layers in
    one pass over them, and `memory` is what that pass took at its peak beside the model, bytes; `again` are those of a
    second pass, which took `seconds`.
    """

    def __init__(
        self, entry: ModelEntry, weights: Weights, layers: Sequence[str], fresh: Callable[[], FreshLook]
    ) -> None:
        self.entry, self.weights, self.fresh = entry, weights, fresh
        self._named = tuple(layers)
        self.images = probe()
        self.memory, self.seconds = 0, 0.0

    def make(self, weights: Weights | None = None) -> Model:
        """Call the factory once more.

        Raises
        ------
        Broken
            If what it returns is no `itbench.Model`.
        """
        model = self.entry.factory(weights or self.weights)
        missing = [name for name in MEMBERS if not hasattr(model, name)]
        if missing:
            kind = type(model).__name__
            raise Broken(f"the factory returns a {kind} without {', '.join(missing)}; see itbench.Model")
        model.place("cpu", "float32")
        return model

    @cached_property
    def model(self) -> Model:
        """The model."""
        model = self.make()
        self._resting = resident()
        return model

    @property
    def identity(self) -> Mapping[str, str]:
        """What another process must find too: what was computed before is found by it."""
        return self.model.identity

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...] | str]:
        """What the model says of its layers."""
        return self.model.shapes(self.images[0])

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The layers to look at, patterns and sums replaced by what they stand for."""
        names = self._named or tuple(self.model.layers) or tuple(self.entry.layers) or self._some()
        single = dict.fromkeys(part for name in names for part in split_sum(name))
        return expand_patterns(single, self.shapes)

    def _some(self) -> tuple[str, ...]:
        """Return a few layers of a model that names no candidates."""
        return evenly_spaced((layer for layer, shape in self.shapes.items() if not isinstance(shape, str)), SOME)

    @cached_property
    def together(self) -> Activations:
        """The activations of all layers for all images, from one pass."""
        layers = self.layers
        with PeakMemory(self._resting) as memory:
            found = self.activations(self.images, layers)
        self.memory = memory.growth
        return found

    @cached_property
    def again(self) -> Activations:
        """The same from a second pass."""
        layers = self.layers
        start = time.perf_counter()
        found = self.activations(self.images, layers)
        self.seconds = time.perf_counter() - start
        return found

    @property
    def first(self) -> Activations:
        """The activations of the first image."""
        return {layer: values[:1] for layer, values in self.together.items()}

    def activations(
        self, images: NDArray[Any], layers: Sequence[str] = (), model: Model | None = None
    ) -> dict[str, NDArray[np.floating]]:
        """Return copies of the activations of `layers`, or of all; the model gets images of its own.

        Raises
        ------
        Broken
            If what comes is not one array per layer asked for.
        """
        names = tuple(layers) or self.layers
        model = model or self.model
        found = model.activations(model.prepare(images.copy()), names)
        if set(found) != set(names):
            raise Broken(f"asked for {_listed(names)}, got {_listed(found)}")
        for layer, values in found.items():
            if not isinstance(values, np.ndarray):
                raise Broken(f"layer {layer!r} comes as a {type(values).__name__}, not as a NumPy array")
        return {layer: found[layer].copy() for layer in names}


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names)) or "nothing"


Activations = Mapping[str, NDArray[np.floating]]  # of layer to (batch, …)

SIDE = 224
# Of a layer's largest activation. Bit-identity is not promised: a library takes another kernel for another batch size,
# and float32 sums in another order differ by about 1e-6.
TOLERANCE = 1e-4


def probe(height: int = SIDE, width: int = SIDE, count: int = 3) -> NDArray[np.uint8]:
    """Return `count` different images (batch, y, x, 3): coloured patches with fine noise, the same every time."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 224, (count, 7, 7, 3))
    patches = coarse[:, np.arange(height) * 7 // height][:, :, np.arange(width) * 7 // width]
    return (patches + rng.integers(0, 32, (count, height, width, 3))).astype(np.uint8)


def plain(value: int, side: int = SIDE) -> NDArray[np.uint8]:
    """Return one image (1, y, x, 3) of one grey."""
    return np.full((1, side, side, 3), value, np.uint8)


def difference(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the largest difference in units of the largest activation; infinite where only one is finite.

    >>> difference(np.array([0.0, 2.0]), np.array([1.0, 2.0]))
    0.5
    """
    with np.errstate(invalid="ignore"):
        apart = np.where((first == second) | (np.isnan(first) & np.isnan(second)), 0.0, np.abs(first - second))
    apart = np.where(np.isnan(apart), np.inf, apart)
    largest = np.abs(first[np.isfinite(first)]).max(initial=0.0)
    return float(apart.max() / largest) if largest else float(np.inf if apart.any() else 0.0)


def require_equal(first: Activations, second: Activations, what: str, hint: str) -> str:
    """Return how well two passes agree in every layer.

    Raises
    ------
    Broken
        If some layer differs by more than the tolerance, naming the first such layer and the `hint`.
    """
    worst = 0.0
    for layer, values in first.items():
        apart = difference(values, second[layer])
        if apart > TOLERANCE:
            raise Broken(f"{what}, layer {layer!r} differs by {apart:.1e} of its largest activation; {hint}")
        worst = max(worst, apart)
    return "equal to the last bit" if not worst else f"equal within {worst:.0e} of the largest activation"


INTERVAL = 0.002  # s


class PeakMemory:
    """Watches the resident memory of this process while a block runs.

    Parameters
    ----------
    resting : int
        Bytes to count from.

    Attributes
    ----------
    growth : int
        The peak above that, bytes.
    """

    def __init__(self, resting: int) -> None:
        self.growth = 0
        self._resting = resting
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.growth = max(self.growth, resident() - self._resting)
            if self._ended.wait(INTERVAL):
                return


def resident() -> int:
    """Return the resident memory of this process, bytes."""
    return int(psutil.Process().memory_info().rss)
