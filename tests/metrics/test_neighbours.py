"""Mutual nearest neighbours, against scikit-learn's on raw features, with ties, equal images and images left out."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.neighbors import NearestNeighbors

from itbench import Gram, NeuralData
from itbench.data.responses import make_responses
from itbench.errors import BadOption
from itbench.metrics.neighbours import check_neighbours, mutual_neighbours
from itbench.metrics.rdm import rdm_of_gram
from itbench.plugins import load_plugins

N = 50
GROUPS = np.random.default_rng(5).permutation(np.arange(N) % 7)


def features(n=N, wide=40, sites=9, seed=0):
    """Return activations, and responses that depend on them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, wide)) + 1
    return x, x @ rng.standard_normal((wide, sites)) / 6 + rng.standard_normal((n, sites)) + 2


def nearest(x, k, metric):
    """Return the set of neighbours of each image, itself left out, by scikit-learn."""
    found = NearestNeighbors(n_neighbors=k, metric=metric).fit(x)
    return [set(row) for row in found.kneighbors(return_distance=False)]


def expected(x, y, k, metric):
    pairs = zip(nearest(x, k, metric), nearest(y, k, metric), strict=True)
    return np.mean([len(one & other) / k for one, other in pairs])


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "correlation"])
@pytest.mark.parametrize("k", [1, 5, 10])
def test_the_share_is_that_of_scikit_learn_with_any_group_left_out(k, metric):
    x, y = features()
    rdms = [rdm_of_gram(Gram.from_features(side), metric) for side in (x, y)]
    values, tied = mutual_neighbours(*rdms, k, GROUPS)
    kept = [np.arange(N), *(np.flatnonzero(group != GROUPS) for group in range(7))]
    np.testing.assert_allclose(values, [expected(x[rows], y[rows], k, metric) for rows in kept], atol=1e-12)
    assert mutual_neighbours(*rdms, k)[0] == pytest.approx(values[:1])
    assert tied == (0, 0)
    assert 0 < values[0] < 1


def by_random_ties(one, other, k, rng, draws):
    """Return the mean share where every draw breaks the ties of each RDM by its own random order."""
    found = []
    for _ in range(draws):
        sets = []
        for rdm in (one, other):
            d = rdm.copy()
            np.fill_diagonal(d, np.inf)
            order = np.lexsort((rng.random(d.shape), d), axis=1)[:, :k]
            sets.append(order)
        found.append(np.mean([len(set(a) & set(b)) / k for a, b in zip(*sets, strict=True)]))
    return np.mean(found), np.std(found) / np.sqrt(draws)


def test_ties_and_equal_images_share_the_last_places():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (30, 3)).astype(float), rng.integers(0, 4, (30, 2)).astype(float)
    x[10:20] = x[:10]  # equal images
    one, other = (squareform(pdist(side, "sqeuclidean")) for side in (x, y))
    (value,), tied = mutual_neighbours(one, other, 4)
    mean, error = by_random_ties(one, other, 4, rng, 600)
    assert value == pytest.approx(mean, abs=4 * error)
    assert min(tied) > 10
    order = rng.permutation(30)
    again = mutual_neighbours(one[np.ix_(order, order)], other[np.ix_(order, order)], 4)
    assert again[0] == pytest.approx(value)
    assert again[1] == tied


def test_leaving_a_group_out_of_tied_images_is_comparing_the_rest():
    rng = np.random.default_rng(1)
    x, y = (rng.integers(0, 3, (N, 3)).astype(float) for _ in range(2))
    one, other = (squareform(pdist(side, "sqeuclidean")) for side in (x, y))
    values, tied = mutual_neighbours(one, other, 6, GROUPS)
    assert tied == mutual_neighbours(one, other, 6)[1]
    for group, value in enumerate(values[1:]):
        rows = np.flatnonzero(group != GROUPS)
        rest = mutual_neighbours(one[np.ix_(rows, rows)], other[np.ix_(rows, rows)], 6)[0]
        assert value == pytest.approx(rest[0], abs=1e-12)


def test_rounding_makes_no_order_among_equal_distances():
    x, y = features()
    x[25:] = x[:25]
    one, other = (squareform(pdist(side)) for side in (x, y))
    noise = np.random.default_rng(2).uniform(-1e-9, 1e-9, one.shape)
    assert mutual_neighbours(one + noise, other, 4)[0] == pytest.approx(mutual_neighbours(one, other, 4)[0], abs=1e-12)


def line(places):
    """Return the distances of images on a line."""
    return np.abs(np.subtract.outer(places, places))


