"""Draws of a score: against plain loops, scipy, closed forms, and what coverage theory promises."""

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import explained_variance_score

from itbench.data.responses import make_responses
from itbench.errors import UnknownName
from itbench.statistics.bootstrap import bootstrap_draws, percentile_interval, two_sided_p
from itbench.statistics.noise_power import moments, noise_of_means
from itbench.statistics.reliability import split_half
from itbench.statistics.resampling import MEASURES

FOLDS = np.arange(60) % 4  # the split that tests each of 60 images


def held_out(n=60, sites=7, noise=0.7, seed=0):
    """Responses (image, site) and predictions that are worse at later sites."""
    rng = np.random.default_rng(seed)
    recorded = 3.0 + rng.standard_normal((n, sites))
    return recorded, 0.8 * recorded + noise * np.linspace(0.5, 1.5, sites) * rng.standard_normal((n, sites))


def pooled_sums(recorded, predicted, parts):
    """Sums over splits, in plain NumPy: of squares of y, of f, of y − f, and of products, about means within splits."""
    sums = np.zeros((4, recorded.shape[1]))
    for at in parts:
        y, f = (values[at] - values[at].mean(axis=0) for values in (recorded, predicted))
        sums += [(y**2).sum(axis=0), (f**2).sum(axis=0), ((y - f) ** 2).sum(axis=0), (y * f).sum(axis=0)]
    return sums


def plain(recorded, predicted, row_cluster, row_split, ceiling, n, seed, noise=None):
    """Compute every measure in plain NumPy and scipy: of all images and sites, then of one draw after the other."""
    (names, cluster), splits = np.unique(row_cluster, return_inverse=True), np.unique(row_split)
    images, sites = np.random.default_rng(seed).spawn(2)
    n_sites, found, share_of_all = recorded.shape[1], {name: [] for name in (*MEASURES, "ceiling")}, None
    drawn_clusters = [range(len(names)), *images.integers(0, len(names), (n, len(names)))]
    drawn_sites = [np.arange(n_sites), *sites.integers(0, n_sites, (n, n_sites))]
    for chosen, drawn in zip(drawn_clusters, drawn_sites, strict=True):
        often = np.array([sum(one == number for one in chosen) for number in cluster])  # of each row
        at = [np.flatnonzero(row_split == split) for split in splits]
        parts = [np.repeat(own, often[own]) for own in at]
        yy, ff, ee, yf = pooled_sums(recorded, predicted, [part for part in parts if len(part)])
        limit = ceiling
        if noise is not None:
            of_splits = [(often[own, None], noise[own]) for own in at if often[own].any()]
            share = sum(((t - t**2 / t.sum()) * own).sum(axis=0) for t, own in of_splits) / yy
            share_of_all = share if share_of_all is None else share_of_all
            limit = 1 - (1 - ceiling) * share / share_of_all
        r = np.array([[plain_r(recorded[part, i], predicted[part, i]) for i in range(n_sites)] for part in parts])
        found["explained_variance"].append((1 - ee / yy)[drawn].mean())
        found["correlation"].append((yf / np.sqrt(yy * ff))[drawn].mean())
        found["explained_variance_corrected"].append((1 - ee / yy)[drawn].sum() / limit[drawn].sum())
        middle = np.median(r[:, drawn], axis=1).mean()
        found["brainscore"].append(np.sign(middle) * (middle / np.median(limit[drawn])) ** 2)
        found["ceiling"].append(np.median(limit[drawn]))
    return {name: np.array(values) for name, values in found.items()}


def plain_r(y, f):
    """Return Pearson's r of what was drawn of a split: NaN where that is nothing, or one image again and again."""
    return scipy.stats.pearsonr(y, f)[0] if len(y) and np.ptp(y) > 0 else np.nan


