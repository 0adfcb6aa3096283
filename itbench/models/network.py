"""Torch network as a model: preprocessing, one forward pass, hooks that copy the outputs of named modules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from itbench.errors import BadActivations, BadOption, UnknownName
from itbench.gram import times_transpose
from itbench.models.layer_names import evenly_spaced
from itbench.models.preprocessing import as_preprocess_input
from itbench.util.checksum import digest, digest_stream

CANDIDATES = 8  # candidate layers where a network names none
CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Network:
    """Network: a `torch.nn.Module` as a model, whose named modules are its layers.

    Parameters
    ----------
    module : torch.nn.Module
        Takes a batch (batch, 3, y, x).
    preprocess : callable
        PIL image to tensor (3, y, x); its ``repr`` is part of the cache key, so it must describe all it does. For
        recordings whose images are not exact to 8 bits it gets a float tensor (3, y, x) in [0, 1] instead.
    layers : sequence of str
        Candidate layers, early to late, as `named_modules` names them; by default some at equal distances over depth.
    package : str
        Name and version of the package that defines the module, if another version may compute something else.

    Notes
    -----
    The module runs in ``eval()`` and ``inference_mode``, in channels_last. If a layer runs several times in one
    forward pass, its last output is its activations. The forward pass stops after the last requested layer.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        preprocess: Callable[[Any], torch.Tensor],
        *,
        layers: Sequence[str] = (),
        package: str = "",
    ) -> None:
        if " at 0x" in repr(preprocess):
            raise ValueError("preprocess needs a __repr__ that describes it: it is part of the cache key")
        self.module = module.eval().requires_grad_(False)
        self.preprocess = preprocess
        self._layers = tuple(layers)
        self.device, self.precision = "cpu", "float32"
        self.class_token = any(name.rpartition(".")[2] in CLASS_TOKENS for name, _ in module.named_parameters())
        self.extra_tokens = int(getattr(module, "num_prefix_tokens", self.class_token))  # timm counts registers too
        self._modules = {name: part for name, part in module.named_modules() if name}
        self._calls: dict[str, int] = {}
        self._identity = {
            "architecture": digest(repr(module)),
            "weights": digest_stream(_tensors(module)),
            "preprocessing": repr(preprocess),
            "package": package,
        }

    @property
    def layers(self) -> tuple[str, ...]:
        """Candidate layers, early to late."""
        if not self._layers:
            outer = outer_modules(self.module)
            shapes = self.shapes(np.zeros((256, 256, 3), np.uint8), outer)
            in_order = [layer for layer in self._calls if not isinstance(shapes[layer], str)]
            self._layers = evenly_spaced(in_order, CANDIDATES)
        return self._layers

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity for cache keys."""
        return {**self._identity, "precision": self.precision}

    def place(self, device: str, precision: str) -> None:
        """Move the torch network to ``auto``, ``cpu`` or ``cuda``; set ``float32`` or ``bfloat16`` (autocast)."""
        if precision not in PRECISIONS:
            raise UnknownName.of("precision", precision, PRECISIONS)
        self.device, self.precision = resolve_device(device), precision
        torch.backends.cudnn.allow_tf32 = False
        self.module.to(self.device).to(memory_format=torch.channels_last)

    def prepare(self, images: NDArray[Any]) -> torch.Tensor:
        """Preprocess images (batch, y, x, 3) to a tensor (batch, 3, y, x) for the torch network."""
        prepared = [self.preprocess(as_preprocess_input(image)) for image in images]
        return torch.stack(prepared).contiguous(memory_format=torch.channels_last)

    def activations(self, batch: torch.Tensor, layers: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Run one forward pass of the torch network; return the outputs (batch, …) of the modules `layers`."""
        caught: dict[str, NDArray[np.float32]] = {}
        calls_left = {layer: self._calls.get(layer, math.inf) for layer in layers}

        def catch(layer: str, output: Any) -> None:
            # a copy: the next operation may be in place, as the ReLU after DenseNet's norm5 is
            caught[layer] = _tensor(layer, output, len(batch)).to("cpu", torch.float32, copy=True).numpy()
            calls_left[layer] -= 1
            if max(calls_left.values()) <= 0:
                raise _AllCaught

        self._forward(batch, {layer: catch for layer in layers})
        return caught

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the output shape of every module of the torch network for one image (y, x, 3), or why it has none."""
        found: dict[str, tuple[int, ...] | str] = dict.fromkeys(
            layers or self._modules, "does not run in a forward pass"
        )
        self._calls.clear()

        def record(layer: str, output: Any) -> None:
            self._calls[layer] = self._calls.get(layer, 0) + 1
            is_tensor = isinstance(output, torch.Tensor) and output.ndim > 1
            found[layer] = tuple(output.shape[1:]) if is_tensor else f"gives {_description(output)}, not a tensor"

        self._forward(self.prepare(image[None]), {layer: record for layer in found if layer in self._modules})
        return found

    def left_in_training_mode(self) -> list[str]:
        """Return the network's modules in training mode and parameters that keep gradients: there should be none."""
        training = [name or "the network" for name, part in self.module.named_modules() if part.training]
        return training + [name for name, parameter in self.module.named_parameters() if parameter.requires_grad]

    def times_transpose(self, panel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return P Pᵀ on the device."""
        if self.device == "cpu":
            return times_transpose(panel)
        moved = torch.from_numpy(panel).to(self.device)
        return (moved @ moved.T).cpu().numpy()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device, PRECISIONS[self.precision], enabled=self.precision != "float32")

    def _forward(self, batch: torch.Tensor, catchers: Mapping[str, Callable[[str, Any], None]]) -> None:
        handles = [
            self._modules[layer].register_forward_hook(
                lambda _m, _in, output, layer=layer, catch=catch: catch(layer, output)
            )
            for layer, catch in catchers.items()
        ]
        try:
            with torch.inference_mode(), self._autocast():
                self.module(batch.to(self.device, memory_format=torch.channels_last))
        except _AllCaught:
            pass
        finally:
            for handle in handles:
                handle.remove()


def resolve_device(device: str) -> str:
    """Return the torch device on which a network runs, ``cpu`` or ``cuda``, for ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    BadOption
        If ``cuda`` is requested and there is none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise BadOption("No CUDA device here.", todo="Use --device cpu or --device auto.")
    return device


class _AllCaught(Exception):
    """Ends the forward pass early."""


def outer_modules(module: torch.nn.Module) -> tuple[str, ...]:
    """Return the outer modules of a torch network that hold weights: at least five where it has them, not the last.

    The largest module is replaced by its children until there are six. The last is the classifier, which no brain area
    has.
    """
    found = _holding_weights(module)
    while len(found) < 6:
        sizes = {name: len(list(part.modules())) for name, part in found.items()}
        largest = max(sizes, key=lambda name: sizes[name], default="")
        inside = _holding_weights(found[largest], f"{largest}.") if largest else {}
        if not inside:
            break
        found = {
            name: part
            for outer in found
            for name, part in (inside if outer == largest else {outer: found[outer]}).items()
        }
    names = tuple(found)
    return names[:-1] or names


def _holding_weights(module: torch.nn.Module, prefix: str = "") -> dict[str, torch.nn.Module]:
    found: dict[str, torch.nn.Module] = {}
    for name, child in module.named_children():
        if isinstance(child, torch.nn.ModuleList | torch.nn.ModuleDict):  # never runs itself
            found |= _holding_weights(child, f"{prefix}{name}.")
        elif next(child.parameters(), None) is not None:
            found[prefix + name] = child
    return found


def _tensor(layer: str, output: Any, batch: int) -> torch.Tensor:
    if not isinstance(output, torch.Tensor) or output.ndim < 2 or len(output) != batch:
        raise BadActivations(f"Layer {layer!r} gave {_description(output)}, not a tensor of {batch} images.")
    return output


def _description(output: Any) -> str:
    return (
        f"a tensor of shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
    )


def _tensors(module: torch.nn.Module) -> Any:
    for name, tensor in sorted(module.state_dict().items()):
        yield name
        yield tensor.detach().cpu().to(torch.float32 if tensor.dtype == torch.bfloat16 else tensor.dtype).numpy()
