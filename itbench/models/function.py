"""Function models: a plain Python function of images as a model, from NumPy, another framework or a remote service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadActivations, BadOption, UnknownName
from itbench.gram import times_transpose
from itbench.models.probe import COMPLEX, common_shape, probe_batches

REAL = "biuf"  # kinds of NumPy types whose values are taken as float32


class FunctionModel:
    """Function model: a Python function from uint8 images (batch, y, x, 3) to {layer: activations (batch, …)}.

    For recordings whose images are not exact to 8 bits, the function gets float32 images in 0…255.

    Parameters
    ----------
    function : callable
    layers : sequence of str
        Keys of the mapping that it returns, early to late.
    identity : str
        Name and version of the computation, part of the cache key of Grams; change it whenever the numbers change.
        Cached Grams are compared with what the function gives for two images before they are used.
    extra_tokens : int, optional
        Number of tokens before those of the patches in layers (tokens, channels), a class token first.
    """

    def __init__(
        self,
        function: Callable[[NDArray[Any]], Mapping[str, NDArray[np.floating]]],
        *,
        layers: Sequence[str],
        identity: str,
        extra_tokens: int = 0,
    ) -> None:
        self.function, self.layers, self._identity = function, tuple(layers), identity
        self._shapes: dict[tuple[int, ...], dict[str, tuple[int, ...] | str]] = {}
        self.device = "cpu"
        self.extra_tokens, self.class_token = extra_tokens, extra_tokens > 0

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity for cache keys."""
        return {"function": self._identity, "weights": "none", "precision": "float32"}

    def place(self, device: str, precision: str) -> None:
        """Refuse all but float32."""
        if precision != "float32":
            raise BadOption("A model that is a function computes in float32 only.", todo="Leave --precision out.")

    def prepare(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return the images unchanged."""
        return images

    def activations(self, batch: NDArray[Any], layers: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Call the model function on a batch and return the activations of `layers`."""
        outputs = self._outputs(batch)
        absent = next((layer for layer in layers if layer not in outputs), None)
        if absent is not None:
            raise UnknownName.of("layer", absent, outputs, todo="The model's function returns no such key.")
        return {layer: _real_array(layer, outputs[layer]) for layer in layers}

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the shape of every layer that the model function returns for one image (y, x, 3)."""
        size = np.shape(image)
        if size not in self._shapes:
            found: dict[str, list[tuple[int, tuple[int, ...] | str]]] = {}
            for images in probe_batches(image):
                for layer, output in self._outputs(images).items():
                    found.setdefault(layer, []).append((len(images), _shape(output)))
            self._shapes[size] = {layer: common_shape(shapes) for layer, shapes in found.items()}
        return {layer: shape for layer, shape in self._shapes[size].items() if not layers or layer in layers}

    def times_transpose(self, panel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return P Pᵀ."""
        return times_transpose(panel)

    def _outputs(self, images: NDArray[Any]) -> Mapping[str, Any]:
        outputs = self.function(images)
        if not isinstance(outputs, Mapping):
            raise BadActivations(
                f"The model's function gave a {type(outputs).__name__}, not a mapping of layer to array.",
                todo="Return {LAYER: array of shape (image, …)}.",
            )
        return outputs


def _shape(output: Any) -> tuple[int, ...] | str:
    """Return the shape of an output of a model function, or why it cannot be read."""
    try:
        array = np.asarray(output)
    except (TypeError, ValueError, RuntimeError) as error:
        return f"gives a {type(output).__name__} that is no array: {error}"
    if array.dtype.kind in REAL:
        return array.shape
    return COMPLEX if array.dtype.kind == "c" else f"gives values of type {array.dtype}, not real numbers"


def _real_array(layer: str, output: Any) -> NDArray[np.float32]:
    shape = _shape(output)
    if isinstance(shape, str):
        raise BadActivations(f"Layer {layer!r} {shape}.")
    with np.errstate(over="ignore"):  # infinity, which is refused by name of layer and image
        return np.asarray(output, np.float32)
