"""Networks of torchvision and timm, with the weights asked for and the preprocessing of those weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from itbench.models.protocols import Weights
from itbench.models.weights import with_weights
from itbench.util.offline import keep_offline

if TYPE_CHECKING:
    import torch

    from itbench.models.network import Network


def from_torchvision(name: str, weights: Weights, *, layers: Sequence[str] = (), tag: str = "DEFAULT") -> Network:
    """Build a torchvision network.

    Parameters
    ----------
    name : str
        As `torchvision.models.list_models` has it.
    weights : Weights
    layers : sequence of str, optional
        Candidate layers; else some spread over its depth.
    tag : str, optional
        Of its published weights, whose preprocessing is used with any weights.

    Raises
    ------
    NoWeights
    """
    import torchvision

    from itbench.models.network import Network

    published = torchvision.models.get_model_weights(name)[tag]

    def build(pretrained: bool) -> torch.nn.Module:
        return torchvision.models.get_model(name, weights=published if pretrained else None)

    module = with_weights(name, build, weights)
    return Network(module, published.transforms(), layers=layers, package=f"torchvision {torchvision.__version__}")


def from_timm(
    name: str, weights: Weights, *, layers: Sequence[str] = (), data: dict[str, Any] | None = None, **arguments: Any
) -> Network:
    """Build a timm network.

    Parameters
    ----------
    name : str
        As `timm.list_models` has it, with or without the tag of its weights (``resnet18.a1_in1k``).
    weights : Weights
        A file may be one that timm published: what timm does to it before loading is done.
    layers : sequence of str, optional
        Candidate layers; else some spread over its depth.
    data : dict, optional
        Replaces parts of its data configuration.
    **arguments
        Of ``timm.create_model``; ``img_size`` also sets the size of the preprocessed image.

    Raises
    ------
    NoWeights
    """
    keep_offline()  # before huggingface_hub is imported, which looks once whether it may use the network
    import timm

    from itbench.models.network import Network

    def build(pretrained: bool) -> torch.nn.Module:
        return timm.create_model(name, pretrained=pretrained, **arguments)

    module = with_weights(name, build, weights, _as_timm_loads)
    size = arguments.get("img_size")
    sized = {"input_size": (3, size, size)} if size else {}
    config = {**timm.data.resolve_model_data_config(module), **sized, **(data or {})}
    transform = timm.data.create_transform(**config, is_training=False)
    return Network(module, transform, layers=layers, package=f"timm {timm.__version__}")


def _as_timm_loads(state: Any, module: torch.nn.Module) -> Any:
    """Rename and resize the tensors of a published file as timm does for this architecture."""
    filters = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    return filters(state, module) if filters else state
