"""Two scores compared: swaps against plain loops and scipy, intervals of pairs, and what is refused."""

import itertools
import json
import shutil

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from itbench.data.recordings_file import read_recordings
from itbench.data.responses import mean_over_repetitions
from itbench.errors import BadOption, BadScore, UnknownName
from itbench.results.find import find_scores
from itbench.results.paired_comparison import compare_scores
from itbench.results.score_file import write_score
from itbench.statistics.permutation import benjamini_hochberg, permutation_test
from tests.kit.commands import run
from tests.kit.scores import ABOUT, comparison_score, readout_score

FOLDS = np.arange(60) % 4


def two_models(n=60, sites=6, seed=0, worse=0.2):
    """Responses (image, site) and the predictions of two models, the second worse."""
    rng = np.random.default_rng(seed)
    recorded = 2.0 + rng.standard_normal((n, sites))
    return recorded, *(0.7 * recorded + noise * rng.standard_normal((n, sites)) for noise in (0.6, 0.6 + worse))


def after_swaps(recorded, first, second, row_cluster, row_split, swapped, measure):
    """Swap the predictions of some clusters in plain sight; return sums over each split (model, split, 3, site)."""
    at = np.isin(row_cluster, swapped)[:, None]
    parts = [row_split == split for split in np.unique(row_split)]
    both = []
    for predicted in (first, second):  # what a measure does not see must not be swapped: a constant, of r the scale
        centred = predicted.copy()
        for rows in parts:
            centred[rows] -= predicted[rows].mean(axis=0)
            if measure == "brainscore":
                centred[rows] /= centred[rows].std(axis=0)
        both.append(centred / np.sqrt((centred**2).sum(axis=0)) if measure == "correlation" else centred)
    first, second = both
    found = []
    for predicted in (np.where(at, second, first), np.where(at, first, second)):
        for rows in parts:
            y, f = (values[rows] - values[rows].mean(axis=0) for values in (recorded, predicted))
            found.append([(y * y).sum(axis=0), (f * f).sum(axis=0), (y * f).sum(axis=0)])
    return np.array(found).reshape(2, len(parts), 3, -1)


def pooled_ev(sums):
    yy, ff, yf = sums.sum(axis=0)
    return (2 * yf - ff) / yy


def pooled_r(sums):
    yy, ff, yf = sums.sum(axis=0)
    return yf / np.sqrt(yy * ff)


def r_of_splits(sums):
    yy, ff, yf = np.moveaxis(sums, 1, 0)
    return yf / np.sqrt(yy * ff)


CEILING = np.linspace(0.5, 0.9, 6)
IN_PLAIN_SIGHT = {  # by measure: at every site, and over all sites
    "explained_variance": (pooled_ev, lambda sums: pooled_ev(sums).mean()),
    "correlation": (pooled_r, lambda sums: pooled_r(sums).mean()),
    "explained_variance_corrected": (pooled_ev, lambda sums: pooled_ev(sums).sum() / CEILING.sum()),
    "brainscore": (
        lambda sums: r_of_splits(sums).mean(axis=0),
        lambda sums: (
            np.sign(middle := np.median(r_of_splits(sums), axis=1).mean()) * (middle / np.median(CEILING)) ** 2
        ),
    ),
}
REPEATED = np.concatenate([np.random.default_rng(split).permutation(10)[:7] for split in range(3)])
THREES = np.arange(30) // 3
LAYOUTS = {  # the stimulus of each row, what is swapped together (ten of them), and the split
    "one split": (np.arange(10), np.arange(10), np.zeros(10, int)),
    "folds": (np.arange(10), np.arange(10), np.arange(10) % 2),
    "images in several splits": (REPEATED, REPEATED, np.repeat(np.arange(3), 7)),
    "objects in one split": (np.arange(30), THREES, np.zeros(30, int)),
    "objects in all folds": (np.arange(30), THREES, np.arange(30) % 3),
    "objects in a fold each": (np.arange(30), THREES, THREES % 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("measure", IN_PLAIN_SIGHT)
@pytest.mark.parametrize(("row_stimulus", "row_cluster", "row_split"), LAYOUTS.values(), ids=LAYOUTS)
def test_p_is_that_of_all_swaps_there_are(row_stimulus, row_cluster, row_split, measure):
    """All 2¹⁰ swaps of ten images, or objects, one after the other, against 20,000 random ones."""
    recorded, first, second = (values[row_stimulus] for values in two_models(row_stimulus.max() + 1, seed=3))
    clusters, (at_site, figure) = np.unique(row_cluster), IN_PLAIN_SIGHT[measure]
    differences = []
    for code in range(2 ** len(clusters)):
        swapped = clusters[[bool(code >> bit & 1) for bit in range(len(clusters))]]
        both = after_swaps(recorded, first, second, row_cluster, row_split, swapped, measure)
        differences.append(figure(both[0]) - figure(both[1]))
    exact = (np.abs(differences) >= abs(differences[0]) - 1e-12).mean()
    as_they_are = after_swaps(recorded, first, second, row_cluster, row_split, [], measure)
    given = permutation_test(
        recorded, (first, second), row_cluster, row_split, measure=measure, ceiling=CEILING, n=20_000, seed=1
    )
    np.testing.assert_allclose(given.difference, differences[0])
    np.testing.assert_allclose(given.site_difference, at_site(as_they_are[0]) - at_site(as_they_are[1]))
    np.testing.assert_allclose(given.p, exact, atol=4 * np.sqrt(exact * (1 - exact) / 20_000))


@pytest.mark.parametrize("splits", [2, 6], ids=["in all splits", "in a split each"])
def test_p_of_six_objects_is_that_of_all_64_swaps(splits):
    recorded, first, second = two_models(30, seed=3, worse=0.1)
    objects = np.arange(30) % 6
    row_split = np.arange(30) % splits
    differences = []
    for swapped in itertools.product([False, True], repeat=6):
        at = np.flatnonzero(swapped)
        both = after_swaps(recorded, first, second, objects, row_split, at, "explained_variance")
        differences.append(pooled_ev(both[0]).mean() - pooled_ev(both[1]).mean())
    exact = (np.abs(differences) >= abs(differences[0]) - 1e-12).mean()
    given = permutation_test(recorded, (first, second), objects, row_split, n=4_000)
    assert given.difference == pytest.approx(differences[0])
    assert given.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4_000))
    assert 0 < exact < 1


