"""The jackknife over groups of images and of sites: closed forms, pairs of draws, and what its intervals hold."""

import numpy as np
import pytest
import scipy.stats

from itbench.metrics.cka import centred_alignment
from itbench.metrics.procrustes import procrustes_similarity
from itbench.metrics.rsa import compare_rdms
from itbench.statistics.jackknife import (
    JackknifeSums,
    count_groups,
    cross_validated_choice,
    jackknife_draws,
    jackknife_error,
    jackknife_groups,
    kept_sites,
)


@pytest.mark.parametrize(
    ("n_sites", "n_groups", "most"), [(0, 0, 20), (3, 0, 20), (4, 4, 20), (40, 20, 20), (40, 10, 10)]
)
def test_every_site_is_missing_from_one_of_the_sets_that_are_kept(n_sites, n_groups, most):
    kept = kept_sites(n_sites, most)
    assert len(kept) == n_groups
    missing = [np.setdiff1d(np.arange(n_sites), one) for one in kept]
    assert sorted(np.concatenate([np.empty(0, int), *missing]).tolist()) == (list(range(n_sites)) if n_groups else [])
    assert all(len(one) >= 3 for one in kept)


def without_each(values):
    return (values.sum() - values) / (len(values) - 1)


def test_the_standard_error_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(0).gamma(2.0, size=60)
    expected = values.std(ddof=1) / np.sqrt(60)
    assert jackknife_error(without_each(values)) == pytest.approx(expected)


@pytest.mark.parametrize(("without", "expected"), [([], 0), ([0.7], 0), ([0.2, 0.5], 0.15)])
def test_the_standard_error_of_few_groups_is_the_closed_form(without, expected):
    assert jackknife_error(np.array(without)) == pytest.approx(expected)


@pytest.mark.parametrize(("n_layers", "n_groups", "seed"), [(3, 12, 0), (2, 50, 0), (4, 23, 5), (1, 7, 0)])
def test_the_choice_of_a_layer_is_that_of_a_plain_loop_over_fifths(n_layers, n_groups, seed):
    rng = np.random.default_rng(1)
    values = rng.normal(0.5, 0.02, n_layers)
    without = values[:, None] + 0.003 + rng.normal(0, 0.01, (n_layers, n_groups))  # the jackknife sees a bias
    fifth = np.random.default_rng(seed).permutation(np.arange(n_groups) % 5)
    chosen, worth = [], []
    for group in range(n_groups):
        means = []
        for layer in range(n_layers):
            average = np.mean(without[layer])
            pseudo = [values[layer] + (n_groups - 1) * (average - one) for one in without[layer]]
            means.append(np.mean([one for one, own in zip(pseudo, fifth, strict=True) if own != fifth[group]]))
        best = int(np.argmax(means))
        chosen.append(best)
        worth.append(values[best] + (n_groups - 1) * (np.mean(without[best]) - without[best][group]))
    found, headline, left_out = cross_validated_choice(values, without, seed)
    assert found.tolist() == chosen
    assert len(set(chosen)) > 1 or n_layers == 1
    assert headline == pytest.approx(np.mean(worth))
    np.testing.assert_allclose(left_out, [np.mean(np.delete(worth, group)) for group in range(n_groups)])


@pytest.mark.slow
def test_draws_have_the_value_as_mean_and_the_jackknifes_covariance():
    """That of Student's t with 59 degrees of freedom, whose variance is 59 / 57."""
    rng = np.random.default_rng(0)
    one = rng.standard_normal(60)
    other = 0.8 * one + 0.6 * rng.standard_normal(60)
    drawn = np.stack([jackknife_draws(values.mean(), without_each(values), n=200_000) for values in (one, other)])
    np.testing.assert_allclose(drawn.mean(axis=1), [one.mean(), other.mean()], atol=2e-3)
    np.testing.assert_allclose(np.cov(drawn), np.cov(one, other) / 60 * 59 / 57, rtol=0.02)


def plain_draws(value, factors, n, seed):
    """Draw with the jackknife's errors: a plain loop over factors, draws and groups."""
    draws = [float(value)] * n
    for random, without in zip(np.random.default_rng(seed).spawn(len(factors)), factors, strict=True):
        n_groups = len(without)
        if n_groups < 2:
            continue
        normal, chi2 = random.standard_normal((n, n_groups)), random.chisquare(n_groups - 1, n)
        mean = sum(without) / n_groups
        for draw in range(n):
            jump = sum(
                z * np.sqrt((n_groups - 1) / n_groups) * (x - mean) for z, x in zip(normal[draw], without, strict=True)
            )
            draws[draw] += jump / np.sqrt(chi2[draw] / (n_groups - 1))
    return draws


