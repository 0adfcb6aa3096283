"""Comparisons over layers: what is left out, which layer is chosen, what is drawn; and the metrics through a score."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import pearsonr

from itbench import ComparisonResult, Gram, NeuralData
from itbench.api.score import score_model
from itbench.data.responses import make_responses
from itbench.errors import BadOption, BadRecordings, BadScore, UnknownName
from itbench.metrics.comparison import compare_layers
from itbench.metrics.rsa import compare_rdms
from itbench.plugins import load_plugins
from itbench.registry import Registry
from itbench.results.score_file import read_score, write_score
from itbench.results.summary import summary
from itbench.statistics.jackknife import cross_validated_choice, jackknife_draws, jackknife_error, jackknife_groups

N = 120
IDS = tuple(f"p{number}" for number in range(N))
COMPARISONS = {
    "cka": [{}, {"estimator": "biased"}, {"kernel": "cosine"}],
    "rsa": [{}, {"distance": "euclidean", "compare": "whitened"}, {"distance": "crossnobis", "compare": "cosine"}],
    "procrustes": [{}],
    "reverse": [{}],
}
CASES = [(name, options) for name, cases in COMPARISONS.items() for options in cases]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins()


def layers(seed=0):
    """Return Grams of three layers, the last the most like the responses, and the responses."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((N, 30))
    y = x @ rng.standard_normal((30, 8)) + rng.standard_normal((2, N, 8))
    grams = {f"noise{noise}": Gram.from_features(x + noise * rng.standard_normal(x.shape), IDS) for noise in (4, 2, 0)}
    return grams, NeuralData(IDS, make_responses(y, IDS))


# ---- the metrics


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] != "reverse"], ids=str)
def test_leaving_out_is_comparing_the_rest(registry, name, options):
    grams, recorded = layers()
    metric = registry.metric(name).readout(**options)
    groups = jackknife_groups(N)
    said = metric(grams["noise2"], recorded, groups)
    slow = ComparisonResult.by_leaving_out(
        lambda gram, side: metric(gram, side, np.arange(len(gram)) % 2).value, grams["noise2"], recorded, groups
    )
    assert said.value == pytest.approx(slow.value, abs=1e-12)
    assert len(said.without) == 50
    np.testing.assert_allclose(said.without, slow.without, atol=1e-9)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_the_layer_nearest_to_the_brain_is_the_highest(registry, name, options):
    grams, recorded = layers()
    metric = registry.metric(name).readout(**options)
    values = [metric(gram, recorded, jackknife_groups(N)).value for gram in grams.values()]
    assert values == sorted(values)
    assert values[-1] - values[0] > 0.02


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("cka", {"estimator": "unbiased"}, UnknownName),
        ("cka", {"kernel": "gauss"}, UnknownName),
        ("rsa", {"distance": "mahalanobis"}, UnknownName),
        ("rsa", {"compare": "tau"}, UnknownName),
        ("reverse", {"folds": 1}, BadOption),
        ("reverse", {"alphas": ()}, BadOption),
        ("reverse", {"alphas": (0.0, 1.0)}, BadOption),
        ("reverse", {"components": 0}, BadOption),
    ],
)
def test_options_that_cannot_be_are_refused_before_any_work(registry, name, options, error):
    with pytest.raises(error):
        registry.metric(name).readout(**options)


# ---- over layers


@dataclass(frozen=True)
class Told:
    """A comparison that says what it was told of each layer, by the number of its features."""

    values: dict
    measure = "told"

    def __call__(self, gram, recorded, groups):
        value, without = self.values[gram.n_features]
        return ComparisonResult(value, without, ("mind the gap",) if gram.n_features == 1 else ())


def told(values, without):
    """Compare layers a, b, … of 1, 2, … features whose values are given."""
    n = len(without[0])
    ids = tuple(map(str, range(n)))
    names = "abcdef"[: len(values)]
    known = {k + 1: pair for k, pair in enumerate(zip(values, np.array(without, float), strict=True))}
    grams = [(name, Gram.from_features(np.ones((n, k + 1)), ids)) for k, name in enumerate(names)]
    return compare_layers(Told(known), iter(grams), NeuralData(ids, make_responses(np.ones((n, 2)), ids)), names)


def test_one_layer_keeps_its_value_and_its_draws():
    without = np.random.default_rng(0).normal(0.5, 0.01, 40)
    found = told([0.5], [without])
    assert found["headline"].item() == pytest.approx(0.5)
    np.testing.assert_allclose(found["draws"].sel(measure="told"), jackknife_draws(0.5, without, 2000), rtol=1e-6)
    assert found["standard_error"].item() == pytest.approx(jackknife_error(without))
    assert found["chosen_layer"].values.tolist() == ["a"] * 40
    assert found["group_size"].values.tolist() == [1] * 40
    assert found.attrs["remarks"] == "layer a: mind the gap"