SHUFFLED = np.concatenate([np.random.default_rng(split).permutation(60)[:20] for split in range(5)])
OBJECTS = np.arange(60) // 5
LAYOUTS = {  # what is drawn together, and the split of each of 60 rows
    "one split": (np.arange(60), np.zeros(60, int)),
    "folds": (np.arange(60), FOLDS),
    "images in several splits": (SHUFFLED, np.repeat(np.arange(5), 20)),
    "objects in one split": (OBJECTS, np.zeros(60, int)),
    "objects in all folds": (OBJECTS, FOLDS),
    "objects in a fold each": (OBJECTS, OBJECTS % 4),
    "objects of images in several splits": (OBJECTS[SHUFFLED], np.repeat(np.arange(5), 20)),
}


@pytest.mark.parametrize("noisy", [False, True], ids=["ceiling kept", "ceiling drawn"])
@pytest.mark.parametrize(("row_cluster", "row_split"), LAYOUTS.values(), ids=LAYOUTS)
def test_draws_are_those_of_a_plain_loop(row_cluster, row_split, noisy):
    row_stimulus = SHUFFLED if len(set(row_split)) == 5 else np.arange(60)
    recorded, predicted = (values[row_stimulus] for values in held_out())
    ceiling = np.linspace(0.5, 0.9, 7)
    noise = np.random.default_rng(8).random((60, 7))[row_stimulus] if noisy else None
    rows = row_cluster, row_split
    given = bootstrap_draws(recorded, predicted, *rows, ceiling=ceiling, noise=noise, n=20, seed=5)
    expected = plain(recorded, predicted, *rows, ceiling, n=20, seed=5, noise=noise)
    assert list(given) == list(MEASURES)
    for name in given:
        values = expected[name]
        centred = values[1:] - np.nanmedian(values[1:]) + values[0]
        np.testing.assert_allclose(given[name], centred, rtol=1e-10, err_msg=name)


def test_the_ceiling_of_responses_without_noise_is_the_same_in_every_draw():
    rows, ceiling = LAYOUTS["folds"], np.linspace(0.5, 0.9, 7)
    kept = bootstrap_draws(*held_out(), *rows, ceiling=ceiling, n=20)
    drawn = bootstrap_draws(*held_out(), *rows, ceiling=ceiling, noise=np.zeros((60, 7)), n=20)
    for name in MEASURES:
        np.testing.assert_array_equal(drawn[name], kept[name])


def test_the_interval_of_a_correlation_is_that_of_scipy():
    recorded, predicted = held_out(sites=1)
    one_split = np.zeros(60, int)
    ours = bootstrap_draws(recorded, predicted, np.arange(60), one_split, n=20_000, over="stimuli")["correlation"]
    theirs = scipy.stats.bootstrap(
        (recorded[:, 0], predicted[:, 0]),
        lambda y, f, axis: scipy.stats.pearsonr(y, f, axis=axis).statistic,
        paired=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    )
    shift = np.corrcoef(recorded.T, predicted.T)[0, 1] - np.median(theirs.bootstrap_distribution)
    np.testing.assert_allclose(percentile_interval(ours), np.array(theirs.confidence_interval) + shift, atol=0.01)
    np.testing.assert_allclose(ours.std(), theirs.standard_error, rtol=0.03)


def test_draws_of_sites_have_the_standard_error_of_a_mean():
    recorded, predicted = held_out(sites=50)
    ev = explained_variance_score(recorded, predicted, multioutput="raw_values")
    draws = bootstrap_draws(recorded, predicted, np.arange(60), np.zeros(60, int), n=20_000, over="sites")
    np.testing.assert_allclose(draws["explained_variance"].mean(), ev.mean(), atol=0.005)
    np.testing.assert_allclose(draws["explained_variance"].std(), ev.std() / np.sqrt(50), rtol=0.03)


