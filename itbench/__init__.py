"""itbench: compare vision networks with recordings from the brain."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Large pages: torch reads this once, when it is imported, and forward passes on a CPU then take a third less time.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

if TYPE_CHECKING:  # for editors and type checkers; at run time a name is imported when it is first used
    from itbench.api.results import compare as compare
    from itbench.api.results import diff as diff
    from itbench.api.results import explain as explain
    from itbench.api.results import leaderboard as leaderboard
    from itbench.api.results import load_score as load_score
    from itbench.api.results import load_scores as load_scores
    from itbench.api.results import rescore as rescore
    from itbench.api.results import save_score as save_score
    from itbench.api.results import to_dataframe as to_dataframe
    from itbench.api.score import extract as extract
    from itbench.api.score import grams as grams
    from itbench.api.score import score as score
    from itbench.api.tables import benchmarks as benchmarks
    from itbench.api.tables import ceiling as ceiling
    from itbench.api.tables import datasets as datasets
    from itbench.api.tables import metrics as metrics
    from itbench.api.tables import models as models
    from itbench.api.tables import pack as pack
    from itbench.data.benchmark import Benchmark as Benchmark
    from itbench.data.recordings import Recordings as Recordings
    from itbench.data.remote_file import RemoteFile as RemoteFile
    from itbench.data.stimuli import StimulusSet as StimulusSet
    from itbench.errors import BadOption as BadOption
    from itbench.errors import ItbenchError as ItbenchError
    from itbench.errors import ItbenchWarning as ItbenchWarning
    from itbench.extraction.forward import ExtractionSettings as ExtractionSettings
    from itbench.gram import Gram as Gram
    from itbench.hookspecs import hookimpl as hookimpl
    from itbench.metrics.comparison import Comparison as Comparison
    from itbench.metrics.comparison import ComparisonResult as ComparisonResult
    from itbench.metrics.neural_data import NeuralData as NeuralData
    from itbench.metrics.readout import JointReadout as JointReadout
    from itbench.metrics.readout import JointReadoutResult as JointReadoutResult
    from itbench.metrics.readout import Readout as Readout
    from itbench.metrics.readout import ReadoutResult as ReadoutResult
    from itbench.metrics.single_feature import Channels as Channels
    from itbench.models.layer_outputs import last_map as last_map
    from itbench.models.layer_outputs import layers_up_to as layers_up_to
    from itbench.models.layer_outputs import shape_of as shape_of
    from itbench.models.layer_outputs import up_to as up_to
    from itbench.models.model import FunctionModel as FunctionModel
    from itbench.models.model import Model as Model
    from itbench.models.network import Network as Network
    from itbench.models.network import resized as resized
    from itbench.models.recipe import Recipe as Recipe
    from itbench.models.weights import Weights as Weights
    from itbench.models.weights import with_weights as with_weights
    from itbench.models.zoo import from_timm as from_timm
    from itbench.models.zoo import from_torchvision as from_torchvision
    from itbench.plugins import load_plugins as load_plugins
    from itbench.results.find import find_scores as find_scores
    from itbench.results.paired_comparison import responses_of as responses_of
    from itbench.results.score_variables import predictions as predictions
    from itbench.results.seeds import SeedScores as SeedScores
    from itbench.results.summary import summary as summary
    from itbench.training.export import load_trained as load_trained
    from itbench.training.heads import Branches as Branches
    from itbench.training.heads import FactorisedReadout as FactorisedReadout
    from itbench.training.heads import GaussianReadout as GaussianReadout
    from itbench.training.heads import linear_head as linear_head
    from itbench.training.heads import with_heads as with_heads
    from itbench.training.low_rank import merge_low_rank as merge_low_rank
    from itbench.training.low_rank import with_low_rank as with_low_rank
    from itbench.training.trainable_model import Predictor as Predictor
    from itbench.training.trainable_model import TrainableModel as TrainableModel
    from itbench.training.trainable_model import Training as Training
    from itbench.training.trainable_network import TrainableNetwork as TrainableNetwork

_PUBLIC = {
    "BadOption": "errors",
    "Benchmark": "data.benchmark",
    "Branches": "training.heads",
    "Channels": "metrics.single_feature",
    "Comparison": "metrics.comparison",
    "ComparisonResult": "metrics.comparison",
    "ExtractionSettings": "extraction.forward",
    "FactorisedReadout": "training.heads",
    "FunctionModel": "models.model",
    "GaussianReadout": "training.heads",
    "Gram": "gram",
    "ItbenchError": "errors",
    "ItbenchWarning": "errors",
    "JointReadout": "metrics.readout",
    "JointReadoutResult": "metrics.readout",
    "Model": "models.model",
    "Network": "models.network",
    "NeuralData": "metrics.neural_data",
    "Predictor": "training.trainable_model",
    "Readout": "metrics.readout",
    "ReadoutResult": "metrics.readout",
    "Recipe": "models.recipe",
    "Recordings": "data.recordings",
    "RemoteFile": "data.remote_file",
    "SeedScores": "results.seeds",
    "StimulusSet": "data.stimuli",
    "TrainableModel": "training.trainable_model",
    "TrainableNetwork": "training.trainable_network",
    "Training": "training.trainable_model",
    "Weights": "models.weights",
    "benchmarks": "api.tables",
    "ceiling": "api.tables",
    "compare": "api.results",
    "datasets": "api.tables",
    "diff": "api.results",
    "explain": "api.results",
    "extract": "api.score",
    "find_scores": "results.find",
    "from_timm": "models.zoo",
    "from_torchvision": "models.zoo",
    "grams": "api.score",
    "hookimpl": "hookspecs",
    "last_map": "models.layer_outputs",
    "layers_up_to": "models.layer_outputs",
    "leaderboard": "api.results",
    "linear_head": "training.heads",
    "load_plugins": "plugins",
    "load_score": "api.results",
    "load_scores": "api.results",
    "load_trained": "training.export",
    "merge_low_rank": "training.low_rank",
    "pack": "api.tables",
    "predictions": "results.score_variables",
    "rescore": "api.results",
    "resized": "models.network",
    "responses_of": "results.paired_comparison",
    "save_score": "api.results",
    "score": "api.score",
    "shape_of": "models.layer_outputs",
    "summary": "results.summary",
    "to_dataframe": "api.results",
    "up_to": "models.layer_outputs",
    "with_heads": "training.heads",
    "with_low_rank": "training.low_rank",
    "with_weights": "models.weights",
}
_FACES = ("data", "metrics", "models", "plot", "statistics", "training")  # packages with public names of their own
_FORMER = {  # public names of earlier versions: what they are called now, and where they are found
    "Comparing": ("ComparisonResult", "metrics.comparison", "ComparisonResult"),
    "JointReading": ("JointReadoutResult", "metrics.readout", "JointReadoutResult"),
    "Reading": ("ReadoutResult", "metrics.readout", "ReadoutResult"),
    "Recorded": ("NeuralData", "metrics.neural_data", "NeuralData"),
    "compare_scores": ("compare", "results.paired_comparison", "compare_scores"),
    "compile_leaderboard": ("leaderboard", "results.leaderboard", "compile_leaderboard"),
    "extract_activations": ("extract", "extraction.activations", "extract_activations"),
    "pack_recordings": ("pack", "data.pack", "pack_recordings"),
    "read_score": ("load_score", "results.score_file", "read_score"),
    "score_model": ("score", "api.score", "score_model"),
    "write_score": ("save_score", "results.score_file", "write_score"),
}

__all__ = sorted([*_PUBLIC, *_FACES])


def __getattr__(name: str) -> Any:
    """Import a public name of itbench when it is first used: ``import itbench`` takes no torch and no time."""
    if name in _FACES:
        return importlib.import_module(f"itbench.{name}")
    if name in _FORMER:
        now, module, there = _FORMER[name]
        warnings.warn(f"itbench.{name} is now itbench.{now}.", DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(f"itbench.{module}"), there)
    if name not in _PUBLIC:
        raise AttributeError(f"module 'itbench' has no attribute {name!r}")
    return getattr(importlib.import_module(f"itbench.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC, *_FACES])
