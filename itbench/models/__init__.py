"""Models that turn images into activations: torch networks, functions, weights, preprocessing; public names below.

A name is imported when it is first used: ``import itbench.models`` takes no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from itbench.util.lazy import lazy_names, make_callable

if TYPE_CHECKING:  # for editors and type checkers
    from itbench.models.layer_outputs import last_map as last_map
    from itbench.models.layer_outputs import layers_up_to as layers_up_to
    from itbench.models.layer_outputs import shape_of as shape_of
    from itbench.models.layer_outputs import up_to as up_to
    from itbench.models.model import FunctionModel as FunctionModel
    from itbench.models.model import Model as Model
    from itbench.models.network import Network as Network
    from itbench.models.network import resized as resized
    from itbench.models.weights import Weights as Weights
    from itbench.models.weights import with_weights as with_weights
    from itbench.models.zoo import from_timm as from_timm
    from itbench.models.zoo import from_torchvision as from_torchvision

_PUBLIC = {  # name → file of this folder
    "FunctionModel": "model",
    "Model": "model",
    "Network": "network",
    "Weights": "weights",
    "from_timm": "zoo",
    "from_torchvision": "zoo",
    "last_map": "layer_outputs",
    "layers_up_to": "layer_outputs",
    "resized": "network",
    "shape_of": "layer_outputs",
    "up_to": "layer_outputs",
    "with_weights": "weights",
}

__all__ = sorted(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
make_callable(__name__, "itbench.api.tables")  # itbench.models() lists what is registered