@pytest.mark.slow
def test_draws_of_images_have_the_standard_error_of_a_correlation():
    """Of normal values it is (1 − ρ²) / √n in large samples (Fisher 1915)."""
    rng = np.random.default_rng(0)
    recorded, other = rng.standard_normal((2, 4_000, 1))
    predicted = 0.6 * recorded + 0.8 * other
    draws = bootstrap_draws(recorded, predicted, np.arange(4_000), np.zeros(4_000, int), n=4_000, over="stimuli")
    rho = np.corrcoef(recorded[:, 0], predicted[:, 0])[0, 1]
    np.testing.assert_allclose(draws["correlation"].std(), (1 - rho**2) / np.sqrt(4_000), rtol=0.07)


@pytest.mark.parametrize(
    "names", [10 * np.arange(60) + 3, np.array([f"{i:03d}" for i in range(60)])], ids=["int", "str"]
)
@pytest.mark.parametrize("over", ["both", "stimuli"])
def test_draws_of_clusters_of_one_image_each_are_draws_of_images(over, names):
    recorded, predicted = held_out()
    images, clusters = (
        bootstrap_draws(recorded, predicted, rows, FOLDS, ceiling=np.full(7, 0.8), n=30, over=over)
        for rows in (np.arange(60), names)
    )
    for name, values in images.items():
        np.testing.assert_array_equal(clusters[name], values)


def test_images_of_one_cluster_are_drawn_together():
    """Ten images of each of six objects, all alike: as if each object were one image that is drawn ten times."""
    recorded, predicted = held_out(n=6)
    tenfold = [np.repeat(values, 10, axis=0) for values in (recorded, predicted)]
    six = bootstrap_draws(recorded, predicted, np.arange(6), np.zeros(6, int), n=50, over="stimuli")
    objects, one_split = np.repeat(np.arange(6), 10), np.zeros(60, int)
    sixty = bootstrap_draws(*tenfold, objects, one_split, n=50, over="stimuli")
    single = bootstrap_draws(*tenfold, np.arange(60), one_split, n=50, over="stimuli")
    for name, values in six.items():
        np.testing.assert_allclose(sixty[name], values, rtol=1e-9)
        assert sixty[name].std() > 2 * single[name].std()


def test_a_image_counts_equally_often_in_all_its_splits():
    """Two splits that test the same images then agree in every draw, and are as one."""
    recorded, predicted = held_out()
    once = bootstrap_draws(recorded, predicted, np.arange(60), np.zeros(60, int), n=50)
    twice = (np.concatenate([values, values[::-1]]) for values in (recorded, predicted))
    row_stimulus = np.concatenate([np.arange(60), np.arange(60)[::-1]])
    again = bootstrap_draws(*twice, row_stimulus, np.repeat([0, 1], 60), n=50)
    np.testing.assert_allclose(again["explained_variance"], once["explained_variance"])


@pytest.mark.parametrize("over", ["both", "stimuli", "sites"])
def test_draws_of_two_models_belong_together_in_pairs(over):
    recorded, predicted = held_out()
    order = np.random.default_rng(3).permutation(60)
    draws = [
        bootstrap_draws(recorded[at], f[at], at, FOLDS[at], n=400, over=over)["explained_variance"]
        for at, f in [(np.arange(60), predicted), (order, predicted), (order, predicted + 1e-3 * recorded)]
    ]
    np.testing.assert_allclose(draws[0], draws[1])  # the order of the rows does not matter
    assert (draws[0] - draws[2]).std() < 0.01 * draws[0].std()


def test_the_seed_decides_and_the_size_of_blocks_does_not(monkeypatch):
    recorded, predicted = held_out()

    def draws(seed):
        return bootstrap_draws(recorded, predicted, np.arange(60), FOLDS, n=100, seed=seed)["correlation"]

    one, other = draws(0), draws(1)
    assert np.isclose(one, other).mean() < 0.1
    monkeypatch.setattr("itbench.statistics.bootstrap.CHUNK", 50_000)
    np.testing.assert_allclose(draws(0), one)


