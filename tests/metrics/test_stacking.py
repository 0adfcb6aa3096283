"""Stacked regressions against scipy, scikit-learn and brute force."""

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer

from itbench import ItbenchError, ReadoutResult
from itbench.metrics.stacking import non_negative_least_squares, stack
from itbench.plugins import load_plugins
from itbench.statistics.explained_variance import explained_variance, variance_shares
from tests.kit.layers import SITES, TEST, TRAIN, driven_by, features, grams_of


def stacked(**options):
    return load_plugins().metric("stacked").readout(**options)


def ridge(**options):
    return load_plugins().metric("ridge").readout(**options)


def readings(layers=3, train=60, test=20, sites=8, seed=0):
    """Readings of layers that each know something else about the responses, so that weighting them helps."""
    rng = np.random.default_rng(seed)
    responses = 2.0 + rng.standard_normal((train + test, sites))
    said = responses + rng.uniform(0.8, 1.6, (layers, 1, sites)) * rng.standard_normal((layers, *responses.shape))
    penalty = np.full(sites, np.nan)
    alone = {f"layer{i}": ReadoutResult(part[train:], part[:train], penalty) for i, part in enumerate(said)}
    return alone, responses[:train]


def least_squares(inner, responses, penalty, shared=0.0):
    """Weights (layer, site) and constants (site,) by scipy, from inner predictions (layer, train, site)."""
    centre, mean = inner.mean(axis=1), responses.mean(axis=0)
    unit = np.linalg.norm(responses - mean, axis=0)
    design, target = (inner - centre[:, None]) / unit, (responses - mean) / unit
    none, eye = np.zeros(len(inner)), np.eye(len(inner))
    sites = range(responses.shape[1])
    rows = np.concatenate([design[:, :, site].T for site in sites])  # all sites, one below the other
    together = np.vstack([rows, np.sqrt(penalty * len(sites)) * eye])
    common = nnls(together, np.r_[target.T.ravel(), none])[0]
    extra = np.vstack([np.sqrt(penalty) * eye, np.sqrt(shared) * eye])
    weights = [
        nnls(np.vstack([design[:, :, site].T, extra]), np.r_[target[:, site], none, np.sqrt(shared) * common])[0]
        for site in sites
    ]
    return np.transpose(weights), mean - (np.transpose(weights) * centre).sum(axis=0)


def inner_of(alone):
    return np.stack([reading.inner_predictions for reading in alone.values()])


@pytest.mark.parametrize(("penalty", "shared"), [(0.0, 0.0), (0.02, 0.0), (0.1, 0.0), (0.005, 0.05), (0.0, 1.0)])
@pytest.mark.parametrize("layers", [2, 3, 9])
def test_weights_are_those_of_scipy(layers, penalty, shared):
    alone, responses = readings(layers)
    expected, constant = least_squares(inner_of(alone), responses, penalty, shared)
    reading = stack(alone, responses, penalty=penalty, shared=shared)
    np.testing.assert_allclose(reading.weights, expected, atol=1e-7)
    outer = np.stack([part.predictions for part in alone.values()])
    predicted = constant + np.einsum("ls,lts->ts", expected, outer)
    np.testing.assert_allclose(reading.predictions, predicted, atol=1e-6)


def test_two_layers_have_the_weights_of_the_closed_form():
    alone, responses = readings(2, train=400, seed=3)
    z = inner_of(alone) - inner_of(alone).mean(axis=1, keepdims=True)
    y = responses - responses.mean(axis=0)
    (aa, ab), (_, bb) = np.einsum("its,jts->ijs", z, z)
    ay, by = np.einsum("its,ts->is", z, y)
    both = np.stack([bb * ay - ab * by, aa * by - ab * ay]) / (aa * bb - ab**2)
    assert (both > 0).all()
    np.testing.assert_allclose(stack(alone, responses, penalty=0.0, shared=0.0).weights, both, atol=1e-8)


@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_solver_agrees_with_scipy(size):
    rng = np.random.default_rng(size)
    factor = rng.standard_normal((200, size + 3, size)) * np.geomspace(1, 1e-2, size)
    target = rng.standard_normal((200, size + 3))
    gram, right = factor.swapaxes(1, 2) @ factor, np.einsum("pki,pk->pi", factor, target)
    expected = np.array([nnls(one, other)[0] for one, other in zip(factor, target, strict=True)])
    with np.errstate(over="raise", invalid="raise"):  # on its way no weight leaves the finite ones
        found = non_negative_least_squares(gram, right)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    assert (found >= 0).all()
    assert size == 1 or ((found > 0).any(axis=1) & (found == 0).any(axis=1)).sum() > 50  # some are on the boundary


