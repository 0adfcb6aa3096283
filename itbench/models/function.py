"""A model that is a function of images: NumPy, another framework, a remote one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.gram import times_transpose


class FunctionModel:
    """A function from uint8 images (batch, y, x, 3) to a mapping of layer to activations (batch, …).

    Of recordings whose images are not exact to 8 bits it gets float32 in 0…255.

    Parameters
    ----------
    function : callable
    layers : sequence of str
        The keys of what it returns, early to late.
    identity : str
        Says what it computes; change it whenever the numbers change, since cached Grams are found by it.
    extra_tokens : int, optional
        Of layers (tokens, channels): how many come before those of the patches, a class token first.
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
        """All that changes the activations."""
        return {"function": self._identity, "weights": "none", "precision": "float32"}

    def place(self, device: str, precision: str) -> None:
        """Accept any device; the function runs where it runs. Precision is always float32."""
        if precision != "float32":
            raise BadOption("A model that is a function computes in float32 only.", todo="Leave --precision out.")

    def prepare(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return the images as they are."""
        return images

    def activations(self, batch: NDArray[Any], layers: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Call the function and return the outputs of `layers`."""
        outputs = self.function(batch)
        return {layer: np.asarray(outputs[layer], np.float32) for layer in layers}

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the output shape of every layer for one image (y, x, 3)."""
        outputs = self.function(image[None])
        return {
            layer: tuple(np.shape(output)[1:]) for layer, output in outputs.items() if not layers or layer in layers
        }

    def times_transpose(self, panel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return P Pᵀ."""
        return times_transpose(panel)
