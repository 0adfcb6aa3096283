"""What is measured of readings: of layers one by one, of layers together, and what is kept of it."""

import numpy as np
import pytest
from sklearn.metrics import explained_variance_score

from itbench import Gram, ReadoutResult
from itbench.data.benchmark import Benchmark
from itbench.data.splits import Split, SplitPlan
from itbench.data.task import Task, scorable_sites
from itbench.metrics.held_out import split_measure_draws
from itbench.metrics.readout import JointReadoutResult
from itbench.plugins import load_plugins
from itbench.registry import FORMS
from itbench.results.score_variables import predictions
from itbench.scoring.frozen_models import GivenGrams
from tests.kit.toy import toy_recordings

RNG = np.random.default_rng(0)


@pytest.fixture
def task():
    recordings = toy_recordings(n=40)
    recordings.responses[:, 3, 1] = np.nan
    responses = recordings.responses.mean("repetition").values
    splits = [Split("a", np.arange(30), np.arange(30, 40)), Split("b", np.arange(10, 40), np.arange(10))]
    benchmark = Benchmark("toy", "toy", SplitPlan("kfold"))
    return Task(benchmark, recordings, responses, splits, scorable_sites(responses, splits))


def noisy(rows, scale, seed):
    """A prediction of the toy sites with an error of `scale`."""
    return rows + scale * np.random.default_rng(seed).standard_normal(rows.shape)


def reader(task, errors):
    """A readout whose predictions err by what `errors` says of each layer, told by the number of features."""

    def read(gram, responses, train, test):
        known = task.responses[:, task.scorable]
        inner, outer = errors[gram.n_features]
        alpha = np.full(known.shape[1], float(gram.n_features))
        return ReadoutResult(noisy(known[test], outer, test[0]), noisy(known[train], inner, 7), alpha)

    return read


def grams(*widths):
    return [(f"layer{width}", Gram.from_features(RNG.random((40, width)))) for width in widths]


def measured(form, metric, layers, given, task):
    return FORMS[form].measure(metric, "stacked", GivenGrams({"model": layers}, given), task).dataset


def test_each_layer_is_measured_on_the_held_out_rows(task):
    errors = {3: (1.0, 0.3), 4: (0.5, 0.9)}
    score = measured("readout", reader(task, errors), ["layer4", "layer3"], grams(3, 4), task)
    assert list(score.layer.values) == ["layer4", "layer3"]
    np.testing.assert_array_equal(np.isnan(score.explained_variance).all(("split", "layer")), [0, 1, 0, 0, 0])
    recorded = task.responses[:10, [0, 2, 3, 4]]
    expected = explained_variance_score(recorded, noisy(recorded, 0.3, 0), multioutput="raw_values")
    found = score.explained_variance.sel(split="b", layer="layer3").values[[0, 2, 3, 4]]
    np.testing.assert_allclose(found, expected)
    assert score.alpha.sel(layer="layer4").values[0, 0] == 4.0


def test_the_layer_is_chosen_by_inner_predictions_and_its_predictions_are_kept(task):
    errors = {3: (1.0, 0.3), 4: (0.5, 0.9)}
    score = measured("readout", reader(task, errors), ["layer3", "layer4"], grams(3, 4), task)
    assert list(score.chosen_layer.values) == ["layer4", "layer4"]  # although layer3 is better outside
    np.testing.assert_array_equal(score.row_stimulus, [*range(30, 40), *range(10)])
    np.testing.assert_array_equal(score.row_split, [0] * 10 + [1] * 10)
    assert score.predictions.dtype == np.float32
    recorded = task.responses[:10]
    np.testing.assert_allclose(predictions(score)[10:, 0], noisy(recorded[:, [0, 2, 3, 4]], 0.9, 0)[:, 0], rtol=1e-6)
    again = explained_variance_score(recorded[:, 2], score.predictions.values[10:, 2])
    assert again == pytest.approx(float(score.explained_variance.sel(split="b", layer="layer4")[2]), abs=1e-6)


