"""Checked model: a model made once for all its checks, with test images, their activations, and time and memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import psutil
from numpy.typing import NDArray

from itbench.check.findings import CheckFailed, FreshProcess
from itbench.models.layers import evenly_spaced, expand_patterns, split_sum
from itbench.models.model import Model
from itbench.models.weights import Weights
from itbench.registry import ModelEntry

N_LAYERS = 4  # layers to check of a model that names no candidates
MEMBERS = (*Model.__annotations__, *(name for name in vars(Model) if not name.startswith("_")))


@runtime_checkable
class CountsCalls(Protocol):
    """Model that can count the calls of its layers for a model check, as `itbench.Network` can."""

    def counted_calls(self) -> AbstractContextManager[Mapping[str, int]]:
        """Count how often every layer runs in the forward passes of a block."""


class CheckedModel:
    """A checked model: its registration, its weights and the layers to check.

    Parameters
    ----------
    entry : ModelEntry
    weights : Weights
    layers : sequence of str
        Names or patterns; empty for the model's candidates.
    fresh_process : callable
        Returns the result of a fresh process that made the model.

    Notes
    -----
    It runs on the CPU in float32. `images` are three test images of (224, 224). `batch_activations` are those of all
    layers from one pass over them, with a peak of `memory` bytes beside the model; `single_activations` are those of a
    pass over each image alone. `given` are the arrays that the model gave for the first, not copied, and `changed` the
    layers whose array had other numbers after the next passes. The pass of `reversed_activations` took `seconds`.
    `leaves_images` says whether no pass changed the images that it was given.
    """

    def __init__(
        self, entry: ModelEntry, weights: Weights, layers: Sequence[str], fresh_process: Callable[[], FreshProcess]
    ) -> None:
        self.entry, self.weights, self.fresh_process = entry, weights, fresh_process
        self._named = tuple(layers)
        self.images = sample_images()
        self.memory, self.seconds = 0, 0.0
        self.leaves_images = True
        self._calls: dict[bytes, Mapping[str, int]] = {}

    def make(self, weights: Weights | None = None) -> Model:
        """Make the checked model anew by a call of its factory.

        Raises
        ------
        CheckFailed
            If the factory does not return an `itbench.Model`.
        """
        model = self.entry.make(weights or self.weights)
        missing = [name for name in MEMBERS if not hasattr(model, name)]
        if missing:
            kind = type(model).__name__
            raise CheckFailed(f"the factory returns a {kind} without {', '.join(missing)}; see itbench.Model")
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
        """Identity of the checked model, by which cached Grams are found; the same in a fresh process."""
        return self.model.identity

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...] | str]:
        """Shapes of the checked model's layers."""
        return self.model.shapes(self.images[0])

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Layers of the checked model, with patterns and sums replaced by single layers."""
        names = self._named or tuple(self.model.layers) or tuple(self.entry.layers) or self._spread_layers()
        single = dict.fromkeys(part for name in names for part in split_sum(name, self.shapes))
        return expand_patterns(single, self.shapes)

    def _spread_layers(self) -> tuple[str, ...]:
        return evenly_spaced((layer for layer, shape in self.shapes.items() if not isinstance(shape, str)), N_LAYERS)

    @cached_property
    def batch_activations(self) -> Activations:
        """Activations of the checked model's layers for all test images, from one pass."""
        layers = self.layers
        with PeakMemory(self._resting) as memory:
            found = self.activations(self.images, layers)
        self.memory = memory.growth
        return found

    @cached_property
    def single_activations(self) -> Sequence[Activations]:
        """Activations of the checked model for each test image alone."""
        first = self.alone(self.images[:1])
        self.given = self._given
        others = [self.alone(image[None]) for image in self.images[1:]]
        self.changed = [layer for layer, values in first.items() if difference(values, self.given[layer])]
        return [first, *others]

    @cached_property
    def reversed_activations(self) -> Activations:
        """Activations of the checked model for the test images, from a timed pass in reverse order."""
        layers = self.layers
        start = time.perf_counter()
        found = self.activations(self.images[::-1], layers)
        self.seconds = time.perf_counter() - start
        return {layer: values[::-1] for layer, values in found.items()}

    def alone(self, image: NDArray[Any]) -> Activations:
        """Return the checked model's activations for one image (1, y, x, 3); note how often each layer ran."""
        counting = self.model.counted_calls() if isinstance(self.model, CountsCalls) else nullcontext({})
        with counting as calls:
            found = self.activations(image)
        self._calls[_key(image)] = calls
        return found

    def calls(self, image: NDArray[Any]) -> Mapping[str, int]:
        """Return how often each layer of the checked model ran in the pass over one image (1, y, x, 3)."""
        if _key(image) not in self._calls:
            self.alone(image)
        return self._calls[_key(image)]

    @property
    def first_activations(self) -> Activations:
        """Activations of the checked model for the first test image."""
        return {layer: values[:1] for layer, values in self.batch_activations.items()}

    def activations(
        self, images: NDArray[Any], layers: Sequence[str] = (), model: Model | None = None
    ) -> dict[str, NDArray[np.floating]]:
        """Return copies of the checked model's activations in `layers`, by default in all its layers.

        Raises
        ------
        CheckFailed
            If the model does not return one array for each requested layer.
        """
        names = tuple(layers) or self.layers
        model = model or self.model
        given = images.copy()
        found = model.activations(model.prepare(given), names)
        self.leaves_images &= np.array_equal(given, images)
        if set(found) != set(names):
            raise CheckFailed(f"asked for {_listed(names)}, got {_listed(found)}")
        for layer, values in found.items():
            if not isinstance(values, np.ndarray):
                raise CheckFailed(f"layer {layer!r} comes as a {type(values).__name__}, not as a NumPy array")
        self._given: Activations = found
        return {layer: found[layer].copy() for layer in names}


