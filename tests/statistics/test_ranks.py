"""Ranks of many models at once: against plain loops, and how often leaderboards of equal models make a claim."""

import itertools

import numpy as np
import pytest

from itbench.statistics.bootstrap import percentile_interval
from itbench.statistics.ranks import errors_of_differences, rank_intervals, significant_pairs


def normal(value, own, common=0.0, seed=1):
    """Draws (2,000) of a model, with noise of its own and noise that all models share."""
    shared = np.random.default_rng(0).standard_normal(2_000)
    return value + common * shared + own * np.random.default_rng(seed).standard_normal(2_000)


RANKS = {
    "clear": ([0.5, 0.4, 0.3], 0.001, 0.0, [(1, 1), (2, 2), (3, 3)]),
    "clear in pairs though their intervals overlap": ([0.5, 0.49, 0.48], 0.001, 0.1, [(1, 1), (2, 2), (3, 3)]),
    "the same intervals, not in pairs": ([0.5, 0.49, 0.48], 0.1, 0.001, [(1, 3), (1, 3), (1, 3)]),
    "exactly 1 apart": ([1.5, 0.5], 0.01, 0.0, [(1, 1), (2, 2)]),
    "one far behind": ([0.5, 0.49, 0.1], 0.05, 0.0, [(1, 2), (1, 2), (3, 3)]),
    "a chain": ([0.6, 0.5, 0.4], 0.05, 0.0, [(1, 2), (1, 3), (2, 3)]),
    "in any order": ([0.1, 0.5, 0.49], 0.05, 0.0, [(3, 3), (1, 2), (1, 2)]),
    "equal": ([0.5, 0.5], 0.0, 0.1, [(1, 2), (1, 2)]),
    "alone": ([0.5], 0.1, 0.0, [(1, 1)]),
    "none": ([], 0.1, 0.0, []),
}


@pytest.mark.parametrize(("values", "own", "common", "expected"), RANKS.values(), ids=RANKS)
def test_ranks_are_as_sure_as_the_differences_of_pairs(values, own, common, expected):
    draws = [normal(value, own, common, seed) for seed, value in enumerate(values, 1)]
    assert rank_intervals(values, draws) == expected


def test_a_model_without_draws_is_told_apart_from_no_other():
    draws = [None, normal(0.5, 0.001), normal(0.4, 0.001, seed=2), None, normal(0.3, 0.001, seed=3)]
    assert rank_intervals([0.9, 0.5, 0.4, 0.1, 0.3], draws) == [(1, 5), (1, 3), (2, 4), (1, 5), (3, 5)]


def test_draws_that_are_no_numbers_leave_ranks_open():
    assert rank_intervals([0.5, 0.1], [np.full(100, np.nan), np.full(100, 0.1)]) == [(1, 2), (1, 2)]
    some = normal(0.5, 0.001)
    some[1_000:] = np.nan  # of fewer than half of all draws, nothing is said
    assert rank_intervals([0.5, 0.1], [some[:2_000], normal(0.1, 0.001, seed=2)]) == [(1, 1), (2, 2)]
    some[999:] = np.nan
    assert rank_intervals([0.5, 0.1], [some, normal(0.1, 0.001, seed=2)]) == [(1, 2), (1, 2)]


def test_a_model_of_few_draws_that_are_numbers_leaves_those_of_others_as_they_are():
    few = normal(0.9, 0.001)
    few[5:] = np.nan
    draws = [few, normal(0.5, 0.001, seed=2), normal(0.1, 0.001, seed=3)]
    assert rank_intervals([0.9, 0.5, 0.1], draws) == [(1, 3), (1, 2), (2, 3)]


def test_draws_that_no_two_models_share_leave_ranks_open():
    for size, expected in ((1_000, [(1, 2), (1, 2)]), (1_400, [(1, 2), (1, 2)]), (1_500, [(1, 1), (2, 2)])):
        first = np.arange(2_000) < size
        draws = [np.where(own, normal(value, 0.001), np.nan) for own, value in ((first, 0.5), (first[::-1], 0.1))]
        assert rank_intervals([0.5, 0.1], draws) == expected


def plain_steps(values, draws, steps=99):
    """Test every pair against the largest studentised difference of the pairs that are left, in plain loops."""
    left = list(itertools.combinations(range(len(values)), 2))
    found = np.zeros((len(values), len(values)), bool)
    for _ in range(steps):
        if not left:
            break
        errors = {(i, j): np.std(draws[i] - draws[j]) for i, j in left}
        largest = [
            max(abs(draws[i][b] - draws[j][b] - (draws[i] - draws[j]).mean()) / errors[i, j] for i, j in left)
            for b in range(draws.shape[1])
        ]
        limit = np.quantile(largest, 0.95)
        more = [(i, j) for i, j in left if abs(values[i] - values[j]) / errors[i, j] > limit]
        if not more:
            break
        for i, j in more:
            found[(i, j) if values[i] > values[j] else (j, i)] = True
        left = [pair for pair in left if pair not in more]
    return found


