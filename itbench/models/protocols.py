"""The protocol of a model, and the weights that it can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption


@dataclass(frozen=True)
class Weights:
    """Which weights a model is to have.

    Parameters
    ----------
    kind : {"pretrained", "random", "file", "none"}
    seed : int
        Of random weights.
    path : Path, optional
        Of a file of weights.
    """

    kind: str = "pretrained"
    seed: int = 0
    path: Path | None = None

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Weights:
        """Read ``pretrained``, ``random`` or the path of a file."""
        if text in ("pretrained", "random"):
            return cls(text, seed)
        path = Path(text).expanduser()
        if not path.is_file():
            raise BadOption(
                f"No weights {text!r}.", known="Known: pretrained, random, or the path of a file that exists."
            )
        return cls("file", seed, path)

    @property
    def label(self) -> str:
        """A short name for tables: ``pretrained``, ``random-0``, or the file's name."""
        if self.kind == "random":
            return f"random-{self.seed}"
        return self.path.name if self.path else self.kind


class Model(Protocol):
    """Turns batches of images into activations per named layer."""

    layers: Sequence[str]
    """Candidate layers, early to late: those that are scored when none is named."""

    device: str
    """Where it runs: ``cpu`` or ``cuda``."""

    class_token: bool
    """Whether the first token of its token layers (tokens, channels) is a class token."""

    extra_tokens: int
    """How many tokens stand before those of the image's patches: the class token and registers."""

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes the activations: digests of weights and code, preprocessing, precision."""

    def place(self, device: str, precision: str) -> None:
        """Move to ``auto``, ``cpu`` or ``cuda`` and compute in ``float32`` or ``bfloat16``."""

    def prepare(self, images: NDArray[Any]) -> Any:
        """Preprocess images (batch, y, x, 3). Runs in other threads, ahead of `activations`.

        They are uint8, or float32 in 0…255 where recordings hold images that are not exact to 8 bits. Files of
        several sizes, which only `extract_activations` takes, come as a sequence of images (y, x, 3).
        """

    def activations(self, batch: Any, layers: Sequence[str]) -> Mapping[str, NDArray[np.floating]]:
        """Return the outputs (batch, …) of `layers` for one prepared batch."""

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the output shape of every layer, or of `layers`, for one image (y, x, 3), without the batch.

        Where a layer has none, words that say why.
        """

    def times_transpose(self, panel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return P Pᵀ of a panel of activations, where the model runs."""
