"""Every built-in network: builds, runs and scores with random weights; its layers, size, preprocessing are pinned."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision

from itbench import Weights, load_plugins
from itbench.api.score import score_model
from itbench.data.recordings_file import write_recordings
from itbench.extraction.forward import ExtractionSettings
from itbench.sweeps.suite import Suite, find_suite
from tests.kit.commands import ROOT
from tests.kit.halved_networks import NETWORKS, halved
from tests.kit.toy import toy_recordings
from tools.networks_table import line, networks, row

PUBLISHED = {  # parameters, millions: torchvision's and timm's tables; CORnet-S: Kubilius et al. 2019
    "alexnet": 61.1,
    "convnext_base": 88.6,
    "cornet_s": 53.4,
    "densenet121": 8.0,
    "densenet169": 14.1,
    "densenet201": 20.0,
    "dinov2_vitb14": 85.7,  # 86.6 at 518 pixels, which are 1,369 - 256 positions more, of 768 channels each
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
SUITE = Suite.read(find_suite("seeds"))
QUICK = ("itbench-tiny", "mobilenetv2_100", "resnet18")
MODELS = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
TABLE = re.search(r"<!-- networks -->\n(.*?)<!-- /networks -->", MODELS, re.DOTALL)[1].splitlines()


def each_network():
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PUBLISHED]


def test_every_network_is_tested_and_in_the_documents():
    names = {entry.name for entry in networks()}
    assert names == set(PUBLISHED)
    assert {re.match(r"\| `([^`]+)`", text)[1] for text in TABLE[2:]} == names


@pytest.mark.slow
@pytest.mark.parametrize("name", each_network())
def test_a_network_scores_with_all_its_layers_and_is_what_the_documents_say(name, home, tmp_path):
    registry = load_plugins()
    entry = registry.model(name)
    network = entry.factory(Weights("random"))
    assert sum(p.numel() for p in network.module.parameters()) / 1e6 == pytest.approx(PUBLISHED[name], abs=0.05)
    assert line(row(entry, network)) in TABLE
    assert network.layers == tuple(entry.layers)
    if name in torchvision.models.list_models():  # it sees what its weights were trained with
        published = torchvision.models.get_model_weights(name).IMAGENET1K_V1.transforms()
        assert network.identity["preprocessing"] == repr(published)
    if name in NETWORKS:
        network = halved(network)
    assert in_order_of_execution(network) == list(network.layers)

    write_recordings(toy_recordings(n=8, sites=3), home / "data" / "tiny.h5")
    benchmark = tmp_path / "tiny.yaml"
    benchmark.write_text("data: tiny\nsplits: {kind: kfold, folds: 2}\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of penalties: four images choose none well
        score = score_model(
            name,
            str(benchmark),
            weights="random",
            registry=replace(registry, models={name: replace(entry, factory=lambda weights: network)}),  # built already
            settings=ExtractionSettings(memory=16 * 10**9),  # the tests before have left some with this process
        )
    assert list(score.layer.values) == list(entry.layers)
    assert np.isfinite(score.explained_variance).all()
    shapes = network.shapes(np.zeros((8, 8, 3), np.uint8))
    in_suite = {layer for row in SUITE.rows if row.model == name for layer in row.layers}
    assert in_suite <= {layer for layer, shape in shapes.items() if isinstance(shape, tuple)}


def in_order_of_execution(network):
    """Return the layers in the order in which their last outputs come."""
    ran = []
    for layer in network.layers:
        network.module.get_submodule(layer).register_forward_hook(lambda *_, layer=layer: ran.append(layer))
    with torch.inference_mode():
        network.module(network.prepare(np.zeros((1, 64, 64, 3), np.uint8)))
    return sorted(set(ran), key=lambda layer: len(ran) - ran[::-1].index(layer))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])  # of the second, torchvision's default is a later tag
def test_pretrained_weights_are_those_of_the_pinned_tag(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.get_model_weights(name).IMAGENET1K_V1.url
    file = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    published = torchvision.models.get_model(name).state_dict()
    torch.save(published, file)  # as a download leaves it
    with pytest.warns(UserWarning, match="look untrained"):
        loaded = load_plugins().model(name).factory(Weights("pretrained")).module.state_dict()
    torch.testing.assert_close(dict(loaded), dict(published), rtol=0, atol=0)


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


@pytest.fixture(scope="module")
def cornet():
    return load_plugins().model("cornet_s").factory(Weights("random"))


@pytest.mark.slow
def test_cornets_areas_have_the_published_shapes_and_their_last_time_counts(cornet):
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    shapes = cornet.shapes(image)
    areas = {"V1": (64, 56, 56), "V2": (128, 28, 28), "V4": (256, 14, 14), "IT": (512, 7, 7)}
    assert {name: shapes[name] for name in areas} == areas
    batch = cornet.prepare(image[None])
    caught = cornet.activations(batch, ["V4.relu", "V4", "IT.conv3", "IT"])
    np.testing.assert_array_equal(caught["V4.relu"], caught["V4"])  # it runs twelve times; the last one is the output
    assert caught["IT.conv3"].shape == (1, 512, 7, 7)


@pytest.mark.slow
def test_cornets_areas_run_as_often_as_published(cornet):
    ran = []
    areas = {"V2": 2, "V4": 4, "IT": 2}
    for area in areas:
        part = cornet.module.get_submodule(f"{area}.conv1")
        part.register_forward_hook(lambda *_, area=area: ran.append(area))
    with torch.inference_mode():
        cornet.module(torch.zeros(1, 3, 64, 64))
    assert {area: ran.count(area) for area in areas} == areas


@pytest.mark.slow
def test_an_area_of_cornet_that_makes_nothing_of_its_input_keeps_its_shortcut(cornet):
    """Its last convolution set to 0, what is left of every time is what came before it, rectified."""
    area, x = cornet.module.V4, torch.rand(2, 128, 28, 28)
    with torch.inference_mode():
        given = torch.func.functional_call(area, {"conv3.weight": torch.zeros_like(area.conv3.weight)}, (x,))
        torch.testing.assert_close(given, area.norm_skip(area.skip(area.conv_input(x))).relu())


@pytest.mark.slow
def test_cornet_takes_a_file_with_the_authors_names(cornet, tmp_path):
    own = cornet.module.state_dict()
    parts = {area: {key.split(".")[1] for key in own if key.startswith(f"{area}.")} for area in ("V1", "IT", "decoder")}
    norms = {f"norm{number}_{time}" for number in (1, 2, 3) for time in (0, 1)}
    assert parts == {
        "V1": {"conv1", "norm1", "conv2", "norm2"},
        "IT": {"conv_input", "skip", "norm_skip", "conv1", "conv2", "conv3", *norms},
        "decoder": {"linear"},
    }
    trained = {key: tensor + 1 for key, tensor in own.items()}
    file = tmp_path / "cornet_s.pth"
    torch.save({"epoch": 43, "state_dict": {f"module.{key}": tensor for key, tensor in trained.items()}}, file)
    loaded = load_plugins().model("cornet_s").factory(Weights("file", path=file)).module.state_dict()
    torch.testing.assert_close(dict(loaded), trained, rtol=0, atol=0)


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