@pytest.mark.parametrize("n_splits", [1, 12])
def test_the_median_of_the_draws_is_the_score(n_splits):
    """Even with splits of five images, where draws by themselves would mostly lie below it."""
    recorded, predicted = held_out()
    split = np.arange(60) % n_splits
    draws = bootstrap_draws(recorded, predicted, np.arange(60), split, n=200)
    yy, _, ee, _ = pooled_sums(recorded, predicted, [split == one for one in range(n_splits)])
    np.testing.assert_allclose(np.nanmedian(draws["explained_variance"]), np.mean(1 - ee / yy))


def test_no_draws_are_none():
    recorded, predicted = held_out()
    assert {len(draws) for draws in bootstrap_draws(recorded, predicted, np.arange(60), FOLDS, n=0).values()} == {0}


@pytest.mark.parametrize("where", ["recorded", "predicted", "both"])
def test_sites_with_missing_values_are_left_out(where):
    recorded, predicted = held_out(sites=8)
    expected = bootstrap_draws(recorded[:, 1:], predicted[:, 1:], np.arange(60), FOLDS, n=20)
    for values in {"recorded": [recorded], "predicted": [predicted], "both": [recorded, predicted]}[where]:
        values[4, 0] = np.nan
    given = bootstrap_draws(recorded, predicted, np.arange(60), FOLDS, n=20)
    for name, values in expected.items():
        np.testing.assert_array_equal(given[name], values)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_a_site_that_loses_its_variance_is_nan_in_that_draw_and_never_0(value, scale):
    """One site, of which one image of ten decides: it is absent from a draw with probability 0.9¹⁰."""
    recorded = np.full((10, 1), value)
    recorded[3] = 1.0
    predicted = recorded + np.random.default_rng(0).standard_normal((10, 1))
    draws = bootstrap_draws(scale * recorded, scale * predicted, np.arange(10), np.zeros(10, int), n=10_000)
    for values in draws.values():
        assert abs(np.isnan(values).mean() - 0.9**10) < 0.02
        assert not (values == 0).any()


def test_a_site_that_loses_its_variance_leaves_the_others_in():
    recorded, predicted = held_out(n=10, sites=2)
    recorded[:, 0] = 0.0
    recorded[3, 0] = 1.0
    one_split = np.zeros(10, int)
    draws = bootstrap_draws(recorded, predicted, np.arange(10), one_split, n=500, over="stimuli")["correlation"]
    alone = [
        bootstrap_draws(recorded[:, [site]], predicted[:, [site]], np.arange(10), one_split, n=500, over="stimuli")
        for site in (0, 1)
    ]
    lost = np.isnan(alone[0]["correlation"])
    assert 0.2 < lost.mean() < 0.5
    np.testing.assert_allclose(np.ptp((draws - alone[1]["correlation"])[lost]), 0, atol=1e-12)
    assert np.ptp((draws - alone[1]["correlation"])[~lost]) > 0.1


def test_a_constant_prediction_correlates_0():
    recorded, predicted = held_out()
    predicted[:] = 0.1
    draws = bootstrap_draws(recorded, predicted, np.arange(60), FOLDS, n=50)
    np.testing.assert_allclose(draws["correlation"], 0.0)
    np.testing.assert_allclose(draws["explained_variance"], 0.0, atol=1e-12)


def test_a_large_mean_response_does_not_matter():
    recorded, predicted = held_out()
    at_zero, far = (bootstrap_draws(recorded + m, predicted + m, np.arange(60), FOLDS, n=50) for m in (0.0, 1e6))
    for name, values in at_zero.items():
        np.testing.assert_allclose(far[name], values, atol=1e-8)


