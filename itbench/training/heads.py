"""A core network with heads: what systems that learn from recordings are built of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from itbench.errors import BadActivations, BadOption, UnknownName
from itbench.models.network import Network
from itbench.models.pooling import POOLS
from itbench.training.trainable import TrainableNetwork

BLACK = np.zeros((256, 256, 3), np.uint8)


class Branches(nn.Module):
    """Heads on the output of one layer of a core network, computed in one forward pass.

    Parameters
    ----------
    core : Network
        Its module is wrapped, not copied; nothing after `layer` runs.
    layer : str
        A module of the core, as ``itbench layers`` names it. Of one that runs several times, the last output counts.
    heads : mapping of str to torch.nn.Module
        By the name of what they give, such as ``responses`` or ``classes``. Each takes the layer's output (batch, …).

    Raises
    ------
    UnknownName, BadOption
        If the core has no such layer, or the layer gives no tensor.

    Examples
    --------
    >>> def build(sites, classes):
    ...     return Branches(core, "avgpool", {"responses": linear_head(shape_of(core, "avgpool"), sites)})
    """

    def __init__(self, core: Network, layer: str, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.core, self.layer = core.module, layer
        _, self.calls = _look(core, layer)
        self.heads = nn.ModuleDict(heads)

    def extra_repr(self) -> str:
        """Say which layer: an architecture is known by what its modules print."""
        return f"layer={self.layer!r}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the output (batch, …) of the layer for images (batch, 3, y, x)."""
        return up_to(self.core, self.layer, images, self.calls)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what each head gives, by name, for images (batch, 3, y, x)."""
        return self.read(self.features(images))

    def read(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what each head gives, by name, for the layer's output (batch, …)."""
        return {name: head(features) for name, head in self.heads.items()}


def up_to(module: nn.Module, layer: str, images: torch.Tensor, calls: int = 1) -> torch.Tensor:
    """Return the output (batch, …) of an inner module, running nothing after it.

    Gradients flow back through what ran; parts without parameters that learn keep no graph.

    Parameters
    ----------
    module : torch.nn.Module
        Takes images (batch, 3, y, x).
    layer : str
        As `named_modules` names it.
    images : torch.Tensor
        (batch, 3, y, x).
    calls : int
        At which call of the inner module to stop, for one that runs several times.

    Raises
    ------
    BadActivations
        If the inner module does not run so often.
    """
    caught: list[torch.Tensor] = []
    left = calls

    def catch(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            caught.append(output)
            raise _Reached

    handle = module.get_submodule(layer).register_forward_hook(catch)
    try:
        module(images)
    except _Reached:
        return caught[0]
    finally:
        handle.remove()
    raise BadActivations(f"Layer {layer!r} ran {calls - left} times in a forward pass, not {calls}.")


def shape_of(core: Network, layer: str) -> tuple[int, ...]:
    """Return the shape of a layer's output for one image, without the batch.

    Raises
    ------
    UnknownName, BadOption
        If the core has no such layer, or the layer gives no tensor.
    """
    shape, _ = _look(core, layer)
    return shape


def layers_up_to(core: Network, layer: str) -> tuple[str, ...]:
    """Return the core's candidate layers that have run once `layer` has, named as modules of `Branches`.

    Examples
    --------
    >>> layers_up_to(core, "layer3")  # of a core with the candidates layer1 … layer4
    ('core.layer1', 'core.layer2', 'core.layer3')
    """
    ran: set[str] = set()
    handles = [
        core.module.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.add(name))
        for name in core.layers
    ]
    _, calls = _look(core, layer)
    ran.clear()
    try:
        with torch.inference_mode():
            up_to(core.module, layer, core.prepare(BLACK[None]).to(core.device), calls)
    finally:
        for handle in handles:
            handle.remove()
    return tuple(f"core.{name}" for name in core.layers if name in ran)


def linear_head(shape: tuple[int, ...], outputs: int, *, pool: str = "none", dropout: float = 0.0) -> nn.Sequential:
    """Return a linear readout of features (batch, \\*shape) into (batch, outputs).

    Parameters
    ----------
    shape : tuple of int
        Of the features, without the batch: see `shape_of`.
    outputs : int
        Sites or classes.
    pool : {"none", "mean", "cls"}
        ``none`` gives every place, or token, weights of its own; ``mean`` averages over them first; ``cls`` takes the
        first token.
    dropout : float
        Share of the pooled features that is left out at random while training.

    Raises
    ------
    BadOption
        If the pooling does not exist, or does not fit the shape.
    """
    pooling = Pool(pool, shape)
    return nn.Sequential(pooling, nn.Dropout(dropout), nn.Linear(pooling.width, outputs))


class Pool(nn.Module):
    """Features of any shape as (batch, feature): maps (channel, y, x) or tokens (token, channel), flattened or pooled.

    Parameters
    ----------
    how : {"none", "mean", "cls"}
        As of `linear_head`; features without places or tokens stay as they are.
    shape : tuple of int
        Of the features, without the batch.

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
            If the features are not of the shape that the head was built for.
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
        """Say how: an architecture is known by what its modules print."""
        return self.how


class _Reached(Exception):
    """The layer asked for has run: the rest of the forward pass is not needed."""


def _look(core: Network, layer: str) -> tuple[tuple[int, ...], int]:
    """Return the shape of a layer's output and how often the layer runs in a forward pass."""
    if not isinstance(core, Network):
        raise BadOption(
            f"The core is a {type(core).__name__}, no network of torch: nothing in it can learn.",
            todo="Name another: itbench models",
        )
    known = [name for name, _ in core.module.named_modules() if name]
    if layer not in known:
        raise UnknownName.of("layer", layer, known, todo="List them with: itbench layers CORE")
    calls: list[None] = []
    handle = core.module.get_submodule(layer).register_forward_hook(lambda *_: calls.append(None))
    try:
        shape = core.shapes(BLACK, [layer])[layer]
    finally:
        handle.remove()
    if isinstance(shape, str):
        raise BadOption(f"Layer {layer!r} {shape}.", todo="Choose another: itbench layers CORE")
    return shape, len(calls)


Heads = Callable[[tuple[int, ...], int, int], Mapping[str, nn.Module]]


def with_heads(core: Network, layer: str, heads: Heads) -> TrainableNetwork:
    """Return a core with heads on one of its layers: all of it learns, but for what the recipe freezes.

    Parameters
    ----------
    core : Network
    layer : str
        A module of the core; the last of its candidates if empty.
    heads : callable
        (shape of the layer's output without the batch, sites, classes) → heads by the name of what they give, as
        `itbench.Branches` takes them.

    Raises
    ------
    UnknownName, BadOption
        If the core has no such layer, or the layer gives no tensor.

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