def kernels_of(values, kernel):
    """Kernels by scikit-learn, of the training rows and of the test rows with them, centred on the training rows."""
    train = values[TRAIN]
    distances = pdist(train, "sqeuclidean")
    options = {"gamma": 1 / np.median(distances)} if kernel == "rbf" else {}
    inner = pairwise_kernels(train, metric=kernel, **options)
    centrer = KernelCenterer().fit(inner)
    return centrer.transform(inner), centrer.transform(pairwise_kernels(values[TEST], train, metric=kernel, **options))


def kernel_ridge(inner, outer, responses, alpha):
    """Leave-one-out predictions by the inverse in closed form, and held-out predictions by scikit-learn."""
    mean = responses.mean(axis=0)
    inverse = np.linalg.inv(inner + alpha * np.eye(len(inner)))  # less the constant, which 1 / n stands for
    hat = 1 / len(inner) + inner @ inverse
    left_out = responses - (responses - mean - inner @ inverse @ (responses - mean)) / (1 - np.diag(hat))[:, None]
    model = KernelRidge(alpha=alpha, kernel="precomputed").fit(inner, responses - mean)
    return left_out, mean + model.predict(outer)


@pytest.mark.parametrize("kernels", [("linear",), ("linear", "rbf"), ("rbf", "cosine", "linear")], ids=str)
def test_readings_are_those_of_scikit_learn(kernels):
    layers = features(20, 30)
    responses = driven_by(layers.values())
    reading = stacked(alphas=(7.0,), kernels=kernels)(grams_of(layers), responses[TRAIN], TRAIN, TEST)
    oracle = [
        kernel_ridge(*kernels_of(values, kernel), responses[TRAIN], 7.0)
        for kernel in kernels
        for values in layers.values()
    ]
    inner, outer = (np.array(part) for part in zip(*oracle, strict=True))
    weights, constant = least_squares(inner, responses[TRAIN], 0.005, 0.05)
    np.testing.assert_allclose(reading.weights, weights.reshape(len(kernels), 2, -1).sum(axis=0), atol=1e-7)
    np.testing.assert_allclose(reading.predictions, constant + np.einsum("rs,rts->ts", weights, outer), atol=1e-6)
    for alone, expected in zip(reading.alone.values(), outer, strict=False):
        np.testing.assert_allclose(alone.predictions, expected, atol=1e-8)


@pytest.mark.slow
def test_leave_one_out_predictions_are_those_of_refits():
    layers = features(20, 30)
    responses = driven_by(layers.values())
    reading = stacked(alphas=(7.0,), kernels=("linear",))(grams_of(layers), responses[TRAIN], TRAIN, TEST)
    oracle = [
        cross_val_predict(
            make_pipeline(PCA(svd_solver="full"), SklearnRidge(7.0)), values[TRAIN], responses[TRAIN], cv=LeaveOneOut()
        )
        for values in layers.values()
    ]
    expected, _ = least_squares(np.array(oracle), responses[TRAIN], 0.005, 0.05)
    np.testing.assert_allclose(reading.weights, expected, atol=1e-6)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize(("neighbours", "runs"), [("2", [(0, 1), (1, 2)]), ("1,all", [(0,), (1,), (2,), (0, 1, 2)])])
