"""Models trained on recordings: trainable networks, heads, readouts, low-rank adaptation; public names below.

A name is imported when it is first used: ``import itbench.training`` takes no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from itbench.util.lazy import lazy_names

if TYPE_CHECKING:  # for editors and type checkers
    from itbench.training.heads import Branches as Branches
    from itbench.training.heads import linear_head as linear_head
    from itbench.training.heads import with_heads as with_heads
    from itbench.training.low_rank import merge_low_rank as merge_low_rank
    from itbench.training.low_rank import with_low_rank as with_low_rank
    from itbench.training.protocols import Predictor as Predictor
    from itbench.training.protocols import Previewable as Previewable
    from itbench.training.protocols import TrainableModel as TrainableModel
    from itbench.training.protocols import Training as Training
    from itbench.training.spatial_readout import FactorisedReadout as FactorisedReadout
    from itbench.training.spatial_readout import GaussianReadout as GaussianReadout
    from itbench.training.trainable_network import TrainableNetwork as TrainableNetwork
    from itbench.training.trainable_network import TrainedNetwork as TrainedNetwork

_PUBLIC = {  # name → file of this folder
    "Branches": "heads",
    "FactorisedReadout": "spatial_readout",
    "GaussianReadout": "spatial_readout",
    "Predictor": "protocols",
    "Previewable": "protocols",
    "TrainableModel": "protocols",
    "TrainableNetwork": "trainable_network",
    "TrainedNetwork": "trainable_network",
    "Training": "protocols",
    "linear_head": "heads",
    "merge_low_rank": "low_rank",
    "with_heads": "heads",
    "with_low_rank": "low_rank",
}

__all__ = sorted(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
