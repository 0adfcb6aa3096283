"""Model zoo: networks of torchvision and timm with chosen weights and the preprocessing published with them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from itbench.models.weights import Weights, with_weights
from itbench.util.offline import hub_or_cache, keep_offline

if TYPE_CHECKING:
    import torch

    from itbench.models.network import Network


def from_torchvision(name: str, weights: Weights, *, layers: Sequence[str] = (), tag: str = "DEFAULT") -> Network:
    """Build a torchvision network with chosen weights and its published preprocessing.

    Parameters
    ----------
    name : str
        As `torchvision.models.list_models` lists it.
    weights : Weights
    layers : sequence of str, optional
        Candidate layers; by default some at equal distances over its depth.
    tag : str, optional
        Tag of its published weights, whose preprocessing is used with any weights.

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
    """Build a timm network with chosen weights and its published preprocessing.

    Parameters
    ----------
    name : str
        As `timm.list_models` lists it, with or without the tag of its weights (``resnet18.a1_in1k``).
    weights : Weights
        A file may be one that timm published: its tensors are converted as timm does.
    layers : sequence of str, optional
        Candidate layers; by default some at equal distances over its depth.
    data : dict, optional
        Entries that replace those of its data configuration.
    **arguments
        Arguments of ``timm.create_model``; ``img_size`` also sets the size of the preprocessed image.

    Raises
    ------
    NoWeights
    """
    keep_offline()  # before huggingface_hub is imported, which looks once whether it may use the network
    import timm

    from itbench.models.network import Network

    def build(pretrained: bool) -> torch.nn.Module:
        with hub_or_cache() if pretrained else nullcontext():
            return timm.create_model(name, pretrained=pretrained, **arguments)

    module = with_weights(name, build, weights, _timm_state_dict)
    size = arguments.get("img_size")
    sized = {"input_size": (3, size, size)} if size else {}
    config = {**timm.data.resolve_model_data_config(module), **sized, **(data or {})}
    transform = timm.data.create_transform(**config, is_training=False)
    return Network(module, transform, layers=layers, package=f"timm {timm.__version__}")


def _timm_state_dict(state: Any, module: torch.nn.Module) -> Any:
    filters = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    return filters(state, module) if filters else state
