"""Readout, then comparison: predictions as ridge makes them, compared as rsatoolbox and closed forms compare."""

import numpy as np
import pytest
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm, compare

from itbench import Gram
from itbench.api.score import score_model
from itbench.errors import BadOption, UnknownName
from itbench.plugins import load_plugins
from itbench.registry import Registry
from itbench.results.summary import summary


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins()


def responses(n=60, sites=9):
    rng = np.random.default_rng(0)
    recorded = rng.standard_normal((n, sites)) + 3
    return recorded, recorded + rng.standard_normal((n, sites))


@pytest.mark.parametrize(("by", "theirs"), [("pearson", "corr"), ("kendall", "tau-a"), ("whitened", "cosine_cov")])
@pytest.mark.parametrize("distance", ["correlation", "euclidean"])
def test_predicted_rsa_is_that_of_rsatoolbox(registry, distance, by, theirs):
    pair = responses()
    rdms = [calc_rdm(Dataset(values), method=distance) for values in pair]
    metric = registry.metric("predicted-rsa").readout(distance=distance, rdms_by=by)
    assert metric.compare(*pair) == pytest.approx(compare(*rdms, method=theirs).item(), abs=1e-9)


def test_predicted_cka_is_1_of_the_same_and_0_of_unrelated_responses(registry):
    metric = registry.metric("predicted-cka").readout()
    recorded, predicted = responses(400)
    assert metric.compare(recorded, recorded) == pytest.approx(1)
    assert 0.3 < metric.compare(recorded, predicted) < 0.8
    assert abs(metric.compare(recorded, predicted[::-1])) < 0.05


@pytest.mark.parametrize("name", ["predicted-rsa", "predicted-cka"])
def test_it_reads_as_ridge_does(registry, name):
    rng = np.random.default_rng(1)
    features = rng.standard_normal((80, 30))
    values = features[:, :5] + rng.standard_normal((80, 5))
    rows = np.arange(80)
    given = Gram.from_features(features), values[:60], rows[:60], rows[60:]
    options = {"components": 20, "alphas": (1.0, 10.0, 100.0)}
    ours = registry.metric(name).readout(**options)(*given)
    ridge = registry.metric("ridge").readout(**options)(*given)
    for part in ("predictions", "inner_predictions", "alpha"):
        np.testing.assert_array_equal(getattr(ours, part), getattr(ridge, part))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"components": 0}, BadOption),
        ({"alphas": ()}, BadOption),
        ({"distance": "l1"}, UnknownName),
        ({"rdms_by": "r"}, UnknownName),
    ],
)
def test_options_that_cannot_be_are_refused(registry, options, error):
    with pytest.raises(error):
        registry.metric("predicted-rsa").readout(**options)


@pytest.mark.parametrize("name", ["predicted-rsa", "predicted-cka"])
def test_the_headline_is_the_likeness_on_held_out_images(toy, name):
    score = score_model("toy", str(toy), metric=name)
    found = summary(score)
    by_layer = score["agreement"].mean("split")
    assert found["measure"] == name.replace("-", "_")
    assert found["layer"] == "good"
    assert found["value"] == pytest.approx(float(by_layer.sel(layer="good")))
    assert found["value"] > float(by_layer.sel(layer="noise")) + 0.3
    assert found["low"] < found["value"] < found["high"]
