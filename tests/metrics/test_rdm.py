"""RDMs from Grams and from responses, against rsatoolbox on raw features."""

import numpy as np
import pytest
import xarray as xr
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from scipy.spatial.distance import squareform

from itbench import Gram, NeuralData
from itbench.data.responses import make_responses
from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.metrics.rdm import crossnobis, rdm_of_gram, rdm_of_neural_data

IDS = [f"p{number}" for number in range(20)]


def patterns(n_features=50, seed=0):
    return np.random.default_rng(seed).standard_normal((20, n_features)) + 2


def recorded(repetitions):
    return NeuralData(tuple(IDS), make_responses(repetitions, IDS))


@pytest.mark.parametrize("distance", ["correlation", "euclidean"])
def test_rdms_are_those_of_rsatoolbox(distance):
    x = patterns()
    oracle = squareform(calc_rdm(Dataset(x), method=distance).dissimilarities[0])
    np.testing.assert_allclose(rdm_of_gram(Gram.from_features(x), distance), oracle, atol=1e-10)
    np.testing.assert_allclose(rdm_of_neural_data(recorded(x), distance), oracle, atol=1e-10)


def test_patterns_of_two_features_rise_or_fall_and_those_of_one_have_no_correlation():
    x = patterns(2)
    rises = np.sign(x[:, 1] - x[:, 0])
    np.testing.assert_allclose(rdm_of_gram(Gram.from_features(x), "correlation"), 1 - np.outer(rises, rises), atol=1e-9)
    with pytest.raises(BadOption, match="Patterns of one feature"):
        rdm_of_gram(Gram.from_features(x[:, :1]), "correlation")


def test_cosine_is_the_closed_form():
    x = patterns()
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(rdm_of_gram(Gram.from_features(x), "cosine"), 1 - unit @ unit.T, atol=1e-12)


def test_two_layers_side_by_side_have_the_rdm_of_their_features():
    x, y = patterns(), patterns(9, seed=1)
    both = Gram.from_features(x) + Gram.from_features(y)
    alone = Gram.from_features(np.hstack([x, y]))
    np.testing.assert_allclose(rdm_of_gram(both, "correlation"), rdm_of_gram(alone, "correlation"), atol=1e-12)


@pytest.mark.parametrize(
    ("distance", "still"), [*(("correlation", value) for value in (0.1, 0.3, 1 / 3, 7.77, 123.456)), ("cosine", 0.0)]
)
def test_a_image_without_a_pattern_is_at_1_from_all(distance, still):
    x = patterns()
    x[3] = still
    rdm = rdm_of_gram(Gram.from_features(x), distance)
    np.testing.assert_array_equal(rdm[3], np.where(np.arange(20) == 3, 0.0, 1.0))
    assert np.isfinite(rdm).all()


def test_crossnobis_is_that_of_rsatoolbox():
    repetitions = patterns()[None] + np.random.default_rng(1).standard_normal((4, 20, 50))
    stacked = Dataset(
        repetitions.reshape(-1, 50),
        obs_descriptors={"picture": np.tile(np.arange(20), 4), "run": np.repeat(np.arange(4), 20)},
    )
    oracle = calc_rdm(stacked, method="crossnobis", descriptor="picture", cv_descriptor="run")
    ours = rdm_of_neural_data(recorded(repetitions), "crossnobis")
    np.testing.assert_allclose(ours, squareform(oracle.dissimilarities[0]), atol=1e-10)


def test_crossnobis_is_not_raised_by_noise_where_repetitions_are_missing():
    rng = np.random.default_rng(0)
    truth = rdm_of_gram(Gram.from_features(patterns()), "euclidean")
    found, plain = [], []
    for _ in range(100):
        repetitions = patterns()[None] + 3 * rng.standard_normal((5, 20, 50))
        repetitions[2:, :8] = np.nan
        found.append(crossnobis(make_responses(repetitions, IDS)))
        plain.append(rdm_of_neural_data(recorded(repetitions), "euclidean"))
    upper = np.triu_indices(20, 1)
    assert abs((np.mean(found, axis=0) - truth)[upper].mean()) < 0.03
    assert (np.mean(plain, axis=0) - truth)[upper].mean() > 3


def test_crossnobis_of_two_repetitions_is_the_product_of_their_differences():
    one, other = repetitions = patterns()[None] + np.random.default_rng(1).standard_normal((2, 20, 50))
    expected = ((one[:, None] - one) * (other[:, None] - other)).mean(axis=2)
    np.testing.assert_allclose(crossnobis(make_responses(repetitions, IDS)), expected, atol=1e-10)


@pytest.mark.parametrize(
    "repetitions",
    [
        np.ones((1, 20, 3)),
        np.where(np.arange(20) == 4, [[1.0], [np.nan]], 1.0),
        np.where(np.arange(20) == 4, [[1.0], [np.nan], [np.nan]], 1.0),  # pairs of other repetitions do not help
    ],
)
def test_crossnobis_needs_two_repetitions(repetitions):
    values = np.broadcast_to(repetitions.reshape(len(repetitions), 20, -1), (len(repetitions), 20, 3))
    with pytest.raises(BadRecordings, match="crossnobis needs 2"):
        rdm_of_neural_data(recorded(values), "crossnobis")


def test_recorded_rdms_are_averaged_over_subjects_and_keep_their_distance():
    both = np.stack([rdm_of_gram(Gram.from_features(patterns(seed=seed)), "correlation") for seed in (1, 2)])
    rdms = xr.DataArray(both, dims=("subject", "stimulus", "other_stimulus"), coords={"subject": ["a", "b"]})
    side = NeuralData(tuple(IDS), rdms=rdms, distance="correlation")
    np.testing.assert_array_equal(rdm_of_neural_data(side, "correlation"), both.mean(axis=0))
    with pytest.raises(BadOption, match="RDMs of correlation distances; euclidean"):
        rdm_of_neural_data(side, "euclidean")


def test_a_distance_that_is_not_known_is_refused():
    with pytest.raises(UnknownName, match="Did you mean euclidean"):
        rdm_of_gram(Gram.from_features(patterns()), "euclidian")
