"""The protocol of a model: its layers, identity, preprocessing and activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Model(Protocol):
    """Protocol of every model: what it must offer to turn batches of images into activations per named layer."""

    layers: Sequence[str]
    """Candidate layers, early to late: scored when the user names none."""

    device: str
    """``cpu`` or ``cuda``."""

    class_token: bool
    """Whether the first token of its token layers (tokens, channels) is a class token."""

    extra_tokens: int
    """Number of tokens before those of the image's patches: the class token and registers."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity of a model for cache keys, in the model protocol: weights, code, preprocessing, precision."""

    def place(self, device: str, precision: str) -> None:
        """Choose device and precision."""

    def prepare(self, images: NDArray[Any]) -> Any:
        """Preprocess images (batch, y, x, 3), a method of the model protocol that is called from other threads.

        Images are uint8, or float32 in 0…255 where recordings hold images that are not exact to 8 bits. Images
        of several sizes, only from `extract_activations`, come as a sequence of arrays (y, x, 3).
        """

    def activations(self, batch: Any, layers: Sequence[str]) -> Mapping[str, NDArray[np.floating]]:
        """Return the activations (batch, …) of `layers` for one preprocessed batch, as the model protocol requires."""

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the shape of every layer for one image (y, x, 3), without the batch, as the model protocol requires.

        Of a layer that gives no tensor, return the reason as text.
        """

    def times_transpose(self, panel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return P Pᵀ of activations."""