def _key(image: NDArray[Any]) -> bytes:
    return repr(image.shape).encode() + image.tobytes()


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names)) or "nothing"


Activations = Mapping[str, NDArray[np.floating]]  # of layer to (batch, …)

SIDE = 224
# Of a layer's largest activation. Bit-identity is not promised: a library takes another kernel for another batch size,
# and float32 sums in another order differ by about 1e-6.
TOLERANCE = 1e-4


def sample_images(height: int = SIDE, width: int = SIDE, count: int = 3) -> NDArray[np.uint8]:
    """Return different test images (batch, y, x, 3) for a checked model: coloured patches with fine noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 224, (count, 7, 7, 3))
    patches = coarse[:, np.arange(height) * 7 // height][:, :, np.arange(width) * 7 // width]
    return (patches + rng.integers(0, 32, (count, height, width, 3))).astype(np.uint8)


def grey_image(value: int, side: int = SIDE) -> NDArray[np.uint8]:
    """Return one uniform test image (1, y, x, 3) for a checked model."""
    return np.full((1, side, side, 3), value, np.uint8)


def difference(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the largest difference of a checked model's activations, relative to the largest activation.

    It is infinite where only one of two values is finite.

    >>> difference(np.array([0.0, 2.0]), np.array([1.0, 2.0]))
    0.5
    """
    with np.errstate(invalid="ignore"):
        apart = np.where((first == second) | (np.isnan(first) & np.isnan(second)), 0.0, np.abs(first - second))
    apart = np.where(np.isnan(apart), np.inf, apart)
    largest = np.abs(first[np.isfinite(first)]).max(initial=0.0)
    return float(apart.max() / largest) if largest else float(np.inf if apart.any() else 0.0)


PARTS = 8


def fingerprint(values: NDArray[np.floating]) -> list[float]:
    """Return a few numbers of a checked model's activations: norm and scaled sum of each eighth of the features."""
    parts = [part.astype(float) for part in np.array_split(values.ravel(), PARTS) if len(part)]
    return [float(number) for part in parts for number in (np.linalg.norm(part), part.sum() / np.sqrt(len(part)))]


def require_equal(first: Activations, second: Activations, what: str, hint: str) -> str:
    """Require equal activations from two passes of a checked model, within a tolerance; return how well they agree.

    Raises
    ------
    CheckFailed
        If a layer differs by more than the tolerance, with the layer and the `hint`.
    """
    worst = 0.0
    for layer, values in first.items():
        apart = difference(values, second[layer])
        if apart > TOLERANCE:
            raise CheckFailed(f"{what}, layer {layer!r} differs by {apart:.1e} of its largest activation; {hint}")
        worst = max(worst, apart)
    return "equal to the last bit" if not worst else f"equal within {worst:.0e} of the largest activation"


INTERVAL = 0.002  # s


class PeakMemory:
    """Measure the peak memory of a checked model's pass, in a background thread.

    Parameters
    ----------
    resting : int
        Resident memory of the process before, bytes.

    Attributes
    ----------
    growth : int
        Peak above `resting`, bytes.
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
    """Return this process's memory, bytes."""
    return int(psutil.Process().memory_info().rss)
