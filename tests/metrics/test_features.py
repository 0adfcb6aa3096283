"""Metrics of single features, against SciPy and scikit-learn on raw features; and layers too wide for them."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, nnls
from sklearn.linear_model import Ridge

from itbench import FunctionModel, Gram
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption
from itbench.extraction.forward import ExtractionSettings
from itbench.metrics.features import (
    FeatureGram,
    _Streamed,
    check_features,
    non_negative_ridge_readout,
    non_negative_solution,
    soft_matching,
)
from itbench.metrics.form import require_narrow
from itbench.plugins import load_plugins
from itbench.results.score_file import read_score
from itbench.results.summary import summary
from tests.kit.commands import run
from tests.kit.regression import SHAPES, data
from tests.kit.streaming import StreamedModel
from tests.kit.toy import toy_recordings

N = 60
GROUPS = np.random.default_rng(5).permutation(np.arange(N) % 6)


def tuned(features, sites, seed=0):
    """Return features and sites that share their tuning, one by one where there are as many."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((N, features)) + 2
    y = x[:, rng.permutation(features)[np.arange(sites) % features]] + rng.standard_normal((N, sites))
    return 3 * x, y - 5


def correlation(x, y):
    return np.corrcoef(x, y, rowvar=False)[: x.shape[1], x.shape[1] :]


