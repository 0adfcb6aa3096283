"""Banded ridge against himalaya on raw features, and against brute force."""

import sys

import numpy as np
import pytest
from himalaya.backend import get_backend, set_backend
from himalaya.kernel_ridge import ColumnKernelizer, Kernelizer, MultipleKernelRidgeCV
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from itbench import Gram, ItbenchError
from itbench.plugins import load_plugins
from itbench.statistics.explained_variance import explained_variance, variance_shares
from tests.kit.layers import TEST, TRAIN, driven_by, features, grams_of

ALPHAS = tuple(np.geomspace(1e-2, 1e3, 11))


def banded(**options):
    return load_plugins().metric("banded").readout(**{"n_iter": 8, "alphas": ALPHAS, **options})


def of_unit_length(values):
    centred = values - values[TRAIN].mean(axis=0)
    return centred / np.sqrt((centred[TRAIN] ** 2).sum(axis=1).mean())


@pytest.fixture(scope="module")
def said():
    """Layers, responses, and what banded ridge says of them, with all groups."""
    layers = {**features(20, 30, 300), "wide": 1e3 * features(10, seed=9)["layer0"]}
    responses = driven_by([layers["layer0"], layers["wide"]])
    groups = [("layer0",), ("layer1", "layer2"), tuple(layers)]
    reading = banded(unique=True)(grams_of(layers), responses[TRAIN], TRAIN, TEST, groups)
    return layers, responses, groups, reading


def test_agrees_with_himalaya_on_raw_features(said):
    layers, responses, _, reading = said
    scaled = [of_unit_length(values) for values in layers.values()]
    ends = np.cumsum([0, *(part.shape[1] for part in scaled)])
    columns = ColumnKernelizer(
        [(str(i), Kernelizer("linear"), slice(*ends[i : i + 2])) for i in range(len(scaled))], n_jobs=1
    )
    oracle = make_pipeline(
        StandardScaler(with_std=False),
        columns,
        MultipleKernelRidgeCV(
            "precomputed",
            solver_params={"n_iter": 8, "alphas": np.array(ALPHAS), "progress_bar": False},
            fit_intercept=True,
            cv=KFold(5, shuffle=True, random_state=0),
            random_state=0,
        ),
    )
    joined = np.hstack(scaled)
    oracle.fit(joined[TRAIN], responses[TRAIN])
    np.testing.assert_allclose(reading.predictions, oracle.predict(joined[TEST]), atol=1e-6)


def test_inner_predictions_are_what_leaving_one_out_gives(said):
    layers, responses, _, reading = said
    scaled = [of_unit_length(values)[TRAIN] for values in layers.values()]
    site, y = 0, responses[TRAIN][:, 0]
    design = np.hstack([np.sqrt(part) * values for part, values in zip(reading.weights[:, site], scaled, strict=True)])
    for row in (0, 17, 60):
        others = np.delete(TRAIN, row)
        left_out = [
            SklearnRidge(alpha).fit(design[others], y[others]).predict(design[row : row + 1])[0] for alpha in ALPHAS
        ]
        assert np.abs(np.array(left_out) - reading.inner_predictions[row, site]).min() < 1e-8


def test_two_layers_explain_a_site_better_than_either(said):
    _, responses, _, reading = said
    together = explained_variance(responses[TEST], reading.predictions)
    alone = [explained_variance(responses[TEST], part.predictions) for part in reading.alone.values()]
    assert (together > np.max(alone, axis=0) + 0.1).all()


def test_weights_are_a_mixture_of_layers(said):
    *_, reading = said
    np.testing.assert_allclose(reading.weights.sum(axis=0), 1)
    assert (reading.weights >= 0).all()


def test_units_of_a_layer_do_not_matter(said):
    layers, responses, _, reading = said
    changed = {**layers, "wide": layers["wide"] / 1e3}
    again = banded()(grams_of(changed), responses[TRAIN], TRAIN, TEST)
    np.testing.assert_allclose(again.weights, reading.weights)
    np.testing.assert_allclose(again.predictions, reading.predictions, atol=1e-8)


def test_contributions_sum_to_the_prediction_and_shares_to_its_explained_variance(said):
    _, responses, _, reading = said
    mean = responses[TRAIN].mean(axis=0)
    np.testing.assert_allclose(reading.contributions.sum(axis=0) + mean, reading.predictions, atol=1e-10)
    expected = explained_variance(responses[TEST], reading.predictions)
    np.testing.assert_allclose(
        variance_shares(responses[TEST], reading.contributions).sum(axis=0), expected, atol=1e-10
    )


def test_without_a_group_is_what_the_other_layers_give(said):
    layers, responses, groups, reading = said
    for group, without in zip(groups, reading.without, strict=True):
        rest = {name: Gram.from_features(values) for name, values in layers.items() if name not in group}
        again = banded()(rest, responses[TRAIN], TRAIN, TEST).predictions if rest else responses[TRAIN].mean(axis=0)
        np.testing.assert_allclose(without, np.broadcast_to(again, without.shape), atol=1e-10)


