"""synthetic-it: what it is made of, and that its ceiling is where the closed form says."""

from collections import Counter

import numpy as np
import pytest
import xarray as xr

from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.data.responses import mean_over_repetitions
from itbench.plugins import load_plugins
from itbench.statistics.explained_variance import correlation, explained_variance
from plugins.datasets.synthetic_it.drawing.objects import CATEGORIES
from plugins.datasets.synthetic_it.drawing.scene import View
from plugins.datasets.synthetic_it.simulation import (
    OBJECTS,
    RELIABILITY,
    REPETITIONS,
    SITES,
    VIEWS,
    simulate_signal,
    synthetic_it,
)
from tests.kit.repetitions import drawn

SMALL = {"sites": 6, "pixels": 16}


@pytest.fixture(scope="module")
def full():
    return drawn()


def signal_of(recordings, seed=0):
    """Recompute the noiseless responses (stimulus, site) from the images and what the file says of them."""
    stimuli = recordings.stimuli
    fields = View.__dataclass_fields__
    views = [View(*row) for row in zip(*(stimuli.metadata[name] for name in fields), strict=True)]
    _, objects = np.unique([str(name) for name in stimuli.metadata["object"]], return_inverse=True)
    first = np.unique(objects, return_index=True)[1]
    objects = np.argsort(np.argsort(first))[objects]  # numbered as they come
    signal, _ = simulate_signal(stimuli.images[:], objects, views, recordings.responses.sizes["site"], seed)
    return signal


@pytest.mark.slow
def test_one_seed_gives_one_data_set_and_another_gives_another(tmp_path):
    digests = []
    for number, seed in enumerate((0, 0, 1)):
        write_recordings(synthetic_it(seed, views=1, **SMALL), tmp_path / f"{number}.h5")
        digests.append(read_recordings(tmp_path / f"{number}.h5").digests)
    assert digests[0] == digests[1]
    assert all(digests[0][key] != digests[2][key] for key in digests[0])


@pytest.mark.slow
def test_another_seed_gives_other_views_tuning_and_noise():
    first, other = (synthetic_it(seed, views=1, **SMALL) for seed in (0, 1))
    for name in View.__dataclass_fields__:
        assert (first.stimuli.metadata[name] != other.stimuli.metadata[name]).all()
    for name in ("identity", "pose", "energy"):
        assert (first.responses[name].values != other.responses[name].values).all()
    noise = [recordings.responses.values - signal_of(recordings, seed) for seed, recordings in ((0, first), (1, other))]
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 5 / np.sqrt(noise[0].size)


@pytest.mark.slow
def test_64_objects_of_8_categories_are_seen_in_several_views():
    recordings = synthetic_it(0, views=3, **SMALL)
    stimuli = recordings.stimuli
    assert stimuli.images.shape == (8 * 8 * 3, 16, 16, 3)
    assert Counter(stimuli.metadata["category"]) == dict.fromkeys(CATEGORIES, OBJECTS * 3)
    assert set(Counter(stimuli.metadata["object"]).values()) == {3}
    assert len(set(stimuli.metadata["object"])) == 64
    assert len(set(stimuli.ids)) == len(stimuli)
    assert stimuli.ids[:4] == tuple(f"{CATEGORIES[0]}{name}" for name in ("0-00", "0-01", "0-02", "1-00"))
    assert stimuli.duplicates() == []
    assert recordings.responses.sizes == {"repetition": REPETITIONS, "stimulus": 192, "site": 6}


@pytest.mark.slow
def test_the_whole_has_640_images_168_sites_and_30_repetitions(full):
    assert (VIEWS, SITES, REPETITIONS) == (10, 168, 30)
    assert full.responses.sizes == {"repetition": 30, "stimulus": 640, "site": 168}
    assert len(full.stimuli) == 640


@pytest.mark.slow
def test_two_animals_have_half_of_the_sites_each(full):
    assert full.responses["animal"].values.tolist() == ["A"] * 84 + ["B"] * 84
    assert synthetic_it(0, views=1, sites=5, pixels=16).responses["animal"].values.tolist() == ["A", "A", "A", "B", "B"]


