"""Candidate layers of networks that name none: blocks at even depth, whatever the architecture."""

import warnings
from functools import partial

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn

from itbench import Network, resized
from itbench.models.torch_layers import blocks

SIDE = {"vit_tiny_patch16_224": 224, "mixer_s32_224": 224, "swin_tiny_patch4_window7_224": 224, "pit_ti_224": 224}
SIDE |= {
    "levit_128s": 224,
    "xcit_nano_12_p16_224": 224,
    "efficientformer_l1": 224,
    "deit_tiny_distilled_patch16_224": 224,
}
TIMM = [
    *("tf_efficientnet_lite0", "resnet18", "resnet50", "mobilenetv3_small_050", "convnext_atto", "regnetx_002"),
    *("mobilevit_xxs", "repvgg_a0", "poolformer_s12", "edgenext_xx_small", "cspresnet50", "resnet10t", *SIDE),
]
TORCHVISION = ["squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5", "regnet_y_400mf", "efficientnet_b0"]


def depths(module, images):
    """Return how many calls of innermost modules came before the last output of each module, and of all."""
    found, ran = {}, []

    def record(part, inputs, output, name=""):
        ran.extend([name] if not list(part.children()) else [])
        found[name] = len(ran)

    for name, part in module.named_modules():
        part.register_forward_hook(partial(record, name=name))
    with torch.inference_mode():
        module(images)
    return {name: depth / len(ran) for name, depth in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TIMM, *(f"torchvision/{name}" for name in TORCHVISION)])
def test_candidates_are_blocks_at_even_depth(name):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = name.removeprefix("torchvision/")
        module = torchvision.models.get_model(own, weights=None) if own != name else timm.create_model(name)
    network = Network(module, resized(SIDE.get(name, 64)))
    layers = network.layers
    assert 6 <= len(layers) <= 8
    assert not [(a, b) for a in layers for b in layers if b.startswith(f"{a}.")]
    images = network.prepare(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8))
    caught = network.activations(images, layers)
    assert all(len(caught[layer]) == 2 for layer in layers)
    depth = depths(module, images)
    at = [depth[layer] for layer in layers]
    assert at == sorted(at)
    assert max(np.diff([0, *at, 1])) <= 1 / 6 + 1 / 8  # a block holds a sixth at most, and a step is an eighth or less


def test_every_block_of_efficientnet_is_a_block():
    module = timm.create_model("tf_efficientnet_lite0")
    units = [f"blocks.{stage}.{unit}" for stage, part in enumerate(module.blocks) for unit in range(len(part))]
    assert set(units) - {"blocks.0.0", "blocks.6.0"} <= set(blocks(module))  # stages of one block are called by stage


def test_a_dense_block_is_not_opened():
    module = torchvision.models.densenet121(weights=None)
    assert [f"features.denseblock{number}" for number in (1, 2, 3, 4)] == [
        name for name in blocks(module) if "denseblock" in name
    ]


def test_a_body_of_single_layers_is_opened_and_the_classifier_left_out():
    body = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(5)))
    network = Network(nn.Sequential(body, nn.Flatten(), nn.Linear(3 * 16 * 16, 4)), resized(16))
    assert network.layers == ("0.0", "0.1", "0.2", "0.3", "0.4")


def test_both_classifiers_of_a_distilled_transformer_are_left_out():
    class Distilled(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 4, 4), nn.Conv2d(4, 4, 4), nn.Conv2d(4, 4, 4), nn.Flatten())
            self.head, self.distilled = nn.Linear(4 * 7 * 7, 5), nn.Linear(4 * 7 * 7, 5)

        def forward(self, x):
            x = self.body(x)
            return self.head(x) + self.distilled(x)

    assert Network(Distilled(), resized(16)).layers == ("body.0", "body.1", "body.2")