def test_swaps_of_clusters_of_one_image_each_are_swaps_of_images():
    recorded, first, second = two_models(worse=0.05)
    plain, named = (
        permutation_test(recorded, (first, second), rows, FOLDS, n=300) for rows in (np.arange(60), 7 * np.arange(60))
    )
    assert plain.p == named.p
    np.testing.assert_array_equal(plain.site_p, named.site_p)


@pytest.mark.slow
def test_equal_models_whose_errors_are_of_objects_are_told_apart_in_5_percent_of_cases_where_objects_are_swapped():
    objects, rejected = np.repeat(np.arange(16), 10), {"object": 0, "image": 0}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        recorded = rng.standard_normal((160, 3))
        pair = tuple(recorded + 0.5 * rng.standard_normal((2, 16, 1))[k, objects] for k in (0, 1))
        pair = tuple(f + 0.5 * rng.standard_normal(f.shape) for f in pair)
        for by, rows in (("object", objects), ("image", np.arange(160))):
            rejected[by] += permutation_test(recorded, pair, rows, np.arange(160) % 4, n=199).p <= 0.05
    assert rejected["object"] <= 0.08 * 300
    assert rejected["image"] >= 0.20 * 300


def test_a_site_that_a_model_predicts_by_a_constant_has_a_correlation_of_0_with_it():
    recorded, first, second = two_models()
    second[:, 2] = 0.0
    given = permutation_test(recorded, (first, second), np.arange(60), np.zeros(60, int), measure="correlation", n=300)
    r = [
        [np.corrcoef(recorded[:, site], values[:, site])[0, 1] for site in (0, 2)]
        for values in (first, second[:, [0] * 6])
    ]
    np.testing.assert_allclose(given.site_difference[[0, 2]], [r[0][0] - r[1][0], r[0][1]])
    assert given.site_p[2] == pytest.approx(1 / 301)
    assert np.isfinite(given.p)


@pytest.mark.parametrize("measure", ["explained_variance", "correlation"])
def test_p_does_not_depend_on_what_a_model_adds_to_its_predictions(measure):
    recorded, first, second = two_models()
    rows, splits = np.arange(60), FOLDS
    plain, moved = (
        permutation_test(recorded, (first + added, second), rows, splits, measure=measure, n=500) for added in (0, 10)
    )
    assert moved.p == plain.p
    np.testing.assert_array_equal(moved.site_p, plain.site_p)


@pytest.mark.parametrize("scale", [0.2, 0.05])
@pytest.mark.parametrize("measure", ["correlation", "brainscore"])
def test_p_of_a_correlation_does_not_depend_on_the_scale_of_predictions(measure, scale):
    recorded, first, second = two_models()
    plain, scaled = (
        permutation_test(recorded, (by * first, second), np.arange(60), FOLDS, measure=measure, ceiling=CEILING, n=500)
        for by in (1.0, scale)
    )
    assert scaled.p == plain.p
    assert scaled.difference == pytest.approx(plain.difference)
    np.testing.assert_array_equal(scaled.site_p, plain.site_p)


def test_a_constant_prediction_correlates_0_also_where_its_mean_is_rounded():
    recorded, first, _ = two_models()
    found = permutation_test(recorded, (first, np.full_like(first, 0.1)), np.arange(60), FOLDS, measure="correlation")
    sums = after_swaps(recorded, first, first, np.arange(60), FOLDS, [], "correlation")[0]
    np.testing.assert_allclose(found.site_difference, pooled_r(sums))