def by_copies(x, y):
    """Return the score by assigning copies of features to copies of sites, as many of each: a soft matching exactly."""
    size = np.lcm(x.shape[1], y.shape[1])
    r = np.repeat(np.repeat(correlation(x, y), size // x.shape[1], axis=0), size // y.shape[1], axis=1)
    return r[linear_sum_assignment(r, maximize=True)].mean()


# ---- soft matching


@pytest.mark.parametrize(("features", "sites"), [(8, 8), (12, 8), (8, 12), (7, 5), (1, 6), (9, 1)])
def test_soft_matching_is_the_best_assignment_of_copies(features, sites):
    x, y = tuned(features, sites)
    value = soft_matching(x, y)[0]
    assert value == pytest.approx(by_copies(x, y), abs=1e-7)
    order = np.random.default_rng(1).permutation(features)
    assert soft_matching(-2 + 0.1 * x[:, order], y)[0] == pytest.approx(value, abs=1e-7)


def test_the_score_without_a_group_keeps_the_matching_and_hardly_differs_from_the_best():
    x, y = tuned(8, 8)
    values = soft_matching(x, y, GROUPS)
    pairs = linear_sum_assignment(correlation(x, y), maximize=True)
    for group, value in enumerate(values[1:]):
        rows = np.flatnonzero(group != GROUPS)
        assert value == pytest.approx(correlation(x[rows], y[rows])[pairs].mean(), abs=1e-9)
        assert -1e-12 <= by_copies(x[rows], y[rows]) - value < 0.01


def test_the_distance_of_the_source_follows_from_the_score():
    x, y = tuned(6, 6)
    unit = [(z - z.mean(axis=0)) / np.linalg.norm(z - z.mean(axis=0), axis=0) for z in (x, y)]
    squares = np.square(unit[0][:, :, None] - unit[1][:, None]).sum(axis=0)
    distance = np.sqrt(squares[linear_sum_assignment(squares)].mean())
    assert np.sqrt(2 - 2 * soft_matching(x, y)[0]) == pytest.approx(distance, abs=1e-9)


def test_a_rotation_of_the_layer_lowers_the_score_and_constant_features_have_none():
    x, _ = tuned(10, 10)
    assert soft_matching(x, x)[0] == pytest.approx(1)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((10, 10)))[0]
    assert soft_matching(x @ rotation, x)[0] < 0.8
    dead = np.concatenate([x, np.full((N, 10), 0.1)], axis=1)
    assert soft_matching(dead, x)[0] == pytest.approx(0.5, abs=1e-7)
    assert soft_matching(dead[:, 10:], x).tolist() == [0]


@pytest.mark.parametrize("sites", [4, 6])
def test_features_that_are_0_or_constant_but_for_single_precision_match_nothing(sites):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, 4)), rng.standard_normal((N, sites))
    flat = [np.zeros(N), 1e6 * (1 + 5e-8 * rng.standard_normal(N)), 1e-6 * (1 + 5e-8 * rng.standard_normal(N))]
    assert np.abs(correlation(flat[1][:, None], y)).max() > 0.05
    np.testing.assert_allclose(soft_matching(np.stack([*flat, flat[1]], axis=1), y, GROUPS), np.zeros(7), atol=1e-12)
    r = np.zeros((4, sites))
    r[0] = correlation(x[:, :1], y)
    size = np.lcm(4, sites)
    r = np.repeat(np.repeat(r, size // 4, axis=0), size // sites, axis=1)
    expected = r[linear_sum_assignment(r, maximize=True)].mean()
    assert soft_matching(np.stack([x[:, 0], *flat], axis=1), y)[0] == pytest.approx(expected, abs=1e-7)
    near = 1e3 * (1 + 1e-5 * x)  # what single precision holds of these is enough
    assert soft_matching(near, y)[0] == pytest.approx(by_copies(x, y), abs=1e-7)


# ---- non-negative ridge


def rows_of(n):
    order = np.random.default_rng(0).permutation(n)
    return [np.sort(part) for part in np.array_split(order, 5)]


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[1] <= 120], ids=str)
@pytest.mark.parametrize("alpha", [0.5, 300.0])
def test_predictions_are_those_of_scikit_learn(shape, alpha):
    features, responses, train, test = data(shape)
    found = non_negative_ridge_readout(FeatureGram.of(features), responses[train], train, test, (alpha,))
    scale = np.abs(responses).max()

    def theirs(learn, rows):
        x = features[learn] - features[learn].mean(axis=0)
        whole = np.concatenate([x, np.sqrt(alpha) * np.eye(x.shape[1])])
        y = responses[learn] - responses[learn].mean(axis=0)
        weights = [nnls(whole, np.concatenate([site, np.zeros(x.shape[1])]))[0] for site in y.T]
        return responses[learn].mean(axis=0) + (features[rows] - features[learn].mean(axis=0)) @ np.transpose(weights)

    np.testing.assert_allclose(found.predictions, theirs(train, test), rtol=0, atol=1e-8 * scale)
    for rows in rows_of(len(train)):
        inner = theirs(np.delete(train, rows), train[rows])
        np.testing.assert_allclose(found.inner_predictions[rows], inner, rtol=0, atol=1e-8 * scale)
    fitted = Ridge(alpha, positive=True, tol=1e-12, max_iter=20_000).fit(features[train], responses[train])
    by_sklearn = fitted.predict(features[test]).reshape(found.predictions.shape)
    np.testing.assert_allclose(found.predictions, by_sklearn, rtol=0, atol=1e-3 * scale)  # its search stops early


def test_the_penalty_has_the_smallest_error_of_inner_predictions_and_follows_units():
    features, responses, train, test = data((100, 40, "plain"))
    power = np.square(features[train] - features[train].mean(axis=0)).sum() / len(train)
    grid = power * np.geomspace(1e-3, 1e4, 8)
    each = [non_negative_ridge_readout(FeatureGram.of(features), responses[train], train, test, (a,)) for a in grid]
    errors = [np.square(one.inner_predictions - responses[train]).sum(axis=0) for one in each]
    best = np.argmin(errors, axis=0)
    assert len(set(best)) > 1
    found = non_negative_ridge_readout(FeatureGram.of(features), responses[train], train, test)
    np.testing.assert_allclose(found.alpha, grid[best])
    for site, index in enumerate(best):
        for name in ("predictions", "inner_predictions"):
            np.testing.assert_allclose(getattr(found, name)[:, site], getattr(each[index], name)[:, site], atol=1e-9)
    small = non_negative_ridge_readout(FeatureGram.of(1e-6 * features), responses[train], train, test)
    np.testing.assert_allclose(small.predictions, found.predictions, atol=1e-8)


