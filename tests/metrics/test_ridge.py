"""The readout against scikit-learn on raw features, and against brute force."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.pipeline import make_pipeline

from itbench import BadOption, Gram
from itbench.metrics.kernel import eigenbasis
from itbench.metrics.ridge import SHARED, leave_one_out, ridge_of_components, ridge_predict, ridge_readout
from itbench.plugins import load_plugins
from itbench.statistics.explained_variance import correlation, explained_variance
from tests.kit.regression import SHAPES, data

REGISTRY = load_plugins()
ALPHAS = np.geomspace(1e-2, 1e6, 17)


def ridge(**options):
    return REGISTRY.metric("ridge").readout(**options)


def ols(**options):
    return REGISTRY.metric("ols").readout(**options)


# the tables of reports: what is fitted, to all features or to some principal components, and what scikit-learn calls it
REPORTED = {
    "linear": (ols, {}, LinearRegression()),
    "ridge": (ridge, {"alpha": 30.0}, SklearnRidge(30.0)),
    "ridge cv": (ridge, {"alphas": tuple(ALPHAS)}, RidgeCV(ALPHAS, alpha_per_target=True)),
}


@pytest.mark.parametrize("components", [10, None])
@pytest.mark.parametrize("name", REPORTED)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_are_those_of_sklearn_on_raw_features_and_on_components(shape, name, components):
    features, responses, train, test = data(shape)
    readout, options, oracle = REPORTED[name]
    fitted = oracle if components is None else make_pipeline(PCA(components, svd_solver="full"), oracle)
    expected = fitted.fit(features[train], responses[train]).predict(features[test]).reshape(len(test), -1)
    reading = readout(components=components, **options)(Gram.from_features(features), responses[train], train, test)
    for agreement in (explained_variance, correlation):
        ours, theirs = (agreement(responses[test], said) for said in (reading.predictions, expected))
        np.testing.assert_allclose(ours, theirs, atol=1e-8)


@pytest.mark.parametrize("components", [10, 1000])
@pytest.mark.parametrize("per_site", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_sklearn(shape, per_site, components):
    features, responses, train, test = data(shape)
    reading = ridge(components=components, alphas=tuple(ALPHAS), per_site=per_site)(
        Gram.from_features(features), responses[train], train, test
    )
    rank = np.linalg.matrix_rank(features[train] - features[train].mean(axis=0))
    scaled = responses if per_site else responses / responses[train].std(axis=0)  # our shared alpha weighs sites alike
    oracle = make_pipeline(
        PCA(min(components, rank), svd_solver="full"), RidgeCV(alphas=ALPHAS, alpha_per_target=per_site)
    ).fit(features[train], scaled[train])
    np.testing.assert_allclose(reading.alpha, np.broadcast_to(oracle[-1].alpha_, responses.shape[1]), rtol=1e-9)
    expected = explained_variance(scaled[test], oracle.predict(features[test]).reshape(scaled[test].shape))
    np.testing.assert_allclose(explained_variance(responses[test], reading.predictions), expected, atol=1e-4)


def test_each_site_has_a_penalty_of_its_own_unless_asked():
    features, responses, train, test = data((100, 40, "plain"))
    gram = Gram.from_features(features)
    oracle = RidgeCV(ALPHAS, alpha_per_target=True).fit(features[train], responses[train]).alpha_
    assert len(set(oracle)) > 1
    basis = eigenbasis(gram, train, test, None)
    np.testing.assert_allclose(ridge_of_components(basis, responses[train], ALPHAS).alpha, oracle)
    np.testing.assert_allclose(ridge_readout(gram, responses[train], train, test, None, ALPHAS).alpha, oracle)


@pytest.mark.parametrize("units", [1e-6, 1.0, 1e5])
def test_default_penalties_follow_the_units_of_the_features(units):
    features, responses, train, test = data((60, 300, "plain"))
    features = units * features
    centred = features[train] - features[train].mean(axis=0)
    alphas = np.geomspace(1e-6, 1e8, 29) * np.square(centred).sum() / len(train)  # two a decade
    oracle = RidgeCV(alphas, alpha_per_target=True).fit(features[train], responses[train])
    reading = ridge(components=None)(Gram.from_features(features), responses[train], train, test)
    np.testing.assert_allclose(reading.alpha, oracle.alpha_, rtol=1e-9)
    np.testing.assert_allclose(reading.predictions, oracle.predict(features[test]), atol=1e-6)
    assert reading.remarks == ()


def test_penalties_that_the_user_names_are_those_of_sklearn():
    features, responses, train, test = data((60, 300, "plain"))
    for units in (1.0, 1e-2):
        reading = ridge(components=None, alphas=(1.0, 10.0))(
            Gram.from_features(units * features), responses[train], train, test
        )
        oracle = RidgeCV((1.0, 10.0), alpha_per_target=True).fit(units * features[train], responses[train])
        np.testing.assert_allclose(reading.predictions, oracle.predict(units * features[test]), atol=1e-8)


@pytest.mark.parametrize("units", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("shape", [(40, 5000, "plain"), (40, 12, "plain"), (60, 90, "duplicated images")], ids=str)
def test_leave_one_out_keeps_its_digits_at_any_penalty(shape, units):
    """Where there is nothing to learn, an error of 0 at a small penalty would be believed."""
    rng = np.random.default_rng(0)
    features, _, train, test = data(shape)
    responses = rng.standard_normal((len(features), 3))
    basis = eigenbasis(Gram.from_features(units * features), train, test, None)
    scores = basis.vectors * np.sqrt(basis.values)  # as the features, in fewer columns
    alphas = np.geomspace(1e-14, 1e4, 7)
    found = leave_one_out(basis, responses[train], alphas, per_site=True).error
    everyone = np.arange(len(train))
    for alpha, error in zip(alphas, found, strict=True):
        left_out = []
        for row in everyone:
            kept = np.delete(everyone, row)
            x, y = scores[kept], responses[train][kept]
            u, s, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
            real = s > 1e-10 * s[0]
            weights = vt[real].T @ ((s[real] / (s[real] ** 2 + alpha))[:, None] * (u[:, real].T @ (y - y.mean(axis=0))))
            left_out.append(responses[train][row] - y.mean(axis=0) - (scores[row] - x.mean(axis=0)) @ weights)
        np.testing.assert_allclose(error, np.square(left_out).mean(axis=0), rtol=1e-4)


@pytest.mark.parametrize("sites", [3, 150])
@pytest.mark.parametrize("shape", [(60, 300, "plain"), (100, 40, "plain"), (60, 90, "duplicated images")], ids=str)
def test_errors_of_many_penalties_are_those_of_sklearn(shape, sites):
    """There are more penalties than fits: see `_few_penalties`; and more sites than are held at once."""
    features, _, train, test = data(shape)
    responses = features[:, :2] @ np.ones((2, sites)) + np.random.default_rng(0).standard_normal((len(features), sites))
    alphas = np.geomspace(1e-1, 1e9, 49)
    oracle = RidgeCV(alphas, alpha_per_target=True, store_cv_results=True).fit(features[train], responses[train])
    basis = eigenbasis(Gram.from_features(features), train, test, None)
    found = leave_one_out(basis, responses[train], alphas, per_site=True)
    np.testing.assert_allclose(found.error, oracle.cv_results_.mean(axis=0).T, rtol=1e-7)
    np.testing.assert_allclose(alphas[found.best], oracle.alpha_)
    rows = np.arange(0, len(train), 3)
    found = leave_one_out(basis, responses[train], alphas, per_site=True, validation=rows)
    np.testing.assert_allclose(found.error, oracle.cv_results_[rows].mean(axis=0).T, rtol=1e-7)


def test_leave_one_out_is_what_leaving_one_out_gives():
    features, responses, train, test = data((40, 60, "plain"))
    basis = eigenbasis(Gram.from_features(features), train, test, 12)
    scores = basis.vectors * np.sqrt(basis.values)
    loo = leave_one_out(basis, responses[train], np.array([3.0]), per_site=True)
    for row in range(len(train)):
        others = np.delete(np.arange(len(train)), row)
        expected = SklearnRidge(3.0).fit(scores[others], responses[train][others]).predict(scores[row : row + 1])[0]
        np.testing.assert_allclose(loo.predictions[row], expected, atol=1e-8)


@pytest.mark.parametrize("components", [12, None])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_leave_one_out_without_a_penalty_is_what_leaving_one_out_gives(shape, components):
    features, responses, train, test = data(shape)
    reading = ols(components=components)(Gram.from_features(features), responses[train], train, test)
    basis = eigenbasis(Gram.from_features(features), train, test, components)
    scores = basis.vectors * np.sqrt(basis.values)
    for row in range(len(train)):
        others = np.delete(np.arange(len(train)), row)
        expected = LinearRegression().fit(scores[others], responses[train][others]).predict(scores[row : row + 1])[0]
        np.testing.assert_allclose(reading.inner_predictions[row], expected, atol=1e-7)


def test_leave_one_out_holds_for_a_image_that_alone_has_a_feature():
    features, responses, train, test = data((200, 30, "plain"))
    features[:, 0] = 0.0
    features[train[7], 0] = 5.0
    reading = ols()(Gram.from_features(features), responses[train], train, test)
    others = np.delete(train, 7)
    expected = LinearRegression().fit(features[others], responses[others]).predict(features[train[7:8]])[0]
    np.testing.assert_allclose(reading.inner_predictions[7], expected, atol=1e-8)


def test_least_squares_says_where_nothing_is_left_to_learn():
    for n, said in ((60, "44 components of 45 training images fit every training response"), (400, "")):
        features, responses, train, test = data((n, 100, "plain"))
        remarks = ols()(Gram.from_features(features), responses[train], train, test).remarks
        assert [remark.startswith(said) for remark in remarks] == ([True] if said else [])


def test_fixed_alpha_is_ridge_on_all_features():
    features, responses, train, test = data((60, 300, "plain"))
    reading = ridge(alpha=10.0)(Gram.from_features(features), responses[train], train, test)
    expected = SklearnRidge(10.0).fit(features[train], responses[train]).predict(features[test])
    np.testing.assert_allclose(reading.predictions, expected, atol=1e-8)


def test_leaking_test_rows_on_purpose_changes_the_score():
    features, responses, train, test = data((60, 300, "plain"))
    gram = Gram.from_features(features)
    honest = eigenbasis(gram, train, test, 20)
    everything = eigenbasis(gram, np.arange(60), test, 20)
    alpha = np.full(6, 1.0)
    leaked = explained_variance(responses[test], ridge_predict(everything, responses, alpha))
    clean = explained_variance(responses[test], ridge_predict(honest, responses[train], alpha))
    assert (leaked > clean + 0.05).all()


def test_test_rows_do_not_enter_what_is_learnt():
    features, responses, train, test = data((60, 300, "plain"))
    changed = features.copy()
    changed[test] *= -7
    first, second = (
        ridge()(Gram.from_features(values), responses[train], train, test) for values in (features, changed)
    )
    np.testing.assert_allclose(first.alpha, second.alpha)
    np.testing.assert_allclose(first.inner_predictions, second.inner_predictions, atol=1e-8)


def test_says_when_the_best_alpha_is_at_an_edge():
    features, responses, train, test = data((60, 300, "plain"))
    gram = Gram.from_features(features)
    narrow = ridge(alphas=(1e-8, 1e-7))(gram, responses[train], train, test)
    assert any("largest alpha of the grid, 1e-07" in remark for remark in narrow.remarks)
    assert ridge(alphas=tuple(np.geomspace(1e-2, 1e10, 25)))(gram, responses[train], train, test).remarks == ()


def test_what_it_says_of_the_grid_does_not_depend_on_the_units_of_the_responses():
    features, responses, train, test = data((60, 300, "plain"))
    readout, gram = ridge(alphas=(1e-8, 1e-7)), Gram.from_features(features)
    plain, small = (readout(gram, units * responses[train], train, test).remarks for units in (1.0, 1e-3))
    assert plain
    assert small == plain


def test_says_nothing_of_a_choice_inside_the_grid():
    features, responses, train, test = data((60, 300, "plain"))
    gram = Gram.from_features(features)
    best = ridge()(gram, responses[train][:, :1], train, test).alpha[0]
    inside = ridge(alphas=(best / 30, best, 30 * best))(gram, responses[train][:, :1], train, test)
    assert inside.alpha[0] == best
    assert inside.remarks == ()


def test_says_when_every_penalty_of_the_grid_is_as_bad():
    features, responses, train, test = data((60, 300, "plain"))
    small = Gram.from_features(1e-7 * features)
    remarks = ridge(alphas=tuple(np.geomspace(1e-2, 1e10, 25)))(small, responses[train], train, test).remarks
    assert sum(int(remark.split(" of 6 sites")[0].split()[-1]) for remark in remarks) == 6, remarks
    assert any("every alpha of the grid, 0.01 to 1e+10, is as good or bad as any other" in remark for remark in remarks)
    assert ridge()(small, responses[train], train, test).remarks == ()


@pytest.mark.parametrize(
    "options", [{"components": 0}, {"alpha": -1.0}, {"alpha": 0.0}, {"alphas": ()}, {"alphas": (0.0, 1.0)}]
)
def test_refuses_impossible_options(options):
    with pytest.raises(BadOption):
        ridge(**options)


def test_least_squares_refuses_no_components():
    with pytest.raises(BadOption, match="components=0 must be at least 1"):
        ols(components=0)


@pytest.mark.parametrize("per_site", [True, False])
def test_validation_rows_alone_choose_the_penalty(per_site):
    features, responses, train, test = data((60, 30, "plain"))
    validation, alphas = np.array([3, 8, 20, 21, 40]), np.geomspace(1e-2, 1e4, 7)
    x, y = features[train], responses[train]

    def left_out(alpha, row):
        others = np.delete(np.arange(len(train)), row)
        return SklearnRidge(alpha).fit(x[others], y[others]).predict(x[[row]])[0]

    predicted = np.array([[left_out(alpha, row) for row in validation] for alpha in alphas])  # (alpha, row, site)
    error = np.square(y[validation] - predicted).mean(axis=1) / y.var(axis=0)
    weighed = error.mean(axis=1, keepdims=True) + per_site * len(validation) / SHARED * error
    best = np.broadcast_to(weighed, error.shape).argmin(axis=0)
    gram = Gram.from_features(features)
    found = ridge_readout(gram, y, train, test, None, alphas, per_site=per_site, validation=validation)
    np.testing.assert_allclose(found.alpha, alphas[best])
    np.testing.assert_allclose(
        found.inner_predictions[validation], predicted[best, :, np.arange(y.shape[1])].T, atol=1e-8
    )
    assert np.isnan(np.delete(found.inner_predictions, validation, axis=0)).all()
    np.testing.assert_allclose(
        found.predictions, SklearnRidge(alphas[best]).fit(x, y).predict(features[test]), atol=1e-8
    )


def test_the_edge_of_a_grid_is_that_of_the_rows_that_choose():
    rng = np.random.default_rng(0)
    features, train = rng.standard_normal((60, 40)), np.arange(50)
    responses = rng.standard_normal((60, 3))
    fitted = np.arange(40)
    features[fitted, :3] = 30 * responses[fitted]  # memorised
    features[40:, :3] *= 30
    how = (Gram.from_features(features), responses[train], train, train[:0], None, (1e2, 1e3, 1e4))
    by_all, by_others = ridge_readout(*how), ridge_readout(*how, validation=np.arange(40, 50))
    assert "smallest alpha" in by_all.remarks[0]
    assert "largest alpha" in by_others.remarks[0]


@pytest.mark.parametrize("validation", [None, np.arange(0, 60, 4)], ids=["all rows", "validation rows"])
def test_sites_are_limited_by_the_smallest_penalty_where_least_squares_do_otherwise(validation):
    """The two smallest penalties do alike, so that only least squares tell; at some sites these do alike, too."""
    rng = np.random.default_rng(2)
    features = rng.standard_normal((60, 8)) * np.geomspace(1, 0.02, 8)
    weights = (
        rng.standard_normal((8, 400)) * np.geomspace(1, 1e-4, 400) ** (np.arange(8) > 2)[:, None]
    )  # of narrow ones
    responses = features @ weights + 0.1 * rng.standard_normal((60, 400))
    alphas, rows = (0.05, 0.05001, 1e4), np.arange(60)
    judges = rows if validation is None else validation
    x, y = features - features.mean(axis=0), responses - responses.mean(axis=0)
    errors = []
    for alpha in (0.0, *alphas):
        hat = 1 / 60 + x @ np.linalg.solve(x.T @ x + alpha * np.eye(8), x.T)
        errors.append(np.square((y - hat @ y) / (1 - np.diag(hat))[:, None])[judges].mean(axis=0))
    least, first, second, _ = errors
    reading = ridge_readout(
        Gram.from_features(features), responses, rows, rows[:0], None, alphas, validation=validation
    )
    limited = (reading.alpha == alphas[0]) & (np.abs(least - first) > 1e-4 * responses.var(axis=0))
    assert 0 < limited.sum() < (reading.alpha == alphas[0]).sum()
    assert (np.abs(second - first) < 1e-4 * responses.var(axis=0)).all()
    assert reading.remarks[0].startswith(f"{limited.sum()} of 400 sites chose the smallest alpha of the grid")
