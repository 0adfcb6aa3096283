"""Signal power, noise power, and predictions against what a site would respond without noise."""

import numpy as np
import pytest

from itbench.statistics.noise_power import (
    moments,
    noise_of_means,
    normalised_correlation,
    r2_er,
    signal_and_noise_power,
    variance_reliability,
)
from tests.kit.repetitions import CASES, NAN, drawn, responses_of, simulated, thinned, with_gaps


def schoppe(repetitions, prediction):
    """SP, CCnorm and CCmax as Schoppe et al. (2016) write them, of complete repetitions (repetition, stimulus)."""
    n, mean = len(repetitions), repetitions.mean(axis=0)
    signal = (repetitions.sum(axis=0).var(ddof=1) - repetitions.var(axis=1, ddof=1).sum()) / (n * (n - 1))
    covariance = np.cov(mean, prediction)[0, 1]
    return signal, covariance / np.sqrt(signal * prediction.var(ddof=1)), np.sqrt(signal / mean.var(ddof=1))


def pospisil_bair(repetitions, prediction):
    """The estimator of Pospisil & Bair (2021), of complete repetitions (repetition, stimulus)."""
    n, m = repetitions.shape
    noise = repetitions.var(axis=0, ddof=1).mean()
    x, y = prediction - prediction.mean(), repetitions.mean(axis=0) - repetitions.mean()
    return ((x @ y) ** 2 - noise / n * (x @ x)) / ((x @ x) * (y @ y - (m - 1) * noise / n))


def related(values, share, seed=2):
    """Predictions (stimulus, site) whose squared correlation with the mean over `values` is `share`."""
    mean = values - values.mean(axis=0)
    rest = np.random.default_rng(seed).standard_normal(mean.shape)
    rest -= rest.mean(axis=0)
    rest -= mean * (rest * mean).sum(axis=0) / (mean**2).sum(axis=0)
    return np.sqrt(share) * mean / mean.std(axis=0) + np.sqrt(1 - share) * rest / rest.std(axis=0)


def noisy(shape):
    """Return a signal (stimulus, site) of variance 1, and with it noise of variance 1 (repetition, stimulus, site)."""
    rng = np.random.default_rng(1)
    signal = rng.standard_normal(shape[1:])
    signal = (signal - signal.mean(axis=0)) / signal.std(axis=0)
    return signal, signal + rng.standard_normal(shape)


# ---- power


def test_power_is_that_of_sahani_and_linden_on_complete_repetitions():
    values = simulated(6, 2000)
    values -= values.mean(axis=1, keepdims=True)  # else what repetitions add to all stimuli counts here as noise
    expected = [schoppe(values[:, :, site], np.arange(2000.0))[0] for site in range(3)]
    found = signal_and_noise_power(responses_of(values))
    np.testing.assert_allclose(found.signal, expected, atol=2 * found.noise_of_mean.max() / 2000)


@pytest.mark.parametrize("counts", [(2,), (3, 8), (1, 5), (0, 4)], ids=str)
def test_power_is_that_of_the_closed_form(counts):
    noise = np.array([0.5, 1.0, 2.0])
    found = signal_and_noise_power(responses_of(thinned(simulated(max(counts), 2000, np.repeat(noise, 20)), counts)))
    signal, variance, of_mean = (part.reshape(3, 20).mean(axis=1) for part in found)
    np.testing.assert_allclose(signal, 1, atol=0.03)
    np.testing.assert_allclose(variance, noise**2, rtol=0.02)
    np.testing.assert_allclose(of_mean, noise**2 * np.mean([1 / count for count in counts if count]), rtol=0.02)


