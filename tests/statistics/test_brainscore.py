"""Brain-Score's protocol, each step against its formula written out anew on raw features."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import pearsonr
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from itbench import Gram, ItbenchError
from itbench.api.score import score_model
from itbench.data.responses import make_responses
from itbench.errors import UnknownName
from itbench.plugins import load_plugins
from itbench.results.score_variables import in_each_split
from itbench.results.summary import summary
from itbench.statistics.bootstrap import bootstrap_draws
from itbench.statistics.brainscore import brainscore_ratio, brainscore_splits, internal_consistency
from itbench.statistics.explained_variance import correlation
from tests.kit.toy import toy_recordings

REGISTRY = load_plugins()
OBJECTS = np.repeat([f"object{number}" for number in range(6)], 20)


def metric(name="brainscore-pls", **options):
    return REGISTRY.metric(name).readout(**options)


def recorded(repetitions=5, stimuli=120, sites=4, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((stimuli, sites)) + noise * rng.standard_normal((repetitions, stimuli, sites))
    return make_responses(values, [f"image{number}" for number in range(stimuli)])


@pytest.mark.parametrize("coordinate", ["object_name", "object"])
def test_splits_hold_every_object_and_are_those_of_sklearn(coordinate):
    expected = StratifiedShuffleSplit(n_splits=10, train_size=0.9, random_state=1).split(np.zeros(120), OBJECTS)
    splits = metric().divide(120, {coordinate: OBJECTS, "variation": np.arange(120)})
    assert len(splits) == 10
    for split, (train, test) in zip(splits, expected, strict=True):
        np.testing.assert_array_equal(split.train, sorted(train))
        np.testing.assert_array_equal(split.test, sorted(test))
        assert np.unique(OBJECTS[split.test], return_counts=True)[1].tolist() == [2] * 6


@pytest.mark.parametrize(("stratify", "metadata"), [("object_name", {}), (None, {"object": OBJECTS})])
def test_splits_are_shuffled_where_there_is_nothing_to_balance(stratify, metadata):
    expected = ShuffleSplit(n_splits=10, train_size=0.9, random_state=1).split(np.zeros(120))
    for split, (train, test) in zip(metric(stratify=stratify).divide(120, metadata), expected, strict=True):
        np.testing.assert_array_equal(split.train, sorted(train))
        np.testing.assert_array_equal(split.test, sorted(test))


def test_splits_balance_another_coordinate_if_told_to():
    kinds = np.array(["cat", "dog", "dog"] * 40)
    splits = brainscore_splits(120, {"object": OBJECTS, "kind": kinds}, "kind")
    assert [np.sum(kinds[split.test] == "cat") for split in splits] == [4] * 10


@pytest.mark.parametrize(
    ("objects", "why"),
    [(["cat"] + ["dog"] * 119, "only 1 member"), ([f"thing{number // 2}" for number in range(120)], "test_size = 12")],
    ids=["one image", "too many objects"],
)
def test_says_which_objects_cannot_be_balanced(objects, why):
    with pytest.raises(ItbenchError, match=why) as error:
        brainscore_splits(120, {"object": np.array(objects)})
    assert "every object of 120 stimuli" in error.value.what
    assert "-o stratify=none" in error.value.todo


def test_says_which_coordinates_there_are():
    with pytest.raises(UnknownName, match="unknown stimulus coordinate 'objekt'") as error:
        brainscore_splits(120, {"object": OBJECTS}, "objekt")
    assert "Did you mean object?" in error.value.known


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("brainscore-pls", PLSRegression(n_components=25, scale=False, tol=1e-20, max_iter=10_000)),
        ("brainscore-ridge", Ridge(alpha=1)),
    ],
)
@pytest.mark.parametrize(("width", "sites"), [(300, 8), (60, 8), (300, 1)])
def test_correlations_are_those_of_its_regression_on_raw_features(width, sites, name, oracle):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((120, width)) + 2
    responses = features @ rng.standard_normal((width, sites)) / np.sqrt(width) + rng.standard_normal((120, sites))
    gram, chosen = Gram.from_features(features), metric(name)
    for split in chosen.divide(120, {"object": OBJECTS})[:3]:
        predicted = oracle.fit(features[split.train], responses[split.train]).predict(features[split.test])
        pairs = zip(responses[split.test].T, predicted.reshape(-1, sites).T, strict=True)
        expected = [pearsonr(*pair)[0] for pair in pairs]
        said = chosen(gram, responses[split.train], split.train, split.test).predictions
        np.testing.assert_allclose(correlation(responses[split.test], said), expected, atol=1e-8)


@pytest.mark.parametrize("repetitions", [2, 5, 8])
def test_ceiling_is_the_corrected_correlation_of_halves_of_the_repetitions(repetitions):
    responses = recorded(repetitions)
    halves = ShuffleSplit(n_splits=10, train_size=0.5, random_state=1).split(np.arange(repetitions))
    expected = []
    for first, second in halves:
        means = [responses.isel(repetition=half).mean("repetition").values for half in (first, second)]
        r = np.array([pearsonr(*pair)[0] for pair in zip(means[0].T, means[1].T, strict=True)])
        expected.append(2 * r / (1 + r))
    np.testing.assert_allclose(internal_consistency(responses), expected, atol=1e-12)
    np.testing.assert_allclose(metric().ceiling(responses), expected, atol=1e-12)


def test_ceiling_averages_the_repetitions_that_a_image_has():
    responses = recorded(8)
    responses[2:, :60] = np.nan  # the first sixty images were shown twice, and are in one half alone at times
    halves = ShuffleSplit(n_splits=10, train_size=0.5, random_state=1).split(np.arange(8))
    for (first, second), said in zip(halves, internal_consistency(responses), strict=True):
        one, other = (responses.isel(repetition=half).mean("repetition") for half in (first, second))
        r = xr.corr(one, other, "stimulus").values  # of the images that both have
        np.testing.assert_allclose(said, 2 * r / (1 + r), atol=1e-12)


def test_ceiling_leaves_images_out_that_were_never_shown():
    responses = recorded()
    without = internal_consistency(responses.isel(stimulus=slice(20, None)))
    responses[:, :20] = np.nan
    np.testing.assert_allclose(internal_consistency(responses), without, atol=1e-12)


def test_ceiling_of_a_single_repetition_or_a_constant_site_is_unknown():
    assert np.isnan(internal_consistency(recorded(repetitions=1))).all()
    responses = recorded()
    responses[:, :, 2] = 7.0
    assert np.isnan(internal_consistency(responses)).any(axis=0).tolist() == [False, False, True, False]


def test_ceiling_of_a_site_with_one_image_in_both_halves_is_unknown():
    responses = recorded()
    responses[:, 1:, 1] = np.nan
    assert np.isnan(internal_consistency(responses)).any(axis=0).tolist() == [False, True, False, False]


def test_ratio_is_of_medians_over_sites_averaged_over_splits():
    correlations = np.array([[0.2, 0.5, 0.9], [0.3, 0.4, np.nan]])  # medians 0.5 and 0.35
    ceiling = np.array([[0.8, 0.9, 0.7], [0.6, 0.9, 0.9]])  # medians 0.8 and 0.9
    assert brainscore_ratio(correlations, ceiling) == pytest.approx((0.425 / 0.85) ** 2)
    ceiling[0, 0] = np.nan  # medians 0.8, of two sites, and 0.9
    assert brainscore_ratio(correlations, ceiling) == pytest.approx((0.425 / 0.85) ** 2)


@pytest.mark.parametrize(("r", "expected"), [(-0.3, -0.25), (0.3, 0.25), (0.0, 0.0)])
def test_ratio_has_the_sign_of_the_correlation(r, expected):
    assert brainscore_ratio(np.full((10, 3), r), np.full((10, 3), 0.6)) == pytest.approx(expected)


def test_ratio_and_draws_of_a_model_that_predicts_the_opposite_are_negative():
    rng = np.random.default_rng(1)
    responses = recorded()
    means = responses.mean("repetition").values
    row_split = np.arange(120) % 4
    ceiling = internal_consistency(responses)
    opposite = -means + 2 * rng.standard_normal(means.shape)
    draws = bootstrap_draws(means, opposite, np.arange(120), row_split, ceiling=ceiling, n=300)["brainscore"]
    parts = [row_split == split for split in range(4)]
    r = np.array([[pearsonr(means[at, i], opposite[at, i])[0] for i in range(4)] for at in parts])
    expected = -((np.median(r, axis=1).mean() / np.median(ceiling, axis=1).mean()) ** 2)
    assert brainscore_ratio(r, ceiling) == pytest.approx(expected)
    assert np.median(draws) == pytest.approx(expected)
    assert np.quantile(draws, 0.9) < 0


def test_ratio_without_a_ceiling_is_unknown():
    correlations = np.full((10, 3), 0.5)
    assert np.isnan(brainscore_ratio(correlations, internal_consistency(recorded(repetitions=1))))
    assert np.isnan(brainscore_ratio(np.full((10, 3), np.nan), np.full((10, 3), 0.8)))


def test_a_score_follows_the_protocol(toy):
    score = score_model("toy", str(toy), metric="brainscore-ridge")
    responses = toy_recordings().responses
    splits = brainscore_splits(80, {})
    assert score.attrs["measure"] == "brainscore"
    assert score["split"].values.tolist() == [f"split{number}" for number in range(10)]
    np.testing.assert_array_equal(score["row_stimulus"], np.concatenate([split.test for split in splits]))
    divisions = internal_consistency(responses)
    np.testing.assert_allclose(score["ceiling_divisions"], divisions, rtol=1e-6)
    found = summary(score)
    assert found["value"] == found["brainscore"]
    assert found["value"] == pytest.approx(brainscore_ratio(in_each_split(score, "correlation").values, divisions))
