"""Models trained on recordings: trainable networks, heads, readouts, low-rank adaptation; public names below.

A name is imported when it is first used: ``import itbench.training`` takes no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from itbench.util.lazy import lazy_names

if TYPE_CHECKING:  # for editors and type checkers
    from itbench.training.heads import Branches as Branches
    from itbench.training.heads import FactorisedReadout as FactorisedReadout
    from itbench.training.heads import GaussianReadout as GaussianReadout
    from itbench.training.heads import linear_head as linear_head
    from itbench.training.heads import with_heads as with_heads
    from itbench.training.low_rank import merge_low_rank as merge_low_rank
    from itbench.training.low_rank import with_low_rank as with_low_rank
    from itbench.training.trainable_model import Predictor as Predictor
    from itbench.training.trainable_model import Previewable as Previewable
    from itbench.training.trainable_model import TrainableModel as TrainableModel
    from itbench.training.trainable_model import Training as Training
    from itbench.training.trainable_network import TrainableNetwork as TrainableNetwork
    from itbench.training.trainable_network import TrainedNetwork as TrainedNetwork

_PUBLIC = {  # name → file of this folder
    "Branches": "heads",
    "FactorisedReadout": "heads",
    "GaussianReadout": "heads",
    "Predictor": "trainable_model",
    "Previewable": "trainable_model",
    "TrainableModel": "trainable_model",
    "TrainableNetwork": "trainable_network",
    "TrainedNetwork": "trainable_network",
    "Training": "trainable_model",
    "linear_head": "heads",
    "merge_low_rank": "low_rank",
    "with_heads": "heads",
    "with_low_rank": "low_rank",
}

__all__ = sorted(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