@pytest.mark.slow
def test_reliability_is_that_of_the_mean_over_repetitions(full):
    noise, reliability = full.responses["noise_variance"].values, full.responses["reliability"].values
    np.testing.assert_allclose(reliability, 1 / (1 + noise / REPETITIONS))
    assert (reliability.min(), reliability.max()) == pytest.approx(RELIABILITY)
    shares = sum(full.responses[name].values for name in ("identity", "pose", "energy"))
    np.testing.assert_allclose(shares, 1.0)


@pytest.mark.slow
def test_the_signal_has_variance_1_at_every_site(full):
    signal = signal_of(full)
    np.testing.assert_allclose(signal.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(signal.var(axis=0), 1)
    assert (full.responses["signal_variance"].values == 1).all()


@pytest.mark.slow
def test_the_noise_has_the_variance_that_the_column_says(full):
    found = full.responses.values.astype(float).var(axis=0, ddof=1).mean(axis=0)  # over repetitions
    ratio = found / full.responses["noise_variance"].values
    error = np.sqrt(2 / (640 * (REPETITIONS - 1)))  # of a variance, from so many degrees of freedom
    assert np.abs(ratio - 1).max() < 5 * error
    assert abs(ratio.mean() - 1) < 5 * error / np.sqrt(SITES)


@pytest.mark.slow
def test_noise_is_independent_of_signal_repetition_and_site(full):
    noise = full.responses.values.astype(float) - signal_of(full)
    error = 1 / np.sqrt(640)
    between = np.corrcoef(noise[0], noise[1], rowvar=False)  # of all sites in two repetitions
    np.fill_diagonal(between, 0)
    assert np.abs(between).max() < 6 * error
    assert between.std() == pytest.approx(error, rel=0.05)
    assert np.abs(correlation(signal_of(full), noise[2])).max() < 5 * error


@pytest.mark.slow
def test_a_perfect_prediction_reaches_the_closed_form_ceiling(full):
    recorded, signal = mean_over_repetitions(full.responses), signal_of(full)
    reliability = full.responses["reliability"].values
    ev, r = explained_variance(recorded, signal), correlation(recorded, signal)
    assert abs((ev - reliability).mean()) < 0.01
    assert abs((r - np.sqrt(reliability)).mean()) < 0.01
    assert np.abs(ev - reliability).max() < 0.1
    assert np.abs(r - np.sqrt(reliability)).max() < 0.1


@pytest.mark.slow
def test_split_halves_agree_with_the_reliability_that_the_column_says(full):
    values, estimates = full.responses.values.astype(float), []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(REPETITIONS)
        first, second = (values[half].mean(axis=0) for half in np.split(order, 2))
        r = correlation(first, second)
        estimates.append(2 * r / (1 + r))  # Spearman-Brown
    difference = np.mean(estimates, axis=0) - full.responses["reliability"].values
    assert abs(difference.mean()) < 0.02
    assert np.abs(difference).mean() < 0.02


@pytest.mark.slow
def test_sites_tuned_to_identity_tell_objects_apart_in_all_views(full):
    signal, objects = signal_of(full), full.stimuli.metadata["object"].astype(str)
    means = (
        xr.DataArray(signal, dims=("stimulus", "site")).groupby(xr.DataArray(objects, dims="stimulus", name="o")).mean()
    )
    between = means.var("o").values
    assert np.corrcoef(between, full.responses["identity"].values)[0, 1] > 0.8
    assert np.corrcoef(between, full.responses["pose"].values)[0, 1] < -0.3


@pytest.mark.slow
def test_new_objects_are_those_of_the_same_recordings_in_no_two_folds(full):
    familiar, new = (load_plugins().benchmark(f"synthetic-it{name}") for name in ("", "-new-objects"))
    assert familiar.data == new.data == "synthetic-it"
    objects = full.stimuli.metadata["object"]
    for bench, seen in ((familiar, 64), (new, 0)):
        splits = bench.splits.split(full.stimuli)
        assert Counter(np.concatenate([split.test for split in splits]).tolist()) == Counter(range(640))
        assert {len(split.test) for split in splits} <= {120, 128, 130}
        assert [len(set(objects[split.train]) & set(objects[split.test])) for split in splits] == [seen] * 5