@pytest.mark.parametrize(("gap", "tied"), [(0.9e-7, (1, 1)), (1.1e-7, (0, 0)), (-1.1e-7, (0, 0))])
def test_distances_are_equal_up_to_1e_7_of_the_mean_distance(gap, tied):
    rdm = np.array([[0.0, 1, 1, 4], [1, 0, 2, 3], [1, 2, 0, 3], [4, 3, 3, 0]]) + np.diag(np.full(4, 9.0))
    rdm[3, 1:3] += 0.1, 0.2  # of the last image, one is nearer than the other; the first has two at 1
    rdm[0, 1] += gap * rdm[~np.eye(4, dtype=bool)].mean()
    other = rdm[np.ix_([0, 2, 1, 3], [0, 2, 1, 3])]
    (value,), found = mutual_neighbours(rdm, rdm, 1)
    assert (value, found) == (pytest.approx(7 / 8 if tied[0] else 1), tied)
    assert mutual_neighbours(rdm, other, 1)[1] == tied


def test_images_that_are_all_equal_are_neighbours_by_chance():
    nowhere = np.zeros((7, 7))
    (value,), tied = mutual_neighbours(nowhere, line(np.arange(7.0) ** 2), 2)
    assert value == pytest.approx(2 / 6)
    assert tied == (7, 0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_without_the_group_of_all_that_is_near_the_neighbours_are_those_beyond_it(k):
    """In some image's order, all images of the largest group come first."""
    rng = np.random.default_rng(k)
    groups = np.repeat([0, 1, 2], [3, 4, 5])
    places = np.concatenate([rng.uniform(0, 9, 3), rng.uniform(90, 99, 4), rng.uniform(0, 9, 5)])
    one, other = line(places), line(places[rng.permutation(12)])
    values, _ = mutual_neighbours(one, other, k, groups)
    for group, value in enumerate(values[1:]):
        rows = np.ix_(groups != group, groups != group)
        sets = [
            np.where(np.eye(len(part), dtype=bool), np.inf, part).argsort()[:, :k] for part in (one[rows], other[rows])
        ]
        assert value == pytest.approx(np.mean([len(set(a) & set(b)) / k for a, b in zip(*sets, strict=True)]))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_an_rdm_of_many_images_agrees_with_itself_without_any_group(k):
    """Every third image is alone among a group, without which its neighbours are farther away."""
    rng = np.random.default_rng(0)
    centres = np.arange(120)
    places = np.concatenate(
        [10.0 * centres + 0.1 * rng.random(120), 10.0 * np.repeat(centres, 2) + rng.uniform(-1, 1, 240)]
    )
    groups = np.concatenate([120 + centres % 60, np.repeat(centres, 2)])
    order = rng.permutation(360)
    rdm = np.round(line(places[order]), 9)
    values, tied = mutual_neighbours(rdm, rdm, k, groups[order])
    np.testing.assert_allclose(values, 1, rtol=1e-12)
    assert (len(values), tied) == (181, (0, 0))


def test_an_rdm_agrees_with_itself_and_by_chance_with_none():
    one, other = (squareform(pdist(side)) for side in features())
    assert mutual_neighbours(one, one, 10)[0] == pytest.approx(1)
    flat = 1 - np.eye(N)
    assert mutual_neighbours(flat, other, 10)[0] == pytest.approx(10 / (N - 1))
    assert mutual_neighbours(flat, flat, 10)[0] == pytest.approx(10 / (N - 1))
    shares = [mutual_neighbours(one, squareform(pdist(features(seed=s)[1])), 10)[0] for s in range(1, 41)]
    assert np.mean(shares) == pytest.approx(10 / (N - 1), abs=0.01)


def test_ties_are_said_and_numbers_of_neighbours_that_cannot_be_are_refused():
    ids = tuple(map(str, range(N)))
    x, y = features()
    metric = load_plugins().metric("mutual-knn").readout(k=5)
    counts = NeuralData(ids, make_responses(np.round(y[:, :1]), ids))
    found = metric(Gram.from_features(x, ids), counts, GROUPS)
    (remark,) = found.remarks
    assert "images have several 5-th nearest ones in the responses" in remark
    with pytest.raises(BadOption, match="50 images are too few for 42 nearest"):
        mutual_neighbours(np.ones((N, N)), np.ones((N, N)), 42, GROUPS)  # 8 are left out
    with pytest.raises(BadOption, match="50 images are too few for 50 nearest"):
        mutual_neighbours(np.ones((N, N)), np.ones((N, N)), N)
    assert np.isfinite(mutual_neighbours(np.ones((N, N)), np.ones((N, N)), 41, GROUPS)[0]).all()
    assert np.isfinite(mutual_neighbours(np.ones((N, N)), np.ones((N, N)), N - 1)[0]).all()
    check_neighbours(1)
    with pytest.raises(BadOption, match="k=0"):
        check_neighbours(0)
