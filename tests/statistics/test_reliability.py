"""Reliability of sites: split halves against a plain loop and a closed form, whatever repetitions are missing."""

import tracemalloc

import numpy as np
import pytest
from scipy.stats import pearsonr

from itbench.errors import UnknownName
from itbench.statistics.explained_variance import explained_variance
from itbench.statistics.noise_ceiling import ceiling_corrected, site_reliability
from itbench.statistics.reliability import halved_means, has_repetitions, spearman_brown, split_half
from tests.kit.repetitions import CASES, NAN, drawn, responses_of, simulated, thinned, with_gaps


def plain_split_half(values, splits, seed):
    """The definition, one site, one split and one stimulus at a time."""
    order = np.random.default_rng(seed).random((splits, len(values)))
    found = []
    for site in range(values.shape[2]):
        kept = [column[np.isfinite(column)] for column in values[:, :, site].T]
        per_split = []
        for split in range(splits):
            first, second = [], []
            for column in kept:
                half = len(column) // 2
                shuffled = [column[i] for i in np.argsort(order[split, : len(column)])]
                if half:
                    first.append(np.mean(shuffled[:half]))
                    second.append(np.mean(shuffled[half : 2 * half]))
            r = pearsonr(first, second).statistic
            k = np.mean([1 / (len(c) // 2) for c in kept if len(c) > 1]) / np.mean([1 / len(c) for c in kept if len(c)])
            per_split.append(k * r / (1 + (k - 1) * r) if r > 0 else k * r)
        found.append(np.mean(per_split))
    return found


@pytest.mark.parametrize("case", CASES)
def test_split_halves_are_those_of_a_plain_loop(case):
    expected = plain_split_half(CASES[case], 20, 3)
    np.testing.assert_allclose(split_half(responses_of(CASES[case]), splits=20, seed=3), expected, rtol=1e-6)


def test_with_equal_even_repetitions_the_correction_is_2r_over_1_plus_r():
    values = simulated(2)
    r = np.array([pearsonr(*values[:, :, site]).statistic for site in range(3)])
    np.testing.assert_allclose(split_half(responses_of(values)), 2 * r / (1 + r))


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(2,), (3,), (5,), (28, 51), (1, 4), (2, 3, 0)], ids=str)
@pytest.mark.parametrize("method", ["split-half", "variance"])
def test_reliability_is_that_of_the_closed_form_for_any_numbers_of_repetitions(method, counts):
    noise = np.array([0.5, 1.0, 2.0])
    values = thinned(simulated(max(counts), 2000, np.repeat(noise, 20)), counts)
    inverse = np.mean([1 / count for count in counts if count])
    found = site_reliability(responses_of(values), method, splits=10).reshape(3, 20)
    assert np.abs(found.mean(axis=1) - 1 / (1 + noise**2 * inverse)).max() < 0.01


@pytest.mark.parametrize("method", ["split-half", "variance"])
@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (np.full((4, 60), 2.5), NAN),
        (np.vstack([np.full((3, 60), 0.1), np.tile([0.1, NAN], 30)]), NAN),  # the means of 3 and of 4 differ
        (np.full((4, 60), NAN), NAN),
        (np.r_[np.zeros((1, 60)), np.full((3, 60), NAN)], NAN),
        (np.where(np.arange(60) % 2, 2.5, [[2.5], [NAN], [NAN], [NAN]]), NAN),
        (np.where(np.arange(60) % 2, 2.5, np.full((4, 1), NAN)), NAN),
        (np.broadcast_to(np.arange(60.0), (4, 60)), 1.0),
    ],
    ids=[
        *("constant", "constant but for rounding", "nothing", "one repetition"),
        *("constant, seen once at times", "constant, never seen at times", "no noise"),
    ],
)
def test_a_site_without_noise_or_variance_is_1_or_nan(method, site, expected):
    values = np.concatenate([simulated(4), site[:, :, None]], axis=2)
    found = site_reliability(responses_of(values), method)
    np.testing.assert_allclose(found[-1], expected)
    np.testing.assert_allclose(found[:3], site_reliability(responses_of(simulated(4)), method))


@pytest.mark.parametrize("method", ["split-half", "variance"])
@pytest.mark.parametrize(
    ("stimuli", "repeated", "has_one"), [(20, 2, False), (20, 3, True), (100, 4, False), (100, 5, True)]
)
def test_too_few_repeated_stimuli_have_no_reliability(method, stimuli, repeated, has_one):
    values = simulated(4, 2 * stimuli)
    values[:, stimuli:] = NAN  # never seen: these do not count
    values[1:, repeated:] = NAN
    assert (np.isfinite(site_reliability(responses_of(values), method)) == has_one).all()