def test_splits_that_lose_their_variance_in_a_draw_leave_the_others_in():
    """Ten splits of two images: half of the splits of a draw have one image twice, which adds nothing to the sums."""
    recorded, predicted = held_out(n=20, sites=3)
    draws = bootstrap_draws(recorded, predicted, np.arange(20), np.arange(20) // 2, n=2_000)["correlation"]
    assert np.isfinite(draws).mean() > 0.99
    low, high = percentile_interval(draws)
    assert low < np.nanmedian(draws) < high


def test_no_site_that_can_be_scored_gives_no_number():
    recorded, predicted = held_out()
    draws = bootstrap_draws(np.full_like(recorded, np.nan), predicted, np.arange(60), FOLDS, ceiling=np.ones(7), n=5)
    assert list(draws) == list(MEASURES)
    assert np.isnan(list(draws.values())).all()


def test_sites_without_a_ceiling_are_left_out_of_what_is_corrected():
    recorded, predicted = held_out()
    ceiling = np.array([0.5, np.nan, 0.8, 0.0, -0.1, 0.9, 0.7])
    one_split = np.zeros(60, int)
    draws = bootstrap_draws(recorded, predicted, np.arange(60), one_split, ceiling=ceiling, n=4_000, over="sites")
    ev = explained_variance_score(recorded, predicted, multioutput="raw_values")
    known = np.isfinite(ceiling)
    ratio = ev[known].sum() / ceiling[known].sum()
    np.testing.assert_allclose(np.nanmedian(draws["explained_variance_corrected"]), ratio)
    assert np.isnan(draws["explained_variance_corrected"]).mean() < 0.02  # of sites whose ceilings sum to 0 or less
    middle_is_noise = np.isnan(draws["brainscore"])
    assert 0.05 < middle_is_noise.mean() < 0.4
    assert np.isfinite(draws["brainscore"][~middle_is_noise]).all()


def test_without_a_ceiling_nothing_is_corrected():
    assert list(bootstrap_draws(*held_out(), np.arange(60), FOLDS, n=3)) == ["explained_variance", "correlation"]


def test_an_unknown_kind_of_draws_is_named():
    with pytest.raises(UnknownName, match=r"unknown kind of draws 'stimulus'.*\n.*stimuli"):
        bootstrap_draws(*held_out(), np.arange(60), FOLDS, over="stimulus")


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        (np.arange(1001.0), (25.0, 975.0)),
        ([*np.arange(1001.0), *[np.nan] * 1000], (25.0, 975.0)),
        ([*np.arange(1001.0), *[np.nan] * 1002], (np.nan, np.nan)),
        ([], (np.nan, np.nan)),
    ],
    ids=["all", "half", "fewer than half", "none"],
)
def test_an_interval_holds_the_middle_of_the_draws(draws, expected):
    np.testing.assert_allclose(percentile_interval(draws), expected)


def some_draws(seed):
    """Draws of different numbers and shapes about different values; every third has some that are no numbers."""
    rng = np.random.default_rng(seed)
    n, shift = int(rng.integers(80, 2_500)), rng.uniform(-2.6, 2.6)
    values = [rng.standard_normal(n), rng.gamma(1.5, size=n) - 1.5, -(rng.exponential(size=n) ** 1.5)][seed % 3] + shift
    if seed % 3 == 0:
        values[: int(rng.uniform(0, 0.49) * n)] = np.nan
    return values


def test_p_is_below_5_percent_exactly_where_the_95_percent_interval_excludes_0():
    seen = set()
    for seed in range(600):
        draws = some_draws(seed)
        low, high = percentile_interval(draws)
        significant = not low <= 0 <= high
        assert (two_sided_p(draws) < 0.05) == significant, seed
        seen.add((significant, low > 0))
    assert seen == {(True, True), (True, False), (False, False)}


@pytest.mark.parametrize("seed", range(12))
def test_the_interval_at_the_level_of_p_ends_at_0(seed):
    draws = some_draws(seed)
    p = two_sided_p(draws)
    if p > 2 / (np.isfinite(draws).sum() + 1):
        assert np.abs(percentile_interval(draws, 1 - p)).min() == pytest.approx(0, abs=1e-9)
    assert two_sided_p(-draws) == pytest.approx(p)