@pytest.mark.parametrize("start", ["none", "all", "wrong"])
def test_blocks_of_weights_are_exchanged_until_scipys_solution_is_met(start):
    rng = np.random.default_rng(3)
    for size in (1, 5, 30):
        x = rng.standard_normal((40, size)) @ rng.standard_normal((size, size)) + 0.1 * rng.standard_normal((40, size))
        y = rng.standard_normal(40)
        expected = nnls(x, y)[0]
        first = {"none": np.zeros(size, bool), "all": np.ones(size, bool), "wrong": expected == 0}[start]
        np.testing.assert_allclose(non_negative_solution(x.T @ x, x.T @ y, first), expected, atol=1e-8)


CYCLES = [(3, 20), (3, 148), (4, 46), (4, 166), (5, 3), (5, 173), (8, 160), (8, 208)]  # size, seed


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e6])
@pytest.mark.parametrize(("size", "seed"), CYCLES)
def test_blocks_that_come_back_are_exchanged_one_by_one(size, seed, unit):
    """If all wrong weights were exchanged at a time, these had no end; the unit of the responses does not matter."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((size + 2, size)) @ rng.standard_normal((size, size))
    y = unit * rng.standard_normal(size + 2)
    found = non_negative_solution(x.T @ x, x.T @ y, np.zeros(size, bool))
    np.testing.assert_allclose(found / unit, nnls(x, y / unit)[0], atol=1e-7)


def test_constant_responses_and_features_are_predicted_by_the_mean():
    x, y = np.ones((20, 3)), np.arange(40.0).reshape(20, 2)
    for features, responses in ((x, y), (y, x)):
        found = non_negative_ridge_readout(FeatureGram.of(features), responses[:15], np.arange(15), np.arange(15, 20))
        np.testing.assert_allclose(found.predictions, np.tile(responses[:15].mean(axis=0), (5, 1)))
        power = np.square(features[:15] - features[:15].mean(axis=0)).sum() / 15
        np.testing.assert_allclose(found.alpha, 1e-3 * (power or 1.0))  # the first of equal ones


@pytest.mark.parametrize("n", [3, 4, 7])
def test_of_fewer_rows_than_folds_each_is_left_out(n):
    features, responses, *_ = data((60, 30, "plain"))
    train, test = np.arange(n), np.arange(50, 60)
    found = non_negative_ridge_readout(FeatureGram.of(features), responses[train], train, test, (2.0,))
    folds = np.array_split(np.random.default_rng(0).permutation(n), min(n, 5))
    for rows in folds:
        inner, others = np.sort(rows), np.setdiff1d(train, rows)
        whole = non_negative_ridge_readout(FeatureGram.of(features), responses[others], others, inner, (2.0,))
        np.testing.assert_allclose(found.inner_predictions[inner], whole.predictions, atol=1e-9)


# ---- features and their layers


def test_a_gram_with_features_is_that_of_the_features():
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    gram = FeatureGram.of(x, "abcdef")
    np.testing.assert_array_equal(gram.matrix, Gram.from_features(x).matrix)
    some = gram.take(np.array([4, 1]))
    np.testing.assert_array_equal(some.features, x[[4, 1]])
    np.testing.assert_array_equal(some.matrix, gram.matrix[np.ix_([4, 1], [4, 1])])
    assert some.stimulus_ids == ("e", "b")


def test_a_layer_that_is_too_wide_is_refused_with_those_that_are_not():
    require_narrow({"a": 10, "b": 3}, 10)
    with pytest.raises(BadOption) as error:
        require_narrow({"a": 11, "b": 3}, 10)
    assert "'a' has 11 features" in error.value.what
    assert error.value.known == "Narrow enough: b."


def test_what_reads_single_features_streams_them_and_reads_no_other_gram():
    for name in ("nonnegative-ridge", "soft-matching"):
        form = load_plugins().metric(name).form
        assert (form.streams, form.teaches, form.reads_one_layer, form.several_models) == (True, False, False, False)


def test_numbers_of_features_below_1_are_refused():
    check_features(1)
    with pytest.raises(BadOption, match="features=0"):
        check_features(0)


def test_streamed_features_are_those_of_the_model_layer_by_layer():
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
    stimuli = StimulusSet(tuple(f"image{number:02d}" for number in range(20)), images)

    def pixels(images):
        flat = images.reshape(len(images), -1) / 255
        return {"a": flat[:, :7], "b": 3 + flat[:, 7:12]}

    model = FunctionModel(pixels, layers=("a", "b"), identity="pixels")
    flat = images.reshape(20, -1) / 255
    expected = {
        "a": flat[:, :7],
        "b": 3 + flat[:, 7:12],
        "a+b": np.concatenate([flat[:, :7], 3 + flat[:, 7:12]], axis=1),
    }
    settings = ExtractionSettings(memory=4 * 10**9, batch_size=6)
    found = dict(_Streamed(StreamedModel(model, stimuli, list(expected), settings), 12).grams())
    assert list(found) == list(expected)
    for layer, features in expected.items():
        np.testing.assert_allclose(found[layer].features, features, atol=1e-5)
        np.testing.assert_allclose(found[layer].matrix, features @ features.T, rtol=1e-5)
        assert found[layer].stimulus_ids == stimuli.ids
    with pytest.raises(BadOption, match="has 12 features"):
        dict(_Streamed(StreamedModel(model, stimuli, ["a+b"], settings), 11).grams())


def scored(*arguments):
    done = run("score", "-m", "toy", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)
    return row, read_score(Path(row["file"]))


def good_layer():
    """Return the features of the toy's layer that its sites are linear in, and their mean responses."""
    recordings = toy_recordings()
    features = recordings.stimuli.images.reshape(80, -1)[:, :20] / 255
    return features, recordings.responses.mean("repetition").transpose("stimulus", "site").values


