"""Systems with spatial readouts or low-rank adapters: what learns, what stays, and that `itbench score` trains them."""

from fnmatch import fnmatch

import numpy as np
import pytest
import torch

from itbench import TrainableNetwork, Weights, load_plugins, merge_low_rank
from itbench.data.responses import mean_over_repetitions
from itbench.errors import BadOption
from itbench.results.score_file import read_score
from itbench.training.trainable_model import Training
from tests.kit.commands import run
from tests.kit.toy import toy_recordings
from tests.kit.training import halves

FAMILIES = ("factorised-readout", "gaussian-readout", "low-rank")
QUICK = ("epochs=2", "batch=16", "patience=0")


def system(name, *changes):
    """Return a system on random weights, its recipe, and its core."""
    registry = load_plugins()
    recipe = registry.model(name).read_recipe().changed(changes)
    core = registry.model(recipe.core).factory(Weights("random"))
    return registry.model(name).factory(core, **recipe.options), recipe, core


def fit(name, *changes):
    """Train a system on toy recordings; return its predictor and its core."""
    model, recipe, core = system(name, *QUICK, *changes)
    recordings = toy_recordings(n=48)
    responses = mean_over_repetitions(recordings.responses)
    fitted = model.fit(recordings.stimuli, responses, np.arange(0, 48, 6), Training(recipe, device="cpu"))
    return fitted[0] if isinstance(fitted, tuple) else fitted, core


def weights(predictor, ending):
    return next(tensor for name, tensor in predictor.state.items() if name.endswith(ending))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_score_trains_it_in_every_split(family, toy, home):
    recipe = [word for change in QUICK for word in ("--recipe", change)]
    done = run("score", "-m", f"{family}/itbench-tiny", "-b", halves(toy), "--results", home, *recipe)
    assert done.exit_code == 0, done.output
    (path,) = home.rglob("*.nc")
    score = read_score(path)
    assert score.attrs["model"] == f"{family}/itbench-tiny"
    assert score.predictions.shape == (80, 5)
    assert np.isfinite(score.predictions).all()
    assert (score.predictions.groupby("row_split").std() > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_training_changes_what_it_adds_and_nothing_of_the_core(family, toy):
    predictor, core = fit(f"{family}/itbench-tiny", "augment=[]")
    _, _, untouched = system(f"{family}/itbench-tiny")
    kept = 0
    for name, tensor in untouched.module.state_dict().items():
        layer = name.rpartition(".")[0]
        within = f"0.core.{layer}.parametrizations.weight.original"
        trained = predictor.state.get(f"0.core.{name}", predictor.state.get(within))
        np.testing.assert_array_equal(trained, tensor.numpy())  # weights, and the statistics of norms
        torch.testing.assert_close(core.module.state_dict()[name], tensor, rtol=0, atol=0)
        kept += 1
    added = [name for name in predictor.state if name.startswith("0.heads") or name.endswith((".up", ".down"))]
    assert kept > 20
    assert added


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES[:2])
def test_without_frozen_parts_the_core_learns_too(family, toy):
    predictor, core = fit(f"{family}/itbench-tiny", "freeze=[]")
    for name in ("stem.0.weight", "stem.1.running_mean"):
        assert not np.array_equal(predictor.state[f"0.core.{name}"], core.module.state_dict()[name].numpy())


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES[:2])
def test_the_penalty_of_a_readout_is_part_of_the_loss(family, toy):
    free, bound = (
        fit(f"{family}/itbench-tiny", "lr=0.02", "average=0", f"options.l2={penalty}")[0] for penalty in (0.0, 100.0)
    )
    sizes = [np.square(weights(predictor, "responses.1.weight")).sum() for predictor in (free, bound)]
    assert sizes[1] < 0.3 * sizes[0]
    losses = [predictor.account["history"][-1]["loss"] for predictor in (free, bound)]
    assert losses[1] > losses[0]


@pytest.mark.slow
def test_merged_adapters_fit_the_core_and_give_the_same_features(toy):
    predictor, core = fit("low-rank/itbench-tiny", "lr=0.05")
    images = core.prepare(toy_recordings(n=4).stimuli.images)
    expected = predictor.activations(images, ["core.stage4"])["core.stage4"]
    before = core.activations(images, ["stage4"])["stage4"]
    merge_low_rank(predictor.module)
    core.module.load_state_dict(predictor.module.core.state_dict())
    np.testing.assert_allclose(core.activations(images, ["stage4"])["stage4"], expected, atol=1e-5)
    assert np.abs(before - expected).max() > 1e-3


@pytest.mark.parametrize(("change", "layers"), [
    ("rank=2", {"stem", "stage1", "stage2", "stage3", "stage4", "head"}),
    ("adapt=[stage4.*]", {"stage4"}),
])  # fmt: skip
def test_options_say_which_layers_adapt(change, layers):
    model, *_ = system("low-rank/itbench-tiny", f"options.{change}")
    adapted = [name for name, _ in model.build(7, 0).core.named_parameters()]
    assert {name.partition(".")[0] for name in adapted} == layers


@pytest.mark.parametrize("family", FAMILIES[:2])
@pytest.mark.parametrize(("changes", "last"), [((), "stage4"), (("options.layer=stage2",), "stage2")])
def test_the_layer_is_the_last_with_places_unless_named(family, changes, last):
    model, *_ = system(f"{family}/itbench-tiny", *changes)
    assert model.layers[-1] == f"core.{last}"


@pytest.mark.parametrize("family", FAMILIES[:2])
def test_a_layer_without_places_is_refused(family, toy):
    with pytest.raises(BadOption, match=r"not \(112,\)"):
        fit(f"{family}/itbench-tiny", "options.layer=pool")


def parameters_of_resnet50(name, recipe, core, sites):
    """Return how many parameters learn, in closed form."""
    channels, y, x = 1024, 14, 14  # of layer3 at 224 pixels
    if name == "resnet50-factorised-readout":
        return sites * (recipe.options["rank"] * (channels + y * x) + 1)
    if name == "resnet50-gaussian-readout":
        return sites * (channels + 1 + 2 + 4)
    layers = [part for part in core.module.modules() if isinstance(part, torch.nn.Conv2d | torch.nn.Linear)]
    matrices = [layer.weight.flatten(1).shape for layer in layers]
    rank = recipe.options["rank"]
    return sum(min(rank, *shape) * sum(shape) for shape in matrices) + sites * (2048 + 1)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_resnet50_predicts_every_site_and_what_shall_learn_has_a_gradient(family):
    name = f"resnet50-{family}"
    model, recipe, core = system(name)
    assert isinstance(model, TrainableNetwork)
    module = model.build(7, 0).train()
    for key, parameter in module.named_parameters():
        parameter.requires_grad_(not any(fnmatch(key, pattern) for pattern in recipe.freeze))
    learning = {key: parameter for key, parameter in module.named_parameters() if parameter.requires_grad}
    assert sum(map(torch.numel, learning.values())) == parameters_of_resnet50(name, recipe, core, 7)
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    responses = module(core.prepare(images))["responses"]
    assert responses.shape == (1, 7)
    responses.square().sum().backward()
    without = [key for key, parameter in learning.items() if parameter.grad is None]
    assert all(key.startswith("core.fc") for key in without)  # behind the layer that is read