def test_noise_that_differs_between_stimuli_is_weighed_by_its_own_repetitions():
    """The noisiest stimuli have the most repetitions: their noise over the mean of 1 / R would be far too much."""
    rng = np.random.default_rng(0)
    loud = np.arange(4000) % 2
    values = rng.standard_normal((4000, 1)) + (0.5 + 1.5 * loud)[:, None] * rng.standard_normal((16, 4000, 1))
    found = signal_and_noise_power(responses_of(thinned(values, (2, 16))))
    expected = (0.25 / 2 + 4 / 16) / 2
    np.testing.assert_allclose(found.noise_of_mean, expected, rtol=0.05)
    assert found.noise[0] * (1 / 2 + 1 / 16) / 2 > 2 * expected


def test_reliability_is_what_a_perfect_prediction_explains():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((3000, 20))
    values = thinned(signal + 1.5 * rng.standard_normal((6, 3000, 20)), (2, 6))
    mean = np.nanmean(values, axis=0)
    explained = 1 - (mean - signal).var(axis=0) / mean.var(axis=0)
    assert abs((variance_reliability(responses_of(values)) - explained).mean()) < 0.01


def test_a_site_that_varies_among_stimuli_seen_once_alone_has_a_reliability():
    values = np.full((2, 8, 1), 3.0)
    values[1, 4:] = NAN
    values[0, 4:, 0] = 1, 2, 4, 7  # the four that were repeated give 3, without noise
    np.testing.assert_allclose(variance_reliability(responses_of(values)), 1)


def test_a_site_that_does_not_vary_or_is_hardly_repeated_has_no_reliability():
    values = simulated(4)
    values[:, :, 0] = 0.3
    values[1:, 2:, 1] = NAN
    assert np.isnan(variance_reliability(responses_of(values))).tolist() == [True, True, False]


def test_noise_of_means_is_that_of_the_stimulus_or_the_average_of_those_repeated():
    values = np.array([[[1.0, 2, 1], [4.0, 1, 2], [5.0, 3, NAN]], [[3.0, 4, NAN], [NAN, 2, 3], [NAN, NAN, NAN]]])
    values = np.concatenate([values, [[[5.0, NAN, NAN], [NAN, NAN, NAN], [NAN, NAN, NAN]]]])
    expected = [[4 / 3, 2 / 2, 0.5], [4, 0.5 / 2, 0.5 / 2], [4, (2 + 0.5) / 2, 0]]  # stimulus, site
    np.testing.assert_allclose(noise_of_means(moments(responses_of(values))), expected)


# ---- predictions


def test_ccnorm_is_that_of_schoppe():
    values = simulated(6, 2000)
    values -= values.mean(axis=1, keepdims=True)
    predictions = related(values.mean(axis=0), 0.5)
    found = normalised_correlation(responses_of(values), predictions)
    reliability = variance_reliability(responses_of(values))
    for site in range(3):
        _, expected, most = schoppe(values[:, :, site], predictions[:, site])
        assert found[site] == pytest.approx(expected, abs=0.002)
        assert np.sqrt(reliability[site]) == pytest.approx(most, abs=0.002)


@pytest.mark.parametrize("case", ["even", "odd", "two", "large offset"])
def test_r2_er_is_that_of_pospisil_and_bair(case):
    values = CASES[case]
    predictions = related(values.mean(axis=0), 0.3)
    expected = [pospisil_bair(values[:, :, site], predictions[:, site]) for site in range(3)]
    np.testing.assert_allclose(r2_er(responses_of(values), predictions), expected, rtol=1e-6)


