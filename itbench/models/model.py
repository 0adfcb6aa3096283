"""Models: the protocol of a model, function models, and the model made of a Python object such as a torch module."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadActivations, BadOption, UnknownName
from itbench.gram import times_transpose
from itbench.models.layers import COMPLEX, common_shape, probe_batches


class Model(Protocol):
    """Protocol of every model: what it must offer to turn batches of images into activations per named layer."""

    layers: Sequence[str]
    """Candidate layers, early to late: scored when the user names none."""

    device: str
    """``cpu`` or ``cuda``."""

    class_token: bool
    """Whether the first token of its token layers (tokens, channels) is a class token."""

    extra_tokens: int
    """Number of tokens before those of the image's patches: the class token and registers."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity of a model for cache keys, in the model protocol: weights, code, preprocessing, precision."""

    def place(self, device: str, precision: str) -> None:
        """Choose device and precision."""

    def prepare(self, images: NDArray[Any]) -> Any:
        """Preprocess images (batch, y, x, 3), a method of the model protocol that is called from other threads.

        Images are uint8, or float32 in 0…255 where recordings hold images that are not exact to 8 bits. Images
        of several sizes, only from `extract_activations`, come as a sequence of arrays (y, x, 3).
        """

    def activations(self, batch: Any, layers: Sequence[str]) -> Mapping[str, NDArray[np.floating]]:
        """Return the activations (batch, …) of `layers` for one preprocessed batch, as the model protocol requires."""

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the shape of every layer for one image (y, x, 3), without the batch, as the model protocol requires.

        Of a layer that gives no tensor, return the reason as text.
        """

    def times_transpose(self, panel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return P Pᵀ of activations."""


REAL = "biuf"  # kinds of NumPy types whose values are taken as float32


class FunctionModel:
    """Function model: a Python function from uint8 images (batch, y, x, 3) to {layer: activations (batch, …)}.

    For recordings whose images are not exact to 8 bits, the function gets float32 images in 0…255.

    Parameters
    ----------
    function : callable
    layers : sequence of str
        Keys of the mapping that it returns, early to late.
    identity : str
        Name and version of the computation, part of the cache key of Grams; change it whenever the numbers change.
        Cached Grams are compared with what the function gives for two images before they are used.
    extra_tokens : int, optional
        Number of tokens before those of the patches in layers (tokens, channels), a class token first.
    """

    def __init__(
        self,
        function: Callable[[NDArray[Any]], Mapping[str, NDArray[np.floating]]],
        *,
        layers: Sequence[str],
        identity: str,
        extra_tokens: int = 0,
    ) -> None:
        self.function, self.layers, self._identity = function, tuple(layers), identity
        self._shapes: dict[tuple[int, ...], dict[str, tuple[int, ...] | str]] = {}
        self.device = "cpu"
        self.extra_tokens, self.class_token = extra_tokens, extra_tokens > 0

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity for cache keys."""
        return {"function": self._identity, "weights": "none", "precision": "float32"}

    def place(self, device: str, precision: str) -> None:
        """Refuse all but float32."""
        if precision != "float32":
            raise BadOption("A model that is a function computes in float32 only.", todo="Leave --precision out.")

    def prepare(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return the images unchanged."""
        return images

    def activations(self, batch: NDArray[Any], layers: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Call the model function on a batch and return the activations of `layers`."""
        outputs = self._outputs(batch)
        absent = next((layer for layer in layers if layer not in outputs), None)
        if absent is not None:
            raise UnknownName.of("layer", absent, outputs, todo="The model's function returns no such key.")
        return {layer: _real_array(layer, outputs[layer]) for layer in layers}

    def shapes(self, image: NDArray[np.uint8], layers: Sequence[str] | None = None) -> dict[str, tuple[int, ...] | str]:
        """Return the shape of every layer that the model function returns for one image (y, x, 3)."""
        size = np.shape(image)
        if size not in self._shapes:
            found: dict[str, list[tuple[int, tuple[int, ...] | str]]] = {}
            for images in probe_batches(image):
                for layer, output in self._outputs(images).items():
                    found.setdefault(layer, []).append((len(images), _shape(output)))
            self._shapes[size] = {layer: common_shape(shapes) for layer, shapes in found.items()}
        return {layer: shape for layer, shape in self._shapes[size].items() if not layers or layer in layers}

    def times_transpose(self, panel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return P Pᵀ."""
        return times_transpose(panel)

    def _outputs(self, images: NDArray[Any]) -> Mapping[str, Any]:
        outputs = self.function(images)
        if not isinstance(outputs, Mapping):
            raise BadActivations(
                f"The model's function gave a {type(outputs).__name__}, not a mapping of layer to array.",
                todo="Return {LAYER: array of shape (image, …)}.",
            )
        return outputs


def _shape(output: Any) -> tuple[int, ...] | str:
    """Return the shape of an output of a model function, or why it cannot be read."""
    try:
        array = np.asarray(output)
    except (TypeError, ValueError, RuntimeError) as error:
        return f"gives a {type(output).__name__} that is no array: {error}"
    if array.dtype.kind in REAL:
        return array.shape
    return COMPLEX if array.dtype.kind == "c" else f"gives values of type {array.dtype}, not real numbers"


def _real_array(layer: str, output: Any) -> NDArray[np.float32]:
    shape = _shape(output)
    if isinstance(shape, str):
        raise BadActivations(f"Layer {layer!r} {shape}.")
    with np.errstate(over="ignore"):  # infinity, which is refused by name of layer and image
        return np.asarray(output, np.float32)


MEMBERS = ("activations", "prepare", "place", "identity")  # by which a model is known


def model_from_object(
    source: Any,
    *,
    layers: Sequence[str] = (),
    preprocess: Callable[[Any], Any] | None = None,
    images: NDArray[Any] | None = None,
) -> Model:
    """Return the model made from a Python object: a torch module, a function of images, or a model.

    Parameters
    ----------
    source : itbench.Model, torch.nn.Module, or callable
        A callable maps images (batch, y, x, 3), uint8, to activations (batch, …), or to a mapping of layer to them.
    layers : sequence of str
        Candidate layers of a module; some spread over its depth if there are none.
    preprocess : callable, optional
        Of a module: PIL image to tensor (3, y, x), or a torchvision ``Weights`` entry. A timm module knows its own.
    images : array of shape (image, y, x, 3), optional
        A few images, from which the layers of a function are known.

    Raises
    ------
    BadOption
        For a module whose preprocessing nobody knows, and for objects that are none of these.
    """
    if all(hasattr(source, name) for name in MEMBERS):
        return source
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.nn.Module):
        return _network(source, layers, preprocess)
    if callable(source):
        return _function(source, images)
    raise BadOption(
        f"{type(source).__name__} is no model.",
        known="Known are names of models, torch.nn.Module, functions of images and objects with the methods of "
        "itbench.Model.",
    )


