"""Weights of a model: pretrained, random by seed, or a state dict loaded from a file."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from itbench.errors import BadOption, ItbenchWarning, NoWeights, Unreachable
from itbench.models.weights_file import load_file
from itbench.util.offline import is_offline, keep_offline

if TYPE_CHECKING:  # plugins import this module when they are listed, and listing takes no torch
    import torch

    from itbench.models.weights_file import Adapt

FEWEST = 1000  # values that a tensor needs for its kurtosis to be informative
HEAVY = 3.2  # kurtosis above which values were not drawn from a normal (3) or uniform (1.8) distribution


@dataclass(frozen=True)
class Weights:
    """Choice of a model's weights: pretrained, random from a seed, or the path of a weights file.

    Parameters
    ----------
    kind : {"pretrained", "random", "file", "none"}
    seed : int
        Seed of random weights.
    path : Path, optional
        Path of a weights file.
    """

    kind: str = "pretrained"
    seed: int = 0
    path: Path | None = None

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Weights:
        """Read a choice of weights: ``pretrained``, ``random`` or the path of a weights file."""
        if text in ("pretrained", "random"):
            return cls(text, seed)
        path = Path(text).expanduser()
        if not path.is_file():
            raise BadOption(
                f"No weights {text!r}{', which is a folder' if path.is_dir() else ''}.",
                known="Known: pretrained, random, or the path of a file that exists.",
            )
        return cls("file", seed, path)

    @property
    def label(self) -> str:
        """Short name of the weights for tables: ``pretrained``, ``random-0``, or the weights file's name."""
        if self.kind == "random":
            return f"random-{self.seed}"
        return self.path.name if self.path else self.kind


def with_weights(
    name: str,
    build: Callable[[bool], torch.nn.Module],
    weights: Weights,
    adapt: Adapt | None = None,
) -> torch.nn.Module:
    """Build a torch module with pretrained weights, seeded random weights, or the weights of a file.

    Parameters
    ----------
    name : str
        Name of the network in error messages.
    build : callable
        (whether to load pretrained weights) → module.
    weights : Weights
    adapt : callable, optional
        (state dict, module) → state dict: converts a file whose names or shapes do not fit, such as timm's filters.

    Raises
    ------
    NoWeights
        If pretrained weights are not available, or a file does not fit. Random weights never replace them.
    """
    import torch

    keep_offline()
    if weights.kind == "pretrained":
        try:
            with redirect_stdout(sys.stderr):  # torch.hub prints its downloads, and stdout is for results
                module = build(True)
        except Exception as error:
            reason = str(error) if isinstance(error, Unreachable) else f"{type(error).__name__}: {error}"
            if is_offline():
                reason = "itbench is offline, and no cache on this machine holds them."
            raise NoWeights(
                f"The pretrained weights of {name} are not available: {reason}",
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
            f"The {weights.label} weights of {name} look untrained: their values are those of a new network.",
            ItbenchWarning,
            stacklevel=2,
        )
    return module


def looks_untrained(module: torch.nn.Module) -> bool:
    """Return whether the weights of a module still have their initial values, as in an untrained network.

    With batch norm: whether all running means are 0 and all variances 1 (converted weights, whose norms were folded
    into their neighbours, may have one of the two). With other norms: whether all their weights are 1. Without any
    norm: whether the weights lack the heavy tails of trained networks (initial weights are normal or uniform).
    """
    state = module.state_dict()
    statistics = {name: tensor for name, tensor in state.items() if name.endswith(("running_mean", "running_var"))}
    if statistics:
        return all(bool((tensor == name.endswith("running_var")).all()) for name, tensor in statistics.items())
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
