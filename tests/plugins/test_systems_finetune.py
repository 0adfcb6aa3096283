"""Systems that put heads on a core: fine-tuned, taught classes, both, distilled, ensembles, heads on frozen layers."""

import fnmatch
from pathlib import Path

import numpy as np
import pytest
import torch

from itbench import TrainableNetwork, Weights, load_plugins
from itbench.data.responses import mean_over_repetitions
from itbench.errors import BadOption
from itbench.results.score_file import read_score
from itbench.training.trainable_model import Training
from tests.kit.commands import run
from tests.kit.halved_networks import NETWORKS, halved
from tests.kit.toy import toy_recordings

FAMILIES = ("finetuned", "ensemble", "classifier", "classifier-scratch", "multi-objective", "layer-cnn", "distilled")
QUICK = ("epochs=3", "batch=16", "members=1", "validation=0.1")
# What of each named network stands after the layer that is read, and so does not learn.
AFTER = {
    "alexnet-finetuned": "core.classifier.6.*",
    "densenet201-finetuned": "core.classifier.*",
    "efficientnet_b5-finetuned": "core.classifier.*",
    "multi-objective": "core.fc.*",
    "multi-objective-0.3": "core.fc.*",
    "pnasnet5large-finetuned": "core.last_linear.*",
    "resnet50-classifier": "core.fc.*",
    "resnet50-classifier-scratch": "core.fc.*",
    "resnet50-finetuned": "core.fc.*",
    "resnet50-layer2-cnn": "core.*",
    "resnet50-layer3-cnn": "core.*",
    "vgg16-finetuned": "core.classifier.6.*",
    "vit_b_16-finetuned": "core.heads.*",
}


def system(name, *changes, **options):
    """Return a system on random weights, its recipe, and its core."""
    registry = load_plugins()
    entry = registry.model(name)
    recipe = entry.read_recipe().changed(changes)
    core = registry.model(recipe.core).factory(Weights("random")) if recipe.core else None
    core = halved(core) if recipe.core in NETWORKS else core
    return entry.factory(core or Weights("random"), **{**recipe.options, **options}), recipe, core


def fit(name, *changes, seed=0, taught=None, inner=8, **options):
    """Train a system on the toy recordings; return its predictor, its core, images and responses."""
    model, recipe, core = system(name, *QUICK, *changes, **options)
    recordings = toy_recordings(n=48)
    responses = mean_over_repetitions(recordings.responses)
    classes = ("cat", "dog") if recipe.label else ()
    training = Training(recipe.changed(["label=category"]), seed, classes, taught, "cpu")
    predictor = model.fit(recordings.stimuli, responses, np.arange(inner), training)
    return predictor, core, recordings.stimuli.images, responses


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_system_learns_on_a_small_core(family, toy):
    taught = mean_over_repetitions(toy_recordings(n=48).responses) if family == "distilled" else None
    predictor, _, images, responses = fit(f"{family}/toy-net", "epochs=8", "patience=8", taught=taught)
    losses = [epoch["loss"] for epoch in predictor.account["history"]]
    assert losses[-1] < losses[0]
    assert all(layer.startswith("core.") for layer in predictor.layers)
    if "classifier" not in family:
        assert predictor.predict(images).shape == responses.shape


@pytest.mark.slow
def test_distilled_has_a_network_of_its_own(toy):
    taught = mean_over_repetitions(toy_recordings(n=48).responses)
    predictor, core, images, responses = fit("distilled", "epochs=1", taught=taught, width=4)
    assert core is None
    assert predictor.predict(images).shape == responses.shape
    assert predictor.layers == ("stage1", "stage2", "stage3", "stage4")


@pytest.mark.slow
def test_the_teacher_is_followed_where_it_departs_from_the_responses(toy):
    responses = mean_over_repetitions(toy_recordings(n=48).responses)
    changes = ("losses={teacher: 1}", "epochs=10", "patience=0")
    following, _, images, _ = fit(
        "distilled/itbench-tiny", *changes, taught=-responses, inner=0, layer="stage1", pool="none"
    )
    predicted = following.predict(images)
    assert np.corrcoef(predicted.ravel(), responses.ravel())[0, 1] < -0.5


@pytest.mark.slow
def test_an_ensemble_predicts_the_mean_of_networks_trained_from_following_seeds(toy):
    together, *_, images, _ = fit("ensemble/toy-net", "members=3")
    alone = [fit("finetuned/toy-net", seed=seed)[0].predict(images) for seed in range(3)]
    assert not np.allclose(alone[0], alone[1])
    np.testing.assert_allclose(together.predict(images), np.mean(alone, axis=0), atol=1e-5)