def test_significant_pairs_are_those_of_plain_loops_and_later_steps_find_more():
    later = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values = 0.35 * rng.standard_normal(5)
        loads = rng.standard_normal((5, 3))
        draws = values[:, None] + 0.05 * (loads @ rng.standard_normal((3, 150)) + rng.standard_normal((5, 150)))
        expected = plain_steps(values, draws)
        np.testing.assert_array_equal(significant_pairs(values, draws), expected)
        later += expected.sum() > plain_steps(values, draws, steps=1).sum()
    assert later >= 2


def test_models_of_the_same_draws_are_equal_and_others_are_told_apart():
    draws = normal(0.5, 0.01)
    assert rank_intervals([0.5, 0.5, 0.1], [draws, draws, normal(0.1, 0.01, seed=2)]) == [(1, 2), (1, 2), (3, 3)]


def test_models_of_equal_value_stay_among_the_pairs_that_set_the_limit():
    """Of draws with few that are far off, the limit is below one standard deviation: 0.5 with the equal pair."""
    sign, far = np.tile([1.0, -1.0], 50), np.arange(100) >= 96
    one, other = (sign * np.where(far, np.sqrt((100 - 96 * near**2) / 4), near) for near in (0.5, 0.3))
    values, draws = np.array([0.4, 0.4, 0.0]), np.stack([np.zeros(100), 1e-6 * one, other])
    np.testing.assert_array_equal(significant_pairs(values, draws), plain_steps(values, draws))
    assert not significant_pairs(values, draws).any()
    assert significant_pairs(values[1:], draws[1:]).any()


N_MODELS, N_BOARDS = 20, 300


def leaderboards(gain=0.0):
    """Yield 300 leaderboards of 20 models, by chance alone but for the first, which is better by `gain`.

    Errors are of 60 sites, the same for all models, on which each model has weaknesses of its own, and half of them
    one of three families' too. Draws are of the sites, known exactly: normal, with the errors' true covariance.
    """
    families = np.eye(3)[np.arange(N_MODELS) % 3] * (np.arange(N_MODELS) < N_MODELS // 2)[:, None]
    loads = np.concatenate([np.full((N_MODELS, 1), 3.0), 1.5 * families, np.eye(N_MODELS)], axis=1)
    for seed in range(N_BOARDS):
        rng = np.random.default_rng(seed)
        value = gain * (np.arange(N_MODELS) == 0) + loads @ rng.standard_normal(loads.shape[1])
        yield value, value[:, None] + loads @ rng.standard_normal((loads.shape[1], 400))


def test_of_20_equal_models_no_more_than_7_percent_of_leaderboards_make_a_claim():
    claims, of_pairs = 0, []
    for values, draws in leaderboards():
        claims += rank_intervals(values, list(draws)) != [(1, N_MODELS)] * N_MODELS
        if len(of_pairs) < 40:
            intervals = [percentile_interval(one - other) for one, other in itertools.combinations(draws[::2], 2)]
            of_pairs.append(any(not low <= 0 <= high for low, high in intervals))
    assert 0.02 < claims / N_BOARDS <= 0.07
    assert np.mean(of_pairs) > 0.5  # what 95 % intervals of pairs would claim, even of every other model


def test_a_true_difference_is_found_among_many_models():
    first, others_apart = [], 0
    for values, draws in itertools.islice(leaderboards(gain=16.0), 60):
        ranks = rank_intervals(values, list(draws))
        first.append(ranks[0])
        others_apart += any(ranks[i] != (2, N_MODELS) for i in range(1, N_MODELS))
    assert np.mean([rank == (1, 1) for rank in first]) > 0.95
    assert others_apart <= 5  # the other 19 are equal


def test_the_interval_of_one_pair_alone_says_the_same_as_its_ranks():
    """Of two models the largest of all differences is the one difference there is."""
    agree = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        difference = rng.uniform(-3.5, 3.5)
        draws = rng.standard_normal(2_000) + difference
        low, high = percentile_interval(draws)
        told = rank_intervals([difference, 0.0], [draws, np.zeros(2_000)]) != [(1, 2), (1, 2)]
        agree += told == (not low <= 0 <= high)
    assert agree >= 194  # but for those whose end lies within chance of 0


@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-6, 1e-9])
def test_errors_of_differences_are_those_of_the_differences_however_much_models_share(apart):
    rng = np.random.default_rng(0)
    draws = rng.standard_normal(700) + apart * rng.standard_normal((4, 700))
    draws -= draws.mean(axis=1, keepdims=True)
    expected = [[np.std(one - other) for other in draws] for one in draws]
    np.testing.assert_allclose(errors_of_differences(draws), expected, rtol=1e-8)
