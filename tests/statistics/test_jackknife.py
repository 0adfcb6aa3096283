"""The jackknife over groups of images: closed forms, pairs of draws, and what its intervals hold."""

import numpy as np
import pytest

from itbench.metrics.cka import centred_alignment
from itbench.metrics.procrustes import procrustes_similarity
from itbench.metrics.rsa import compare_rdms
from itbench.statistics.jackknife import (
    JackknifeSums,
    count_groups,
    jackknife_draws,
    jackknife_error,
    jackknife_groups,
)


def without_each(values):
    return (values.sum() - values) / (len(values) - 1)


def test_the_standard_error_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(0).gamma(2.0, size=60)
    expected = values.std(ddof=1) / np.sqrt(60)
    assert jackknife_error(without_each(values)) == pytest.approx(expected)


@pytest.mark.slow
def test_draws_have_the_value_as_mean_and_the_jackknifes_covariance():
    rng = np.random.default_rng(0)
    one = rng.standard_normal(60)
    other = 0.8 * one + 0.6 * rng.standard_normal(60)
    drawn = np.stack([jackknife_draws(values.mean(), without_each(values), 200_000) for values in (one, other)])
    np.testing.assert_allclose(drawn.mean(axis=1), [one.mean(), other.mean()], atol=2e-3)
    np.testing.assert_allclose(np.cov(drawn), np.cov(one, other) / 60, rtol=0.02)


@pytest.mark.parametrize("groups", [3, 20])
def test_draws_have_the_jackknifes_standard_error(groups):
    without = without_each(np.random.default_rng(1).standard_normal(groups))
    drawn = jackknife_draws(7.0, without, 20_000)
    assert drawn.std() == pytest.approx(jackknife_error(without), rel=0.02)
    assert drawn.mean() == pytest.approx(7.0, abs=4 * drawn.std() / np.sqrt(20_000))
    normal = np.random.default_rng(0).standard_normal((20_000, groups))
    deviation = np.sqrt((groups - 1) / groups) * (without - without.mean())
    np.testing.assert_allclose(drawn, 7 + (normal * deviation).sum(axis=1))


def test_sums_leave_out_each_group_of_rows_and_columns():
    rng = np.random.default_rng(0)
    matrix, groups = rng.standard_normal((6, 6)), np.array([2, 0, 1, 1, 0, 2])
    sums = JackknifeSums(6, groups)
    assert sums.count.tolist() == [6, 4, 4, 4]
    for column, out in enumerate((None, 0, 1, 2)):
        kept = groups != out
        np.testing.assert_allclose(sums.over_rows(matrix)[:, column], kept * matrix[:, kept].sum(axis=1))
        assert sums.over_pairs(matrix)[column] == pytest.approx(matrix[np.ix_(kept, kept)].sum())
    assert JackknifeSums(6).over_pairs(matrix) == pytest.approx([matrix.sum()])
    assert (count_groups(None), count_groups(groups)) == (0, 3)


def test_draws_depend_on_the_seed_alone():
    without = without_each(np.arange(50.0))
    np.testing.assert_array_equal(jackknife_draws(1.0, without, 10, 3), jackknife_draws(1.0, without, 10, 3))
    np.testing.assert_allclose(jackknife_draws(9.0, without, 10, 3) - jackknife_draws(1.0, without, 10, 3), 8.0)
    np.testing.assert_array_equal(jackknife_draws(1.0, without, 10, 3)[:4], jackknife_draws(1.0, without, 4, 3))
    assert not np.array_equal(jackknife_draws(1.0, without, 10, 3), jackknife_draws(1.0, without, 10, 4))


def test_groups_are_single_images_where_these_are_few_and_of_equal_size_where_they_are_many():
    assert jackknife_groups(99).tolist() == list(range(99))
    assert set(np.bincount(jackknife_groups(100))) == {2}
    sizes = np.bincount(jackknife_groups(3210))
    assert (len(sizes), sizes.min(), sizes.max()) == (50, 64, 65)
    np.testing.assert_array_equal(jackknife_groups(200, seed=1), jackknife_groups(200, seed=1))
    assert not np.array_equal(jackknife_groups(200, seed=1), jackknife_groups(200))


def drawn_world(rng, n):
    """Activations and responses to `n` images: both show the same 6 things, with noise."""
    things = rng.standard_normal((n, 6))
    x = things @ MIXING[:, :40] + rng.standard_normal((n, 40))
    return x, things @ MIXING[:, 40:] + rng.standard_normal((n, 15))


MIXING = np.random.default_rng(7).standard_normal((6, 55)) * np.geomspace(0.2, 2, 6)[:, None]


def rsa(x, y, groups):
    rdms = [np.square(z[:, None] - z).sum(axis=2) for z in (x, y)]
    return compare_rdms(*rdms, "pearson", groups)


MEASURES = {
    "cka": lambda x, y, groups: centred_alignment(x @ x.T, y @ y.T, "debiased", groups),
    "rsa": rsa,
    "procrustes": lambda x, y, groups: procrustes_similarity(x @ x.T, y, groups),
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [90, 200])
@pytest.mark.parametrize("measure", MEASURES)
def test_the_95_percent_interval_holds_the_truth_nine_times_of_ten_at_least(measure, n):
    """The truth is the mean over many sets of as many images: the interval speaks of other images, not of more."""
    rng = np.random.default_rng(0)
    truth = np.mean([MEASURES[measure](*drawn_world(rng, n), None)[0] for _ in range(400)])
    groups = jackknife_groups(n)
    held = []
    for _ in range(300):
        value, *without = MEASURES[measure](*drawn_world(rng, n), groups)
        low, high = np.quantile(jackknife_draws(value, np.array(without), 2000), [0.025, 0.975])
        held.append(low <= truth <= high)
    assert 0.90 <= np.mean(held) <= 0.985