@pytest.mark.parametrize("method", ["split-half", "variance"])
def test_noise_alone_is_near_0_and_not_clipped(method):
    noise = np.random.default_rng(0).standard_normal((6, 200, 400))
    found = site_reliability(responses_of(noise), method, splits=20)
    assert 100 < (found < 0).sum() < 300
    assert abs(found.mean()) < 5 * found.std() / np.sqrt(400)


def test_halves_that_oppose_each_other_are_no_signal():
    values = np.arange(60.0) * np.array([1.0, -1.0, 1.0])[:, None]
    assert split_half(responses_of(values[:, :, None]))[0] < -1  # a pole of the formula lies between


def test_halves_of_sites_repeated_everywhere_are_kept_and_others_left_out():
    values = simulated(4)
    values[1:, 5, 1] = NAN
    halves, ratio = halved_means(responses_of(values), 6, seed=3)
    order = np.random.default_rng(3).random((6, 4)).argsort(axis=1).argsort(axis=1)
    expected = [
        [values[rank < 2][:, :, [0, 2]].mean(axis=0), values[rank >= 2][:, :, [0, 2]].mean(axis=0)] for rank in order
    ]
    np.testing.assert_allclose(halves, expected)
    assert ratio == pytest.approx(2)
    values[1:, 5] = NAN
    halves, ratio = halved_means(responses_of(values), 6)
    assert halves.shape == (6, 2, 60, 0)
    assert np.isnan(ratio)


def test_spearman_brown_goes_on_in_a_straight_line_below_0():
    np.testing.assert_allclose(spearman_brown(np.array([-0.9, 0.0, 0.5, 1.0]), 3.0), [-2.7, 0.0, 0.75, 1.0])
    slopes = spearman_brown(np.array([-1e-7, 1e-7]), 3.0) / np.array([-1e-7, 1e-7])
    np.testing.assert_allclose(slopes, 3.0, rtol=1e-6)


def test_a_half_that_does_not_vary_says_nothing_about_the_other():
    values = np.full((6, 60, 1), 0.1)
    values[2, 8] = 1.0  # one spike in all: always in one half alone
    np.testing.assert_array_equal(split_half(responses_of(thinned(values, (6, 2)))), 0.0)  # means of 3 and 1 differ


def test_responses_that_hardly_vary_beside_their_mean_are_judged_as_others():
    values = simulated(6)
    np.testing.assert_allclose(split_half(responses_of(1 + 1e-8 * values)), split_half(responses_of(values)), atol=1e-5)


def test_what_a_repetition_adds_to_all_stimuli_is_no_noise():
    values = simulated(6)
    drift = 10 * np.arange(6.0)[:, None, None]
    np.testing.assert_allclose(split_half(responses_of(values + drift)), split_half(responses_of(values)))


def test_a_site_is_judged_by_itself_whatever_its_unit_and_neighbours():
    values = with_gaps(simulated(8, noise=np.linspace(0.2, 2, 300)))
    alone = split_half(responses_of(values[:, :, 250:251]))
    np.testing.assert_allclose(split_half(responses_of(values))[250], alone[0], rtol=1e-9)
    np.testing.assert_allclose(split_half(responses_of(values[:, :, 250:251] * -7 + 3)), alone, rtol=1e-9)
    for unit in (1e-9, 1e9):
        np.testing.assert_allclose(split_half(responses_of(unit * values[:, :, 250:251])), alone, rtol=1e-9)


def test_dimensions_may_come_in_any_order():
    responses = responses_of(simulated(5))
    turned = responses.transpose("site", "repetition", "stimulus")
    for method in ("split-half", "variance"):
        np.testing.assert_array_equal(site_reliability(turned, method), site_reliability(responses, method))


def test_the_seed_alone_decides_the_halves():
    responses = responses_of(simulated(7))
    np.random.seed(5)  # noqa: NPY002 — the state that must not matter
    first = split_half(responses, seed=1)
    np.testing.assert_array_equal(split_half(responses, seed=1), first)
    assert (split_half(responses, seed=2) != first).all()
    np.testing.assert_array_equal(split_half(responses), split_half(responses, splits=100, seed=0))
    np.testing.assert_array_equal(site_reliability(responses), split_half(responses))


def test_responses_are_left_alone():
    responses = responses_of(with_gaps(simulated(7)))
    before = responses.copy(deep=True)
    for method in ("split-half", "variance"):
        site_reliability(responses, method)
    assert responses.identical(before)


