"""The neural side of a comparison: means, Grams, and what RDMs give in their place."""

import numpy as np
import pytest
import xarray as xr

from itbench import Gram, NeuralData
from itbench.data.responses import make_responses
from itbench.errors import BadRecordings
from itbench.metrics.rdm import rdm_of_gram

IDS = tuple(f"p{number}" for number in range(30))


def patterns(sites=8):
    return np.random.default_rng(0).standard_normal((30, sites)) + 4


def from_rdm(rdm, **how):
    dims = ("subject", "stimulus", "other_stimulus")
    return NeuralData(IDS, rdms=xr.DataArray(rdm[None], dims=dims, coords={"subject": ["a"]}), **how)


def centred(x):
    return x - x.mean(axis=0)


def test_the_gram_is_that_of_means_over_the_repetitions_there_are():
    values = np.stack([patterns(), patterns() + 2, np.full((30, 8), np.nan)])
    side = NeuralData(IDS, make_responses(values, IDS))
    expected = Gram.from_features(patterns() + 1, IDS)
    np.testing.assert_allclose(side.gram.matrix, expected.matrix)
    assert (side.gram.n_features, side.gram.stimulus_ids, len(side)) == (8, IDS, 30)


@pytest.mark.parametrize("sites", [8, 45])
def test_the_factor_has_the_grams_inner_products_in_few_dimensions(sites):
    side = NeuralData(IDS, make_responses(patterns(sites), IDS))
    np.testing.assert_allclose(side.factor @ side.factor.T, side.gram.matrix, rtol=1e-9)
    assert side.factor.shape[1] <= 30


@pytest.mark.parametrize("distance", ["correlation", "cosine", "euclidean"])
def test_the_gram_of_an_rdm_is_exactly_that_of_the_patterns_it_stands_for(distance):
    x = patterns()
    stands_for = {
        "correlation": (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True) / np.sqrt(2 * 8),
        "cosine": x / np.linalg.norm(x, axis=1, keepdims=True) / np.sqrt(2),
        "euclidean": x / np.sqrt(8),
    }[distance]
    side = from_rdm(rdm_of_gram(Gram.from_features(x), distance))
    exact = centred(stands_for) @ centred(stands_for).T
    np.testing.assert_allclose(side.gram.matrix, exact, atol=1e-12)
    np.testing.assert_allclose(side.factor @ side.factor.T, exact, atol=1e-9)


def test_negative_eigenvalues_are_left_out_of_the_factor():
    rng = np.random.default_rng(0)
    rdm = np.abs(rng.standard_normal((30, 30)))
    rdm = np.triu(rdm, 1) + np.triu(rdm, 1).T
    side = from_rdm(rdm)
    values = np.linalg.eigvalsh(side.gram.matrix)
    assert values[0] < -0.1
    kept = np.linalg.eigvalsh(side.factor @ side.factor.T)
    np.testing.assert_allclose(kept, np.maximum(values, 0), atol=1e-9)


def test_rows_are_taken_in_their_order():
    rows = np.array([7, 2, 11])
    side = NeuralData(IDS, make_responses(patterns(), IDS)).take(rows)
    np.testing.assert_array_equal(side.means, patterns()[rows])
    rdm = rdm_of_gram(Gram.from_features(patterns()), "euclidean")
    few = from_rdm(rdm, distance="euclidean").take(rows)
    np.testing.assert_array_equal(few.mean_rdm, rdm[np.ix_(rows, rows)])
    assert (side.stimulus_ids, few.stimulus_ids) == (("p7", "p2", "p11"),) * 2
    assert (few.distance, few.means, side.mean_rdm) == ("euclidean", None, None)


def test_a_missing_response_is_refused():
    values = patterns()
    values[3, 1] = np.nan
    side = NeuralData(IDS, make_responses(values, IDS))
    with pytest.raises(BadRecordings, match="1 of 240 mean responses are missing"):
        assert side.gram


def test_one_kind_of_recording_is_needed():
    with pytest.raises(ValueError, match="either responses or RDMs"):
        NeuralData(IDS)
