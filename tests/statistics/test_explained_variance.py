import numpy as np
import pytest
from himalaya.scoring import r2_score_split
from scipy.stats import pearsonr
from sklearn.metrics import explained_variance_score

from itbench.errors import BadScore
from itbench.statistics.explained_variance import (
    check_explained_variance,
    correlation,
    explained_variance,
    variance_shares,
)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    recorded = rng.standard_normal((50, 7))
    return recorded, 0.6 * recorded + 0.5 * rng.standard_normal((50, 7)) + 3


def test_explained_variance_agrees_with_sklearn(pair):
    expected = explained_variance_score(*pair, multioutput="raw_values")
    np.testing.assert_allclose(explained_variance(*pair), expected, atol=1e-12)


def test_correlation_agrees_with_scipy(pair):
    expected = [pearsonr(y, f).statistic for y, f in zip(*(part.T for part in pair), strict=True)]
    np.testing.assert_allclose(correlation(*pair), expected, atol=1e-12)


def test_order_of_arguments_matters(pair):
    recorded, predicted = pair
    assert not np.allclose(explained_variance(recorded, predicted), explained_variance(predicted, recorded))


def test_best_scaling_explains_the_squared_correlation(pair):
    recorded, predicted = pair
    slope = [np.polyfit(f, y, 1)[0] for y, f in zip(recorded.T, predicted.T, strict=True)]
    np.testing.assert_allclose(explained_variance(recorded, predicted * slope), correlation(recorded, predicted) ** 2)


@pytest.mark.parametrize("site", [np.full(50, 2.5), np.r_[np.nan, np.arange(49.0)]], ids=["constant", "missing"])
def test_a_site_that_cannot_be_scored_is_nan(pair, site):
    recorded, predicted = pair
    recorded = np.column_stack([recorded, site])
    predicted = np.column_stack([predicted, np.arange(50.0)])
    for measure in (explained_variance, correlation):
        values = measure(recorded, predicted)
        assert np.isnan(values[-1])
        assert np.isfinite(values[:-1]).all()


def test_a_constant_prediction_explains_nothing(pair):
    recorded, _ = pair
    constant = np.full_like(recorded, 7.0)
    np.testing.assert_allclose(explained_variance(recorded, constant), 0, atol=1e-12)
    np.testing.assert_array_equal(correlation(recorded, constant), 0)


@pytest.mark.parametrize("value", [0.1, 0.7, 1 / 3])
def test_a_constant_prediction_whose_mean_is_rounded_correlates_0(pair, value):
    constant = np.full_like(pair[0], value)
    assert (constant != constant.mean(axis=0)).any()
    np.testing.assert_array_equal(correlation(pair[0], constant), 0)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_responses_does_not_matter(pair, parts, unit):
    recorded, predicted = pair
    for measure, other in ((explained_variance, predicted), (correlation, predicted), (variance_shares, parts)):
        np.testing.assert_allclose(measure(unit * recorded, unit * other), measure(recorded, other), rtol=1e-9)


@pytest.mark.parametrize("slope", [3.0, -3.0])
def test_rounding_takes_no_correlation_beyond_1(slope):
    recorded = np.random.default_rng(0).standard_normal((5, 1000))
    r = correlation(recorded, slope * recorded + 1)
    np.testing.assert_allclose(r, np.sign(slope))
    assert (np.abs(r) <= 1).all()


def test_a_score_that_breaks_the_law_is_refused(pair):
    check_explained_variance(explained_variance(*pair), correlation(*pair))
    with pytest.raises(BadScore, match=r"0\.4000 with correlation 0\.1100"):
        check_explained_variance(np.array([0.0, 0.40]), np.array([0.1, 0.11]))
    with pytest.raises(BadScore, match=r"at \(1, 0\)"):
        check_explained_variance(np.array([[0.0], [1e-6]]), np.zeros((2, 1)))


@pytest.fixture
def parts(pair):
    rng = np.random.default_rng(1)
    recorded, _ = pair
    return 0.2 * recorded + 0.3 * rng.standard_normal((4, *recorded.shape)) + rng.standard_normal((4, 1, 7))


def test_shares_sum_to_the_explained_variance(pair, parts):
    recorded, _ = pair
    expected = explained_variance(recorded, parts.sum(axis=0))
    np.testing.assert_allclose(variance_shares(recorded, parts).sum(axis=0), expected, atol=1e-12)