@pytest.mark.parametrize(
    ("draws", "p"),
    [
        (np.arange(1.0, 1_000.0), 2 / 1_000),
        (-np.arange(1.0, 1_000.0), 2 / 1_000),
        (np.arange(-500.0, 501.0), 1.0),
        (np.zeros(100), 1.0),
        ([*[-1.0] * 3, *[0.0] * 4, *[1.0] * 3], 1.0),
        (np.full(99, 0.3), 2 / 100),
        (np.full(99, 1.0), 2 / 100),
        ([0.0, 0.4], 2 / 3),
        ([-0.4, 0.0], 2 / 3),
        ([1.0, 2.0, np.nan, np.nan], 2 / 3),
        ([*np.arange(1.0, 100.0), *[np.nan] * 98], 2 / 100),
        ([*np.arange(1.0, 100.0), *[np.nan] * 100], np.nan),
        ([], np.nan),
    ],
    ids=[
        "all above",
        "all below",
        "symmetric",
        "all 0",
        "many 0",
        "all alike",
        "all 1",
        "two",
        "two below",
        "half of 4",
        "half",
        "fewer than half",
        "none",
    ],
)
def test_p_of_draws_at_the_edge(draws, p):
    np.testing.assert_allclose(two_sided_p(draws), p)


@pytest.mark.parametrize("ceiling", [0.0, -0.2])
def test_without_a_ceiling_above_0_there_is_no_brainscore(ceiling):
    rng = np.random.default_rng(0)
    recorded = rng.standard_normal((24, 5))
    rows = recorded + rng.standard_normal((24, 5)), np.arange(24), np.arange(24) % 2
    drawn = bootstrap_draws(recorded, *rows, ceiling=np.full(5, ceiling), n=20)
    assert np.isnan(drawn["brainscore"]).all()
    assert np.isfinite(drawn["correlation"]).all()


@pytest.mark.parametrize("over", ["both", "sites"])
def test_ceilings_of_several_divisions_count_by_their_mean(over):
    """And a brainscore by the mean of the medians over sites of each."""
    recorded, predicted = held_out()
    ceilings = np.random.default_rng(0).uniform(0.2, 0.9, (3, 7))
    rows = np.arange(60), FOLDS
    several, mean = (
        bootstrap_draws(recorded, predicted, *rows, ceiling=one, n=30, over=over)
        for one in (ceilings, ceilings.mean(axis=0))
    )
    for name in ("ceiling", "explained_variance_corrected"):
        np.testing.assert_allclose(several[name], mean[name])
    assert not np.allclose(several["brainscore"], mean["brainscore"])
    same = bootstrap_draws(recorded, predicted, *rows, ceiling=np.tile(ceilings[:1], (3, 1)), n=30, over=over)
    one = bootstrap_draws(recorded, predicted, *rows, ceiling=ceilings[0], n=30, over=over)
    np.testing.assert_allclose(same["brainscore"], one["brainscore"])


def test_half_of_the_draws_are_enough_for_an_interval():
    assert percentile_interval([1.0, 2.0, np.nan, np.nan], 0.5) == pytest.approx((1.25, 1.75))
    assert np.isnan(percentile_interval([1.0, 2.0, np.nan, np.nan, np.nan])).all()


@pytest.mark.parametrize("share", [0.01, 0.03, 0.5])
@pytest.mark.parametrize("sign", [1, -1])
def test_p_agrees_with_the_interval_also_where_many_draws_are_0(share, sign):
    draws = sign * np.r_[np.zeros(int(2_000 * share)), np.linspace(0.1, 1, 2_000 - int(2_000 * share))]
    low, high = percentile_interval(draws)
    assert (two_sided_p(draws) < 0.05) == (not low <= 0 <= high)
    assert two_sided_p(draws) == pytest.approx(two_sided_p(-draws))