@pytest.mark.slow
def test_a_soft_matching_score_streams_the_features(toy):
    row, score = scored("-b", toy, "--metric", "soft-matching")
    assert score["value"].sel(layer="good").item() == pytest.approx(by_copies(*good_layer()), abs=1e-5)
    assert row["layer"] == "good"
    assert row["low"] < row["value"] < row["high"]
    (both,) = summary(scored("-b", toy, "--metric", "soft-matching", "-l", "good+noise")[1])["layers"]
    assert both["n_features"] == 60


@pytest.mark.slow
def test_a_non_negative_score_streams_the_features(toy):
    _, score = scored("-b", toy, "--metric", "nonnegative-ridge", "-o", "alphas=0.5")
    x, y = good_layer()
    rows = score["row_stimulus"].values[score["row_split"].values == 0]
    learn = np.setdiff1d(np.arange(80), rows)
    residual = y[rows] - Ridge(0.5, positive=True, tol=1e-10).fit(x[learn], y[learn]).predict(x[rows])
    found = score["explained_variance"].isel(split=0).sel(layer="good")
    np.testing.assert_allclose(found, 1 - residual.var(axis=0) / y[rows].var(axis=0), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "widest"), [(["noise", "good"], 39), (["noise+good"], 59)])
def test_a_score_refuses_layers_that_are_too_wide(toy, layers, widest):
    named = [part for layer in layers for part in ("-l", layer)]
    for metric in ("soft-matching", "nonnegative-ridge"):
        done = run("score", "-m", "toy", *named, "-b", toy, "--metric", metric, "-o", f"features={widest}")
        assert done.exit_code == 1
        assert f"Layer '{layers[0]}' has {widest + 1} features" in done.stderr
        assert f"single features of at most {widest}" in done.stderr
