"""synthetic-it-noisy: expected counts, noise, drift and repetitions as constructed; ceilings near the known truth."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.data.responses import mean_over_repetitions
from itbench.data.task import Task
from itbench.plugins import load_plugins
from itbench.scoring.evaluate import held_out_ceilings
from itbench.statistics.bootstrap import bootstrap_draws, percentile_interval
from itbench.statistics.explained_variance import explained_variance
from itbench.statistics.noise_ceiling import ceiling_corrected, site_reliability
from itbench.statistics.noise_power import moments, noise_of_means
from itbench.util.progress import SilentReporter
from plugins.datasets.synthetic_it.simulation import synthetic_it
from plugins.datasets.synthetic_it.spike_counts import ANIMALS, Animal, synthetic_it_noisy
from tests.kit.commands import run
from tests.kit.repetitions import drawn

pytestmark = pytest.mark.slow
WAVES = {"A": 1, "B": 2, "C": 3}  # half waves of drift over the ten blocks of a session


@pytest.fixture(scope="module")
def noisy():
    return synthetic_it_noisy(drawn()).responses


@pytest.fixture(scope="module")
def small():
    return synthetic_it(0, views=1, sites=6, pixels=16)


def columns(responses, *names):
    return [responses[name].values for name in names]


def residuals(responses):
    """Return counts less their expectation (presentation, site), and the image of each presentation."""
    values = (responses - responses["expected_count"]).transpose("repetition", "stimulus", "site").values
    shown = np.isfinite(values[:, :, 0])
    return values[shown], np.nonzero(shown)[1]


def drift_of(responses):
    """Return the sensitivity (block, site): 1 and so many half waves of a cosine."""
    phase = np.pi * (np.arange(10) + 0.5) / 10
    curve = np.stack([np.cos(WAVES[animal] * phase) for animal in responses["animal"].values], axis=1)
    return 1 + np.sqrt(2) * curve * responses["drift"].values


def covariance(responses, image, same_site=False):
    """Return the covariance (site, site) of counts on one image, from quadrature over the shared normal numbers."""
    gain_1, gain_2, offset, baseline = columns(responses, "gain_1", "gain_2", "offset", "baseline")
    expected = responses["expected_count"].values[image]
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()

    def lognormal(weight):
        return np.exp(np.outer(nodes, weight) - weight**2 / 2)  # (node, site), of mean 1

    square = np.ones((len(baseline),) * 2) * np.outer(expected - baseline, expected - baseline)
    for weight in (gain_1, gain_2):
        square *= (lognormal(weight) * weights[:, None]).T @ lognormal(weight)
    square += np.outer(baseline, baseline) * ((lognormal(offset) * weights[:, None]).T @ lognormal(offset))
    square += np.outer(baseline, expected - baseline) + np.outer(expected - baseline, baseline)
    drift = drift_of(responses)
    square *= drift.T @ drift / 10
    if same_site:
        return np.diag(square) * (1 + responses["overdispersion"].values) + expected - expected**2
    animal = responses["animal"].values
    return np.where(animal[:, None] == animal, square - np.outer(expected, expected), 0.0)


def noise_of_mean(responses):
    """Return the variance of the mean over repetitions (stimulus, site), blocks being drawn without replacement."""
    n = np.isfinite(responses.values[:, :, 0]).sum(axis=0)[:, None]
    expected = responses["expected_count"].values
    one = np.stack([covariance(responses, image, same_site=True) for image in range(len(expected))])
    between = drift_of(responses).var(axis=0) * expected**2
    return ((one - between) + between * (10 - n) / 9) / n


def test_one_seed_gives_one_data_set_and_another_gives_another(small, tmp_path):
    digests, made = [], []
    for number, seed in enumerate((0, 0, 1)):
        recordings = synthetic_it_noisy(small, seed)
        made.append(recordings.responses)
        write_recordings(recordings, tmp_path / f"{number}.h5")
        digests.append(read_recordings(tmp_path / f"{number}.h5").digests)
    assert digests[0] == digests[1]
    assert [key for key in digests[0] if digests[0][key] != digests[2][key]] == ["responses", "content"]
    for name in ("identity", "baseline", "gain_1", "offset", "overdispersion", "drift", "expected_count"):
        assert (made[0][name].values != made[2][name].values).all()
    assert (np.isfinite(made[0].values) != np.isfinite(made[2].values)).any()


def test_the_images_are_those_of_synthetic_it_and_are_not_drawn_again(small, home):
    edition = load_plugins().datasets["synthetic-it"].edition
    there = replace(small, about={**small.about, "edition": edition})  # in the place of all 640
    write_recordings(there, home / "data" / "synthetic-it.h5")
    done = run("data", "fetch", "synthetic-it-noisy")
    assert done.exit_code == 0, done.stderr
    assert "making synthetic-it:" not in done.stderr
    given, made = (read_recordings(home / "data" / f"synthetic-it{name}.h5") for name in ("", "-noisy"))
    assert made.digests["stimuli"] == given.digests["stimuli"]
    assert made.responses.sizes == {"repetition": 10, "stimulus": 64, "site": 120}


def test_2_to_10_repetitions_are_equally_frequent_and_the_same_at_all_sites(noisy):
    present = np.isfinite(noisy.values)
    assert (present == present[:, :, :1]).all()
    found = Counter(present[:, :, 0].sum(axis=0).tolist())
    assert set(found) == set(range(2, 11))
    assert set(found.values()) <= {71, 72}
    share = present[:, :, 0].mean(axis=1)  # of images in each block: 6 of 10, at random
    assert np.abs(share - 0.6).max() < 5 * np.sqrt(0.24 / 640)


def test_responses_are_counts_about_an_expectation_that_the_file_holds(noisy):
    values = noisy.values[np.isfinite(noisy.values)]
    assert (values == np.round(values)).all()
    assert values.min() == 0
    expected, variance = noisy["expected_count"].values, noise_of_mean(noisy)
    n = np.isfinite(noisy.values[:, :, 0]).sum(axis=0)[:, None]
    for weight in (n, n * (expected - expected.mean(axis=0))):  # offset and scale of the expectation
        weight = np.where(noisy["tuning"].values == "untuned", n, weight)
        total = (weight * (mean_over_repetitions(noisy) - expected)).sum(axis=0)
        z = total / np.sqrt((weight**2 * variance).sum(axis=0))
        assert np.abs(z).max() < 5
        assert 0.6 < z.std() < 1.4
    assert (expected >= noisy["baseline"].values).all()


def test_the_variance_of_counts_is_that_of_the_construction(noisy):
    error, image = residuals(noisy)
    expected = np.stack([covariance(noisy, number, same_site=True) for number in range(640)])
    np.testing.assert_allclose(noisy["noise_variance"].values, expected.mean(axis=0), rtol=1e-6)
    surplus = error**2 - expected[image]
    z = surplus.mean(axis=0) / (surplus.std(axis=0) / np.sqrt(len(surplus)))
    assert np.abs(z).max() < 6  # squares of counts have long tails
    assert abs(np.median(z)) < 0.6
    ratio = (error**2).sum(axis=0) / expected[image].sum(axis=0)
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    fano = (error**2).mean(axis=0) / noisy["expected_count"].values[image].mean(axis=0)
    loud = noisy["tuning"].values != "silent"
    assert fano[loud].min() > 1.05
    assert fano[~loud] == pytest.approx(1, abs=0.3)
    assert 1.7 < fano[loud].mean() < 3


def test_noise_is_shared_within_an_animal_only(noisy):
    error, image = residuals(noisy)
    found = np.corrcoef(error, rowvar=False)
    shared = np.mean([covariance(noisy, number) for number in image[::5]], axis=0)
    expected = shared / np.sqrt(np.outer(error.var(axis=0), error.var(axis=0)))
    animal, loud = noisy["animal"].values, noisy["tuning"].values != "silent"
    pairs = np.triu(np.ones_like(found, dtype=bool), 1) & np.outer(loud, loud)
    within, between = (pairs & same for same in (animal[:, None] == animal, animal[:, None] != animal))
    assert np.polyfit(expected[within], found[within], 1) == pytest.approx([1, 0], abs=0.1)
    assert np.corrcoef(expected[within], found[within])[0, 1] > 0.85
    for name in "ABC":
        assert 0.05 < found[within & (animal == name)].mean() < 0.2
    chance = 1 / np.sqrt(len(error))
    assert abs(found[between].mean()) < 0.01
    assert found[between].std() == pytest.approx(chance, rel=0.2)


def test_sensitivity_drifts_from_block_to_block(noisy):
    shown = np.isfinite(noisy.values[:, :, 0])
    expected = shown.astype(float) @ noisy["expected_count"].values
    found = np.nansum(noisy.values, axis=1) / expected  # (block, site)
    loud = noisy["tuning"].values != "silent"
    phase = np.pi * (np.arange(10) + 0.5) / 10
    for name, waves in WAVES.items():
        sites = loud & (noisy["animal"].values == name)
        slopes = np.sqrt(2) * np.cos(np.outer([1, 2, 3], phase)) @ found[:, sites] / 10  # (waves, site)
        own, others = slopes[waves - 1], np.delete(slopes, waves - 1, axis=0)
        mean = noisy["expected_count"].values[:, sites].mean(axis=0)
        error = np.sqrt(noisy["noise_variance"].values[sites] / shown.sum()) / mean
        assert np.abs((own - noisy["drift"].values[sites]) / error).max() < 5
        assert np.corrcoef(own, noisy["drift"].values[sites])[0, 1] > 0.9
        assert np.abs(others).mean() < np.abs(own).mean() / 3


def test_animals_differ_and_some_sites_are_silent_or_noise_alone(noisy):
    animal, tuning, reliability = columns(noisy, "animal", "tuning", "reliability")
    expected = noisy["expected_count"].values
    assert Counter(animal) == {"A": 60, "B": 40, "C": 20}
    assert Counter(tuning) == {"tuned": 104, "untuned": 8, "silent": 8}
    np.testing.assert_allclose(expected.mean(axis=0)[tuning == "silent"], 0.05)
    np.testing.assert_allclose(np.ptp(expected, axis=0)[tuning == "untuned"], 0, atol=1e-12)
    assert reliability[tuning == "untuned"].max() < 1e-9
    assert 0 < np.median(reliability[tuning == "silent"]) < 0.1
    counts, ceilings, identity = (
        [values[(animal == name) & (tuning == "tuned")].mean() for name in "ABC"]
        for values in (expected.mean(axis=0), reliability, noisy["identity"].values)
    )
    for falling in (counts, ceilings, identity):
        assert falling[0] > falling[1] > falling[2]


def test_the_expected_counts_explain_what_the_reliability_says(noisy):
    expected, reliability = noisy["expected_count"].values, noisy["reliability"].values
    signal = expected.var(axis=0, ddof=1)
    np.testing.assert_allclose(reliability, signal / (signal + noise_of_mean(noisy).mean(axis=0)), rtol=1e-6)
    ev = explained_variance(mean_over_repetitions(noisy), expected)
    assert abs((ev - reliability).mean()) < 0.01
    assert np.abs(ev - reliability).max() < 0.2


@pytest.mark.parametrize("method", ["split-half", "variance"])
def test_ceilings_are_near_the_truth(noisy, method):
    error = site_reliability(noisy, method) - noisy["reliability"].values
    assert -0.025 < error.mean() < 0.012  # drift: below
    assert np.abs(error).mean() < 0.04


def test_drift_lowers_ceilings_since_no_two_repetitions_lie_in_one_block():
    """Their drifts have the covariance −drift² / 9, where that of independent ones is 0; halves share some of it."""
    strong = Animal("A", 8, 0, 0, (6.0, 3.0, 2.0), 20.0, 0.01, 0.01, 0.01, 0.6, waves=1)
    expected, found = [], {"split-half": [], "variance": []}
    for seed in range(16):
        responses = synthetic_it_noisy(drawn(), seed, animals=(strong,)).responses
        names = ("expected_count", "reliability", "drift", "signal_variance")
        count, reliability, drift, signal = columns(responses, *names)
        expected.append(-(drift**2) * (count**2).mean(axis=0) / 9 / (signal / reliability))
        for method, errors in found.items():
            errors.append(site_reliability(responses, method) - reliability)
    bias, error = np.mean(expected), {method: np.mean(errors) for method, errors in found.items()}
    assert bias < -0.1
    assert error["variance"] == pytest.approx(bias, abs=0.015)
    assert 0.6 * bias < error["split-half"] < 0.1 * bias


@pytest.fixture
def task(noisy, home):
    made, edition = synthetic_it_noisy(drawn()), load_plugins().datasets["synthetic-it-noisy"].edition
    write_recordings(replace(made, about={**made.about, "edition": edition}), home / "data" / "synthetic-it-noisy.h5")
    return Task.load(load_plugins().benchmark("synthetic-it-noisy"), SilentReporter(), responses_for="ridge")


def test_a_perfect_model_reaches_the_ceiling_within_its_interval(task):
    """The expected counts of the file as predictions; whole objects are drawn."""
    assert (task.clusters[0], len(set(task.clusters[1]))) == ("object", 64)
    assert task.scorable.all()
    responses, (rows, splits) = task.recordings.responses, task.held_out
    recorded, predicted = task.responses[rows], responses["expected_count"].values[rows]
    ceiling = held_out_ceilings(task, None)
    ev = explained_variance(recorded, predicted, splits)
    assert ceiling_corrected(ev, ceiling[0]) == pytest.approx(1, abs=0.03)
    assert np.nanmean(ev[ceiling[0] < 0]) < 0.05
    noise = noise_of_means(moments(responses))[rows]
    draws = bootstrap_draws(recorded, predicted, task.clusters[1][rows], splits, ceiling=ceiling, noise=noise, n=500)
    low, high = percentile_interval(draws["explained_variance_corrected"])
    assert low < 1 < high
    assert high - low < 0.1
    low, high = percentile_interval(draws["explained_variance"])
    assert low < responses["reliability"].values.mean() < high


def test_the_truth_is_in_the_file(task, noisy):
    read = task.recordings.responses
    assert read["expected_count"].dims == ("stimulus", "site")
    np.testing.assert_array_equal(read["expected_count"].values, noisy["expected_count"].values)
    np.testing.assert_array_equal(read.values, noisy.values)
    assert sum(animal.sites for animal in ANIMALS) == read.sizes["site"] == 120
