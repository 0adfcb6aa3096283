"""RDMs and multidimensional scaling of a layer and of the brain, from a scored model's cached Gram."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist, squareform

import itbench
from itbench.errors import BadOption, BadScore, UnknownName
from itbench.plot.geometry import mark, scaled
from itbench.plot.recordings import MOST_GROUPS
from itbench.results.score_file import read_score
from tests.kit.artists import line, xy
from tests.kit.commands import run
from tests.kit.toy import toy_recordings

CATEGORY = np.argsort(["cat", "dog"] * 40, kind="stable")


@pytest.fixture
def scored(toy):
    """Score of the toy model on the toy benchmark, with its cached Grams."""
    done = run("score", "-m", "toy", "-b", toy, "--results", "scores")
    assert done.exit_code == 0, done.stderr
    return read_score(next(iter(toy.parent.parent.joinpath("work", "scores").glob("*.nc"))))


def features():
    """Return the features (stimulus, feature) of the toy model's layer `good`."""
    recordings = toy_recordings()
    return recordings.stimuli.images.reshape(80, -1)[:, :20] / 255


def percentiles(distances):
    return squareform((stats.rankdata(distances) - 1) / (len(distances) - 1) * 100)


@pytest.mark.slow
def test_rdms_draws_percentiles_of_distances_ordered_by_category(scored, toy):
    figure = itbench.plot.rdms(scored, benchmark=toy)
    model, brain = (axes.images[0].get_array() for axes in figure.axes[:2])
    means = toy_recordings().responses.mean("repetition").values
    for shown, patterns in ((model, features()), (brain, means)):
        expected = percentiles(pdist(patterns, "correlation"))[np.ix_(CATEGORY, CATEGORY)]
        upper = np.triu_indices(80, 1)
        np.testing.assert_allclose(shown[upper], expected[upper], atol=0.04)  # ties of rounding may swap
        shown = np.ma.filled(shown, np.nan)
        assert np.isnan(np.diag(shown)).all()
        assert (np.nanmin(shown), np.nanmax(shown)) == (0, 100)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["cat", "dog"]
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["good", "V4"]

    other = itbench.plot.rdms(scored, layer="noise", distance="euclidean", benchmark=toy)
    assert "euclidean distance" in other.get_suptitle()
    assert other.axes[0].get_title(loc="left") == "noise"

    figure = itbench.plot.mds(scored, benchmark=toy)
    places = np.empty((80, 2))
    for number, kind in enumerate(("cat", "dog")):
        places[number::2] = np.transpose(xy(line(figure.axes[1], kind)))
    np.testing.assert_allclose(pdist(places), pdist(torgerson(squareform(pdist(means, "correlation")))), rtol=1e-6)

    for axes in figure.axes[:2]:  # squares that the dots fill
        reach = max(np.abs(xy(line(axes, kind))).max() for kind in ("cat", "dog"))
        assert axes.get_xlim() == axes.get_ylim() == pytest.approx((-reach, reach), rel=0.1)
        assert axes.get_aspect() == 1

    joint = scored.assign_coords(part=["noise"], chosen_layer=("split", ["good"] * 4))
    with pytest.raises(BadOption, match="reads all layers together, as good"):
        itbench.plot.rdms(joint, benchmark=toy)
    with pytest.raises(UnknownName, match="good, noise"):
        itbench.plot.rdms(scored, layer="god", benchmark=toy)
    with pytest.raises(BadScore, match="no cached Gram"):
        itbench.plot.rdms(scored, benchmark=toy, cache=toy.parent / "elsewhere")


def torgerson(distances):
    centre = np.eye(len(distances)) - 1 / len(distances)
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances @ centre)
    return vectors[:, -2:] * np.sqrt(values[-2:])


def test_scaled_finds_places_in_a_plane():
    places = np.random.default_rng(0).standard_normal((30, 2))
    found, share = scaled(squareform(pdist(places, "sqeuclidean")))
    np.testing.assert_allclose(pdist(found), pdist(places))
    assert share == pytest.approx(1)


def test_scaled_says_which_share_of_the_variance_it_shows():
    patterns = np.random.default_rng(1).standard_normal((30, 5))
    _, share = scaled(squareform(pdist(patterns, "sqeuclidean")))
    singular = np.linalg.svd(patterns - patterns.mean(axis=0), compute_uv=False) ** 2
    assert share == pytest.approx(singular[:2].sum() / singular.sum())


def test_a_trained_model_has_no_gram_of_its_own(make, recordings):
    source = {"model": "cnn", "weights": {"kind": "random", "seed": 0, "file": None}, "recipe": {}}
    with pytest.raises(BadScore, match="every split has a network"):
        itbench.plot.rdms(make(sources=[source]), benchmark=recordings)


def test_every_category_has_a_marker_and_one_of_a_colour_again_is_open():
    looks = [mark(number, 3.0) for number in range(MOST_GROUPS)]
    assert len({own["marker"] for own in looks}) >= 11
    assert len({(own["color"], own["marker"]) for own in looks}) == MOST_GROUPS
    assert len({(own["color"], own["mfc"]) for own in looks}) == MOST_GROUPS
