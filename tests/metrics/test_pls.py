"""Partial least squares from a Gram against scikit-learn's on raw features."""

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from itbench import BadOption, Gram
from itbench.metrics.pls import partial_least_squares
from itbench.plugins import load_plugins
from itbench.statistics.explained_variance import correlation, explained_variance
from tests.kit.regression import SHAPES, data

REGISTRY = load_plugins()
CONVERGED = {"scale": False, "tol": 1e-20, "max_iter": 10_000}  # its power iteration stops early by default


def pls(**options):
    return REGISTRY.metric("pls").readout(**options)


def sklearn_predictions(components, features, responses, train, test, **options):
    model = PLSRegression(components, **(options or CONVERGED)).fit(features[train], responses[train])
    return model.predict(features[test]).reshape(len(test), -1)


@pytest.mark.parametrize("components", [1, 4, 25])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_are_those_of_sklearn_on_raw_features(shape, components):
    features, responses, train, test = data(shape)
    found = partial_least_squares(Gram.from_features(features), responses[train], train, test, components, folds=5)
    rank = np.linalg.matrix_rank(features[train] - features[train].mean(axis=0))
    assert found.components == min(components, rank)
    expected = sklearn_predictions(found.components, features, responses, train, test)
    np.testing.assert_allclose(found.predictions, expected, atol=1e-6)
    for agreement in (explained_variance, correlation):
        ours, theirs = (agreement(responses[test], said) for said in (found.predictions, expected))
        np.testing.assert_allclose(ours, theirs, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_are_within_the_tolerance_that_sklearn_stops_at(shape):
    features, responses, train, test = data(shape)
    predicted = pls(components=10)(Gram.from_features(features), responses[train], train, test).predictions
    default = sklearn_predictions(10, features, responses, train, test, scale=False)
    assert abs(correlation(responses[test], predicted) - correlation(responses[test], default)).max() < 5e-3


def test_components_beyond_those_that_there_are_change_nothing():
    features, responses, train, test = data((80, 50, "constant features"))  # 25 that vary
    gram = Gram.from_features(features)
    whole, more = (pls(components=count)(gram, responses[train], train, test) for count in (25, 40))
    np.testing.assert_allclose(whole.predictions, more.predictions)
    assert whole.remarks == ()
    assert more.remarks == ("only 25 of the 40 requested components exist",)


def test_rounding_of_features_far_from_zero_is_no_component():
    features, responses, train, test = data((60, 300, "plain"))
    few = features[:, :10] @ np.random.default_rng(0).standard_normal((10, 300)) + 100
    found = partial_least_squares(Gram.from_features(few), responses[train], train, test, 25, folds=5)
    assert found.components == 10


@pytest.mark.parametrize("sites", [1, 3])
def test_responses_that_few_components_explain_take_no_more(sites):
    rng = np.random.default_rng(0)
    train, test = np.arange(45), np.arange(45, 60)
    features = rng.standard_normal((60, 20))
    features -= features[train].mean(axis=0)
    features = features @ np.linalg.inv(np.linalg.cholesky(features[train].T @ features[train])).T  # white
    responses = features @ rng.standard_normal((20, sites))
    found = partial_least_squares(Gram.from_features(features), responses[train], train, test, 25, folds=5)
    assert found.components == sites
    np.testing.assert_allclose(found.predictions, responses[test], atol=1e-10)


@pytest.mark.parametrize(("features", "responses"), [(0.1, None), (None, 3.0)], ids=["features", "responses"])
def test_where_nothing_varies_the_mean_is_predicted(features, responses):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((20, 4)) if features is None else np.full((20, 4), features)
    responses = rng.standard_normal((15, 2)) if responses is None else np.full((15, 2), responses)
    train, test = np.arange(15), np.arange(15, 20)
    found = partial_least_squares(Gram.from_features(features), responses, train, test, 25, folds=5)
    assert found.components == 0
    np.testing.assert_allclose(found.predictions, np.tile(responses.mean(axis=0), (5, 1)), atol=1e-12)


@pytest.mark.parametrize("folds", [2, 5])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_inner_predictions_are_those_of_sklearn_without_the_fold(shape, folds):
    features, responses, train, test = data(shape)
    found = partial_least_squares(Gram.from_features(features), responses[train], train, test, 6, folds)
    for held in np.array_split(np.random.default_rng(0).permutation(len(train)), folds):
        expected = sklearn_predictions(6, features, responses, np.delete(train, held), train[held])
        np.testing.assert_allclose(found.inner_predictions[held], expected, atol=1e-6)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_handful_of_training_images_suffices(n):
    rng = np.random.default_rng(0)
    features, responses = rng.standard_normal((n + 2, 7)), rng.standard_normal((n, 3))
    reading = pls()(Gram.from_features(features), responses, np.arange(n), np.arange(n, n + 2))
    assert np.isfinite(reading.predictions).all()
    others = np.array([responses[np.arange(n) != row].mean(axis=0) for row in range(n)])
    if n == 2:  # a single image is left to train on
        np.testing.assert_allclose(reading.inner_predictions, others, atol=1e-12)


def test_test_rows_do_not_enter_what_is_learnt():
    features, responses, train, test = data((60, 300, "plain"))
    changed = features.copy()
    changed[test] *= -7
    grams = Gram.from_features(features), Gram.from_features(changed)
    first, second = (pls()(gram, responses[train], train, test).inner_predictions for gram in grams)
    np.testing.assert_allclose(first, second, atol=1e-8)


@pytest.mark.parametrize(("option", "value"), [("components", 0), ("inner_folds", 1)])
def test_refuses_impossible_options(option, value):
    with pytest.raises(BadOption, match=f"{option}={value} must be at least"):
        pls(**{option: value})


def test_inner_folds_divide_the_validation_rows_and_fit_all_others():
    features, responses, train, test = data((60, 30, "plain"))
    validation, x, y = np.array([2, 9, 17, 30]), features[train], responses[train]
    how = (Gram.from_features(features), y, train, test, 4, 9)
    found = partial_least_squares(*how, validation)
    np.testing.assert_allclose(found.predictions, partial_least_squares(*how).predictions, atol=1e-8)
    for row in validation:  # four folds of one row each
        others = np.delete(np.arange(len(train)), row)
        expected = PLSRegression(4, **CONVERGED).fit(x[others], y[others]).predict(x[[row]])[0]
        np.testing.assert_allclose(found.inner_predictions[row], expected, atol=1e-6)
    assert np.isnan(np.delete(found.inner_predictions, validation, axis=0)).all()
