"""Kernels from the linear Gram against scikit-learn's on raw features."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances, linear_kernel, rbf_kernel
from sklearn.preprocessing import KernelCenterer

from itbench import Gram, ItbenchError
from itbench.metrics.kernel import (
    centre,
    double_centre,
    effective_dimensionality,
    eigenbasis,
    kernel_gram,
    of_unit_length,
    rank_threshold,
)
from itbench.plugins import load_plugins
from itbench.statistics.explained_variance import explained_variance
from tests.kit.regression import SHAPES, data

REGISTRY = load_plugins()
KERNELS = ["linear", "cosine", "rbf"]


def sklearn_kernel(kernel, a, b, train, width=1.0):
    if kernel == "rbf":
        squared = euclidean_distances(train, squared=True)[np.triu_indices(len(train), 1)]
        return rbf_kernel(a, b, gamma=1 / (width * np.median(squared)))
    return {"linear": linear_kernel, "cosine": cosine_similarity}[kernel](a, b)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernel_is_that_of_sklearn(shape, kernel):
    features, _, train, _ = data(shape)
    made = kernel_gram(Gram.from_features(features), train, kernel, 0.7).matrix
    expected = sklearn_kernel(kernel, features, features, features[train], 0.7)
    np.testing.assert_allclose(made, expected, atol=1e-9 * abs(expected).max())


def test_a_matrix_is_centred_as_by_sklearn():
    features, _, train, test = data((60, 300, "plain"))
    inner, outer = (features[rows] @ features[train].T for rows in (train, test))
    oracle = KernelCenterer().fit(inner)
    found = centre(features @ features.T, train, test)
    for matrix, expected in zip(found, (oracle.transform(inner), oracle.transform(outer)), strict=True):
        np.testing.assert_allclose(matrix, expected, atol=1e-9 * np.abs(inner).max())


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
def test_a_matrix_is_centred_on_all_rows_and_0_where_rounding_alone_remains(scale):
    x = scale * np.random.default_rng(0).standard_normal((30, 7))
    x[-1] = x[:-1].mean(axis=0)
    centred = x - x.mean(axis=0)
    np.testing.assert_allclose(double_centre(x @ x.T), centred @ centred.T, atol=1e-12 * scale**2)
    alike = np.tile(x[:1] + 0.1 * scale, (30, 1))
    products = alike @ alike.T * (1 + np.finfo(float).eps * np.random.default_rng(1).integers(-1, 2, (30, 30)))
    np.testing.assert_array_equal(double_centre(products), 0)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ridge_in_its_eigenbasis_is_kernel_ridge(shape, kernel):
    features, responses, train, test = data(shape)
    inner, outer = (sklearn_kernel(kernel, features[rows], features[train], features[train]) for rows in (train, test))
    centre, mean = KernelCenterer().fit(inner), responses[train].mean(axis=0)
    oracle = KernelRidge(alpha=0.3, kernel="precomputed").fit(centre.transform(inner), responses[train] - mean)
    expected = mean + oracle.predict(centre.transform(outer))
    ridge = REGISTRY.metric("ridge").readout(alpha=0.3, components=None, kernel=kernel)
    predicted = ridge(Gram.from_features(features), responses[train], train, test).predictions
    np.testing.assert_allclose(
        explained_variance(responses[test], predicted), explained_variance(responses[test], expected), atol=1e-6
    )
    np.testing.assert_allclose(predicted, expected, atol=1e-6 * abs(expected).max())


def test_rbf_has_more_components_than_there_are_features():
    features = np.random.default_rng(0).standard_normal((40, 2))
    gram, train, test = Gram.from_features(features), np.arange(30), np.arange(30, 40)
    assert len(eigenbasis(gram, train, test, None).values) == 2
    assert len(eigenbasis(kernel_gram(gram, train, "rbf"), train, test, None).values) > 20


@pytest.mark.parametrize("kernel", KERNELS)
def test_test_rows_do_not_enter_what_is_learnt(kernel):
    features, responses, train, test = data((60, 300, "plain"))
    changed = features.copy()
    changed[test] *= -7
    readout = REGISTRY.metric("ridge").readout(kernel=kernel)
    first, second = (
        readout(Gram.from_features(values), responses[train], train, test) for values in (features, changed)
    )
    np.testing.assert_array_equal(first.alpha, second.alpha)
    np.testing.assert_allclose(first.inner_predictions, second.inner_predictions, atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_images_without_any_difference_have_no_components(value, kernel):
    gram, train = Gram.from_features(np.full((12, 5), value)), np.arange(9)
    assert eigenbasis(kernel_gram(gram, train, kernel), train, np.arange(9, 12), None).vectors.shape == (9, 0)


def test_width_falls_back_to_the_mean_where_most_images_are_alike():
    features = np.zeros((10, 2))
    features[0] = 3, 4  # 9 of 45 pairs are 25 apart
    made = kernel_gram(Gram.from_features(features), np.arange(10), "rbf").matrix
    np.testing.assert_allclose(made[0, 1], np.exp(-25 / (25 * 9 / 45)))


def test_width_falls_back_to_1_where_all_training_images_are_alike():
    features = np.zeros((5, 2))
    features[4] = 3, 4  # the one held-out image
    made = kernel_gram(Gram.from_features(features), np.arange(4), "rbf", 50.0).matrix
    np.testing.assert_allclose(made[4, :4], np.exp(-25 / 50))
    np.testing.assert_array_equal(made[:4, :4], 1)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_a_layer_of_unit_length_has_training_images_at_a_mean_squared_distance_of_1(scale):
    features, _, train, _ = data((60, 300, "plain"))
    features = scale * features
    made = of_unit_length(Gram.from_features(features), train)
    spread = np.square(features[train] - features[train].mean(axis=0)).sum() / len(train)
    expected = features / np.sqrt(spread)
    np.testing.assert_allclose(made.matrix, expected @ expected.T, atol=1e-9)
    np.testing.assert_allclose(made.row_sums, expected.sum(axis=1), atol=1e-6)


def test_a_layer_whose_training_images_are_all_alike_stays_as_it_was():
    features = np.zeros((5, 2))
    features[:4] = 1, 2
    features[4] = 3, 4  # the one held-out image
    gram = Gram.from_features(features)
    made = of_unit_length(gram, np.arange(4))
    np.testing.assert_array_equal(made.matrix, gram.matrix)
    np.testing.assert_array_equal(made.row_sums, gram.row_sums)


def test_components_below_1e_9_of_the_largest_or_below_rounding_are_none():
    features = np.array([[3.0, 4.0], [1.0, 0.0], [6.0, 8.0], [100.0, 0.0]])
    gram, train = Gram.from_features(features), np.arange(3)
    assert rank_threshold(gram, train, 0.5) == pytest.approx(5e-10)
    assert rank_threshold(gram, train, 1e-9) == pytest.approx(3 * np.finfo(float).eps * 100)  # |x|² of the third


def test_one_component_is_enough():
    features, _, train, test = data((60, 300, "plain"))
    basis = eigenbasis(Gram.from_features(features), train, test, 1)
    assert basis.vectors.shape == (len(train), 1)
    assert REGISTRY.metric("ridge").readout(components=1).components == 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_effective_dimensionality_is_that_of_the_eigenvalues_of_the_covariance(shape, offset):
    features = data(shape)[0] + offset
    values = np.linalg.eigvalsh(np.cov(features, rowvar=False))
    found = effective_dimensionality(features @ features.T)
    assert found == pytest.approx(values.sum() ** 2 / np.square(values).sum(), rel=1e-9 if not offset else 1e-4)
    assert effective_dimensionality(1e-6 * features @ features.T) == pytest.approx(found)


def test_a_layer_that_does_not_vary_has_no_effective_dimensionality():
    assert np.isnan(effective_dimensionality(Gram.from_features(np.full((9, 30), 0.1)).matrix))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernel": "gaussian"}, "unknown kernel 'gaussian'"),
        ({"width": 0.0}, "width=0.0 must be a positive number"),
        ({"width": np.inf}, "width=inf must be a positive number"),
        ({"components": 0}, "components=0 must be at least 1"),
    ],
)
def test_refuses_impossible_options(options, said):
    with pytest.raises(ItbenchError, match=said):
        REGISTRY.metric("ridge").readout(**options)