def object_name(source: Any) -> str:
    """Return what tables call a model that is a Python object: timm's name of it, or that of its class or function."""
    config = getattr(source, "pretrained_cfg", None) or {}
    name = config.get("architecture") if isinstance(config, Mapping) else getattr(config, "architecture", None)
    own = getattr(source, "__name__", "").replace("<lambda>", "function")
    return str(name or own or type(source).__name__)


def is_function(source: Any) -> bool:
    """Return whether an object is a plain function of images, whose Grams cannot be found again in a cache."""
    torch = sys.modules.get("torch")
    module = torch is not None and isinstance(source, torch.nn.Module)
    return callable(source) and not module and not all(hasattr(source, name) for name in MEMBERS)


def _network(module: Any, layers: Sequence[str], preprocess: Any) -> Any:
    from itbench.models.network import Network

    if preprocess is None:
        preprocess = _timm_preprocessing(module)
    if preprocess is None:
        raise BadOption(
            f"Nobody knows how images are preprocessed for this {type(module).__name__}.",
            known="A timm network knows its own preprocessing; other modules do not.",
            todo="Pass preprocess=, a function from a PIL image to a tensor (3, y, x), such as the transforms() of a "
            "torchvision weights entry, or itbench.resized(224).",
        )
    if hasattr(preprocess, "transforms") and not callable(preprocess):
        preprocess = preprocess.transforms()
    if getattr(preprocess, "__name__", "") == "<lambda>" or " at 0x" in repr(preprocess):
        raise BadOption(
            "preprocess has no repr that says what it does, by which cached activations are found.",
            todo="Give it a __repr__, or use torchvision.transforms.v2.Compose or itbench.resized(224).",
        )
    return Network(module, preprocess, layers=layers)


def _timm_preprocessing(module: Any) -> Any:
    timm = sys.modules.get("timm")
    if timm is None or not getattr(module, "pretrained_cfg", None):
        return None
    return timm.data.create_transform(**timm.data.resolve_model_data_config(module), is_training=False)


def _function(function: Callable[[NDArray[Any]], Any], images: NDArray[Any] | None) -> Any:
    def activations(batch: NDArray[Any]) -> Mapping[str, NDArray[np.floating]]:
        outputs = function(batch)
        return outputs if isinstance(outputs, Mapping) else {"output": outputs}

    if images is None:
        raise BadOption("The layers of a function are known from images, and there are none.")
    first = activations(images[:1])
    return FunctionModel(activations, layers=tuple(first), identity=f"{object_name(function)} {uuid.uuid4().hex}")