def test_p_of_a_site_is_that_of_scipy():
    """scipy swaps the two models' predictions of images as pairs of samples."""
    recorded, first, second = two_models(30, sites=1)

    def difference(x, y, axis):
        residuals = (recorded[:, 0] - predicted for predicted in (x, y))
        first, second = (1 - residual.var(axis=axis) / recorded.var() for residual in residuals)
        return first - second

    theirs = scipy.stats.permutation_test(
        (first[:, 0], second[:, 0]),
        difference,
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    ours = permutation_test(recorded, (first, second), np.arange(30), np.zeros(30, int), n=20_000)
    np.testing.assert_allclose(ours.difference, theirs.statistic)
    np.testing.assert_allclose(ours.p, theirs.pvalue, atol=0.015)
    np.testing.assert_allclose(ours.site_p, [ours.p])


def test_swaps_of_one_model_with_itself_find_no_difference():
    recorded, first, _ = two_models()
    found = permutation_test(recorded, (first, first), np.arange(60), FOLDS, n=100)
    assert found.difference == 0
    assert found.p == 1
    np.testing.assert_array_equal(found.site_p, 1.0)


def test_the_smallest_p_is_that_of_no_swap_as_good():
    recorded, first, second = two_models(worse=3)
    assert permutation_test(recorded, (first, second), np.arange(60), FOLDS, n=99).p == 1 / 100
    one_site = (values[:, :1] for values in (recorded, first, second))
    recorded, *both = one_site
    assert permutation_test(recorded, tuple(both), np.arange(60), FOLDS).p == 1 / 10_001


def test_the_size_of_blocks_does_not_matter(monkeypatch):
    recorded, first, second = two_models(worse=0.05)
    whole = permutation_test(recorded, (first, second), np.arange(60), FOLDS, n=300)
    monkeypatch.setattr("itbench.statistics.permutation.CHUNK", 100_000)
    blocks = permutation_test(recorded, (first, second), np.arange(60), FOLDS, n=300)
    assert whole.p == blocks.p
    np.testing.assert_array_equal(whole.site_p, blocks.site_p)


def test_a_site_that_one_model_does_not_predict_is_left_out():
    recorded, first, second = two_models()
    first[0, 2] = np.nan
    found = permutation_test(recorded, (first, second), np.arange(60), FOLDS, n=50)
    rest = [0, 1, 3, 4, 5]
    expected = permutation_test(recorded[:, rest], (first[:, rest], second[:, rest]), np.arange(60), FOLDS, n=50)
    assert (found.difference, found.p) == (expected.difference, expected.p)
    assert np.flatnonzero(np.isnan(found.site_p)).tolist() == [2]
    assert np.flatnonzero(np.isnan(found.site_difference)).tolist() == [2]


@pytest.mark.slow
def test_equal_models_get_p_below_5_percent_in_5_percent_of_cases():
    p = [permutation_test(*equal_models(seed), np.arange(40), np.arange(40) % 2, n=199).p for seed in range(2_000)]
    assert 0.035 < (np.array(p) <= 0.05).mean() < 0.065
    assert scipy.stats.kstest(p, "uniform").pvalue > 1e-3


def equal_models(seed):
    recorded, first, second = two_models(40, sites=3, seed=seed, worse=0)
    return recorded, (first, second)


@pytest.mark.parametrize("seed", range(5))
def test_sites_found_significant_are_those_of_scipy(seed):
    p = np.random.default_rng(seed).random(200) ** 3
    expected = scipy.stats.false_discovery_control(p) <= 0.05
    assert 0 < expected.sum() < 200
    np.testing.assert_array_equal(benjamini_hochberg(p), expected)
    p = np.append(p, np.nan)
    np.testing.assert_array_equal(benjamini_hochberg(p), np.append(expected, False))


@pytest.mark.parametrize(("p", "rejected"), [(0.049, True), (0.051, False)])
def test_of_one_site_p_alone_decides(p, rejected):
    assert benjamini_hochberg(np.array([p, np.nan])).tolist() == [rejected, False]


@pytest.mark.parametrize("p", [[], [np.nan], [0.9, 0.8]], ids=["none", "missing", "large"])
def test_nothing_is_significant_where_nothing_is(p):
    assert not benjamini_hochberg(np.array(p)).any()


def compared(**how):
    recorded, first, second = two_models()
    a, b = (readout_score(recorded, values, model=name, **how) for name, values in (("good", first), ("bad", second)))
    return recorded, a, b


def test_a_comparison_has_both_values_and_the_interval_of_the_pairs():
    recorded, a, b = compared()
    found = compare_scores(a, b, recorded)
    _, *predictions = two_models()
    ev = []
    for predicted in predictions:  # Σ SSR / Σ SST over folds of 15 images
        residual, total = (sum(y[f == FOLDS].var(axis=0) for f in range(4)) for y in (recorded - predicted, recorded))
        ev.append((1 - residual / total).mean())
    np.testing.assert_allclose([found.a.value, found.b.value, found.difference], [*ev, ev[0] - ev[1]])
    draws = [score["draws"].values[0].astype(float) for score in (a, b)]
    np.testing.assert_allclose([found.low, found.high], np.quantile(draws[0] - draws[1], [0.025, 0.975]))
    np.testing.assert_allclose([found.a.low, found.a.high], np.quantile(draws[0], [0.025, 0.975]))
    assert found.high - found.low < (found.a.high - found.a.low) + (found.b.high - found.b.low)
    errors = [found.a.standard_error, found.b.standard_error, found.standard_error]
    np.testing.assert_allclose(errors, [np.std(values) for values in (*draws, draws[0] - draws[1])])
    assert (found.n_stimuli, found.n_sites, found.n_splits) == (60, 6, 4)
    assert (found.drawn, found.measure, found.departures) == ("60 images × 6 sites", "explained_variance", ())


def test_p_is_that_of_the_draws_and_the_permutation_has_a_name_of_its_own():
    """A difference that these six sites show, and other sites might not."""
    rng = np.random.default_rng(4)
    recorded, first, _ = two_models(sites=6)
    noise = rng.standard_normal(recorded.shape)
    second = np.where(np.arange(6) < 4, first + 0.9 * noise, 0.3 * first + 0.7 * recorded)  # worse at four sites
    a, b = (readout_score(recorded, values, n_draws=2_000) for values in (first, second))
    found = compare_scores(a, b, recorded)
    draws = [score["draws"].sel(measure="explained_variance").values.astype(float) for score in (a, b)]
    below = (draws[0] - draws[1] < 0).mean()
    assert found.p == pytest.approx(2 * min(below, 1 - below), abs=2 / 2_000)
    assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
    rows = a["row_stimulus"].values
    swapped = permutation_test(
        recorded[rows], (a["predictions"].values, b["predictions"].values), rows, a["row_split"].values
    )
    assert found.p_at_these_sites == swapped.p < 0.01 < found.p


def test_objects_are_drawn_and_swapped_where_scores_are_of_objects():
    """Twelve objects of five images, with errors in common: less is sure of them than of sixty images."""
    rng = np.random.default_rng(2)
    objects = np.repeat(np.arange(12), 5)
    recorded = rng.standard_normal((60, 6))
    first = recorded + 0.3 * rng.standard_normal((60, 6))
    second = recorded + 0.45 * rng.standard_normal((12, 1))[objects] + 0.3 * rng.standard_normal((60, 6))
    of_images, of_objects = (
        compare_scores(*(readout_score(recorded, f, objects=o, n_draws=2_000) for f in (first, second)), recorded)
        for o in (None, objects)
    )
    assert (of_images.drawn, of_objects.drawn) == ("60 images × 6 sites", "12 objects × 6 sites")
    assert of_objects.difference == of_images.difference
    assert of_objects.standard_error > 1.2 * of_images.standard_error
    row_stimulus = np.concatenate([np.flatnonzero(fold == FOLDS) for fold in range(4)])
    rows = (recorded[row_stimulus], tuple(f[row_stimulus].astype(np.float32) for f in (first, second)))
    swapped = permutation_test(*rows, objects[row_stimulus], FOLDS[row_stimulus])
    assert of_objects.p_at_these_sites == swapped.p
    assert of_objects.p_at_these_sites > of_images.p_at_these_sites


def test_the_least_p_of_the_draws_is_a_bound():
    best, worse, noise = RECORDED + 0.01 * FIRST, 0.1 * RECORDED + SECOND, SECOND[::-1]
    one, none = (
        compare_scores(readout_score(RECORDED, a), readout_score(RECORDED, b), RECORDED)
        for a, b in ((best, worse), (noise, noise[:, ::-1]))
    )
    assert (one.p, one.p_is_bound) == (2 / 501, True)  # of 500 draws
    assert none.p > 2 / 501
    assert none.p_is_bound is False


def test_scores_of_other_clusters_are_not_alike():
    a, b = (readout_score(RECORDED, f, objects=o) for f, o in ((FIRST, None), (SECOND, np.arange(60) // 5)))
    with pytest.raises(BadScore, match="their clusters of images differ") as raised:
        compare_scores(a, b, RECORDED)
    assert "60 image against 12 object" in raised.value.known


def plain_tost(difference, margin):
    """Return the larger p of two one-sided tests: how many draws lie beyond either end."""
    return max((difference >= margin).mean(), (difference <= -margin).mean())


@pytest.mark.parametrize("difference", [0.0, 0.02, 0.05, 0.2])
@pytest.mark.parametrize("margin", [0.001, 0.01, 0.03, 0.08, 0.3])
def test_the_equivalence_test_is_two_one_sided_tests(difference, margin):
    rng = np.random.default_rng(0)
    a, b = (
        comparison_score(value + 0.003 * rng.standard_normal(50), n_draws=2_000) for value in (0.4, 0.4 - difference)
    )
    draws = np.subtract(*(score["draws"].values[0].astype(float) for score in (a, b)))
    found, mirrored = compare_scores(a, b, margin=margin), compare_scores(b, a, margin=margin)
    expected = plain_tost(draws, margin)
    if 2 / 2_000 < expected < 0.5:
        assert found.p_beyond_margin == pytest.approx(expected, abs=1 / 2_000)
    elif expected < 0.5:
        assert found.p_beyond_margin <= 2 / 2_000
    else:  # the value itself lies beyond the margin
        assert found.p_beyond_margin >= 0.5
    assert mirrored.p_beyond_margin == pytest.approx(found.p_beyond_margin)
    assert found.margin == margin
    low, high = np.quantile(draws, [0.05, 0.95])  # the interval at 90 % of the two one-sided tests at 5 %
    assert (found.p_beyond_margin < 0.05) == (-margin < low and high < margin)


def draws_about(value, error=0.01):
    """Score a model by draws about a value."""
    draws = value + error * np.random.default_rng(0).standard_normal(500)
    return comparison_score(np.full(50, value)).assign(draws=(("measure", "draw"), draws[None]))


VERDICTS = {  # the difference and its error, and what is said without and with a margin of 0.1
    "different": (0.5, 0.05, "{} is better than {}.", "{} is better than {}."),
    "different, and equivalent": (
        *(0.04, 0.01, "{} is better than {}."),
        "{} is better than {}, though they are no more than 0.1 apart.",
    ),
    "equivalent": (
        *(0.01, 0.03, "Not told apart: on other images and sites, the order could be the other."),
        "Not told apart, and they are no more than 0.1 apart.",
    ),
    "nearly different": (
        *(0.018, 0.01, "Not told apart: on other images and sites, the order could be the other."),
        "Not told apart, and they are no more than 0.1 apart.",
    ),
    "not told apart": (
        *(0.1, 0.1, "Not told apart: on other images and sites, the order could be the other."),
        "Not told apart, nor shown to be within 0.1 of each other: on other images and sites, the order could be the "
        "other.",
    ),
}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("difference", "error", "said", "said_of_margin"), VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_says_whether_a_difference_is_to_be_believed(difference, error, said, said_of_margin, sign):
    names = ("A", "B") if sign > 0 else ("B", "A")
    pair = draws_about(sign * difference, error), draws_about(0.0, 0.0)
    plain, with_margin = (compare_scores(*pair, margin=margin) for margin in (None, 0.1))
    assert plain.verdict == said.format(*names)
    assert with_margin.verdict == said_of_margin.format(*names)
    assert (plain.margin, plain.p_beyond_margin) == (None, None)
    assert (plain.p < 0.05) == ("better" in plain.verdict)
    assert (with_margin.p_beyond_margin < 0.05) == ("no more than" in with_margin.verdict)


def test_without_an_interval_no_difference_is_believed():
    a, b = draws_about(0.3), draws_about(0.1)
    a["draws"][:, 200:] = np.nan
    found = compare_scores(a, b, margin=1.0)
    assert (found.low, found.high) == (None, None)
    assert np.isnan(found.p)
    assert found.verdict == "There are too few images for an interval: the difference is not to be believed."


@pytest.mark.parametrize("margin", [0.0, -0.01, np.nan, np.inf])
def test_a_margin_that_is_none_is_refused(margin):
    with pytest.raises(BadOption, match="The margin must be above 0"):
        compare_scores(readout_score(RECORDED, FIRST), readout_score(RECORDED, SECOND), RECORDED, margin)


def test_a_comparison_the_other_way_round_is_its_mirror_image():
    recorded, a, b = compared()
    one, other = compare_scores(a, b, recorded), compare_scores(b, a, recorded)
    assert (one.a, one.b) == (other.b, other.a)
    assert one.p_at_these_sites == other.p_at_these_sites
    assert one.p == pytest.approx(other.p)
    assert one.standard_error == pytest.approx(other.standard_error)
    np.testing.assert_allclose([one.difference, one.low, one.high], [-other.difference, -other.high, -other.low])


def test_sites_are_counted_for_whom_they_speak():
    """Three sites that the first model predicts far better, one the second, two alike."""
    recorded, first, second = two_models(worse=0)
    noise = np.random.default_rng(5).standard_normal(recorded.shape)
    second[:, :3] += 2 * noise[:, :3]
    first[:, 3] += 2 * noise[:, 3]
    first[:, 4:] = second[:, 4:]
    a, b = (readout_score(recorded, values) for values in (first, second))
    found = compare_scores(a, b, recorded)
    assert (found.a.sites_better, found.b.sites_better) == (3, 1)
    assert (found.a.sites_better_significantly, found.b.sites_better_significantly) == (3, 1)


def test_a_model_equals_itself():
    recorded, a, _ = compared()
    found = compare_scores(a, a, recorded)
    assert (found.difference, found.low, found.high, found.p, found.p_at_these_sites) == (0, 0, 0, 1, 1)
    assert (found.a.sites_better, found.b.sites_better) == (0, 0)


def test_the_measure_compared_is_the_headline():
    recorded, a, b = compared(measure="brainscore", ceiling=CEILING)
    found = compare_scores(a, b, recorded)
    r = [np.median(score["correlation"].sel(layer="late").values, axis=1).mean() for score in (a, b)]
    np.testing.assert_allclose(found.difference, (r[0] ** 2 - r[1] ** 2) / np.median(CEILING) ** 2)
    draws = [score["draws"].sel(measure="brainscore").values.astype(float) for score in (a, b)]
    np.testing.assert_allclose([found.low, found.high], np.quantile(draws[0] - draws[1], [0.025, 0.975]))
    assert found.p_at_these_sites is not None


def test_comparisons_of_representations_are_compared_by_their_draws():
    """Of images and of sites: Student's t of each, and variances that add up."""
    rng = np.random.default_rng(0)
    common = 0.02 * rng.standard_normal(50)
    first, second = (value + common + 0.001 * rng.standard_normal(50) for value in (0.5, 0.475))
    at_sites = [value + 0.001 * rng.standard_normal(20) for value in (0.5, 0.475)]
    scores = [
        comparison_score(without, sites, model=name, n_draws=20_000)
        for without, sites, name in zip((first, second), at_sites, ("good", "bad"), strict=True)
    ]
    found = compare_scores(*scores)
    errors = [
        np.sqrt((len(d) - 1) / len(d) * np.square(d - d.mean()).sum()) for d in (first - second, np.subtract(*at_sites))
    ]
    difference = first.mean() - second.mean()
    np.testing.assert_allclose(found.difference, difference)
    t = [
        error * scipy.stats.t.rvs(df, size=200_000, random_state=1 + df)
        for error, df in zip(errors, (49, 19), strict=True)
    ]
    np.testing.assert_allclose(found.high - found.low, 2 * np.quantile(sum(t), 0.975), rtol=0.03)
    np.testing.assert_allclose(found.standard_error, np.std(sum(t)), rtol=0.03)
    np.testing.assert_allclose(found.p, (np.abs(sum(t)) > difference).mean(), rtol=0.15)
    assert found.p_at_these_sites is None
    assert (found.n_stimuli, found.n_splits, found.a.sites_better) == (100, 0, None)
    assert found.drawn == "100 images × 5 sites"


@pytest.mark.parametrize(("n", "drawn"), [(4, "100 images × 4 subjects"), (0, "100 images")])
def test_comparisons_of_subjects_rdms_say_that_subjects_were_left_out(n, drawn):
    rng = np.random.default_rng(0)
    scores = [comparison_score(rng.random(50), rng.random(n), sites=0) for _ in range(2)]
    assert compare_scores(*scores).drawn == drawn


def other(**digest):
    return {"digests": {**ABOUT["digests"], **digest}}


RECORDED, FIRST, SECOND = two_models()
UNLIKE = {
    "measures": (lambda: readout_score(RECORDED, SECOND, measure="correlation"), "explained_variance against correl"),
    "stimuli": (lambda: readout_score(RECORDED, SECOND, **other(stimuli="f" * 64)), "11111111 against ffffffff"),
    "responses": (lambda: readout_score(RECORDED, SECOND, **other(responses="e" * 64)), "22222222 against eeeeeeee"),
    "sites": (lambda: readout_score(RECORDED[:, :5], SECOND[:, :5]), "6 sites against 5 sites"),
    "sites that can be scored": (lambda: readout_score(RECORDED, np.where(np.arange(6) == 2, np.nan, SECOND)), "6 si"),
    "splits": (
        lambda: readout_score(RECORDED, SECOND, folds=3, splits={"kind": "kfold", "folds": 3}),
        "kind=kfold folds=4 seed=0 against kind=kfold folds=3",
    ),
    "numbers of draws": (lambda: readout_score(RECORDED, SECOND, n_draws=400), "500 draws against 400 draws"),
}


@pytest.mark.parametrize(("what", "make", "seen"), [(key, *value) for key, value in UNLIKE.items()], ids=UNLIKE)
def test_scores_that_are_not_alike_say_in_what(what, make, seen):
    with pytest.raises(BadScore, match=f"net:pretrained and net:pretrained cannot .* their {what} differ") as raised:
        compare_scores(readout_score(RECORDED, FIRST), make(), RECORDED)
    assert seen in raised.value.known
    assert "itbench score -m net -b toy --metric ridge" in raised.value.todo


def test_a_score_by_earlier_rules_is_not_compared_and_says_how_to_make_it_again():
    earlier = readout_score(RECORDED, SECOND, weights="random-7")
    del earlier.attrs["edition"]
    for pair in ((readout_score(RECORDED, FIRST), earlier), (earlier, earlier)):
        with pytest.raises(BadScore, match="net:random-7 was scored by earlier rules") as raised:
            compare_scores(*pair, RECORDED)
        assert "itbench score -m net -b toy --weights random --seed 7 --metric ridge" in raised.value.todo


def test_scores_on_two_contents_of_a_file_of_splits_are_not_alike():
    first, again, second = (
        readout_score(RECORDED, each, splits={"kind": "file", "path": "a.csv", "digest": digest * 64})
        for each, digest in (
            (FIRST, "c"),
            (SECOND, "c"),
            (SECOND, "d"),
        )  # the same test images, perhaps others to train
    )
    assert compare_scores(first, again, RECORDED).n_splits == 4
    with pytest.raises(BadScore, match="their splits differ") as raised:
        compare_scores(first, second, RECORDED)
    assert "path=a.csv digest=cccccccc against kind=file path=a.csv digest=dddddddd" in raised.value.known


def test_a_readout_and_a_comparison_have_other_measures():
    with pytest.raises(BadScore, match="their measures differ"):
        compare_scores(readout_score(RECORDED, FIRST), comparison_score(np.arange(30)), RECORDED)


@pytest.mark.parametrize(
    ("how", "lacking"),
    [({"keep": False}, "no predictions"), ({"n_draws": 0}, "no draws of explained_variance")],
    ids=["predictions", "draws"],
)
def test_a_score_that_lacks_something_says_how_to_mend_it(how, lacking):
    given = {"given": {"components": "7"}, "defaulted": {}}
    score = readout_score(RECORDED, SECOND, weights="random-7", options=given, **how)
    with pytest.raises(BadScore, match=lacking) as raised:
        compare_scores(readout_score(RECORDED, FIRST), score, RECORDED)
    command = "itbench score -m net -b toy --weights random --seed 7 --metric ridge -o components=7"
    assert command in raised.value.todo


@pytest.mark.parametrize(
    ("weights", "typed"),
    [
        ("pretrained", ""),
        ("none", ""),
        ("random-7", " --weights random --seed 7"),
        ("my-weights.pt", " --weights my-weights.pt"),
    ],
)
def test_a_score_of_a_former_version_says_how_to_mend_it_too(weights, typed):
    score = readout_score(RECORDED, SECOND, weights=weights, keep=False, n_draws=0)
    about = json.loads(score.attrs["provenance"])
    score.attrs["provenance"] = json.dumps({key: about[key] for key in about if key not in ("sources", "asked")})
    with pytest.raises(BadScore, match="no predictions") as raised:
        compare_scores(score, readout_score(RECORDED, FIRST), RECORDED)
    assert raised.value.todo.endswith(f"itbench score -m net -b toy{typed} --metric ridge")


def test_without_the_recorded_responses_it_says_what_to_pass():
    with pytest.raises(BadScore, match="none were given"):
        compare_scores(readout_score(RECORDED, FIRST), readout_score(RECORDED, SECOND))


def test_what_else_differs_is_said_and_not_refused():
    options = {"given": {"components": "5"}, "defaulted": {}}
    a = readout_score(RECORDED, FIRST)
    b = readout_score(RECORDED, SECOND, metric="pls", precision="bfloat16", options=options)
    assert compare_scores(a, b, RECORDED).departures == (
        "metric: ridge against pls",
        "precision: float32 against bfloat16",
        "components: 1000 against 5",
    )


@pytest.fixture(scope="module")
def scores(toy_file, tmp_path_factory):
    """Scores of the toy recordings: a good model and a bad one, with two kinds of weights and two metrics."""
    recordings = read_recordings(toy_file)
    recorded = mean_over_repetitions(recordings.responses)
    rng = np.random.default_rng(0)
    where = tmp_path_factory.mktemp("compared") / "scores"
    for model, weights, metric, noise in [
        ("good", "pretrained", "ridge", 0.3),
        ("good", "random-0", "ridge", 0.9),
        ("good", "random-0", "pls", 0.8),
        ("bad", "none", "ridge", 1.2),
        ("only", "none", "ridge", 0.31),
    ]:
        predicted = recorded + noise * rng.standard_normal(recorded.shape)
        digests = {**recordings.digests, "weights": ""}
        score = readout_score(recorded, predicted, model=model, weights=weights, metric=metric, digests=digests)
        write_score(score, where)
    return where


@pytest.fixture
def folder(scores, toy, home):
    """Return a folder with copies of these scores, where the commands look for them."""
    return shutil.copytree(scores, home.parent / "work" / "leaderboard" / "scores")


def said(*arguments):
    done = run("compare", *arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_command_compares_two_models(folder, toy):
    text = said("good:pretrained", "bad", "-b", toy)
    assert "toy: 80 images, 5 sites, 4 splits" in text
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line]
    assert lines[0][:4] == ["", "model", "weights", "metric"]
    assert [line[0] for line in lines[2:]] == ["A", "B", "A − B"]
    assert [line[1] for line in lines[2:4]] == ["good", "bad"]
    assert "Sites are few" in text
    assert lines[0][-5:] == ["SE", "95 %", "p", "sites better", "significantly"]
    assert "A is better than B. Resampled: 80 images × 5 sites, 500 draws." in text
    assert lines[-1][8] == "≤ 0.004"  # 2 / 501, the least of 500 draws
    assert "Of these images and sites alone, by a permutation test: p ≤ 0.0001 (10,000 permutations)." in text
    assert "apart" not in text
    equal = said("good:pretrained", "only", "-b", toy, "--margin", "0.2")
    assert "Not told apart, and they are no more than 0.2 apart." in equal
    assert "More than 0.2 apart: p " in equal


@pytest.mark.slow
def test_the_command_gives_all_of_it_as_json(folder, toy):
    found = json.loads(said("good:pretrained", "bad", "-b", toy, "--json"))
    assert found["difference"] == pytest.approx(found["a"]["value"] - found["b"]["value"])
    assert found["low"] < found["difference"] < found["high"]
    assert found["a"]["sites_better"] + found["b"]["sites_better"] == found["n_sites"] == 5
    assert (found["benchmark"], found["measure"], found["n_stimuli"]) == ("toy", "explained_variance", 80)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "options"),
    [
        (("good:pretrained", "bad:none"), ()),
        (("good", "bad"), ("--metric", "ridge", "--weights", "pretrained")),
        (("good--pretrained--toy--ridge.nc", "bad--none--toy--ridge.nc"), ()),
    ],
    ids=["model:weights", "options", "files"],
)
def test_scores_are_named_in_several_ways(names, options, folder, toy):
    names = [str(folder / name) if name.endswith(".nc") else name for name in names]
    if options:
        names[1] = "bad:none"
    found = json.loads(said(*names, *options, "-b", toy, "--json"))
    assert [(found[key]["model"], found[key]["weights"]) for key in "ab"] == [("good", "pretrained"), ("bad", "none")]


@pytest.mark.slow
def test_a_name_of_several_scores_gives_a_command_for_each(folder, toy):
    done = run("compare", "good", "bad", "-b", toy)
    assert done.exit_code == 1
    assert "'good' stands for 3 scores" in done.stderr
    commands = [line.split()[1:] for line in done.stderr.splitlines() if line.startswith("  itbench compare")]
    assert [words[1:3] for words in commands] == [
        ["good:pretrained", "bad"],
        ["good:random-0", "bad"],
        ["good:random-0", "bad"],
    ]
    ridge = [words for words in commands if words[-1] == "ridge"]
    for words, weights in zip(ridge, ["pretrained", "random-0"], strict=True):
        assert json.loads(said(*words[1:], "--json"))["a"]["weights"] == weights


@pytest.mark.slow
def test_scores_that_only_files_tell_apart_are_named_by_file(folder, toy):
    score = xr.load_dataset(folder / "bad--none--toy--ridge.nc", engine="h5netcdf")
    del score.attrs["format"]
    write_score(score.assign_attrs(file_stem="bad--none--toy--ridge--12345678"), folder)
    done = run("compare", "only", "bad", "-b", toy)
    assert done.exit_code == 1
    assert "only leaderboard/scores/bad--none--toy--ridge--12345678.nc" in done.stderr


def test_a_name_of_no_score_gives_the_nearest_and_what_to_do(folder, toy):
    done = run("compare", "godo:pretrained", "bad", "-b", toy)
    assert done.exit_code == 1
    assert "unknown score on toy 'godo:pretrained'" in done.stderr
    assert "Did you mean good:pretrained" in done.stderr
    assert "List models: itbench models" in done.stderr


@pytest.mark.slow
def test_recordings_that_changed_since_are_refused(folder, toy, home):
    from itbench.data.recordings_file import write_recordings
    from tests.kit.toy import toy_recordings

    write_recordings(toy_recordings(seed=1), home / "data" / "toy.h5")
    done = run("compare", "good:pretrained", "bad", "-b", toy)
    assert done.exit_code == 1
    assert "good:pretrained was scored on other recordings than toy holds now" in done.stderr
    assert "itbench score -m good" in done.stderr


def test_a_damaged_score_is_refused(folder, toy):
    path = folder / "bad--none--toy--ridge.nc"
    path.write_bytes(path.read_bytes()[:-7])
    done = run("compare", folder / "good--pretrained--toy--ridge.nc", path, "-b", toy)
    assert done.exit_code == 1
    assert "truncated or was altered" in done.stderr


@pytest.mark.slow
def test_errors_are_of_the_family(folder):
    from itbench.results.find import find_scores

    with pytest.raises(UnknownName, match="good has no score by rsa"):
        find_scores(folder, ["good"], metric="rsa")
    with pytest.raises(BadOption, match="'good' stands for"):
        find_scores(folder, ["good"])


@pytest.mark.slow
def test_real_scores_are_compared(toy):
    assert run("score", "-m", "toy", "-m", "pixels", "-b", toy).exit_code == 0
    found = json.loads(said("toy", "pixels", "-b", toy, "--json"))
    assert found["difference"] > 0
    assert found["p"] < 0.05


@pytest.mark.slow
def test_a_name_stands_for_the_score_without_options_or_layers_of_its_own(toy, home):
    for more in ((), ("-o", "components=5"), ("-l", "good"), ("--precision", "float32")):
        assert run("score", "-m", "toy", "-b", toy, *more).exit_code == 0
    ((path, _),) = find_scores(home.parent / "work" / "leaderboard" / "scores", ["toy"])
    assert path.name == "toy--none--toy--ridge.nc"