def test_neighbours_are_read_out_by_the_sum_of_their_kernels(neighbours, runs, kernel):
    layers = features(20, 30, 10)
    layers["layer2"] *= 1e3  # units do not matter
    responses = driven_by(layers.values())
    grid = (0.5,)
    reading = stacked(alphas=grid, kernels=(kernel,), neighbours=tuple(neighbours.split(",")))(
        grams_of(layers), responses[TRAIN], TRAIN, TEST
    )
    kernels = [kernels_of(values, kernel) for values in layers.values()]
    scales = [np.trace(inner) / len(inner) for inner, _ in kernels]
    oracle = []
    for run in runs:
        one = len(run) == 1
        summed = [sum(kernels[i][part] / (1 if one else scales[i]) for i in run) for part in (0, 1)]
        oracle.append((*kernel_ridge(*summed, responses[TRAIN], 0.5), summed[0]))
    inner, outer = np.array([part[0] for part in oracle]), np.array([part[1] for part in oracle])
    weights, constant = least_squares(inner, responses[TRAIN], 0.005, 0.05)
    np.testing.assert_allclose(reading.predictions, constant + np.einsum("rs,rts->ts", weights, outer), atol=1e-6)
    mean = responses[TRAIN].mean(axis=0)
    expected, parts = np.zeros((3, SITES)), np.zeros((3, len(TEST), SITES))
    for run, weight, prediction, (_, _, summed) in zip(runs, weights, outer, oracle, strict=True):
        dual = np.linalg.solve(summed + 0.5 * np.eye(len(TRAIN)), responses[TRAIN] - mean)
        for i in run:
            expected[i] += weight / len(run)
            parts[i] += weight * (prediction - mean if len(run) == 1 else kernels[i][1] / scales[i] @ dual)
    np.testing.assert_allclose(reading.weights, expected, atol=1e-7)
    np.testing.assert_allclose(reading.contributions, parts, atol=1e-6)
    shares = variance_shares(responses[TEST], reading.contributions).sum(axis=0)
    np.testing.assert_allclose(shares, explained_variance(responses[TEST], reading.predictions), atol=1e-10)


def test_two_layers_explain_a_site_better_than_either():
    layers = features(20, 30)
    responses = driven_by(layers.values())
    reading = stacked()(grams_of(layers), responses[TRAIN], TRAIN, TEST)
    together = explained_variance(responses[TEST], reading.predictions)
    alone = [explained_variance(responses[TEST], part.predictions) for part in reading.alone.values()]
    assert (together > np.max(alone, axis=0) + 0.1).all()


@pytest.mark.parametrize("kernels", [("linear",), ("rbf",), ("linear", "rbf")], ids=str)
def test_useless_layers_do_little_harm(kernels):
    layers = features(15, *[200] * 6)
    responses = driven_by([layers["layer0"]], sites=30)
    reading = stacked(kernels=kernels)(grams_of(layers), responses[TRAIN], TRAIN, TEST)
    together = explained_variance(responses[TEST], reading.predictions)
    good = explained_variance(responses[TEST], reading.alone["layer0"].predictions)
    assert together.mean() > good.mean() - 0.01
    assert together.min() > 0.3


@pytest.mark.parametrize("options", [{}, {"kernel": "rbf"}, {"components": 10}], ids=str)
def test_one_reading_is_ridge_with_the_weight_1(options):
    layers = features(40)
    responses = driven_by(layers.values(), noise=2.0)
    of_stacked = {"kernels": (options.get("kernel", "linear"),), "components": options.get("components", 1000)}
    reading = stacked(**of_stacked)(grams_of(layers), responses[TRAIN], TRAIN, TEST, [("layer0",)])
    expected = ridge(**options)(grams_of(layers)["layer0"], responses[TRAIN], TRAIN, TEST)
    np.testing.assert_array_equal(reading.weights, 1)
    np.testing.assert_array_equal(reading.predictions, expected.predictions)
    np.testing.assert_array_equal(reading.inner_predictions, expected.inner_predictions)
    np.testing.assert_allclose(reading.without[0], np.tile(responses[TRAIN].mean(axis=0), (len(TEST), 1)))


@pytest.mark.parametrize("penalty", [0.0, 0.02])
def test_equal_layers_share_their_weight(penalty):
    alone, responses = readings(2, seed=5)
    once = stack(alone, responses, penalty=penalty, shared=0.0)
    twice = stack({**alone, "again": alone["layer0"]}, responses, penalty=penalty, shared=0.0)
    np.testing.assert_allclose(twice.weights[0], twice.weights[2], rtol=1e-3)
    slack = 1e-6 if penalty == 0 else 0.05  # a penalty weighs on one weight more than on two halves
    np.testing.assert_allclose(twice.predictions, once.predictions, atol=slack)


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]])
def test_order_of_layers_does_not_matter(order):
    alone, responses = readings()
    names = [list(alone)[i] for i in order]
    turned = stack({name: alone[name] for name in names}, responses)
    plain = stack(alone, responses)
    np.testing.assert_allclose(turned.weights, plain.weights[order], atol=1e-9)
    np.testing.assert_allclose(turned.predictions, plain.predictions, atol=1e-9)


