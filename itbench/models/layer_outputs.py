"""Output of one layer of a torch network: its shape, its value without running later layers, the layers before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from itbench.errors import BadActivations, BadOption, UnknownName
from itbench.models.network import Network
from itbench.models.torch_layers import first_tensor

BLACK = np.zeros((256, 256, 3), np.uint8)


def up_to(module: nn.Module, layer: str, images: torch.Tensor, calls: int = 1) -> torch.Tensor:
    """Return the output (batch, …) of an inner layer of a torch network, without running the layers after it.

    Gradients flow back through the layers before it; frozen layers keep no graph.

    Parameters
    ----------
    module : torch.nn.Module
        Takes images (batch, 3, y, x).
    layer : str
        As `named_modules` names it.
    images : torch.Tensor
        (batch, 3, y, x).
    calls : int
        Stop at this call of the layer, for a layer that runs several times. 0 runs all layers and takes the last call,
        for a layer that runs as often as the image needs.

    Raises
    ------
    BadActivations
        If the layer runs fewer times.
    """
    caught: list[torch.Tensor] = []
    calls_left = calls

    def catch(_module: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal calls_left
        calls_left -= 1
        tensor = first_tensor(output)
        if tensor is not None and calls_left <= 0:
            caught[:] = [tensor if calls else tensor.clone()]  # what follows may be in place
        if calls_left == 0:
            raise _Reached

    handle = module.get_submodule(layer).register_forward_hook(catch)
    try:
        module(images)
    except _Reached:
        pass
    finally:
        handle.remove()
    if caught:
        return caught[0]
    raise BadActivations(f"Layer {layer!r} ran {calls - calls_left} times in a forward pass, not {calls}.")


def shape_of(core: Network, layer: str) -> tuple[int, ...]:
    """Return the shape of a layer's output for one image, without the batch dimension.

    Raises
    ------
    UnknownName, BadOption
        If the core has no such layer, or the layer returns no tensor.
    """
    shape, _ = shape_and_calls(core, layer)
    return shape


def layers_up_to(core: Network, layer: str) -> tuple[str, ...]:
    """Return the core network's candidate layers up to `layer`'s output, named ``core.LAYER`` as in `Branches`.

    Examples
    --------
    >>> layers_up_to(core, "layer3")  # of a core with the candidates layer1 … layer4
    ('core.layer1', 'core.layer2', 'core.layer3')
    """
    shape_and_calls(core, layer)
    ended = list(core.probe(BLACK).depths)
    before = set(ended[: ended.index(layer) + 1])
    return tuple(f"core.{name}" for name in core.layers if name in before)


def last_map(core: Network) -> str:
    """Return the last candidate layer whose output is a map (channel, y, x) of several places, else the last layer.

    Examples
    --------
    >>> last_map(core)  # of a core with the candidates layer1 … layer4, avgpool
    'layer4'
    """
    shapes = {layer: shape_of(core, layer) for layer in core.layers}
    maps = [layer for layer, shape in shapes.items() if len(shape) == 3 and shape[1] * shape[2] > 1]
    return maps[-1] if maps else core.layers[-1]


class _Reached(Exception):
    """Ends the forward pass early."""


def shape_and_calls(core: Network, layer: str) -> tuple[tuple[int, ...], int]:
    """Return the shape of a layer's output and the number of its calls in a forward pass, 0 if that may vary."""
    if not isinstance(core, Network):
        raise BadOption(
            f"The core is a {type(core).__name__}, not a torch network: it cannot be trained.",
            todo="Choose another: itbench models",
        )
    known = [name for name, _ in core.module.named_modules() if name]
    if layer not in known:
        raise UnknownName.of("layer", layer, known, todo="List them with: itbench layers CORE")
    probe = core.probe(BLACK)
    shape = probe.shapes[layer]
    if isinstance(shape, str):
        raise BadOption(f"Layer {layer!r} {shape}.", todo="Choose another: itbench layers CORE")
    return shape, probe.calls[layer] if probe.is_steady else 0
