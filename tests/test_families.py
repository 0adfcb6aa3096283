"""Every built-in network: builds, runs and scores with random weights; its layers, size, preprocessing are pinned."""

import re
import warnings

import numpy as np
import pytest
import torch
import torchvision

from itbench import Weights, load_plugins, score_model
from itbench.recordings import write_recordings
from tests.conftest import ROOT, toy_recordings
from tools.networks_table import line, networks, row

PUBLISHED = {  # parameters, millions: torchvision's and timm's tables; CORnet-S: Kubilius et al. 2019
    "alexnet": 61.1,
    "convnext_base": 88.6,
    "cornet_s": 53.4,
    "densenet121": 8.0,
    "densenet169": 14.1,
    "densenet201": 20.0,
    "dinov2_vitb14": 86.6,  # at 518 pixels, whose positions are 0.9 M more
    "efficientnet_b5": 30.4,
    "itbench-tiny": 0.4,
    "mobilenetv2_100": 3.5,
    "mobilenetv2_100_same": 3.5,
    "pnasnet5large": 86.1,
    "resnet18": 11.7,
    "resnet50": 25.6,
    "resnet152": 60.2,
    "resnext101_32x8d": 88.8,
    "vgg16": 138.4,
    "vit_b_16": 86.6,
}
QUICK = ("itbench-tiny", "mobilenetv2_100", "resnet18")
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = re.search(r"<!-- networks -->\n(.*?)<!-- /networks -->", README, re.DOTALL)[1].splitlines()


def each_network():
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PUBLISHED]


def test_every_network_is_tested_and_in_the_readme():
    names = {entry.name for entry in networks()}
    assert names == set(PUBLISHED)
    assert {re.match(r"\| `([^`]+)`", text)[1] for text in TABLE[2:]} == names


@pytest.mark.parametrize("name", each_network())
def test_a_network_scores_with_all_its_layers_and_is_what_the_readme_says(name, home, tmp_path):
    """One build serves all: scoring is the slow part."""
    entry = load_plugins().model(name)
    network = entry.factory(Weights("random"))
    assert sum(p.numel() for p in network.module.parameters()) / 1e6 == pytest.approx(PUBLISHED[name], abs=0.95)
    assert line(row(entry, network)) in TABLE
    assert network.layers == tuple(entry.layers)
    assert in_order_of_execution(network) == list(network.layers)
    del network

    write_recordings(toy_recordings(n=12, sites=3), home / "data" / "tiny.h5")
    benchmark = tmp_path / "tiny.yaml"
    benchmark.write_text("data: tiny\nsplits: {kind: kfold, folds: 2}\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of penalties: six pictures choose none well
        score = score_model(name, str(benchmark), weights="random")
    assert list(score.layer.values) == list(entry.layers)
    assert np.isfinite(score.explained_variance).all()


def in_order_of_execution(network):
    """Return the layers in the order in which their last outputs come."""
    ran = []
    for layer in network.layers:
        network.module.get_submodule(layer).register_forward_hook(lambda *_, layer=layer: ran.append(layer))
    with torch.inference_mode():
        network.module(network.prepare(np.zeros((1, 64, 64, 3), np.uint8)))
    return sorted(set(ran), key=lambda layer: len(ran) - ran[::-1].index(layer))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tag"),
    [(name, "IMAGENET1K_V1") for name in PUBLISHED if name in torchvision.models.list_models()],
)
def test_torchvisions_networks_see_what_their_weights_were_trained_with(name, tag):
    network = load_plugins().model(name).factory(Weights("random"))
    published = torchvision.models.get_model_weights(name)[tag].transforms()
    assert network.identity["preprocessing"] == repr(published)


@pytest.mark.parametrize(
    ("name", "size", "mean", "interpolation"),
    [
        pytest.param("pnasnet5large", 331, 0.5, "bicubic", marks=pytest.mark.slow),
        pytest.param("dinov2_vitb14", 224, 0.485, "bicubic", marks=pytest.mark.slow),
        ("mobilenetv2_100", 224, 0.485, "bicubic"),
    ],
)
def test_timms_networks_see_what_their_weights_were_trained_with(name, size, mean, interpolation):
    """The figures of timm's published configurations; DINOv2 at the size that its plugin states."""
    said = load_plugins().model(name).factory(Weights("random")).identity["preprocessing"]
    assert f"CenterCrop(size=({size}, {size}))" in said
    assert f"mean=tensor([{mean:.4f}" in said
    assert f"interpolation={interpolation}" in said


@pytest.mark.slow
def test_cornets_areas_have_the_published_shapes_and_their_last_time_counts():
    network = load_plugins().model("cornet_s").factory(Weights("random"))
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    shapes = network.shapes(picture)
    areas = {"V1": (64, 56, 56), "V2": (128, 28, 28), "V4": (256, 14, 14), "IT": (512, 7, 7)}
    assert {name: shapes[name] for name in areas} == areas
    batch = network.prepare(picture[None])
    caught = network.activations(batch, ["V4.relu", "V4", "IT.conv3", "IT"])
    np.testing.assert_array_equal(caught["V4.relu"], caught["V4"])  # it runs twelve times; the last one is the output
    assert caught["IT.conv3"].shape == (1, 512, 7, 7)


def test_the_layers_of_the_published_scores_are_candidates():
    """Of the course's reports: ResNet's layer3, DenseNet's denseblock4, PNASNet's cell 5, AlexNet's features.12."""
    models = load_plugins().models
    for name, layer in {
        "resnet50": "layer3",
        "resnet152": "layer3",
        "densenet201": "features.denseblock4",
        "pnasnet5large": "cell_5",
        "alexnet": "features.12",
    }.items():
        assert layer in models[name].layers
