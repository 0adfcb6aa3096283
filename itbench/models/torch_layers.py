"""Layers of a torch module: the blocks that are its candidate layers, and a layer's output as real numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from itbench.errors import BadActivations
from itbench.models.layers import COMPLEX, Shapes

CANDIDATES = 8
SHARE = 1 / 6  # of a network's weighted leaves: a module that holds more of them is opened
REPEATED = 3  # parts of one class that make a module a chain of blocks


def spread_candidates(module: torch.nn.Module, shapes: Shapes, depths: Mapping[str, int]) -> tuple[str, ...]:
    """Return the candidate layers of a torch network: at most eight of its blocks, at equal distances over depth.

    Parameters
    ----------
    module : torch.nn.Module
    shapes, depths : mapping
        Of its modules, as `itbench.models.network.Probe` has them.
    """
    usable = [name for name in blocks(module) if not isinstance(shapes[name], str)]
    in_order = _without_classifier(module, sorted(usable, key=lambda name: depths[name]), shapes)
    if len(in_order) <= CANDIDATES:
        return tuple(in_order)
    first, last = depths[in_order[0]], depths[in_order[-1]]
    wanted = [first + (last - first) * step / (CANDIDATES - 1) for step in range(CANDIDATES)]
    nearest = [min(in_order, key=lambda name: abs(depths[name] - depth)) for depth in wanted]
    return tuple(dict.fromkeys(nearest))


def blocks(module: torch.nn.Module) -> tuple[str, ...]:
    """Return the blocks of a torch network: modules with weights, none inside another, in the order of definition.

    A chain of blocks is opened, and so is what holds one or consists of single layers, if it is more than a sixth of
    the network.
    """
    return tuple(_opened(module, "", _leaves(module)))


def _opened(module: torch.nn.Module, prefix: str, leaves: int) -> dict[str, None]:
    found: dict[str, None] = {}
    for name, child in module.named_children():
        if _leaves(child) == 0:
            continue
        if _is_opened(child, _leaves(child) / leaves):
            found |= _opened(child, f"{prefix}{name}.", leaves)
        else:
            found[prefix + name] = None
    return found


def _is_opened(module: torch.nn.Module, share: float) -> bool:
    """Return whether a module, which has some share of a network's weighted leaves, is more than one block."""
    if isinstance(module, torch.nn.ModuleList) or type(module) is torch.nn.ModuleDict:  # never runs itself
        return True
    if isinstance(module, torch.nn.ModuleDict) or not _weighted(module):
        return False  # a dictionary that runs is no chain: its parts may be branches
    if _is_plain(module):
        return _is_chain(module) or (share > SHARE and len(_weighted(module)) > 1)
    return share > 1 / 2 or (share > SHARE and any(map(_is_chain, module.modules())))


def _is_chain(module: torch.nn.Module) -> bool:
    """Return whether a module is a plain container of several modules that have parts, or has many of one class."""
    inner = [type(part) for part in _weighted(module) if _weighted(part)]
    many = not isinstance(module, torch.nn.ModuleDict) and len(inner) >= REPEATED and len(set(inner)) == 1
    return many or (_is_plain(module) and len(inner) > 1)


def _is_plain(module: torch.nn.Module) -> bool:
    plain = type(module) in (torch.nn.ModuleList, torch.nn.ModuleDict)
    return plain or type(module).forward is torch.nn.Sequential.forward


def _weighted(module: torch.nn.Module) -> list[torch.nn.Module]:
    return [part for part in module.children() if _leaves(part)]


def _leaves(module: torch.nn.Module) -> int:
    return sum(1 for part in module.modules() if next(part.parameters(recurse=False), None) is not None)


def _without_classifier(module: torch.nn.Module, names: list[str], shapes: Shapes) -> list[str]:
    """Leave out the last block, which no brain area has, and another of its class and shape, for distillation."""
    kept = names[:-1] or names
    if len(kept) > 2 and shapes[kept[-1]] == shapes[names[-1]]:
        last, other = (module.get_submodule(name) for name in (names[-1], kept[-1]))
        is_twin = type(last) is type(other) and len(shapes[names[-1]]) == 1
        kept = kept[:-1] if is_twin else kept
    return kept


# Functions by which Python learns the values of a tensor, or a shape that depends on them
READS = {
    *("item", "tolist", "numpy", "__array__", "__bool__", "__int__", "__float__", "__index__", "__contains__"),
    *("__format__", "__repr__", "nonzero", "argwhere", "masked_select", "equal", "allclose", "is_nonzero"),
    *("unique", "_unique_impl", "_return_output", "_return_counts", "_return_inverse", "unique_consecutive"),
    *("_consecutive_return_output", "bincount", "repeat_interleave", "__dlpack__", "data_ptr"),
}


def first_tensor(output: Any) -> torch.Tensor | None:
    """Return the output of a torch module, or the first tensor of a tuple, list, mapping or dataclass; None without."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        parts = list(output.values())
    elif isinstance(output, list | tuple):
        parts = list(output)
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        parts = [getattr(output, field.name) for field in dataclasses.fields(output)]
    else:
        return None
    return next((tensor for tensor in map(first_tensor, parts) if tensor is not None), None)


def tensor_shape(output: Any) -> tuple[int, ...] | str:
    """Return the shape (batch, …) of the first tensor of a torch module's output, or why it cannot be read."""
    tensor = first_tensor(output)
    if tensor is None:
        return f"gives a {type(output).__name__}, not a tensor"
    if tensor.is_nested:
        return "gives a nested tensor, whose images differ in shape"
    if tensor.is_complex():
        return COMPLEX
    return tuple(tensor.shape)


def real_values(layer: str, output: Any) -> torch.Tensor:
    """Return a copy of the first tensor of a torch module's output, dense, in float32, on the CPU.

    Raises
    ------
    BadActivations
        If there is none, or it is complex.
    """
    shape = tensor_shape(output)
    if isinstance(shape, str):
        raise BadActivations(f"Layer {layer!r} {shape}.")
    tensor = first_tensor(output)
    assert tensor is not None
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.detach().to("cpu", torch.float32, copy=True)


class ValueReads(TorchFunctionMode):
    """Watch a forward pass for reads of tensor values by Python, on which the number of a layer's calls may depend.

    Attributes
    ----------
    found : bool
        Whether there was one. Without any, every image takes the same way through the network.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        self.found |= name in READS or (name == "__getitem__" and _has_mask(args[1]))
        self.found |= name == "where" and len(args) == 1 and not kwargs
        return func(*args, **(kwargs or {}))


def _has_mask(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, torch.Tensor) and part.dtype in (torch.bool, torch.uint8) for part in parts)
