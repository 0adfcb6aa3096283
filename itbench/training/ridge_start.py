"""Ridge start (linear probing before fine-tuning): the head starts as the ridge readout of the untrained features.

Kumar, Raghunathan, Jones, Ma & Liang (2022), Fine-tuning can distort pretrained features and underperform
out-of-distribution, ICLR: a head with random initial weights first distorts the pretrained features.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from itbench.errors import BadOption
from itbench.gram import Gram
from itbench.metrics.kernel import eigenbasis
from itbench.metrics.ridge import default_alphas, leave_one_out
from itbench.training.batches import batches
from itbench.training.loop import LoopData

BATCH = 32  # images in one forward pass


def start_from_ridge(module: nn.Module, data: LoopData, device: str) -> None:
    """Set the head of a network to the ridge readout of its input features before training (ridge start).

    The head is the last linear layer before the responses. The penalty of each site is chosen by leave-one-out over
    the training rows; sites with a missing response keep their weights.

    Parameters
    ----------
    module : torch.nn.Module
        On `device`; with ``heads["responses"]``, or with a linear layer as its last.
    data : LoopData
    device : str

    Raises
    ------
    BadOption
        If the responses do not come from a linear layer.
    """
    head = _head(module)
    features = _head_inputs(module, head, data, device)
    targets = data.targets.responses
    assert targets is not None
    recorded = targets[torch.from_numpy(data.training_rows)].double().numpy()
    sites = np.flatnonzero(np.isfinite(recorded).all(axis=0))
    gram = Gram.from_features(features)
    every = np.arange(len(features))
    basis = eigenbasis(gram, every, every[:0], None)
    grid = default_alphas(basis.mean_square)
    alpha = grid[leave_one_out(basis, recorded[:, sites], grid, per_site=True).best]
    mean, centre = recorded[:, sites].mean(axis=0), features.mean(axis=0)
    dual = basis.vectors @ ((basis.vectors.T @ (recorded[:, sites] - mean)) / (basis.values[:, None] + alpha))
    weight = (features - centre).T @ dual  # (feature, site)
    with torch.no_grad():
        rows = torch.from_numpy(sites).to(device)
        head.weight[rows] = torch.from_numpy(weight.T.astype(np.float32)).to(device)
        if head.bias is not None:
            head.bias[rows] = torch.from_numpy((mean - centre @ weight).astype(np.float32)).to(device)


def _head(module: nn.Module) -> nn.Linear:
    heads = getattr(module, "heads", {})
    inside = heads["responses"] if "responses" in heads else module  # noqa: SIM401  # a ModuleDict has no get
    linear = [part for part in inside.modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise BadOption(
            "The recipe's probe needs responses that come from a linear layer.", todo="Use --recipe probe=false."
        )
    return linear[-1]


def _head_inputs(module: nn.Module, head: nn.Linear, data: LoopData, device: str) -> np.ndarray:
    caught: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _part, inputs: caught.append(inputs[0].float().cpu()))
    rows = [data.training_rows[start : start + BATCH] for start in range(0, len(data.training_rows), BATCH)]
    module.eval()
    try:
        with torch.no_grad(), batches(data.images, rows, device) as feed:
            for images in feed:
                data.forward(module, images)
    finally:
        hook.remove()
    return torch.cat(caught).double().numpy()