@pytest.mark.parametrize("counts", [(1, 4), (0, 2, 3), (1, 2, 9)], ids=str)
def test_r2_er_and_ccnorm_of_unequal_repetitions_are_sums_over_stimuli(counts):
    values = thinned(simulated(max(counts)), counts)
    predictions = related(np.nanmean(simulated(max(counts)), axis=0), 0.4)
    for site in range(3):
        columns = [column[np.isfinite(column)] for column in values[:, :, site].T]
        seen = [i for i, column in enumerate(columns) if len(column)]
        y, f = np.array([columns[i].mean() for i in seen]), predictions[seen, site]
        variances = {i: columns[i].var(ddof=1) for i in seen if len(columns[i]) > 1}
        average = np.mean(list(variances.values()))
        of_mean = np.mean([variances.get(i, average) / len(columns[i]) for i in seen])
        signal, x = y.var(ddof=1) - of_mean, f - f.mean()
        bias = sum(square * average / len(columns[i]) for square, i in zip(x**2, seen, strict=True))
        expected = ((x @ y) ** 2 - bias) / ((x @ x) * (len(seen) - 1) * signal)
        assert r2_er(responses_of(values), predictions)[site] == pytest.approx(expected)
        ccnorm = (x @ y) / np.sqrt((x @ x) * (len(seen) - 1) * signal)
        assert normalised_correlation(responses_of(values), predictions)[site] == pytest.approx(ccnorm)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("counts", [(2,), (5,), (2, 8), (1, 4)], ids=str)
def test_r2_er_is_unbiased_where_r2_is_not(counts, share):
    signal, values = noisy((max(counts), 100, 2000))
    values = thinned(values, counts)
    predictions = related(signal, share)
    found = r2_er(responses_of(values), predictions)
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - share) < 4 * error + 0.01 * share
    mean = np.nanmean(values, axis=0)
    plain = [np.corrcoef(y, x)[0, 1] ** 2 for y, x in zip(mean.T, predictions.T, strict=True)]
    assert abs(np.mean(plain) - share) > 10 * error


@pytest.mark.parametrize("counts", [(2,), (2, 8)], ids=str)
def test_ccnorm_is_the_correlation_without_noise(counts):
    signal, values = noisy((max(counts), 500, 40))
    responses = responses_of(thinned(values, counts))
    for sign in (1, -1):
        found = normalised_correlation(responses, sign * related(signal, 0.49))
        assert found.mean() == pytest.approx(sign * 0.7, abs=0.02)


@pytest.mark.parametrize("measure", [normalised_correlation, r2_er])
def test_stimuli_without_a_prediction_are_left_out(measure):
    values = with_gaps(simulated(8, 90))
    predictions = related(np.nan_to_num(np.nanmean(values, axis=0)), 0.5)
    expected = measure(responses_of(values[:, :60]), predictions[:60])
    predictions[60:] = NAN
    np.testing.assert_allclose(measure(responses_of(values), predictions), expected)


@pytest.mark.parametrize("measure", [normalised_correlation, r2_er])
def test_scale_and_offset_of_predictions_do_not_matter(measure):
    responses, predictions = responses_of(simulated(4)), related(simulated(4).mean(axis=0), 0.5)
    np.testing.assert_allclose(measure(responses, 1e-3 * predictions + 50), measure(responses, predictions))


@pytest.mark.parametrize("measure", [normalised_correlation, r2_er])
def test_a_constant_prediction_explains_nothing_and_no_signal_has_no_answer(measure):
    values = simulated(4)
    values[:, :, 1] = 3.0  # no signal
    values[1:, :, 2] = NAN  # no repetitions
    predictions = related(simulated(4).mean(axis=0), 0.5)
    predictions[:, 0] = 0.1
    np.testing.assert_array_equal(measure(responses_of(values), predictions), [0.0, NAN, NAN])


def test_predictions_other_stimuli_are_refused():
    with pytest.raises(ValueError, match=r"\(59, 3\).*\(60, 3\)"):
        r2_er(responses_of(simulated(4)), np.zeros((59, 3)))


@pytest.mark.slow
def test_on_synthetic_it_predictions_are_judged_as_without_noise():
    responses = drawn().responses
    first, second = responses[:15], responses.values[15:].mean(axis=0, dtype=float)
    expected = 1 / (1 + responses["noise_variance"].values / 15)  # of the second half, as a prediction: its own noise
    assert abs((r2_er(first, second) - expected).mean()) < 0.02
    assert abs((normalised_correlation(first, second) - np.sqrt(expected)).mean()) < 0.02
