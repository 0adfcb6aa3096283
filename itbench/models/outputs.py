"""Output of a torch module: its first tensor as real numbers, and whether values of tensors steer a forward pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from itbench.errors import BadActivations
from itbench.models.probe import COMPLEX

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