def test_an_unknown_method_is_refused_with_those_known():
    with pytest.raises(UnknownName, match="split-half"):
        site_reliability(responses_of(simulated(2)), "splithalf")


def test_a_corrected_score_is_a_ratio_of_sums_that_no_single_site_decides():
    assert ceiling_corrected(np.array([0.4, 0.4, 0.05]), np.array([0.8, 0.8, 0.01])) == pytest.approx(0.85 / 1.61)


def test_a_corrected_score_is_not_clipped_and_nan_without_a_ceiling():
    ev = np.array([[0.4, 0.9, 0.3, 0.3, NAN], [-0.2, 0.0, 0.3, 0.1, NAN]])
    found = ceiling_corrected(ev, np.array([0.5, 0.6, NAN, -0.1, 0.9]))
    np.testing.assert_allclose(found, [1.6 / 1.0, -0.1 / 1.0])  # a site with a ceiling below 0 counts
    assert np.isnan(ceiling_corrected(ev, np.array([0.5, 0.6, NAN, -1.1, 0.9]))).all()
    assert np.isnan(ceiling_corrected(ev, np.full(5, NAN))).all()


@pytest.mark.parametrize("repetitions", [4, 5])
@pytest.mark.parametrize("single", [False, True])
def test_the_halves_of_each_split_are_centred_by_themselves(repetitions, single):
    """Splits whose images differ in their mean; the oracle sums covariances over splits in plain NumPy."""
    values = simulated(repetitions)
    split = np.random.default_rng(3).permutation(np.arange(values.shape[1]) % 4)
    if single:  # one image in the last split
        split[np.flatnonzero(split == 3)[1:]] = 0
    values = values + 5.0 * split[None, :, None]
    order = np.random.default_rng(2).random((20, repetitions)).argsort(axis=1).argsort(axis=1)
    half, expected = repetitions // 2, []
    for rank in order:
        halves = [values[keep].mean(axis=0) for keep in (rank < half, (rank >= half) & (rank < 2 * half))]
        sums = np.zeros((3, values.shape[2]))
        for number in range(4):
            x, y = (part[split == number] - part[split == number].mean(axis=0) for part in halves)
            sums += [(x * y).sum(axis=0), (x * x).sum(axis=0), (y * y).sum(axis=0)]
        expected.append(spearman_brown(sums[0] / np.sqrt(sums[1] * sums[2]), repetitions / half))
    found = split_half(responses_of(values), splits=20, seed=2, row_split=split)
    np.testing.assert_allclose(found, np.mean(expected, axis=0), rtol=1e-9)
    assert (split_half(responses_of(values), splits=20, seed=2) > found).all()


@pytest.mark.slow
def test_the_public_recordings_take_little_memory():
    """51 repetitions of 3,200 stimuli, 28 of every fifth, at 168 sites."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((51, 3200, 168), dtype=np.float32)
    values[28:, ::5] = NAN
    responses = responses_of(values)
    tracemalloc.start()
    found = split_half(responses)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(found).all()
    assert peak < 0.5e9


@pytest.mark.slow
@pytest.mark.parametrize("method", ["split-half", "variance"])
def test_on_synthetic_it_the_reliability_is_the_closed_form(method):
    responses = drawn().responses
    error = site_reliability(responses, method) - responses["reliability"].values
    assert abs(error.mean()) < 0.005
    assert np.abs(error).mean() < 0.02


@pytest.mark.parametrize("repetitions", [4, 30])
def test_a_perfect_model_has_a_corrected_score_of_one(repetitions):
    """It predicts the signal, and the means over repetitions hold noise."""
    noise = np.linspace(0.5, 1.5, 100)
    values = simulated(repetitions, stimuli=600, noise=noise)
    signal = simulated(1, stimuli=600, noise=np.zeros(100))[0]  # the same seed: the same signal
    raw = explained_variance(values.mean(axis=0), signal)
    assert raw.mean() < 0.98
    assert ceiling_corrected(raw, site_reliability(responses_of(values))) == pytest.approx(1, abs=0.01)


def test_repetitions_are_asked_of_the_sites_that_are_scored():
    values = np.random.default_rng(0).standard_normal((2, 20, 3))
    values[1, :, 0] = np.nan  # this site was recorded once
    responses = responses_of(values)
    assert has_repetitions(responses, np.array([True, True, False]))
    assert not has_repetitions(responses, np.array([True, False, False]))
    assert not has_repetitions(None, np.ones(3, bool))
