"""A model made of a Python object: a torch module with its preprocessing, a function of images, or a model."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.models.function import FunctionModel
from itbench.models.protocols import Model

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