def test_a_layer_that_every_group_leaves_best_counts_as_if_it_had_been_named():
    rng = np.random.default_rng(0)
    best, worse = rng.normal(0.5, 0.01, 40), rng.normal(0.2, 0.01, 40)
    found = told([0.2, 0.5], [worse, best])
    assert found["headline"].item() == pytest.approx(0.5)
    assert set(found["chosen_layer"].values) == {"b"}
    np.testing.assert_allclose(found["draws"][0], jackknife_draws(0.5, best, 2000), rtol=1e-6)
    assert found["value"].values.tolist() == [0.2, 0.5]


def test_the_headline_is_not_raised_by_having_many_layers_to_choose_from():
    """Twenty layers worth the same: the best of them looks better than it is, the headline does not."""
    rng = np.random.default_rng(0)
    best, headline = [], []
    for _ in range(200):
        images = rng.standard_normal((20, 60))  # of each layer; the value is their mean, in truth 0
        values = images.mean(axis=1)
        without = (images.sum(axis=1, keepdims=True) - images) / 59
        best.append(values.max())
        headline.append(cross_validated_choice(values, without)[1])
    assert np.mean(best) > 0.2
    assert abs(np.mean(headline)) < 0.05


def test_the_choice_for_a_fifth_does_not_see_it():
    images = np.zeros((2, 10))
    images[0, 3] = 100.0  # layer 0 is the best because of image 3 alone
    images[1] = 1.0
    values = images.mean(axis=1)
    without = (images.sum(axis=1, keepdims=True) - images) / 9
    chosen, headline, left_out = cross_validated_choice(values, without)
    assert chosen[3] == 1
    assert sorted(chosen) == [0] * 8 + [1] * 2
    assert headline == pytest.approx(0.2)  # eight images count with layer 0, worth 0 there; two with layer 1, worth 1
    assert left_out.mean() == pytest.approx(headline)


def test_grams_of_more_images_in_another_order_are_laid_over_the_recorded():
    grams, recorded = layers()
    metric = load_plugins().metric("cka").readout()
    rows = np.array([*range(60, 110), *range(20)])
    few = recorded.take(rows)
    found = compare_layers(metric, iter(reversed(grams.items())), few, list(grams))
    expected = [metric(gram.take(rows), few, jackknife_groups(70)).value for gram in grams.values()]
    np.testing.assert_allclose(found["value"], expected)
    assert found["layer"].values.tolist() == list(grams)
    assert found["n_features"].values.tolist() == [30, 30, 30]


def test_draws_of_two_models_on_the_same_images_belong_together():
    rng = np.random.default_rng(0)
    metric = load_plugins().metric("cka").readout()
    x, y = rng.standard_normal((N, 30)), rng.standard_normal((N, 8))
    y += x[:, :8]
    recorded = NeuralData(IDS, make_responses(y, IDS))
    models = [x + 0.3 * rng.standard_normal(x.shape) for _ in range(2)]
    one, other = (compare_layers(metric, [("a", Gram.from_features(own, IDS))], recorded, ["a"]) for own in models)
    assert pearsonr(one["draws"][0], other["draws"][0])[0] > 0.7


def test_a_value_that_is_no_number_is_refused():
    with pytest.raises(BadScore, match="layer b is no number"):
        told([0.1, np.nan], np.full((2, 30), 0.1))


def test_too_few_images_or_sites_are_refused(registry):
    grams, recorded = layers()
    rsa = registry.metric("rsa").readout()
    few = {name: gram.take(np.arange(4)) for name, gram in grams.items()}
    with pytest.raises(BadRecordings, match="4 images are too few"):
        compare_layers(rsa, few.items(), recorded.take(np.arange(4)), list(few))
    one_site = NeuralData(IDS, recorded.responses.isel(site=[0]))
    with pytest.raises(BadOption, match="one site, have no correlation distance"):
        compare_layers(rsa, grams.items(), one_site, list(grams))
    euclidean = registry.metric("rsa").readout(distance="euclidean")
    assert np.isfinite(compare_layers(euclidean, grams.items(), one_site, list(grams)).value).all()
    with pytest.raises(BadRecordings, match="RDMs of 2 images"):
        compare_rdms(np.zeros((2, 2)), np.zeros((2, 2)), "pearson")


# ---- a score


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["cka", "rsa", "procrustes", "reverse"])
def test_a_comparison_is_scored_written_and_summed_up(toy, metric, tmp_path):
    score = read_score(write_score(score_model("toy", str(toy), metric=metric), tmp_path))
    found = summary(score)
    assert found["measure"] == score.attrs["measure"] == load_plugins().metric(metric).measure
    assert found["layer"] == "good"
    assert found["low"] < found["value"] < found["high"]
    assert score["without"].dims == ("layer", "group")
    assert score.sizes["group"] == 80
    assert {layer["layer"] for layer in found["layers"]} == {"noise", "good"}
