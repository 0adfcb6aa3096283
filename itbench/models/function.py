"""Function models: a plain Python function of images as a model, from NumPy, another framework or a remote service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.gram import times_transpose


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
        outputs = self.function(batch)
        return {layer: np.asarray(outputs[layer], np.float32) for layer in layers}

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the shape of every layer that the model function returns for one image (y, x, 3)."""
        outputs = self.function(image[None])
        return {
            layer: tuple(np.shape(output)[1:]) for layer, output in outputs.items() if not layers or layer in layers
        }

    def times_transpose(self, panel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return P Pᵀ."""
        return times_transpose(panel)
