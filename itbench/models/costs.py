"""Costs of a published network: size of its weights file, multiplications of a forward pass, speed of this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from itbench.util.offline import keep_offline

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