def test_a_constant_layer_gets_no_weight_beside_a_good_one():
    layers = {**features(20), "constant": np.full((140, 6), 0.1)}
    responses = driven_by([layers["layer0"]])
    reading = stacked()(grams_of(layers), responses[TRAIN], TRAIN, TEST)
    np.testing.assert_array_equal(reading.weights[1], 0)
    constant = stacked()(grams_of({"a": layers["constant"], "b": layers["constant"]}), responses[TRAIN], TRAIN, TEST)
    mean = np.tile(responses[TRAIN].mean(axis=0), (len(TEST), 1))
    np.testing.assert_allclose(constant.predictions, mean, atol=1e-9)


def test_a_site_that_does_not_vary_is_predicted_by_its_mean():
    layers = features(20, 30)
    responses = driven_by(layers.values())
    responses[:, 1] = 4.0
    reading = stacked()(grams_of(layers), responses[TRAIN], TRAIN, TEST)
    np.testing.assert_allclose(reading.predictions[:, 1], 4.0)
    assert np.isfinite(reading.weights).all()


@pytest.mark.parametrize(("train", "widths", "sites"), [(30, (300, 200), 1), (8, (5, 5, 5), 3), (4, (2, 2), 1)])
def test_few_rows_and_one_site_are_enough(train, widths, sites):
    layers = features(*widths)
    responses = driven_by(layers.values(), sites=sites)
    reading = stacked()(grams_of(layers), responses[:train], np.arange(train), TEST, [("layer0",)])
    assert reading.predictions.shape == (len(TEST), sites)
    assert reading.inner_predictions.shape == (train, sites)
    assert reading.contributions.shape == (len(widths), len(TEST), sites)
    for values in (reading.predictions, reading.inner_predictions, reading.without):
        assert np.isfinite(values).all()


@pytest.mark.parametrize(
    "options", [{}, {"neighbours": (1, 2)}, {"neighbours": ("all",), "kernels": ("rbf",)}], ids=str
)
def test_without_a_group_is_what_the_other_layers_give(options):
    layers = features(20, 30, 10, 40)
    responses = driven_by(layers.values(), noise=1.0)
    groups = [("layer0",), ("layer1", "layer3"), ("layer0", "layer1", "layer2"), tuple(layers), ()]
    grams = grams_of(layers)
    reading = stacked(**options)(grams, responses[TRAIN], TRAIN, TEST, groups)
    for group, without in zip(groups, reading.without, strict=True):
        rest = {name: gram for name, gram in grams.items() if name not in group}
        again = (
            stacked(**options)(rest, responses[TRAIN], TRAIN, TEST).predictions
            if rest
            else responses[TRAIN].mean(axis=0)
        )
        np.testing.assert_allclose(without, np.broadcast_to(again, without.shape), atol=1e-9)


def test_contributions_sum_to_the_prediction_but_for_a_constant():
    alone, responses = readings(5)
    reading = stack(alone, responses)
    np.testing.assert_allclose((reading.contributions.sum(axis=0) - reading.predictions).std(axis=0), 0, atol=1e-12)


def test_shares_sum_to_the_explained_variance():
    layers = features(20, 30, 10)
    responses = driven_by(layers.values())
    reading = stacked()(grams_of(layers), responses[TRAIN], TRAIN, TEST)
    expected = explained_variance(responses[TEST], reading.predictions)
    np.testing.assert_allclose(
        variance_shares(responses[TEST], reading.contributions).sum(axis=0), expected, atol=1e-10
    )


def test_inner_predictions_are_of_weights_that_did_not_see_the_fold():
    alone, responses = readings(3, sites=6, seed=2)
    reading = stack(alone, responses, penalty=0.02, shared=0.1)
    inner, expected = inner_of(alone), np.empty_like(responses)
    for rows in np.array_split(np.random.default_rng(0).permutation(len(responses)), 5):
        others = np.setdiff1d(np.arange(len(responses)), rows)
        weights, constant = least_squares(inner[:, others], responses[others], 0.02, 0.1)
        expected[rows] = constant + np.einsum("ls,lts->ts", weights, inner[:, rows])
    np.testing.assert_allclose(reading.inner_predictions, expected, atol=1e-7)


def test_an_outlier_does_not_move_its_own_inner_prediction():
    layers = features(20, 30)
    responses = driven_by(layers.values())
    shifted = responses.copy()
    shifted[5] += 1e6
    moved = [
        stacked()(grams_of(layers), values[TRAIN], TRAIN, TEST).inner_predictions[5] for values in (responses, shifted)
    ]
    assert (np.abs(moved[1] - moved[0]) < 1e3).all()


