"""What a published network costs: its weights to fetch, its multiplications, and how fast they go on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from itbench.util.offline import keep_offline

MIB = 2**20
TIMED = 0.3  # seconds


@dataclass(frozen=True)
class WeightsFile:
    """The file of a network's published weights.

    Parameters
    ----------
    name : str
        Of the file, or of the repository that it is in.
    here : bool
        Whether it is on this machine.
    size : int, optional
        Bytes, where the package says it.
    multiplications : float, optional
        Of one forward pass of one image, where the package says it.
    """

    name: str
    here: bool
    size: int | None = None
    multiplications: float | None = None


def weights_file(model: str, source: str) -> WeightsFile | None:
    """Return the file of a model's published weights, and None where no package knows one.

    Parameters
    ----------
    model : str
        ``resnet50``, ``torchvision/resnet50.IMAGENET1K_V2``, ``timm/resnet18``.
    source : str
        Where its weights are from: ``torchvision TAG`` or ``timm TAG``; the tag may stand in the name instead.
    """
    package, _, tag = source.partition(" ")
    name, _, own = model.rpartition("/")[2].partition(".")
    find = {"torchvision": _of_torchvision, "timm": _of_timm}.get(package)
    return find(name, own or tag) if find else None


def multiplications_per_second(device: str) -> float:
    """Return how many multiplications of a convolution this machine does, measured for a moment.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
    """
    import torch

    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    layer = torch.nn.Conv2d(256, 256, 3, padding=1, device=place).to(memory_format=torch.channels_last)
    batch = torch.zeros(16, 256, 14, 14, device=place).contiguous(memory_format=torch.channels_last)
    done, start = 0, 0.0
    with torch.inference_mode():
        while not done or time.perf_counter() - start < TIMED:
            layer(batch).sum().item()  # waits for the GPU
            start = start or time.perf_counter()  # the first one warms up
            done += 1
    return (done - 1) * batch.shape[0] * 256 * 256 * 9 * 14 * 14 / (time.perf_counter() - start)


def _of_torchvision(name: str, tag: str) -> WeightsFile | None:
    import torch
    from torchvision import models

    if name not in models.list_models():
        return None
    weights = models.get_model_weights(name)[tag or "DEFAULT"]
    file = Path(weights.url).name
    here = (Path(torch.hub.get_dir()) / "checkpoints" / file).exists()
    about = weights.meta
    return WeightsFile(file, here, round(about["_file_size"] * MIB), about["_ops"] * 1e9)


def _of_timm(name: str, tag: str) -> WeightsFile | None:
    keep_offline()
    import timm
    from huggingface_hub import try_to_load_from_cache

    config = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    if config is None or not config.hf_hub_id:
        return WeightsFile(f"timm's weights of {name}", False)
    here = any(
        isinstance(try_to_load_from_cache(config.hf_hub_id, file), str)
        for file in ("model.safetensors", "pytorch_model.bin")
    )
    return WeightsFile(config.hf_hub_id, here)