def test_each_split_keeps_the_predictions_the_layer_that_it_chose(task):
    def read(gram, responses, train, test):
        best = {30: 4, 0: 3}[test[0]]  # width of the layer whose inner predictions are better
        return reader(task, {3: (0.5 + (best == 4), 0.3), 4: (0.5 + (best == 3), 0.9)})(gram, responses, train, test)

    score = measured("readout", read, ["layer3", "layer4"], grams(3, 4), task)
    assert list(score.chosen_layer.values) == ["layer4", "layer3"]
    known = task.responses[:, [0, 2, 3, 4]]
    expected = np.concatenate([noisy(known[30:], 0.9, 30), noisy(known[:10], 0.3, 0)])
    np.testing.assert_allclose(predictions(score)[:, [0, 2, 3, 4]], expected, rtol=1e-6, atol=1e-6)


def test_a_metric_that_compares_is_measured_once_a_split(task):
    read = reader(task, {3: (1.0, 0.3)})

    class Compares:
        def __call__(self, *arguments):
            return read(*arguments)

        def compare(self, recorded, predicted):
            return float(np.abs(recorded - predicted).max())

    score = measured("readout", Compares(), ["layer3"], grams(3), task)
    recorded = task.responses[:10, [0, 2, 3, 4]]
    assert score.agreement.dims == ("split", "layer")
    assert float(score.agreement[1, 0]) == pytest.approx(np.abs(recorded - noisy(recorded, 0.3, 0)).max())


def test_layers_together_are_one_more_layer_with_its_parts(task):
    known = task.responses[:, task.scorable]

    def joint(grams, responses, train, test, groups):
        alone = {
            layer: reader(task, {3: (1.0, 0.3), 4: (0.5, 0.9)})(gram, responses, train, test)
            for layer, gram in grams.items()
        }
        parts = np.stack([0.5 * said.predictions for said in alone.values()])
        whole = parts.sum(axis=0)
        assert [sorted(group) for group in groups] == [["layer3"], ["layer4"]]
        without = np.stack([alone["layer4"].predictions, alone["layer3"].predictions])
        weights = np.full((2, known.shape[1]), 0.5)
        return JointReadoutResult(whole, noisy(known[train], 0.8, 7), alone, weights, parts, without)

    score = measured("joint", joint, ["layer3", "layer4"], grams(3, 4), task)
    assert list(score.layer.values) == ["layer3", "layer4", "stacked"]
    assert list(score.chosen_layer.values) == ["stacked"] * 2
    assert int(score.n_features.sel(layer="stacked")) == 7
    whole = score.explained_variance.sel(layer="stacked")
    np.testing.assert_allclose(score.share.sum("part", skipna=False), whole)  # the product measure sums to the whole
    lost = whole - score.explained_variance.sel(layer="layer4")
    np.testing.assert_allclose(score.unique.sel(group="layer3"), lost)
    assert score.weight.dims == ("split", "part", "site")
    assert np.isnan(score.weight.sel(part="layer3")[0, 1])
    assert np.isnan(score.alpha.sel(layer="stacked")).all()


def plain_split_draws(compare, recorded, predicted, row_cluster, row_split, n_groups, n_site_groups):
    """Jackknife a mean over splits in plain loops: random groups of clusters, then of sites, with t draws."""

    def groups(names, most):
        names = sorted(set(names))
        numbers = np.arange(len(names))
        if len(names) >= 2 * most:
            numbers = np.random.default_rng(0).permutation(numbers % most)
        return dict(zip(names, numbers.tolist(), strict=True))

    def value(rows, sites):
        parts = [[row for row in rows if row_split[row] == split] for split in sorted(set(row_split))]
        return np.mean([compare(recorded[p][:, sites], predicted[p][:, sites]) for p in parts if len(p) >= 3])

    every, sites = list(range(len(recorded))), list(range(recorded.shape[1]))
    group, site_group = groups(row_cluster.tolist(), n_groups), groups(sites, n_site_groups)
    images = [
        value([row for row in every if group[row_cluster[row]] != left], sites)
        for left in range(max(group.values()) + 1)
    ]
    places = [
        value(every, [site for site in sites if site_group[site] != left])
        for left in range(max(site_group.values()) + 1)
        if len(sites) > 3
    ]
    draws = np.full(2_000, value(every, sites))
    for random, without in zip(np.random.default_rng(0).spawn(2), map(np.array, (images, places)), strict=True):
        g = len(without)
        if g > 1:
            normal, chi2 = random.standard_normal((2_000, g)), random.chisquare(g - 1, 2_000)
            draws += np.sqrt((g - 1) / chi2) * (normal * np.sqrt((g - 1) / g) * (without - without.mean())).sum(axis=1)
    return draws