def test_shares_agree_with_himalaya_where_all_means_are_0(pair, parts):
    recorded = pair[0] - pair[0].mean(axis=0)
    centred = parts - parts.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(variance_shares(recorded, centred), r2_score_split(recorded, centred), atol=1e-12)


def test_constants_do_not_matter_to_shares(pair, parts):
    recorded, _ = pair
    np.testing.assert_allclose(variance_shares(recorded + 9, parts - 70), variance_shares(recorded, parts), atol=1e-11)


def test_the_share_of_a_part_alone_is_its_explained_variance(pair):
    np.testing.assert_allclose(variance_shares(pair[0], pair[1][None])[0], explained_variance(*pair), atol=1e-12)


def test_uncorrelated_parts_have_the_share_of_each_alone():
    recorded = np.array([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]])  # orthogonal, of mean 0
    both = recorded.sum(axis=0)[:, None]
    np.testing.assert_allclose(variance_shares(both, recorded[:, :, None])[:, 0], [0.5, 0.5])
    np.testing.assert_allclose(variance_shares(both, np.stack([both, -both]))[:, 0], [2, -2])


def test_shares_of_a_site_that_cannot_be_scored_are_nan(parts):
    recorded = np.column_stack([np.full(50, 2.5), np.r_[np.nan, np.arange(49.0)], np.arange(50.0)])
    np.testing.assert_array_equal(np.isnan(variance_shares(recorded, parts[:, :, :3])).all(axis=0), [True, True, False])


def test_shares_need_the_same_stimuli_and_sites(pair, parts):
    with pytest.raises(ValueError, match="differ in shape"):
        variance_shares(pair[0], parts[:, :, :3])


TWO_SPLITS = np.array([0, 0, 0, 1, 1, 1])


def test_explained_variance_is_pooled_over_splits():
    """The mean over the splits is −0.5: a split of little variance counts as much as one of much."""
    recorded, predicted = np.array([[0.0, 0, 1, 0, 5, 10], [0.0, 1, 0, 0, 5, 10]])[:, :, None]
    found = explained_variance(recorded, predicted, TWO_SPLITS)
    np.testing.assert_allclose(found, 1 - 2 / (2 / 3 + 50))
    assert found[0] == pytest.approx(0.961, abs=5e-4)
    of_each = [explained_variance(recorded[one == TWO_SPLITS], predicted[one == TWO_SPLITS])[0] for one in (0, 1)]
    assert np.mean(of_each) == pytest.approx(-0.5)


@pytest.mark.parametrize("measure", [explained_variance, correlation])
def test_a_constant_of_each_split_does_not_matter(pair, measure):
    split = np.arange(50) % 4
    recorded, predicted = pair
    moved = measure(recorded + 3 * split[:, None], predicted - 7 * split[:, None], split)
    np.testing.assert_allclose(moved, measure(recorded, predicted, split), rtol=1e-9)
    centred = [values - np.array([values[split == s].mean(axis=0) for s in range(4)])[split] for values in pair]
    np.testing.assert_allclose(moved, measure(*centred), rtol=1e-9)  # which are of mean 0 in every split
    np.testing.assert_allclose(measure(*pair, np.zeros(50, int)), measure(*pair), rtol=1e-12)


def test_a_site_is_nan_only_where_it_varies_in_no_split(pair):
    recorded, predicted = (values[:6, :3].copy() for values in pair)
    recorded[:3, 0] = 2.0
    recorded[:, 1] = np.repeat([2.0, 3.0], 3)
    for measure in (explained_variance, correlation):
        assert np.isfinite(measure(recorded, predicted, TWO_SPLITS)).tolist() == [True, False, True]


def test_pooling_takes_the_bias_of_small_splits_away():
    """A perfect model of responses with reliability ρ, in folds of 12 images: E of a fold is ρ − 2ρ(1 − ρ)/(12 − 3)."""
    rng, rho, fold = np.random.default_rng(0), 0.75, np.arange(300) % 25
    signal = rng.standard_normal((300, 2_000))
    recorded = signal + np.sqrt(1 / rho - 1) * rng.standard_normal(signal.shape)
    of_each = [explained_variance(recorded[fold == one], signal[fold == one]).mean() for one in range(25)]
    assert np.mean(of_each) - rho == pytest.approx(-2 * rho * (1 - rho) / 9, abs=0.006)
    assert np.mean(of_each) - rho < -0.035
    assert explained_variance(recorded, signal, fold).mean() - rho == pytest.approx(0, abs=0.004)
