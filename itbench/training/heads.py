"""Heads on a layer of a core network: linear readouts of sites and classes, from which trainable networks are built."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

from itbench.errors import BadActivations, BadOption
from itbench.models.layer_outputs import layers_up_to, shape_and_calls, shape_of, up_to
from itbench.models.network import Network
from itbench.models.pooling import POOLS
from itbench.training.trainable_network import TrainableNetwork


class Branches(nn.Module):
    """Core network with heads on the output of one of its layers, computed in one forward pass.

    Parameters
    ----------
    core : Network
        Its module is wrapped, not copied; nothing after `layer` runs.
    layer : str
        A module of the core, as ``itbench layers`` names it. If it runs several times, the heads take its last output.
    heads : mapping of str to torch.nn.Module
        By the name of their output, such as ``responses`` or ``classes``. Each takes the layer's output (batch, …).

    Raises
    ------
    UnknownName, BadOption
        If the core has no such layer, or the layer returns no tensor.

    Examples
    --------
    >>> def build(sites, classes):
    ...     return Branches(core, "avgpool", {"responses": linear_head(shape_of(core, "avgpool"), sites)})
    """

    def __init__(self, core: Network, layer: str, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.core, self.layer = core.module, layer
        _, self.calls = shape_and_calls(core, layer)
        self.heads = nn.ModuleDict(heads)

    def extra_repr(self) -> str:
        """Part of the architecture's digest."""
        return f"layer={self.layer!r}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features that the heads read, the layer's output (batch, …), for images (batch, 3, y, x)."""
        return up_to(self.core, self.layer, images, self.calls)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the outputs of the heads, by name, for images (batch, 3, y, x)."""
        return self.read(self.features(images))

    def read(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the outputs of the heads, by name, for the layer's output (batch, …)."""
        return {name: head(features) for name, head in self.heads.items()}


def linear_head(shape: tuple[int, ...], outputs: int, *, pool: str = "none", dropout: float = 0.0) -> nn.Sequential:
    """Return a linear head from features (batch, \\*shape) to (batch, outputs).

    Parameters
    ----------
    shape : tuple of int
        Shape of the features, without the batch: see `shape_of`.
    outputs : int
        Sites or classes.
    pool : {"none", "mean", "cls"}
        ``none`` has separate weights for every place or token; ``mean`` averages over them first; ``cls`` takes the
        first token.
    dropout : float
        Share of the pooled features that is dropped at random while training.

    Raises
    ------
    BadOption
        If the pooling does not exist, or does not fit the shape.
    """
    pooling = Pool(pool, shape)
    return nn.Sequential(pooling, nn.Dropout(dropout), nn.Linear(pooling.width, outputs))


class Pool(nn.Module):
    """Input of a head: maps (channel, y, x) or tokens (token, channel), flattened or pooled to (batch, feature).

    Parameters
    ----------
    how : {"none", "mean", "cls"}
        As for `linear_head`; features without places or tokens are not pooled.
    shape : tuple of int
        Shape of the features, without the batch.

    Raises
    ------
    BadOption
    """

    def __init__(self, how: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        if how not in POOLS:
            raise BadOption(f"No pooling {how!r}.", known=f"Known: {', '.join(POOLS)}.")
        if how == "cls" and len(shape) != 2:
            raise BadOption(f"Features of shape {shape} have no class token.", todo="Use pool=mean or pool=none.")
        self.how, self.shape = how if len(shape) > 1 else "none", tuple(shape)
        self.axes = (1,) if len(shape) == 2 else tuple(range(2, len(shape) + 1))
        channels = shape[-1] if len(shape) == 2 else shape[0]
        self.width = math.prod(shape) if self.how == "none" else channels

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (batch, width).

        Raises
        ------
        BadActivations
            If the features do not have the shape for which the head was built.
        """
        if self.how == "none":
            if features.shape[1:] != self.shape:
                raise BadActivations(
                    f"The head reads features of shape {self.shape}, and was given {tuple(features.shape[1:])}.",
                    known="The core's preprocessing leaves images at their own size.",
                    todo="Use --recipe options.pool=mean, or a core whose preprocessing brings them to one size.",
                )
            return features.flatten(1)
        return features[:, 0] if self.how == "cls" else features.mean(self.axes)

    def extra_repr(self) -> str:
        """Part of the architecture's digest."""
        return self.how


Heads = Callable[[tuple[int, ...], int, int], Mapping[str, nn.Module]]


def with_heads(core: Network, layer: str, heads: Heads) -> TrainableNetwork:
    """Return a trainable network: a core with heads on one of its layers, trained except for what the recipe freezes.

    Parameters
    ----------
    core : Network
    layer : str
        A module of the core; the last of its candidates if empty.
    heads : callable
        (shape of the layer's output without the batch, sites, classes) → heads by the name of their output, as
        `itbench.Branches` takes them.

    Raises
    ------
    UnknownName, BadOption
        If the core has no such layer, or the layer returns no tensor.

    Examples
    --------
    >>> def linear(shape, sites, classes):
    ...     return {"responses": itbench.linear_head(shape, sites, pool="mean")}
    >>> with_heads(core, "avgpool", linear)
    """
    layer = layer or core.layers[-1]
    shape = shape_of(core, layer)

    def build(sites: int, classes: int) -> nn.Module:
        return Branches(core, layer, heads(shape, sites, classes))

    package = core.identity["package"]
    return TrainableNetwork(build, core.preprocess, layers=layers_up_to(core, layer), package=package)