def coverage(over, n_images, n_sites, repeats, measure):
    """Return how often the interval holds the true correlation or explained variance, and how wide it is."""
    rng, hits = np.random.default_rng(0), 0
    for _ in range(repeats):
        slope = 0.6 if over == "stimuli" else rng.normal(0.6, 0.1, n_sites)  # sites differ where they are drawn
        f = rng.standard_normal((n_images, n_sites))
        y = slope * f + 0.8 * rng.standard_normal((n_images, n_sites))
        rows = np.arange(n_images), np.arange(n_images) % 2
        low, high = percentile_interval(bootstrap_draws(y, slope * f, *rows, n=500, over=over)[measure])
        hits += low <= TRUTH[over][measure] <= high
    return hits / repeats


SLOPES = np.random.default_rng(1).normal(0.6, 0.1, 1_000_000)
EXPLAINED = SLOPES**2 / (SLOPES**2 + 0.64)
TRUTH = {
    "stimuli": {"explained_variance": 0.36, "correlation": 0.6},
    "both": {"explained_variance": EXPLAINED.mean(), "correlation": np.sqrt(EXPLAINED).mean()},
}


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["explained_variance", "correlation"])
@pytest.mark.parametrize(
    ("over", "least", "most"),
    [("stimuli", 0.90, 0.975), ("both", 0.93, 1.0)],  # the two-way bootstrap is wide rather than narrow
)
def test_an_interval_of_95_percent_holds_the_truth_about_as_often(over, least, most, measure):
    assert least <= coverage(over, 200, 30, 600, measure) <= most


@pytest.mark.slow
def test_the_interval_of_a_perfect_model_over_its_ceiling_holds_1_where_the_ceiling_is_drawn():
    """Two repetitions of 60 images at 20 noisy sites; other images."""
    hits, cases = {"drawn": 0, "fixed": 0}, 120
    for seed in range(cases):
        rng = np.random.default_rng(1_000 + seed)
        signal, noise = rng.standard_normal((60, 20)), np.sqrt(np.linspace(1, 6, 20))
        responses = make_responses(signal + noise * rng.standard_normal((2, 60, 20)), [str(i) for i in range(60)])
        ceiling = split_half(responses, splits=1, row_split=FOLDS)
        rows = responses.values.mean(axis=0), signal, np.arange(60), FOLDS
        for how, error in (("drawn", noise_of_means(moments(responses))), ("fixed", None)):
            draws = bootstrap_draws(*rows, ceiling=ceiling, noise=error, n=300, over="stimuli")
            low, high = percentile_interval(draws["explained_variance_corrected"])
            hits[how] += low <= 1 <= high
    assert hits["drawn"] >= 0.88 * cases
    assert hits["fixed"] <= 0.80 * cases


def share_of_intervals_with_the_truth(by, cases=250):
    """Return how often the interval holds the true EV where the errors of an object's ten images share a part.

    Images of 40 objects are drawn by `by`, their object or each for itself; 15 sites.
    """
    objects = np.repeat(np.arange(40), 10)
    hits = 0
    for seed in range(cases):
        rng = np.random.default_rng(seed)
        signal, error = (
            np.sqrt(0.5) * (rng.standard_normal((40, 15))[objects] + rng.standard_normal((400, 15))) for _ in range(2)
        )
        rows = {"object": objects, "image": np.arange(400)}[by], np.arange(400) % 4
        draws = bootstrap_draws(signal + 0.7 * error, signal, *rows, n=200, seed=seed, over="stimuli")
        low, high = percentile_interval(draws["explained_variance"])
        hits += low <= 1 / 1.49 <= high
    return hits / cases


@pytest.mark.slow
def test_the_interval_holds_the_truth_where_objects_are_drawn_and_not_where_their_images_are():
    assert share_of_intervals_with_the_truth("object") >= 0.90
    assert share_of_intervals_with_the_truth("image") <= 0.80
