"""From the brain to the model: ridge from a Gram against scikit-learn on raw features."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge, RidgeCV

from itbench import Gram, NeuralData
from itbench.data.responses import make_responses
from itbench.data.splits import SplitPlan
from itbench.metrics.reverse import reverse_prediction, seeded_folds
from itbench.plugins import load_plugins

N = 90
ALPHAS = np.geomspace(1e-2, 1e4, 301)  # so fine that the best one says whether the errors are right
SPLITS = SplitPlan("kfold", 5, 0).divide(N, {})


def data(wide=150, sites=12, noise=1.0):
    rng = np.random.default_rng(0)
    y = rng.standard_normal((N, sites)) + 5
    return y @ rng.standard_normal((sites, wide)) + noise * rng.standard_normal((N, wide)) + 2, y


def reduced(x, split, components):
    """Return activations of training and test rows, or their principal components."""
    if components is None:
        return x[split.train], x[split.test]
    pca = PCA(components, svd_solver="full").fit(x[split.train])
    return pca.transform(x[split.train]), pca.transform(x[split.test])


@pytest.mark.parametrize("components", [None, 7])
@pytest.mark.parametrize(("wide", "sites"), [(40, 12), (150, 12), (150, 200)])
def test_residuals_are_those_of_sklearn(wide, sites, components):
    x, y = data(wide, sites, noise=30.0)
    found = reverse_prediction(Gram.from_features(x), y, SPLITS, ALPHAS, components)
    residual, power = np.zeros(N), np.zeros(N)
    for split, alpha in zip(SPLITS, found.alphas, strict=True):
        train, test = reduced(x, split, components)
        oracle = RidgeCV(alphas=ALPHAS, scoring=None).fit(y[split.train], train)
        assert alpha == pytest.approx(oracle.alpha_)
        predicted = Ridge(alpha).fit(y[split.train], train).predict(y[split.test])
        residual[split.test] = np.square(test - predicted).sum(axis=1)
        power[split.test] = np.square(test - train.mean(axis=0)).sum(axis=1)
    np.testing.assert_allclose(found.residual, residual, rtol=1e-8)
    np.testing.assert_allclose(found.power, power, rtol=1e-8)
    assert found.explained()[0] == pytest.approx(1 - residual.sum() / power.sum())


def test_more_sites_than_images_and_a_single_penalty():
    x, y = data(sites=200)
    alpha = np.array([10.0])
    found = reverse_prediction(Gram.from_features(x), y, SPLITS, alpha, None)
    split = SPLITS[0]
    predicted = Ridge(10.0).fit(y[split.train], x[split.train]).predict(y[split.test])
    np.testing.assert_allclose(found.residual[split.test], np.square(x[split.test] - predicted).sum(axis=1), rtol=1e-8)


def test_activations_that_the_sites_determine_are_explained_and_unrelated_ones_are_not():
    x, y = data(noise=1e-3)
    rng = np.random.default_rng(1)
    known = reverse_prediction(Gram.from_features(x), y, SPLITS, ALPHAS, None).explained()[0]
    unrelated = reverse_prediction(Gram.from_features(x), rng.standard_normal(y.shape), SPLITS, ALPHAS, None)
    assert known > 0.999
    assert abs(unrelated.explained()[0]) < 0.1


def test_a_layer_that_does_not_vary_has_nothing_to_explain():
    found = reverse_prediction(Gram.from_features(np.zeros((N, 5))), data()[1], SPLITS, ALPHAS, None)
    assert found.explained().tolist() == [0.0]


def test_leaving_out_a_group_leaves_out_its_residuals():
    x, y = data()
    found = reverse_prediction(Gram.from_features(x), y, SPLITS, ALPHAS, None)
    groups = np.arange(N) % 10
    rest = groups != 4
    expected = 1 - found.residual[rest].sum() / found.power[rest].sum()
    assert found.explained(groups)[5] == pytest.approx(expected)


def test_folds_do_not_depend_on_the_order_of_the_images():
    names = [f"p{number}" for number in range(40)]
    turned = names[::-1]
    for one, other in zip(seeded_folds(names, 4, 1), seeded_folds(turned, 4, 1), strict=True):
        assert {names[row] for row in one.test} == {turned[row] for row in other.test}
        assert not set(one.train) & set(one.test)
    assert sorted(row for split in seeded_folds(names, 4, 1) for row in split.test) == list(range(40))


def test_a_penalty_at_the_edge_of_the_grid_is_said():
    x, y = data()
    ids = tuple(map(str, range(N)))
    side = NeuralData(ids, make_responses(y, ids))
    metric = load_plugins().metric("reverse").readout
    gram, groups = Gram.from_features(x, ids), np.arange(N)
    (remark,) = metric(alphas=(1e3, 1e4))(gram, side, groups).remarks
    assert "5 of 5 folds chose the smallest alpha of the grid, 1000" in remark
    assert metric()(gram, side, groups).remarks == ()
    assert metric(alphas=(1e3,))(gram, side, groups).remarks == ()
