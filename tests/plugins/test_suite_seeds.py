"""suites/seeds.yaml: it holds every row of the seed tables, and all that it names exists."""

import json
from collections import defaultdict
from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from itbench.plugins import load_plugins
from itbench.sweeps.suite import Suite, find_suite, plan_suite
from tests.kit.commands import run
from tools.networks_table import networks

SUITE = Suite.read(find_suite("seeds"))
PIXELS = [
    (metric, components, alpha)
    for components in ("none", 1000)
    for metric, alpha in (("ols", None), ("ridge", 0.0511), ("ridge", "given"), ("ridge", None))
]
LAYERS = {
    "resnet50": ("conv1", "layer1", "layer2", "layer3", "layer4", "avgpool"),
    "resnet152": ("conv1", "layer1", "layer2", "layer3", "layer4", "avgpool"),
    "alexnet": ("features.2", "features.5", "features.12", "classifier.2", "classifier.5"),
    "vgg16": ("features.4", "features.9", "features.16", "features.23", "features.30", "classifier.1", "classifier.4"),
    "densenet201": tuple(f"features.denseblock{number}" for number in (1, 2, 3, 4)),
    "efficientnet_b5": tuple(f"features.{number}" for number in range(2, 9)),
    "pnasnet5large": tuple(f"cell_{number}" for number in range(3, 12)),
    "vit_b_16": ("encoder.layers.encoder_layer_5", "encoder.layers.encoder_layer_11", "encoder.ln"),
}
TRAINED = (
    *("cnn-2", "cnn-3bn", "cnn-4", "cnn-6", "cnn-deep", "dual-task", "autoencoder"),
    *(f"{core}-finetuned" for core in ("resnet50", "densenet201", "efficientnet_b5", "pnasnet5large", "vit_b_16")),
    *("alexnet-finetuned", "vgg16-finetuned", "resnet50-classifier", "resnet50-classifier-scratch"),
    *("resnet50-layer2-cnn", "resnet50-layer3-cnn", "multi-objective", "multi-objective-0.3"),
    *("resnet50-gaussian-readout", "resnet50-factorised-readout", "resnet50-low-rank"),
    *("ensemble/resnet50", "distilled"),
)
PUBLISHED = [  # facts that the design gives
    ("pixels ridge alpha=6e5", (0.087, 0.092), None),
    ("resnet50 layer3", (0.26, 0.40), 0.520),
    ("densenet201 features.denseblock4", (0.393, 0.393), 0.625),
    ("resnet152 layer3", (0.384, 0.384), 0.610),
    ("pnasnet5large cell_5", (0.382, 0.382), 0.617),
    ("resnet50-finetuned", (0.423, 0.447), (0.638, 0.656)),
    ("efficientnet_b5-finetuned", (0.464, 0.470), (0.671, 0.674)),
    ("pnasnet5large-finetuned", (0.489, 0.489), 0.689),
    ("densenet201-finetuned", (0.494, 0.494), 0.697),
]


@cache
def registry():
    return load_plugins()


def test_every_treatment_of_pixels_is_there():
    rows = [row for row in SUITE.rows if row.model == "pixels"]
    found = {(row.metric, row.options["components"], str(row.options.get("alpha"))) for row in rows}
    assert len(found) == len(rows) == len(PIXELS)
    fixed = {"none": 3.06e4, 1000: 3.15e4}
    assert found == {(m, c, str(fixed[c] if alpha == "given" else alpha)) for m, c, alpha in PIXELS}


@pytest.mark.parametrize("weights", ["", "random"])
@pytest.mark.parametrize("model", LAYERS)
def test_every_layer_is_there_with_pretrained_and_random_weights(model, weights):
    here = {layer for row in SUITE.rows if (row.model, row.weights) == (model, weights) for layer in row.layers}
    assert set(LAYERS[model]) <= here


@pytest.mark.parametrize("model", TRAINED)
def test_every_system_that_learns_is_there(model):
    assert model in {row.model for row in SUITE.rows}