@pytest.mark.parametrize("sizes", [(2,), (3,), (20,), (20, 8), (8, 20, 5), (20, 1), (20, 0), (1,), ()], ids=str)
def test_draws_are_those_of_a_plain_loop_over_every_factor(sizes):
    rng = np.random.default_rng(1)
    factors = [without_each(rng.standard_normal(size)) if size > 1 else rng.standard_normal(size) for size in sizes]
    drawn = jackknife_draws(7.0, *factors, n=40, seed=3)
    np.testing.assert_allclose(drawn, plain_draws(7.0, factors, 40, 3), rtol=1e-12)
    assert len(jackknife_draws(7.0, *factors)) == 2_000


@pytest.mark.parametrize("groups", [5, 20])
def test_the_interval_of_one_factor_is_students(groups):
    """θ ± t SE, with as many degrees of freedom as there are groups less one."""
    values = np.random.default_rng(1).standard_normal(groups)
    low, high = np.quantile(jackknife_draws(values.mean(), without_each(values), n=40_000), [0.025, 0.975])
    theirs = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([low, high], [theirs.low, theirs.high], atol=0.03 * (theirs.high - theirs.low))


def test_the_variances_of_images_and_sites_add_up():
    rng = np.random.default_rng(2)
    images, sites = without_each(rng.standard_normal(50)), without_each(0.7 * rng.standard_normal(20))
    drawn = jackknife_draws(0.0, images, sites, n=20_000)
    expected = jackknife_error(images) ** 2 * 49 / 47 + jackknife_error(sites) ** 2 * 19 / 17  # of Student's t
    assert drawn.var() == pytest.approx(expected, rel=0.03)


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
    images, sites = without_each(np.arange(50.0)), without_each(np.sqrt(np.arange(20.0)))

    def drawn(value, *factors, seed=3):
        return jackknife_draws(value, *factors, n=10, seed=seed)

    np.testing.assert_array_equal(drawn(1.0, images, sites), drawn(1.0, images, sites))
    np.testing.assert_allclose(drawn(9.0, images, sites) - drawn(1.0, images, sites), 8.0)
    assert not np.array_equal(drawn(1.0, images), drawn(1.0, images, seed=4))
    np.testing.assert_allclose(  # a factor has draws of its own, whatever the other one is
        drawn(0.0, images, sites) + drawn(0.0, 3 * images, sites), drawn(0.0, 4 * images, 2 * sites)
    )


def test_groups_are_single_images_where_these_are_few_and_of_equal_size_where_they_are_many():
    assert jackknife_groups(99).tolist() == list(range(99))
    assert set(np.bincount(jackknife_groups(100))) == {2}
    sizes = np.bincount(jackknife_groups(3210))
    assert (len(sizes), sizes.min(), sizes.max()) == (50, 64, 65)
    np.testing.assert_array_equal(jackknife_groups(200, seed=1), jackknife_groups(200, seed=1))
    assert not np.array_equal(jackknife_groups(200, seed=1), jackknife_groups(200))
    assert np.bincount(jackknife_groups(168, 0, 20)).tolist() == [9] * 8 + [8] * 12


@pytest.mark.parametrize(("n_clusters", "n_groups"), [(12, 12), (64, 64), (99, 99), (130, 50)])
def test_groups_divide_no_cluster(n_clusters, n_groups):
    names = np.array([f"object {number:03d}" for number in range(n_clusters)])
    clusters = np.random.default_rng(0).permutation(np.repeat(names, 7))
    groups = jackknife_groups(clusters)
    assert sorted(set(groups.tolist())) == list(range(n_groups))
    in_one = {name: set(groups[clusters == name].tolist()) for name in names}
    assert all(len(own) == 1 for own in in_one.values())
    counts = np.bincount([own.copy().pop() for own in in_one.values()])
    assert counts.max() - counts.min() <= 1
    each = np.array([in_one[name].copy().pop() for name in names])  # the same as for images by themselves
    np.testing.assert_array_equal(each, jackknife_groups(n_clusters))


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
        low, high = np.quantile(jackknife_draws(value, np.array(without)), [0.025, 0.975])
        held.append(low <= truth <= high)
    assert 0.90 <= np.mean(held) <= 0.985
