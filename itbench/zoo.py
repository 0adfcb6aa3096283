"""Networks of torchvision and timm, with the weights asked for and the preprocessing of those weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itbench.errors import NoWeights
from itbench.protocols import Weights

if TYPE_CHECKING:  # plugins import this module when they are listed, and listing takes no torch
    import torch

    from itbench.network import Network

SHOWN = 8  # keys that do not fit, shown of each kind


def from_torchvision(name: str, weights: Weights, *, layers: Sequence[str], tag: str) -> Network:
    """Build a torchvision network; `tag` names its weights, whose preprocessing is used with any weights."""
    import torchvision

    from itbench.network import Network

    published = torchvision.models.get_model_weights(name)[tag]

    def build(pretrained: bool) -> torch.nn.Module:
        return torchvision.models.get_model(name, weights=published if pretrained else None)

    module = with_weights(name, build, weights)
    return Network(module, published.transforms(), layers=layers, package=f"torchvision {torchvision.__version__}")


def from_timm(
    name: str, weights: Weights, *, layers: Sequence[str], data: dict[str, Any] | None = None, **arguments: Any
) -> Network:
    """Build a timm network; `data` replaces parts of its data configuration, `arguments` go to ``create_model``."""
    import timm

    from itbench.network import Network

    def build(pretrained: bool) -> torch.nn.Module:
        return timm.create_model(name, pretrained=pretrained, **arguments)

    module = with_weights(name, build, weights)
    config = {**timm.data.resolve_model_data_config(module), **(data or {})}
    transform = timm.data.create_transform(**config, is_training=False)
    return Network(module, transform, layers=layers, package=f"timm {timm.__version__}")


def with_weights(name: str, build: Callable[[bool], torch.nn.Module], weights: Weights) -> torch.nn.Module:
    """Build a module and give it pretrained, random (seeded) or a file's weights.

    Raises
    ------
    NoWeights
        If pretrained weights cannot be had, or a file does not fit. Random ones never stand in.
    """
    import torch

    if weights.kind == "pretrained":
        try:
            return build(True)
        except Exception as error:
            raise NoWeights(
                f"The pretrained weights of {name} cannot be had: {type(error).__name__}: {error}",
                todo="Use --weights FILE for a file that you have, or --weights random for an untrained network.",
            ) from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights.seed)
        module = build(False)
    if weights.path is not None:
        load_file(module, weights.path)
    return module


def load_file(module: torch.nn.Module, path: Path) -> None:
    """Load a ``.safetensors``, ``.pt`` or ``.pth`` state dict into `module`, every tensor or none."""
    state = _read(path)
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in state.items()}
    problems = {
        "missing": sorted(own.keys() - theirs.keys()),
        "unexpected": sorted(theirs.keys() - own.keys()),
        "of another shape": sorted(name for name in own.keys() & theirs.keys() if own[name] != theirs[name]),
    }
    if any(problems.values()):
        raise NoWeights(
            f"The weights in {path} do not fit the network.",
            known="\n".join(
                f"{len(names)} {what}: {', '.join(names[:SHOWN])}" for what, names in problems.items() if names
            ),
        )
    module.load_state_dict(state, strict=True)


def _read(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file as load_safetensors

            return load_safetensors(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise NoWeights(f"{path} cannot be read as weights: {type(error).__name__}: {error}") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise NoWeights(f"{path} holds no state dict of tensors.", known=f"It holds a {type(state).__name__}.")
    return state
