"""Identity of a torch network: digests of its architecture, its weights, and the other values that it holds."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from itbench.errors import BadOption
from itbench.util.checksum import digest, digest_stream
from itbench.util.code_versions import is_installed, sources_digest
from itbench.util.folders import builtin_root

OWN = {*vars(torch.nn.Module()), "_hf_hook"}  # attributes of every module: parameters, hooks, mode
PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size)


def network_identity(module: torch.nn.Module) -> dict[str, str]:
    """Return the digests of a torch network's architecture and weights, and of the other values that it holds.

    ``state`` is there for a network that has any: buffers that are not saved, tensors and arrays in plain attributes,
    and in modules whose code is not of an installed package, also numbers, text, functions, and lists, mappings and
    objects of them. A file of weights has none of those, but the activations depend on them.

    Raises
    ------
    BadOption
        For a lazy module whose weights have no shape yet.
    """
    lazy = [name for name, tensor in module.state_dict().items() if is_lazy(tensor)]
    if lazy:
        raise BadOption(
            f"The weights {', '.join(lazy[:3])} have no shape yet.",
            todo="Run the lazy module on one batch before it is made an itbench.Network.",
        )
    identity = {"architecture": digest(repr(module)), "weights": digest_stream(_weights(module))}
    state = list(_State().of(module))
    return {**identity, "state": digest_stream(state)} if state else identity


def code_identity(module: torch.nn.Module) -> dict[str, str]:
    """Return the digest of the code of a torch network's modules that is of no installed package or built-in plugin.

    It is empty for a network without such code. Files that the code imports from its own folder count too.
    """
    kinds = {type(part) for part in module.modules()}
    files = {getattr(sys.modules.get(kind.__module__), "__file__", None) for kind in kinds if _is_own(kind)}
    paths = sorted(Path(file).resolve() for file in files if file)
    own = [path for path in paths if not path.is_relative_to(builtin_root() / "plugins")]
    return {"code": digest(*map(sources_digest, own))} if own else {}


def _weights(module: torch.nn.Module) -> Iterator[Any]:
    for name, value in sorted(module.state_dict().items()):
        yield name
        yield from [_array(value)] if isinstance(value, torch.Tensor) else _State().parts(name, value, own=True)


def _array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return the values of a tensor of any layout and type."""
    tensor = tensor.detach().cpu()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    tensor = tensor.resolve_conj().resolve_neg()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16 and float8
        return tensor.to(torch.float32).numpy()


class _State:
    """Values that the modules of a network hold beside their weights, each with its name."""

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}  # holds the objects, so that no id is used again

    def of(self, module: torch.nn.Module, prefix: str = "") -> Iterator[Any]:
        for name, part in module.named_modules(prefix=prefix):
            if self._is_new(part):
                for key in sorted(part._non_persistent_buffers_set):
                    yield from self.parts(f"{name}.{key}", part._buffers[key], own=False)
                own = _is_own(type(part))
                for key, value in sorted(vars(part).items()):
                    if key not in OWN:
                        yield from self.parts(f"{name}.{key}", value, own=own)

    def parts(self, name: str, value: Any, own: bool) -> Iterator[Any]:
        """Yield name and content of every value in an attribute; of an installed package's, tensors alone."""
        if isinstance(value, torch.Tensor):
            yield from (name, _array(value))
        elif isinstance(value, np.ndarray):
            yield from (name, value)
        elif isinstance(value, PLAIN):
            if own:
                yield from (name, repr(value))
        elif self._is_new(value):
            yield from self._inside(name, value, own)

    def _inside(self, name: str, value: Any, own: bool) -> Iterator[Any]:
        if isinstance(value, torch.nn.Module):
            yield from _weights(value)
            yield from self.of(value, f"{name}.")
        elif isinstance(value, Mapping):
            for key in sorted(value, key=repr):
                yield from self.parts(f"{name}[{key!r}]", value[key], own)
        elif isinstance(value, list | tuple):
            for index, part in enumerate(value):
                yield from self.parts(f"{name}[{index}]", part, own)
        elif isinstance(value, set | frozenset):
            yield from self.parts(name, sorted(map(repr, value)), own)
        elif own and isinstance(value, functools.partial):
            yield from self.parts(name, [value.func, value.args, value.keywords], own)
        elif own and hasattr(value, "__code__"):
            yield from (name, value.__qualname__)
            held = [cell.cell_contents for cell in value.__closure__ or () if cell != type(cell)()]
            yield from self.parts(f"{name}()", [held, value.__defaults__, value.__kwdefaults__], own)
        elif own and not isinstance(value, type) and hasattr(value, "__dict__"):
            yield from (name, type(value).__qualname__)
            if _is_own(type(value)):
                yield from self.parts(name, dict(vars(value)), own)
        elif own:
            yield from (name, getattr(value, "__qualname__", type(value).__qualname__))

    def _is_new(self, value: Any) -> bool:
        new = id(value) not in self._seen
        self._seen[id(value)] = value
        return new


def _is_own(kind: type) -> bool:
    """Return whether a class is of no installed package and not of Python: a version does not name its code."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return kind.__module__.partition(".")[0] not in ("builtins", "itbench") and not is_installed(file or "")