def test_a_strong_shared_penalty_gives_all_sites_the_same_weights():
    alone, responses = readings(4)
    weights = stack(alone, responses, shared=1e9).weights
    np.testing.assert_allclose(weights, np.tile(weights[:, :1], responses.shape[1]), atol=1e-6)
    own = stack(alone, responses, shared=0.0).weights
    assert np.ptp(own, axis=1).max() > 0.05
    np.testing.assert_allclose(weights[:, 0], own.mean(axis=1), atol=0.1)


def test_sites_that_do_not_vary_have_no_part_in_the_shared_weights():
    alone, responses = readings(3, sites=4)
    wide = {
        name: ReadoutResult(
            *(np.c_[part, np.ones(len(part))] for part in (one.predictions, one.inner_predictions)), one.alpha
        )
        for name, one in alone.items()
    }
    found = stack(wide, np.c_[responses, np.ones(len(responses))])
    np.testing.assert_allclose(found.weights[:, :4], stack(alone, responses).weights, atol=1e-12)
    np.testing.assert_array_equal(found.weights[:, 4], 0)
    np.testing.assert_array_equal(found.predictions[:, 4], 1)


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_the_unit_of_the_responses_does_not_matter(unit):
    rng = np.random.default_rng(0)
    responses = rng.standard_normal((24, 40))
    said = [responses + 0.5 * rng.standard_normal(responses.shape), *rng.standard_normal((12, 24, 40))]
    readings = [
        stack({f"layer{i}": ReadoutResult(u * part, u * part, np.full(40, np.nan)) for i, part in enumerate(said)}, y)
        for u, y in ((1.0, responses), (unit, unit * responses))
    ]
    np.testing.assert_allclose(readings[1].weights, readings[0].weights, atol=1e-7)
    np.testing.assert_allclose(readings[1].predictions, unit * readings[0].predictions, atol=1e-6 * unit)


def test_test_rows_do_not_enter_what_is_learnt():
    layers = features(20, 30)
    responses = driven_by(layers.values())
    changed = {name: values.copy() for name, values in layers.items()}
    for values in changed.values():
        values[TEST] *= -7
    first, second = (stacked()(grams_of(values), responses[TRAIN], TRAIN, TEST) for values in (layers, changed))
    np.testing.assert_allclose(first.weights, second.weights, atol=1e-10)
    np.testing.assert_allclose(first.inner_predictions, second.inner_predictions, atol=1e-8)
    turned = stacked()(grams_of(layers), responses[TRAIN], TRAIN, TEST[::-1])
    np.testing.assert_allclose(turned.predictions[::-1], first.predictions, atol=1e-10)
    np.testing.assert_array_equal(turned.weights, first.weights)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"penalty": -0.1}, "penalty=-0.1 must be 0 or a positive number"),
        ({"penalty": np.inf}, "penalty=inf must be 0 or a positive number"),
        ({"alphas": ()}, "must be positive numbers"),
        ({"components": 0}, "components=0 must be at least 1"),
        ({"shared": -0.1}, "shared=-0.1 must be 0 or a positive number"),
        ({"kernels": ("linear", "gaussian")}, "unknown kernel 'gaussian'"),
        ({"kernels": ()}, "kernels must name at least one"),
        ({"neighbours": ("0",)}, "neighbours=0 must be whole numbers from 1, or all"),
        ({"neighbours": ("1", "some")}, "neighbours=1,some must be whole numbers"),
        ({"neighbours": ()}, "must be whole numbers"),
    ],
)
def test_refuses_impossible_options(options, said):
    with pytest.raises(ItbenchError, match=said):
        stacked(**options)


def test_rows_without_inner_predictions_take_no_part_in_the_weights():
    alone, responses = readings()
    fitted = np.arange(0, 60, 2)
    for reading in alone.values():
        reading.inner_predictions[fitted] = np.nan
    rest = np.delete(np.arange(60), fitted)
    expected, _ = least_squares(inner_of(alone)[:, rest], responses[rest], 0.005, 0.05)
    reading = stack(alone, responses)
    np.testing.assert_allclose(reading.weights, expected, atol=1e-7)
    assert np.isnan(reading.inner_predictions[fitted]).all()
    assert np.isfinite(reading.inner_predictions[rest]).all()
