"""Weights of a torch module: pretrained, random by seed, or from a file, and never one for the other."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itbench.errors import ItbenchWarning, NoWeights
from itbench.models.protocols import Weights
from itbench.util.offline import is_offline, keep_offline

if TYPE_CHECKING:
    import torch

if TYPE_CHECKING:  # plugins import this module when they are listed, and listing takes no torch
    import torch

    State = Mapping[str, torch.Tensor]

SHOWN = 8  # keys that do not fit, shown of each kind
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net")  # keys under which trainers put a state dict
COUNTER = "num_batches_tracked"  # of batch norm; files older than it lack it, and eval mode does not read it
# torchvision's own DenseNet files write denselayer1.norm.1.weight for what is now denselayer1.norm1.weight
OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
FEWEST = 1000  # values that a tensor needs for its distribution to say something
HEAVY = 3.2  # kurtosis above which values were not drawn from a normal (3) or uniform (1.8) distribution


def with_weights(
    name: str,
    build: Callable[[bool], torch.nn.Module],
    weights: Weights,
    adapt: Callable[[State, torch.nn.Module], State] | None = None,
) -> torch.nn.Module:
    """Build a module and give it pretrained, random (seeded) or a file's weights.

    Parameters
    ----------
    name : str
        What errors call it.
    build : callable
        Returns the module; is told whether pretrained weights are wanted.
    weights : Weights
    adapt : callable, optional
        (state dict, module) → state dict, for a file that does not fit as it is; such as timm's filters.

    Raises
    ------
    NoWeights
        If pretrained weights cannot be had, or a file does not fit. Random ones never stand in.
    """
    import torch

    keep_offline()
    if weights.kind == "pretrained":
        try:
            with redirect_stdout(sys.stderr):  # torch.hub says what it fetches, and stdout is for results
                module = build(True)
        except Exception as error:
            offline = "itbench is offline, and they are in no cache on this machine."
            reason = offline if is_offline() else f"{type(error).__name__}: {error}"
            raise NoWeights(
                f"The pretrained weights of {name} cannot be had: {reason}",
                todo="Use --weights FILE for a file that you have, or --weights random for an untrained network.",
            ) from error
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(weights.seed)
            module = build(False)
        if weights.path is not None:
            load_file(module, weights.path, adapt)
    if weights.kind in ("pretrained", "file") and looks_untrained(module):
        warnings.warn(
            f"The {weights.label} weights of {name} look untrained: their values are what a network starts from.",
            ItbenchWarning,
            stacklevel=2,
        )
    return module


def load_file(
    module: torch.nn.Module, path: Path, adapt: Callable[[State, torch.nn.Module], State] | None = None
) -> None:
    """Load a ``.safetensors``, ``.pt`` or ``.pth`` state dict into `module`, every tensor or none.

    What trainers put around it is taken off: a checkpoint's other entries, and a prefix such as ``module.`` before
    every name.

    Raises
    ------
    NoWeights
        If it cannot be read or does not fit, with the names that are missing, unexpected or of another shape.
    """
    own = module.state_dict()
    state = _without_prefix(_read(path), own)
    if adapt is not None and any(_misfits(state, own).values()):
        try:
            state = adapt(state, module)
        except Exception as error:
            raise _unfit(path, _misfits(state, own)) from error
    load_state(module, state, path)


def load_state(module: torch.nn.Module, state: State, source: str | Path) -> None:
    """Load tensors by name into `module`, every one or none; `source` is what an error calls them.

    Raises
    ------
    NoWeights
        As `load_file` does.
    """
    own = module.state_dict()
    misfits = _misfits(state, own)
    if any(misfits.values()):
        raise _unfit(source, misfits)
    module.load_state_dict({**{key: own[key] for key in own if key.endswith(COUNTER)}, **state}, strict=True)


def looks_untrained(module: torch.nn.Module) -> bool:
    """Say whether the values of a module are those that networks start from.

    Batch norm tells at once: its running means start at 0 and its variances at 1; in weights that were converted, with
    norms folded into their neighbours, one of the two may be so. Without it, other norms do: their weights start at 1.
    Without any norm, the weights of trained networks have heavier tails than the normal and uniform distributions that
    they are drawn from at the start.
    """
    state = module.state_dict()
    seen = {name: tensor for name, tensor in state.items() if name.endswith(("running_mean", "running_var"))}
    if seen:
        return all(bool((tensor == name.endswith("running_var")).all()) for name, tensor in seen.items())
    scales = [tensor for name, tensor in module.named_parameters() if tensor.ndim == 1 and name.endswith("weight")]
    if scales:
        return all(bool((scale == 1).all()) for scale in scales)
    wide = [tensor.detach() for tensor in module.parameters() if tensor.ndim > 1 and tensor.numel() >= FEWEST]
    return bool(wide) and all(_kurtosis(tensor) < HEAVY for tensor in wide)


def _kurtosis(tensor: torch.Tensor) -> float:
    values = tensor.float().flatten()
    deviations = values - values.mean()
    variance = deviations.square().mean()
    return float(deviations.pow(4).mean() / variance.square()) if float(variance) else 0.0


def _misfits(state: State, own: State) -> dict[str, list[str]]:
    theirs, mine = ({name: tuple(tensor.shape) for name, tensor in each.items()} for each in (state, own))
    return {
        "missing": sorted(name for name in mine.keys() - theirs.keys() if not name.endswith(COUNTER)),
        "unexpected": sorted(theirs.keys() - mine.keys()),
        "of another shape": sorted(name for name in mine.keys() & theirs.keys() if mine[name] != theirs[name]),
    }


def _unfit(source: str | Path, misfits: Mapping[str, list[str]]) -> NoWeights:
    lines = [
        f"{len(names)} {what}: {', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''}"
        for what, names in misfits.items()
        if names
    ]
    return NoWeights(f"The weights in {source} do not fit the network.", known="\n".join(lines))


def _without_prefix(state: State, own: State) -> State:
    """Take off what stands before every name of the network, if something does."""
    state = {OLD_DENSENET.sub(r"\1\2", name): tensor for name, tensor in state.items()}
    longest = max(own, key=len, default="")
    for name in state:
        prefix = name.removesuffix(longest)
        if prefix != name and prefix.endswith(".") and all(key.startswith(prefix) for key in state):
            return {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state


def _read(path: Path) -> State:
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file as load_safetensors

            return load_safetensors(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise NoWeights(f"{path} cannot be read as weights: {type(error).__name__}: {error}") from error
    for state in _unwrapped(content):
        if isinstance(state, dict) and state and all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
            return state
    known = ", ".join(map(str, list(content)[:SHOWN])) if isinstance(content, dict) else ""
    raise NoWeights(
        f"{path} holds no state dict of tensors.",
        known=f"It holds a {type(content).__name__}{f' with the keys {known}' if known else ''}.",
        todo="Save the network's weights alone: torch.save(model.state_dict(), FILE)",
    )


def _unwrapped(content: Any) -> Iterator[Any]:
    yield content
    if isinstance(content, dict):
        for key in WRAPPERS:
            if key in content:
                yield content[key]
