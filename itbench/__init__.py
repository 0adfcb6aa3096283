"""itbench: compare vision networks with recordings from the brain."""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

# Large pages: torch reads this once, when it is imported, and forward passes on a CPU then take a third less time.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_PUBLIC = {
    "BadOption": "errors",
    "Benchmark": "data.benchmark",
    "Branches": "training.heads",
    "Channels": "metrics.single_feature",
    "Comparison": "metrics.comparison",
    "ComparisonResult": "metrics.comparison",
    "ExtractionSettings": "extraction.forward",
    "FactorisedReadout": "training.spatial_readout",
    "FunctionModel": "models.function",
    "GaussianReadout": "training.spatial_readout",
    "Gram": "gram",
    "ItbenchError": "errors",
    "ItbenchWarning": "errors",
    "JointReadout": "metrics.readout",
    "JointReadoutResult": "metrics.readout",
    "Model": "models.protocols",
    "Network": "models.network",
    "NeuralData": "metrics.neural_data",
    "Predictor": "training.protocols",
    "Readout": "metrics.readout",
    "ReadoutResult": "metrics.readout",
    "Recipe": "models.recipe",
    "Recordings": "data.recordings",
    "StimulusSet": "data.stimuli",
    "TrainableModel": "training.protocols",
    "TrainableNetwork": "training.trainable_network",
    "Training": "training.protocols",
    "Weights": "models.weights",
    "compare_scores": "results.paired_comparison",
    "compile_leaderboard": "results.leaderboard",
    "extract_activations": "extraction.activations",
    "find_scores": "results.find",
    "from_timm": "models.zoo",
    "from_torchvision": "models.zoo",
    "hookimpl": "hookspecs",
    "last_map": "models.layer_outputs",
    "layers_up_to": "models.layer_outputs",
    "linear_head": "training.heads",
    "load_plugins": "plugins",
    "load_trained": "training.export",
    "merge_low_rank": "training.low_rank",
    "pack_recordings": "data.pack",
    "read_score": "results.score_file",
    "resized": "models.preprocessing",
    "responses_of": "results.paired_comparison",
    "score_model": "api",
    "shape_of": "models.layer_outputs",
    "up_to": "models.layer_outputs",
    "with_heads": "training.heads",
    "with_low_rank": "training.low_rank",
    "with_weights": "models.weights",
    "write_score": "results.score_file",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import itbench`` takes no torch and no time."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'itbench' has no attribute {name!r}")
    return getattr(importlib.import_module(f"itbench.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
