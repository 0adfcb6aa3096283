"""Low-rank adaptation (LoRA): fine-tuning that trains a low-rank change of frozen weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch

import torch
from torch import nn
from torch.nn.utils import parametrize

from itbench.errors import BadOption, UnknownName


class LowRankChange(nn.Module):
    """Low-rank change B A of a frozen weight, added to it in every forward pass.

    Parameters
    ----------
    weight : torch.Tensor of shape (output, …)
        Weight of a linear or convolutional layer, changed as a matrix (output, all others).
    rank : int
        Rank of the change; at most the full rank of the matrix.

    Attributes
    ----------
    down : torch.nn.Parameter of shape (rank, all others)
        A; starts as normal noise of variance 1 / all others.
    up : torch.nn.Parameter of shape (output, rank)
        B; starts at 0, so that the weight starts unchanged.
    """

    def __init__(self, weight: torch.Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.flatten(1).shape
        rank = min(rank, outputs, inputs)
        self.down = nn.Parameter(torch.randn(rank, inputs).to(weight) / inputs**0.5)
        self.up = nn.Parameter(weight.new_zeros(outputs, rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Add the low-rank change to a weight."""
        return weight + (self.up @ self.down).view_as(weight)

    def extra_repr(self) -> str:
        """Part of the architecture's digest."""
        return f"rank={len(self.down)}"


def with_low_rank(module: nn.Module, rank: int, patterns: Sequence[str] = ("*",)) -> nn.Module:
    """Return a copy of a module in which only low-rank changes of its layers' weights are trained.

    The weight W (output, input) of a linear layer becomes W + B A with A (rank, input) and B (output, rank); that of a
    convolution (output, channel, y, x) the same with input = channel × y × x, as if a convolution with `rank` channels
    and one of 1 × 1 behind it stood beside the frozen one. At first B = 0: the copy computes what the module does.

    Parameters
    ----------
    module : torch.nn.Module
    rank : int
        Rank of the changes, which have rank × (output + input) parameters each.
    patterns : sequence of str
        Name patterns of the linear and convolutional layers to adapt, such as ``layer4.*``; ``*`` is any letters.

    Returns
    -------
    torch.nn.Module
        With the names of `module`. Its former parameters are buffers, so that no recipe can train them; the
        `LowRankChange` of a layer is ``LAYER.parametrizations.weight.0``.

    Raises
    ------
    BadOption
        If the rank is not positive.
    UnknownName
        If no layer matches a pattern.

    Notes
    -----
    The article scales B A by α / r. With Adam that is equivalent to another learning rate (its section 4.1), and is
    left out.

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
    _parameters_to_buffers(adapted)
    for name, layer in layers.items():
        if any(fnmatch(name, pattern) for pattern in patterns):
            parametrize.register_parametrization(layer, "weight", LowRankChange(layer.weight, rank))
    return adapted


def merge_low_rank(module: nn.Module) -> None:
    """Add every low-rank change to its weight, in place, so that the state dict fits the original module again."""
    for _, layer in _layers(module):
        chains = getattr(layer, "parametrizations", {})
        if any(isinstance(part, LowRankChange) for chain in chains.values() for part in chain):
            merged = {name: getattr(layer, name).detach() for name in chains}
            # torch's remove_parametrizations would take the weight from every copy of the layer too: they share a class
            layer.__class__ = parametrize.type_before_parametrizations(layer)
            del layer.parametrizations
            for name, tensor in merged.items():
                layer.register_buffer(name, tensor)


def _parameters_to_buffers(module: nn.Module) -> None:
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach())


def _layers(module: nn.Module) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            yield name, part
