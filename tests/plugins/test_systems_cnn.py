"""Systems that bring a network of their own: shallow CNNs, the autoencoder, the dual task."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from itbench import Weights, load_plugins
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import write_recordings
from itbench.data.responses import mean_over_repetitions
from itbench.results.score_file import read_score
from itbench.training.trainable_model import Training
from itbench.training.trained_weights import read_trained
from tests.kit.commands import run
from tests.kit.toy import toy_recordings

SITES, CLASSES = 168, 8
SMALL = {  # options with which a system learns in a second
    "cnn-2": {"widths": [4, 8]},
    "cnn-3bn": {"widths": [4, 8, 8], "hidden": 16},
    "cnn-4": {"widths": [4, 8, 8, 8]},
    "cnn-4-improved": {"widths": [4, 8, 8, 8], "hidden": 16},
    "cnn-6": {"widths": [4, 8, 8]},
    "cnn-deep": {"widths": [4, 8, 8, 8], "hidden": 16},
    "autoencoder": {"widths": [8, 8], "hidden": 16},
    "dual-task": {"widths": [4, 8], "hidden": 16},
}
QUICK = ("epochs=20", "batch=16", "patience=0", "lr=1e-2", "options.dropout=0", "augment=[]")


def system(name, *changes, core=None, **options):
    """Return a system on random weights, and its recipe."""
    entry = load_plugins().model(name)
    recipe = entry.read_recipe().changed(changes)
    return entry.factory(core or Weights("random"), **{**recipe.options, **options}), recipe


def network(name):
    """Return the network of a system as it starts, for 168 sites and 8 classes."""
    model, _ = system(name)
    return model.untrained(SITES, CLASSES).module


def fit(name, *changes, recordings=None, inner=0, core=None, **options):
    """Train a small version of a system on toy recordings; return its predictor, images and responses."""
    small = {} if core else {**SMALL[name], "pixels": 16}
    model, recipe = system(name, *QUICK, *changes, core=core, **{**small, **options})
    recordings = recordings or toy_recordings(n=48)
    responses = mean_over_repetitions(recordings.responses)
    training = Training(recipe, classes=("cat", "dog") if recipe.label else (), device="cpu")
    predictor = model.fit(recordings.stimuli, responses, np.arange(inner), training)
    return predictor, recordings.stimuli.images, responses


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_system_learns_and_predicts_every_site(name):
    predictor, images, responses = fit(name)
    losses = [epoch["loss"] for epoch in predictor.account["history"]]
    assert losses[-1] < losses[0]
    predicted = predictor.predict(images)
    assert predicted.shape == responses.shape
    assert np.corrcoef(predicted.ravel(), responses.ravel())[0, 1] > 0.3


def plain(inputs, outputs, size=1):
    return inputs * outputs * size**2 + outputs


def normed(inputs, outputs, size=1):
    return inputs * outputs * size**2 + 2 * outputs


PARAMETERS = {  # maps of 8 × 8 after two stages of an image of 64 pixels, of 4 × 4 after three and more
    "cnn-2": plain(3, 32, 5) + plain(32, 64, 3) + plain(64 * 8**2, SITES),
    "cnn-3bn": normed(3, 32, 5) + normed(32, 64, 3) + normed(64, 128, 3) + normed(128 * 4**2, 256) + plain(256, SITES),
    "cnn-4": plain(3, 32, 5) + plain(32, 64, 3) + plain(64, 96, 3) + plain(96, 128, 3) + plain(128 * 4**2, SITES),
    "cnn-4-improved": normed(3, 32, 5)
    + normed(32, 64, 3)
    + normed(64, 96, 3)
    + normed(96, 128, 3)
    + normed(128 * 4**2, 256)
    + plain(256, SITES),
    "cnn-6": plain(3, 32, 5)
    + plain(32, 32, 3)
    + plain(32, 64, 3)
    + plain(64, 64, 3)
    + plain(64, 128, 3)
    + plain(128, 128, 3)
    + plain(128 * 4**2, SITES),
    "cnn-deep": normed(3, 24, 5)
    + normed(24, 24, 3)
    + normed(24, 48, 3)
    + normed(48, 48, 3)
    + normed(48, 96, 3)
    + normed(96, 96, 3)
    + normed(96, 128, 3)
    + normed(128, 128, 3)
    + normed(128 * 4**2, 256)
    + plain(256, SITES),
    "autoencoder": normed(3, 32, 5)
    + normed(32, 64, 3)
    + normed(64, 128, 3)
    + normed(128 * 4**2, 256)
    + plain(256, SITES)
    + normed(SITES, 128 * 4**2)
    + normed(128, 64, 4)
    + normed(64, 32, 4)
    + normed(32, 32, 4)
    + plain(32, 3, 3),
    "dual-task": normed(3, 32, 5)
    + normed(32, 64, 3)
    + normed(64, 128, 3)
    + 2 * (plain(128 * 4**2, 256) + 2 * 256)
    + plain(256, SITES)
    + plain(256, CLASSES),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_number_of_parameters_is_that_of_the_drawn_up_network(name):
    assert sum(parameter.numel() for parameter in network(name).parameters()) == PARAMETERS[name]


def test_all_systems_are_counted():
    names = {
        entry.name for pattern in ("cnn-*", "autoencoder", "dual-task") for entry in load_plugins().find_models(pattern)
    }
    assert names == set(PARAMETERS) == set(SMALL)


def test_improved_is_the_same_stack_of_convolutions():
    base, improved = (system(name)[1].options for name in ("cnn-4", "cnn-4-improved"))
    assert base["widths"] == improved["widths"]
    assert not base.get("norm")
    assert improved["norm"]


def test_the_start_keeps_the_variance_in_every_layer_of_cnn_3bn():
    """He et al. 2015, eq. 10: Var(output) = 2 E(input²), so a rectified layer keeps E(x²); less at padded edges."""
    start = network("cnn-3bn").eval()  # in eval mode, norms that have seen nothing change nothing
    ratios = {}

    def note(layer, inputs, output):
        ratios[layer] = float(output.var() / (2 * inputs[0].square().mean()))

    rectified = [part for part in start.modules() if isinstance(part, nn.Conv2d | nn.Linear)][:-1]
    for layer in rectified:
        layer.register_forward_hook(note)
    images = torch.randn(32, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    start(images)
    assert len(ratios) == 4
    assert all(0.6 < ratio < 1.4 for ratio in ratios.values()), ratios
    for layer in rectified:
        layer.reset_parameters()  # torch's own start, of which the test must say that it does not
    start(images)
    assert all(ratio < 0.4 for ratio in ratios.values()), ratios


def test_cnns_start_at_the_mean_response():
    outputs = network("cnn-deep")(torch.randn(4, 3, 64, 64))
    assert float(outputs.detach().std(0).max()) == 0


def one_colour(n=48):
    """Return toy recordings whose images have one colour each: three numbers that a bottleneck of five can hold."""
    recordings = toy_recordings(n=n)
    colours = np.random.default_rng(1).integers(0, 256, (n, 1, 1, 3), dtype=np.uint8)
    return replace(recordings, stimuli=replace(recordings.stimuli, images=colours.repeat(8, 1).repeat(8, 2)))


@pytest.mark.slow
def test_the_autoencoder_learns_to_reconstruct_the_image():
    changes = ("losses={picture: 1}", "epochs=40", "lr=1e-2", "schedule=constant")
    predictor, images, _ = fit("autoencoder", *changes, recordings=one_colour())
    losses = [epoch["loss"] for epoch in predictor.account["history"]]
    variance = float(predictor.prepare(images[:]).var(0).mean())
    assert losses[0] > 0.5 * variance
    assert losses[-1] < 0.2 * variance
    shown = predictor.prepare(images[:])
    with torch.inference_mode():
        made = predictor.module(shown)["picture"]
    assert made.shape == (48, 3, 8, 8)
    assert float((made - shown[:, :, ::2, ::2]).square().mean()) < 0.2 * variance


@pytest.mark.slow
def test_the_bottleneck_is_the_prediction():
    predictor, images, _ = fit("autoencoder")
    said = predictor.activations(predictor.prepare(images[:]), ["bottleneck"])["bottleneck"]
    expected = predictor.scale.mean + predictor.scale.scale * said
    np.testing.assert_allclose(predictor.predict(images), expected, rtol=1e-4, atol=1e-5)


def test_the_image_teaches_the_encoder():
    start = system("autoencoder", **SMALL["autoencoder"], pixels=16)[0].untrained(5, 0).module.requires_grad_(True)
    start(torch.randn(4, 3, 16, 16))["picture"].square().sum().backward()
    assert all(float(part.grad.abs().max()) > 0 for part in start.encoder.parameters())


@pytest.mark.slow
def test_dual_task_gives_responses_and_classes():
    predictor, images, responses = fit("dual-task", inner=8)
    with torch.inference_mode():
        outputs = predictor.module(predictor.prepare(images[:5]))
    assert {name: tuple(tensor.shape) for name, tensor in outputs.items()} == {
        "responses": (5, responses.shape[1]),
        "classes": (5, 2),
    }
    assert 0 <= predictor.account["inner_accuracy"] <= 1


def test_both_tasks_form_the_trunk_and_each_its_own_branch():
    start = system("dual-task", **SMALL["dual-task"], pixels=16)[0].untrained(5, 2).module.requires_grad_(True)
    for task, other in (("responses", "classes"), ("classes", "responses")):
        start.zero_grad()
        start(torch.randn(4, 3, 16, 16))[task].square().sum().backward()
        learning = {name.rpartition(".")[0] for name, part in start.named_parameters() if part.grad is not None}
        assert any(name.startswith("core.stage1") for name in learning)
        assert any(name.startswith(f"heads.{task}") for name in learning)
        assert not any(name.startswith(f"heads.{other}") for name in learning)


def test_dual_task_needs_no_label_where_it_learns_responses_alone():
    predictor, images, responses = fit("dual-task", "label=''", "losses.classes=0")
    assert predictor.predict(images).shape == responses.shape
    assert not any("classes" in name for name in predictor.state)


@pytest.mark.slow
def test_dual_task_takes_any_core(toy):
    core = load_plugins().model("toy-net").factory(Weights("random"))
    predictor, images, responses = fit("dual-task/toy-net", core=core)
    assert predictor.layers == ("core.first", "core.second")
    assert predictor.predict(images).shape == responses.shape


@pytest.fixture
def provided(home):
    """A benchmark with a split of its own, in whose test images there is a category that no training image has."""
    recordings = toy_recordings(n=60)
    category = recordings.stimuli.metadata["category"].copy()
    category[50:] = "bird"
    split = np.array(["train"] * 44 + ["test"] * 16, dtype=object)
    stimuli = replace(recordings.stimuli, metadata={"category": category, "split": split})
    write_recordings(Recordings("toy", stimuli, recordings.responses, {}), home / "data" / "toy.h5")
    benchmark = home / "provided.yaml"
    benchmark.write_text("name: provided\ndata: toy\nsplits: {kind: provided}\n")
    return benchmark


def score(benchmark, name, *more):
    changes = [f"options.{key}={value}" for key, value in {**SMALL[name], "pixels": 16}.items()]
    recipe = [word for change in ("epochs=2", *QUICK[1:], *changes) for word in ("--recipe", change)]
    done = run("score", "-m", name, "-b", benchmark, "--results", "scores", *recipe, *more)
    assert done.exit_code == 0, done.output
    return benchmark.parent / "trained"


def test_names_of_classes_come_from_training_images(provided):
    (path,) = score(provided, "dual-task").glob("*.safetensors")
    state, about = read_trained(path)
    assert about["classes"] == ["cat", "dog"]
    assert state["0.heads.classes.6.bias"].shape == (2,)


@pytest.mark.slow
def test_a_ridge_readout_of_the_bottleneck_is_scored(provided, tmp_path):
    score(provided, "autoencoder", "--metric", "ridge", "-l", "bottleneck")
    (path,) = (tmp_path / "work" / "scores").glob("*.nc")
    result = read_score(path)
    assert result.layer.values.tolist() == ["bottleneck"]
    assert result.attrs["metric"] == "ridge"