def test_without_is_missing_unless_asked_for():
    layers = features(5, 6)
    responses = driven_by(layers.values())
    reading = banded()(grams_of(layers), responses[TRAIN], TRAIN, TEST, [("layer0",)])
    assert reading.without.shape == (1, len(TEST), responses.shape[1])
    assert np.isnan(reading.without).all()


def test_one_layer_is_ridge():
    drawn = features(40)
    responses, layers = driven_by(drawn.values()), {"layer0": 1e-3 * drawn["layer0"]}  # in other units
    reading = banded(alphas=(0.3,))(grams_of(layers), responses[TRAIN], TRAIN, TEST)
    values = of_unit_length(layers["layer0"])
    expected = SklearnRidge(0.3).fit(values[TRAIN], responses[TRAIN]).predict(values[TEST])
    np.testing.assert_allclose(reading.predictions, expected, atol=1e-8)
    np.testing.assert_allclose(reading.alone["layer0"].predictions, expected, atol=1e-8)
    np.testing.assert_allclose(reading.weights, 1, rtol=1e-12)


@pytest.mark.parametrize(("train", "widths", "sites"), [(30, (300, 200), 1), (8, (5, 5), 3), (4, (2, 2), 1)])
def test_few_rows_and_one_site_are_enough(train, widths, sites):
    layers = {**features(*widths), "constant": np.full((140, 3), 0.1)}
    responses = driven_by([layers["layer0"]], sites=sites)
    reading = banded(n_iter=3)(grams_of(layers), responses[:train], np.arange(train), TEST)
    for values in (reading.predictions, reading.inner_predictions, reading.contributions):
        assert np.isfinite(values).all()


def test_test_rows_do_not_enter_what_is_learnt():
    layers = features(20, 30)
    responses = driven_by(layers.values())
    changed = {name: values.copy() for name, values in layers.items()}
    for values in changed.values():
        values[TEST] *= -7
    first, second = (banded()(grams_of(values), responses[TRAIN], TRAIN, TEST) for values in (layers, changed))
    np.testing.assert_allclose(first.weights, second.weights)
    np.testing.assert_allclose(first.inner_predictions, second.inner_predictions, atol=1e-8)
    turned = banded()(grams_of(layers), responses[TRAIN], TRAIN, TEST[::-1])
    np.testing.assert_allclose(turned.predictions[::-1], first.predictions, atol=1e-10)


def test_another_seed_draws_other_mixtures():
    layers = features(20, 30)
    responses = driven_by(layers.values())
    first, same, other = (banded(seed=seed)(grams_of(layers), responses[TRAIN], TRAIN, TEST) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.predictions, same.predictions)
    assert not np.allclose(first.weights, other.weights)


@pytest.mark.slow
def test_leaves_the_backend_of_himalaya_as_it_was():
    layers = features(5, 6)
    before = get_backend().name
    set_backend("torch")
    try:
        reading = banded(n_iter=2)(grams_of(layers), driven_by(layers.values())[TRAIN], TRAIN, TEST)
        assert isinstance(reading.predictions, np.ndarray)
        assert get_backend().name == "torch"
    finally:
        set_backend(before)


def test_says_how_to_install_himalaya_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "himalaya", None)
    layers = features(5, 6)
    with pytest.raises(ItbenchError, match=r"pip install 'itbench\[banded\]'"):
        banded()(grams_of(layers), driven_by(layers.values())[TRAIN], TRAIN, TEST)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_iter": 0}, "n_iter=0 must be at least 1"),
        ({"seed": -1}, "seed=-1 must not be negative"),
        ({"alphas": (0.0,)}, "must be positive numbers"),
    ],
)
def test_refuses_impossible_options(options, said):
    with pytest.raises(ItbenchError, match=said):
        banded(**options)


def test_folds_of_the_validation_rows_choose_the_penalty():
    layers, validation = features(20), np.array([1, 4, 7, 11, 16, 23])
    values, responses = of_unit_length(layers["layer0"]), driven_by(list(layers.values()))
    x, y = values[TRAIN], responses[TRAIN]

    def error(alpha):
        found = np.zeros(y.shape[1])
        folds = KFold(5, shuffle=True, random_state=0).split(validation)
        for _, rows in folds:
            others = np.delete(np.arange(len(x)), validation[rows])
            predicted = SklearnRidge(alpha).fit(x[others], y[others]).predict(x[validation[rows]])
            found += ((y[validation[rows]] - predicted) ** 2).mean(axis=0)
        return found

    expected = np.array(ALPHAS)[np.array([error(alpha) for alpha in ALPHAS]).argmin(axis=0)]
    found = banded()(grams_of(layers), y, TRAIN, TEST, validation=validation)
    fitted = SklearnRidge(expected).fit(x, y).predict(values[TEST])
    np.testing.assert_allclose(found.predictions, fitted, atol=1e-6)
    assert np.isnan(np.delete(found.inner_predictions, validation, axis=0)).all()
