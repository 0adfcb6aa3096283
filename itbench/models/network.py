"""Torch network as a model: preprocessing, one forward pass, hooks that copy the outputs of named modules."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from itbench.errors import BadActivations, BadOption, ItbenchError, UnknownName
from itbench.gram import times_transpose
from itbench.models.identity import network_identity
from itbench.models.layers import common_shape, probe_batches
from itbench.models.torch_layers import ValueReads, first_tensor, real_values, spread_candidates, tensor_shape

if TYPE_CHECKING:
    from torchvision.transforms import v2


def resized(pixels: int, mean: float = 0.5, deviation: float = 0.25) -> v2.Compose:
    """Return an image preprocessing that resizes to (3, pixels, pixels) and normalises to (x − mean) / deviation.

    Parameters
    ----------
    pixels : int
        Width and height; images that are not square are squeezed.
    mean, deviation : float
        Of all three channels, for x in [0, 1].

    Examples
    --------
    >>> resized(64)  # doctest: +SKIP
    """
    from torchvision.transforms import v2

    floats = v2.ToDtype(torch.float32, scale=True)  # bytes to [0, 1]; floats stay
    normalised = v2.Normalize((mean,) * 3, (deviation,) * 3)
    return v2.Compose([v2.Resize((pixels, pixels)), v2.ToImage(), floats, normalised])


def as_preprocess_input(image: NDArray[Any]) -> Image.Image | torch.Tensor:
    """Return an image (y, x, 3) as preprocessing takes it: uint8 as PIL image, floats in 0…255 as tensor in [0, 1]."""
    if image.dtype == np.uint8:
        return Image.fromarray(image)
    return torch.from_numpy(image / np.float32(255)).permute(2, 0, 1)


CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")
LEAVES = ""  # counts the calls of all innermost modules; no layer has this name
NOT_RUN = "does not run in a forward pass"
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Network:
    """Network: a `torch.nn.Module` as a model, whose named modules are its layers.

    Parameters
    ----------
    module : torch.nn.Module
        Takes a batch of preprocessed images (batch, …), such as (batch, 3, y, x).
    preprocess : callable
        PIL image to tensor, of one shape for all images, such as (3, y, x); its ``repr`` is part of the cache key, so
        it must describe all it does. For recordings whose images are not exact to 8 bits it gets a float tensor
        (3, y, x) in [0, 1] instead.
    layers : sequence of str
        Candidate layers, early to late, as `named_modules` names them; by default those registered, or else some at
        equal distances over depth.
    package : str
        Name and version of the package that defines the module, if another version may compute something else.

    Attributes
    ----------
    named_layers : tuple of str
        Candidate layers that were named; empty where they are found by depth.

    Notes
    -----
    The module runs in ``eval()`` and ``inference_mode``, in channels_last. A layer's activations are the first tensor
    of its output, the last one if it runs several times in a forward pass. The pass stops after the last requested
    layer where no values of tensors decide what runs.
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
        self._identity = {**network_identity(module), "preprocessing": repr(preprocess), "package": package}
        self.module = module.eval()
        for parameter in module.parameters():  # the module's own method is not there in TorchScript
            parameter.requires_grad_(False)
        self.preprocess = preprocess
        self.named_layers = tuple(layers)
        self.device, self.precision = "cpu", "float32"
        self.class_token = any(name.rpartition(".")[2] in CLASS_TOKENS for name, _ in module.named_parameters())
        self.extra_tokens = int(getattr(module, "num_prefix_tokens", self.class_token))  # timm counts registers too
        self._modules = {name: part for name, part in module.named_modules() if name}
        self._probes: dict[tuple[int, ...], Probe] = {}
        self._spread: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """Candidate layers, early to late."""
        if not self.named_layers and not self._spread:
            probe = self.probe(np.zeros((256, 256, 3), np.uint8))
            self._spread = spread_candidates(self.module, probe.shapes, probe.depths)
        return self.named_layers or self._spread

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
        self.module.to(self.device)
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            if tensor.ndim == 4 and tensor.is_floating_point() and tensor.layout == torch.strided:
                tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)

    def prepare(self, images: NDArray[Any]) -> torch.Tensor:
        """Preprocess images (batch, y, x, 3) to a tensor (batch, …) for the torch network.

        Raises
        ------
        BadActivations
            If the preprocessing gives no tensors, or tensors of several shapes.
        """
        prepared = [self.preprocess(as_preprocess_input(image)) for image in images]
        other = next((one for one in prepared if not isinstance(one, torch.Tensor)), None)
        if other is not None:
            raise BadActivations(
                f"The preprocessing gave a {type(other).__name__}, not a tensor.",
                todo="End it with a conversion, such as torchvision.transforms.v2.ToImage.",
            )
        shapes = list(dict.fromkeys(tuple(one.shape) for one in prepared))
        if len(shapes) > 1:
            raise BadActivations(
                f"The preprocessing gave tensors of the shapes {shapes[0]} and {shapes[1]}.",
                todo="Let it bring all images to one size.",
            )
        return _channels_last(torch.stack(prepared))

    def activations(self, batch: torch.Tensor, layers: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Run one forward pass of the torch network; return the outputs (batch, …) of the modules `layers`."""
        caught: dict[str, NDArray[np.float32]] = {}
        probe = self._probes.get(tuple(batch.shape[1:]))
        calls_left = Counter({layer: probe.calls[layer] for layer in layers} if probe else {})

        def catch(layer: str, output: Any) -> None:
            # a copy: the next operation may be in place, as the ReLU after DenseNet's norm5 is
            caught[layer] = real_values(layer, output).numpy()
            calls_left[layer] -= 1
            if probe and probe.is_steady and max(calls_left[name] for name in layers) <= 0:
                raise _AllCaught

        self._forward(batch, {layer: catch for layer in layers if layer in self._modules})
        return caught

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the output shape of every module of the torch network for one image (y, x, 3), or why it has none."""
        shapes = self.probe(image).shapes
        return {layer: shapes.get(layer, NOT_RUN) for layer in layers or self._modules}

    def probe(self, image: NDArray[Any]) -> Probe:
        """Run the torch network on two batches of images as large as `image` (y, x, 3), once for each size of input."""
        batches = [self.prepare(images) for images in probe_batches(image)]
        shape = tuple(batches[0].shape[1:])
        if shape not in self._probes:
            self._probes[shape] = self._probe(batches)
        return self._probes[shape]

    @contextmanager
    def counted_calls(self) -> Iterator[Mapping[str, int]]:
        """Count how often every module of the torch network runs within the block, whose passes run to their end."""
        calls: Counter[str] = Counter()
        handles = [
            part.register_forward_hook(lambda *_, layer=layer: calls.update([layer]))
            for layer, part in self._modules.items()
        ]
        probes, self._probes = self._probes, {}  # without a probe, no pass ends early
        try:
            yield calls
        finally:
            self._probes = probes
            for handle in handles:
                handle.remove()

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

    def _probe(self, batches: Sequence[torch.Tensor]) -> Probe:
        outputs: dict[str, list[tuple[int, tuple[int, ...] | str]]] = {}
        found = Probe()
        leaves = {name for name, part in self._modules.items() if next(part.children(), None) is None}
        counts = []
        for batch in batches:
            seen: dict[str, tuple[int, ...] | str] = {}
            calls: Counter[str] = Counter()

            def record(layer: str, output: Any, seen: Any = seen, calls: Any = calls) -> None:
                calls.update([layer, LEAVES] if layer in leaves else [layer])
                seen[layer] = tensor_shape(output)
                found.depths.pop(layer, None)  # moves it to the end
                found.depths[layer] = calls[LEAVES]
                if not isinstance(output, torch.Tensor) and first_tensor(output) is not None:
                    found.containers[layer] = type(output).__name__

            with ValueReads() as reads, _said(batch):
                self._forward(batch, dict.fromkeys(self._modules, record))
            found.is_steady &= not reads.found
            counts.append(calls)
            for layer, shape in seen.items():
                outputs.setdefault(layer, []).append((len(batch), shape))
        found.calls = counts[-1]
        found.is_steady &= counts[0] == counts[-1]
        found.shapes = {layer: common_shape(outputs[layer]) if layer in outputs else NOT_RUN for layer in self._modules}
        return found

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
            with ExitStack() as stack:
                stack.enter_context(torch.inference_mode())
                stack.enter_context(self._autocast())
                if "torch._dynamo" in sys.modules:  # a compiled module runs as it is written: its graph has no hooks
                    stack.enter_context(torch.compiler.set_stance("force_eager"))
                self.module(_channels_last(batch.to(self.device)))
        except _AllCaught:
            pass
        finally:
            for handle in handles:
                handle.remove()


@dataclass
class Probe:
    """What two batches of different images showed of the modules of a torch network.

    Parameters
    ----------
    shapes : dict of str to tuple of int or str
        Shape of every module's output for one image, or why it has none.
    containers : dict of str to str
        Type of an output that is no tensor but holds one, the first of which is read.
    calls : mapping of str to int
        Number of calls in a forward pass.
    depths : dict of str to int
        Number of calls of innermost modules before a module's last output, in the order of those outputs.
    is_steady : bool
        Whether every image takes the same way through the network: no values of tensors were read.
    """

    shapes: dict[str, tuple[int, ...] | str] = field(default_factory=dict)
    containers: dict[str, str] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    is_steady: bool = True


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


@contextmanager
def _said(batch: torch.Tensor) -> Iterator[None]:
    """Say on what inputs a network fails."""
    try:
        yield
    except ItbenchError:
        raise
    except Exception as error:
        raise BadActivations(
            f"The network fails on inputs {tuple(batch.shape)} of type {batch.dtype}: {type(error).__name__}: {error}",
            todo="Let the preprocessing give what the network takes.",
        ) from error


def _channels_last(batch: torch.Tensor) -> torch.Tensor:
    """Return a batch of maps (batch, channel, y, x) with the channels last in memory; others unchanged."""
    return batch.contiguous(memory_format=torch.channels_last) if batch.ndim == 4 else batch