def test_ensembles_learn_as_the_fine_tuned_do():
    registry = load_plugins()
    single, several = (registry.model(f"{family}/itbench-tiny").read_recipe() for family in ("finetuned", "ensemble"))
    assert several.departures(single) == {"members": 5}


@pytest.mark.slow
@pytest.mark.parametrize("family", ["finetuned", "layer-cnn"])
def test_training_leaves_the_core_as_it_was(family, toy):
    _, core, *_ = fit(f"{family}/itbench-tiny", "epochs=1")
    *_, untouched = system(f"{family}/itbench-tiny")
    for name, tensor in core.module.state_dict().items():
        torch.testing.assert_close(tensor, untouched.module.state_dict()[name], rtol=0, atol=0)
    assert not core.left_in_training_mode()


@pytest.mark.slow
def test_frozen_norms_keep_their_statistics_and_others_do_not(toy):
    frozen, core, *_ = fit("layer-cnn/itbench-tiny", "epochs=1", "augment=[shift]")  # so that the core runs anew
    learning, *_ = fit("finetuned/itbench-tiny", "epochs=1")
    statistics = [name for name in core.module.state_dict() if name.endswith("running_mean")]
    assert statistics
    for name in statistics:
        before = core.module.state_dict()[name].numpy()
        np.testing.assert_array_equal(frozen.state[f"0.core.{name}"], before)
        assert not np.array_equal(learning.state[f"0.core.{name}"], before)


def test_a_classifier_predicts_classes_and_no_responses(toy):
    predictor, _, images, _ = fit("classifier/toy-net")
    assert 0 <= predictor.account["inner_accuracy"] <= 1
    with pytest.raises(BadOption, match="--metric ridge"):
        predictor.predict(images)


@pytest.mark.slow
def test_the_weight_of_the_classes_is_the_recipes(toy):
    full, less = (system(name)[1].losses for name in ("multi-objective", "multi-objective-0.3"))
    assert (full, less) == ({"responses": 1, "classes": 1}, {"responses": 1, "classes": 0.3})
    ignoring, *_, images, _ = fit("multi-objective/toy-net", "losses.classes=0")
    minding, *_ = fit("multi-objective/toy-net", "losses.classes=1")
    assert not np.allclose(ignoring.predict(images), minding.predict(images))


def test_a_convolutional_head_needs_maps():
    with pytest.raises(BadOption, match=r"not features of shape \(112,\)"):
        fit("layer-cnn/itbench-tiny", layer="pool")


def test_the_layer_is_the_options(toy):
    predictor, *_ = fit("finetuned/itbench-tiny", "epochs=1", layer="stage2")
    assert predictor.layers == ("core.stem", "core.stage1", "core.stage2")


def scored(toy, name, *changes):
    recipe = [part for change in (*QUICK, "label=category", *changes) for part in ("--recipe", change)]
    done = run("score", "-m", name, "--weights", "random", "-b", toy, *recipe)
    assert done.exit_code == 0, done.output
    (path,) = Path("leaderboard/scores").glob(f"{name.replace('/', '_')}*.nc")
    return read_score(path)


@pytest.mark.slow
def test_a_classifier_is_read_out_by_the_benchmarks_metric(toy):
    score = scored(toy, "classifier/toy-net")
    assert score.attrs["metric"] == "ridge"
    assert set(score.layer.values) == {"core.first", "core.second"}


@pytest.mark.slow
def test_the_others_are_scored_by_what_they_predict(toy):
    score = scored(toy, "multi-objective/toy-net")
    assert score.attrs["metric"] == "direct"
    assert list(score.layer.values) == ["output"]


@pytest.mark.slow
def test_the_teacher_is_scored_on_the_way(toy):
    score = scored(toy, "distilled/toy-net", "teacher.model=toy")
    assert np.isfinite(score.explained_variance).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", AFTER)
def test_named_systems_predict_every_site_and_all_that_shall_learn_has_a_gradient(name):
    model, recipe, core = system(name)
    assert isinstance(model, TrainableNetwork)
    module = model.build(7, 3).eval()
    for key, parameter in module.named_parameters():
        parameter.requires_grad_(not any(fnmatch.fnmatch(key, pattern) for pattern in recipe.freeze))
    outputs = module(core.prepare(np.zeros((1, 64, 64, 3), np.uint8)))
    assert {key: tuple(output.shape) for key, output in outputs.items()} == {
        key: (1, {"responses": 7, "classes": 3}[key]) for key in recipe.losses
    }
    sum(output.sum() for output in outputs.values()).backward()
    without = {key for key, parameter in module.named_parameters() if parameter.grad is None}
    assert without == {key for key, _ in module.named_parameters() if fnmatch.fnmatch(key, AFTER[name])}
