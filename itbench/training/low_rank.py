"""Low-rank adapters: fine-tuning that learns a small change of frozen weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch

import torch
from torch import nn
from torch.nn.utils import parametrize

from itbench.errors import BadOption, UnknownName


class LowRankChange(nn.Module):
    """A change B A of a weight, added to it whenever it is used.

    Parameters
    ----------
    weight : torch.Tensor of shape (output, …)
        Of a linear or convolutional layer; the change is that of its matrix (output, all others).
    rank : int
        At most; of a smaller matrix, its full rank.

    Attributes
    ----------
    down : torch.nn.Parameter of shape (rank, all others)
        A; starts as normal noise of variance 1 / all others.
    up : torch.nn.Parameter of shape (output, rank)
        B; starts at 0, so that nothing is changed yet.
    """

    def __init__(self, weight: torch.Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.flatten(1).shape
        rank = min(rank, outputs, inputs)
        self.down = nn.Parameter(torch.randn(rank, inputs).to(weight) / inputs**0.5)
        self.up = nn.Parameter(weight.new_zeros(outputs, rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the changed weight, of the same shape."""
        return weight + (self.up @ self.down).view_as(weight)

    def extra_repr(self) -> str:
        """Say the rank."""
        return f"rank={len(self.down)}"


def with_low_rank(module: nn.Module, rank: int, patterns: Sequence[str] = ("*",)) -> nn.Module:
    """Return a copy of a module that learns nothing but a change of low rank of its layers' weights.

    The weight W (output, input) of a linear layer becomes W + B A with A (rank, input) and B (output, rank); that of a
    convolution (output, channel, y, x) the same with input = channel × y × x, as if a convolution with `rank` channels
    and one of 1 × 1 behind it stood beside the frozen one. At first B = 0: the copy computes what the module does.

    Parameters
    ----------
    module : torch.nn.Module
    rank : int
        Of the changes, which have rank × (output + input) parameters each.
    patterns : sequence of str
        Of the names of the linear and convolutional layers that learn, such as ``layer4.*``; ``*`` is any letters.

    Returns
    -------
    torch.nn.Module
        With the names that `module` has. Its own parameters are buffers, so that nothing can make them learn; the
        `LowRankChange` of a layer is ``LAYER.parametrizations.weight.0``.

    Raises
    ------
    BadOption
        If the rank is not positive.
    UnknownName
        If no layer fits a pattern.

    Notes
    -----
    The article scales B A by α / r. With Adam that does what another learning rate does (its section 4.1), and is left
    out.

    References
    ----------
    Hu et al. (2022), LoRA: Low-rank adaptation of large language models, ICLR.

    Examples
    --------
    >>> adapted = with_low_rank(nn.Linear(30, 20), rank=2)
    >>> sum(parameter.numel() for parameter in adapted.parameters())
    100
    """
    if rank < 1:
        raise BadOption(f"The rank of a low-rank change must be 1 or more, not {rank}.")
    adapted = copy.deepcopy(module)
    layers = dict(_layers(adapted))
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in layers):
            raise UnknownName.of("linear or convolutional layer", pattern, layers)
    _freeze(adapted)
    for name, layer in layers.items():
        if any(fnmatch(name, pattern) for pattern in patterns):
            parametrize.register_parametrization(layer, "weight", LowRankChange(layer.weight, rank))
    return adapted


def merge_low_rank(module: nn.Module) -> None:
    """Write every change into its weight, in place: the function stays, and `module.state_dict()` fits the original."""
    for _, layer in _layers(module):
        chains = getattr(layer, "parametrizations", {})
        if any(isinstance(part, LowRankChange) for chain in chains.values() for part in chain):
            merged = {name: getattr(layer, name).detach() for name in chains}
            # torch's remove_parametrizations would take the weight from every copy of the layer too: they share a class
            layer.__class__ = parametrize.type_before_parametrizations(layer)
            del layer.parametrizations
            for name, tensor in merged.items():
                layer.register_buffer(name, tensor)


def _freeze(module: nn.Module) -> None:
    """Make every parameter a buffer."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach())


def _layers(module: nn.Module) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    """Yield the linear and convolutional layers by name."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            yield name, part
