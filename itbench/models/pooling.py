"""Token pooling: token layers (tokens, channels) of transformers pooled to (channels,)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.models.layers import Shapes
from itbench.models.model import Model

POOLS = ("none", "cls", "mean")


@dataclass(frozen=True)
class TokenPool:
    """Pooling of the tokens of one layer to a single vector.

    Parameters
    ----------
    how : {"cls", "mean"}
        ``cls`` takes the class token, ``mean`` the mean over the image's patches.
    extra : int
        Tokens before those of the patches: the class token and registers.
    """

    how: str
    extra: int

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape after pooling."""
        return shape[1:]

    def __call__(self, activations: NDArray[np.floating]) -> NDArray[np.floating]:
        """Pool token activations (batch, tokens, channels) to (batch, channels)."""
        if self.how == "cls":
            return activations[:, 0]
        return np.asarray(activations[:, self.extra :].mean(axis=1, dtype=np.float64), activations.dtype)


def token_pools(how: str, layers: Iterable[str], shapes: Shapes, model: Model) -> dict[str, TokenPool]:
    """Return the token pooling of each token layer among `layers`; layers of another shape are not pooled.

    Parameters
    ----------
    how : {"none", "cls", "mean"}
    layers : iterable of str
    shapes : mapping
        Shapes of all layers of the model. A layer with fewer tokens than the largest, such as the patch embedding, has
        no extra tokens.
    model : Model

    Raises
    ------
    BadOption
        If none of the layers has tokens, or a layer pooled by ``cls`` has no class token.
    """
    if how == "none":
        return {}
    if how not in POOLS:
        raise BadOption(f"No pooling {how!r}.", known=f"Known: {', '.join(POOLS)}.")
    tokens = {name: shape[0] for name, shape in shapes.items() if isinstance(shape, tuple) and len(shape) == 2}
    chosen = [layer for layer in layers if layer in tokens]
    if not chosen:
        raise BadOption(
            f"--pool {how} needs layers of shape (tokens, channels), and none of those chosen has it.",
            todo="Leave --pool out; itbench layers MODEL shows the shapes.",
        )
    extra = {layer: model.extra_tokens if tokens[layer] == max(tokens.values()) else 0 for layer in chosen}
    without = [layer for layer in chosen if not (model.class_token and extra[layer])]
    if how == "cls" and without:
        raise BadOption(
            f"Layer {without[0]!r} has no class token.", todo="Use --pool mean, or other layers: itbench layers MODEL"
        )
    return {layer: TokenPool(how, extra[layer]) for layer in chosen}