@pytest.mark.parametrize(("name", "explained_variance", "correlation"), PUBLISHED)
def test_published_numbers_are_those_of_the_design(name, explained_variance, correlation):
    (row,) = (row for row in SUITE.rows if row.name == name)
    assert row.published.explained_variance == explained_variance
    pair = correlation if isinstance(correlation, tuple | None) else (correlation, correlation)
    assert row.published.correlation == pair


def test_penalties_on_pixels_are_those_of_the_reports():
    """The reports' images are divided by ImageNet's standard deviations, those of `pixels` are not."""
    rng = np.random.default_rng(0)
    images, deviations = rng.random((60, 8, 8, 3)), np.array([0.229, 0.224, 0.225])
    responses = images.reshape(60, -1) @ rng.standard_normal((192, 4))
    alphas = {float(row.options["alpha"]) for row in SUITE.rows if "alpha" in row.options}
    for theirs, ours in zip((1, 6e5, 615_848), sorted(alphas), strict=True):
        assert ours == pytest.approx(theirs * np.mean(deviations**2), rel=0.005)
        scale = 1e-4 * theirs  # so that the penalty bites
        reported = Ridge(alpha=theirs / scale).fit((images / deviations).reshape(60, -1), responses)
        own = Ridge(alpha=ours / scale).fit(images.reshape(60, -1), responses)
        predicted = own.predict(images.reshape(60, -1))
        np.testing.assert_allclose(
            predicted, reported.predict((images / deviations).reshape(60, -1)), atol=0.02 * responses.std()
        )


def test_an_autoencoder_is_read_in_both_ways():
    assert [row.metric for row in SUITE.rows if row.model == "autoencoder"] == ["direct", "ridge"]


def test_every_model_metric_option_and_recipe_that_it_names_exists():
    planned = plan_suite(registry(), SUITE, small=True)
    assert {item.row.name: str(item.error) for item in planned if item.error} == {}


def layers_of_trained():
    """Return the layers that the suite names, by the model that learns; test_networks.py has those of networks."""
    named = defaultdict(set)
    for row in SUITE.rows:
        if row.layers and row.model in TRAINED:
            named[row.model] |= set(row.layers)
    return sorted(named.items())


def test_every_network_whose_layers_are_named_is_tested_or_learns():
    named = {row.model for row in SUITE.rows if row.layers and row.model != "pixels"}
    assert named <= {entry.name for entry in networks()} | {*TRAINED}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "layers"), layers_of_trained(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_layer_that_it_names_exists_and_gives_a_tensor(model, layers):
    listed = json.loads(run("layers", model, "--json").stdout)
    assert layers <= {row["layer"] for row in listed if row["features"]}


@pytest.mark.slow
def test_a_part_of_it_runs_here(some_of_synthetic_it, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # which has no weights
    names = ("pixels ridge CV PCA", "cnn-2", "autoencoder *", "resnet50 layer3", "resnet50-finetuned")
    words = ("-b", "synthetic-it", "--small", "--offline", *(word for name in names for word in ("--only", name)))
    done = run("run", "seeds", *words, "--json")
    rows = {row["row"]: row for row in json.loads(done.stdout)}
    failed = {name: row["error"].splitlines()[0] for name, row in rows.items() if row["error"]}
    missing = "The pretrained weights of resnet50 are not available: itbench is offline, and no cache"
    assert failed == dict.fromkeys(("resnet50 layer3", "resnet50-finetuned"), f"{missing} on this machine holds them.")
    assert done.exit_code == 1
    scored = {name: row for name, row in rows.items() if name not in failed}
    assert list(scored) == ["pixels ridge CV PCA", "cnn-2", "autoencoder direct", "autoencoder ridge"]
    assert all(row["low"] <= row["explained_variance"] <= row["high"] < 0.2 for row in scored.values())
    assert all(row["differs"] is None for row in rows.values())
