"""Networks of torchvision and timm, with their weights and preprocessing, and the costs of running them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
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


MIB = 2**20
TIMED = 0.3  # seconds of a speed measurement


@dataclass(frozen=True)
class WeightsFile:
    """Costs of a published network: its weights file to download and its multiplications an image.

    Parameters
    ----------
    name : str
        Name of the file, or of the repository that holds it.
    cached : bool
        Whether it is on this machine already.
    size : int, optional
        Bytes, where the package records it.
    multiplications : float, optional
        Of one forward pass of one image, where the package records it.
    """

    name: str
    cached: bool
    size: int | None = None
    multiplications: float | None = None


def weights_file(model: str, source: str) -> WeightsFile | None:
    """Return the cost of downloading and running a model: weights file, bytes and multiplications; None if unknown.

    Parameters
    ----------
    model : str
        ``resnet50``, ``torchvision/resnet50.IMAGENET1K_V2``, ``timm/resnet18``.
    source : str
        Package and tag of its weights: ``torchvision TAG`` or ``timm TAG``; the name may hold the tag instead.
    """
    package, _, tag = source.partition(" ")
    name, _, named_tag = model.rpartition("/")[2].partition(".")
    find = {"torchvision": _of_torchvision, "timm": _of_timm}.get(package)
    return find(name, named_tag or tag) if find else None


def multiplications_per_second(device: str) -> float:
    """Measure the speed of this machine: multiplications of a convolution per second, to estimate the cost of a run.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
    """
    import torch

    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    layer = torch.nn.Conv2d(256, 256, 3, padding=1, device=chosen).to(memory_format=torch.channels_last)
    batch = torch.zeros(16, 256, 14, 14, device=chosen).contiguous(memory_format=torch.channels_last)
    passes, start = 0, 0.0
    with torch.inference_mode():
        while not passes or time.perf_counter() - start < TIMED:
            layer(batch).sum().item()  # waits for the GPU
            start = start or time.perf_counter()  # the first one warms up
            passes += 1
    return (passes - 1) * batch.shape[0] * 256 * 256 * 9 * 14 * 14 / (time.perf_counter() - start)


def _of_torchvision(name: str, tag: str) -> WeightsFile | None:
    import torch
    from torchvision import models

    if name not in models.list_models():
        return None
    weights = models.get_model_weights(name)[tag or "DEFAULT"]
    file = Path(weights.url).name
    cached = (Path(torch.hub.get_dir()) / "checkpoints" / file).exists()
    meta = weights.meta
    return WeightsFile(file, cached, round(meta["_file_size"] * MIB), meta["_ops"] * 1e9)


def _of_timm(name: str, tag: str) -> WeightsFile | None:
    keep_offline()
    import timm
    from huggingface_hub import try_to_load_from_cache

    config = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    if config is None or not config.hf_hub_id:
        return WeightsFile(f"timm's weights of {name}", False)
    cached = any(
        isinstance(try_to_load_from_cache(config.hf_hub_id, file), str)
        for file in ("model.safetensors", "pytorch_model.bin")
    )
    return WeightsFile(config.hf_hub_id, cached)