def agreement(recorded, predicted):
    return np.corrcoef(np.concatenate([recorded, recorded**2]).ravel(), np.tile(predicted, (2, 1)).ravel())[0, 1]


SPLIT_DRAWS = {  # what is left out together, the split, the number of sites
    "images": (np.arange(60), np.arange(60) % 4, 6),
    "many images": (np.arange(120), np.arange(120) % 4, 6),
    "many sites": (np.arange(60), np.arange(60) % 4, 45),
    "three sites": (np.arange(60), np.arange(60) % 4, 3),
    "objects": (np.arange(60) // 5, np.arange(60) % 4, 6),
    "objects in a split each": (np.arange(60) // 5, np.arange(60) // 5 % 4, 6),
    "images in two splits": (np.tile(np.arange(30), 2), np.repeat([0, 1], 30), 6),
    "two clusters": (np.arange(12) // 6, np.arange(12) % 2, 6),
    "splits that an image leaves just large enough": (np.arange(16), np.arange(16) % 4, 6),
    "splits that an image leaves too small": (np.arange(13), np.arange(13) // 10, 6),
    "splits that a cluster leaves too small": (np.arange(20) // 4, np.arange(20) // 4, 6),
}


@pytest.mark.parametrize(("row_cluster", "row_split", "n_sites"), SPLIT_DRAWS.values(), ids=SPLIT_DRAWS)
def test_draws_of_a_measure_of_splits_are_those_of_a_plain_jackknife(row_cluster, row_split, n_sites):
    rng = np.random.default_rng(0)
    recorded = rng.standard_normal((len(row_cluster), n_sites))
    predicted = recorded + rng.standard_normal(recorded.shape)
    drawn = split_measure_draws(agreement, recorded, predicted, row_cluster, row_split)
    expected = plain_split_draws(agreement, recorded, predicted, row_cluster, row_split, 50, 20)
    np.testing.assert_allclose(drawn, expected, rtol=1e-10)
    assert drawn.std() > 0


def test_splits_that_are_too_small_give_no_draws():
    rng = np.random.default_rng(0)
    recorded, predicted = rng.standard_normal((2, 12, 6))
    drawn = split_measure_draws(agreement, recorded, predicted, np.arange(12), np.arange(12) // 2)
    assert np.isnan(drawn).all()


def test_a_single_cluster_gives_no_draws():
    rng = np.random.default_rng(0)
    recorded, predicted = rng.standard_normal((2, 12, 6))
    drawn = split_measure_draws(agreement, recorded, predicted, np.zeros(12, int), np.zeros(12, int))
    assert np.isnan(drawn).all()


def test_neighbours_are_those_of_the_layers_however_the_grams_arrive(task):
    metric = load_plugins().metric("stacked").readout(neighbours=("2",))
    layers, given = ["layer3", "layer5", "layer4"], grams(3, 4, 5)
    scores = [measured("joint", metric, layers, one, task) for one in (given, given[::-1])]
    assert list(scores[0].part.values) == layers
    np.testing.assert_array_equal(scores[0].predictions, scores[1].predictions)
    other = measured("joint", metric, ["layer3", "layer4", "layer5"], given, task)
    assert not np.allclose(predictions(other)[:, 0], predictions(scores[0])[:, 0])
