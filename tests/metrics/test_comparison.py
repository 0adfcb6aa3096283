"""Comparisons over layers: what is left out, which layer is chosen, what is drawn; and the metrics through a score."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr
from scipy.stats import pearsonr, spearmanr

from itbench import ComparisonResult, Gram, NeuralData
from itbench.api.score import score_model
from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.responses import make_responses
from itbench.data.splits import Split, SplitPlan
from itbench.data.task import Task
from itbench.errors import BadOption, BadRecordings, BadScore, UnknownName
from itbench.metrics.comparison import compare_layers, neural_data_of
from itbench.metrics.rsa import compare_rdms
from itbench.plugins import load_plugins
from itbench.registry import FORMS, Registry
from itbench.results.score_file import read_score, write_score
from itbench.results.summary import summary
from itbench.scoring.frozen_models import GivenGrams
from itbench.statistics import rdm_ceiling
from itbench.statistics.jackknife import cross_validated_choice, jackknife_draws, jackknife_error, jackknife_groups
from tests.kit.toy import toy_with

N = 120
IDS = tuple(f"p{number}" for number in range(N))
COMPARISONS = {
    "cka": [{}, {"estimator": "biased"}, {"kernel": "cosine"}],
    "rsa": [{}, {"distance": "euclidean", "compare": "whitened"}, {"distance": "crossnobis", "compare": "cosine"}],
    "procrustes": [{}],
    "reverse": [{}],
    "mutual-knn": [{}],
    "svcca": [{}, {"penalty": 1.0}],
}
CASES = [(name, options) for name, cases in COMPARISONS.items() for options in cases]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins()


def layers(seed=0):
    """Return Grams of three layers, the last the most like the responses, and the responses."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((N, 30))
    y = x @ rng.standard_normal((30, 8)) + rng.standard_normal((2, N, 8))
    grams = {f"noise{noise}": Gram.from_features(x + noise * rng.standard_normal(x.shape), IDS) for noise in (4, 2, 0)}
    return grams, NeuralData(IDS, make_responses(y, IDS))


# ---- the metrics


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] not in ("reverse", "svcca")], ids=str)
def test_leaving_out_is_comparing_the_rest(registry, name, options):
    grams, recorded = layers()
    metric = registry.metric(name).readout(**options)
    groups = jackknife_groups(N)
    said = metric(grams["noise2"], recorded, groups)
    slow = ComparisonResult.by_leaving_out(
        lambda gram, side: metric(gram, side, np.arange(len(gram)) % 2).value, grams["noise2"], recorded, groups
    )
    assert said.value == pytest.approx(slow.value, abs=1e-12)
    assert len(said.without) == 50
    np.testing.assert_allclose(said.without, slow.without, atol=1e-9)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_without_groups_the_value_alone_is_returned(registry, name, options):
    grams, recorded = layers()
    metric = registry.metric(name).readout(**options)
    whole = metric(grams["noise2"], recorded, jackknife_groups(N))
    alone = metric(grams["noise2"], recorded, None)
    assert alone.value == pytest.approx(whole.value, abs=1e-12)
    assert alone.without.shape == (0,)


def test_every_comparison_of_the_project_is_among_these_cases(registry):
    found = {entry.name for entry in registry.metrics.values() if entry.form.name == "comparison"}
    assert found == set(COMPARISONS)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_the_layer_nearest_to_the_brain_is_the_highest(registry, name, options):
    grams, recorded = layers()
    metric = registry.metric(name).readout(**options)
    values = [metric(gram, recorded, jackknife_groups(N)).value for gram in grams.values()]
    assert values == sorted(values)
    assert values[-1] - values[0] > 0.02


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("cka", {"estimator": "unbiased"}, UnknownName),
        ("cka", {"kernel": "gauss"}, UnknownName),
        ("rsa", {"distance": "mahalanobis"}, UnknownName),
        ("rsa", {"compare": "tau"}, UnknownName),
        ("reverse", {"folds": 1}, BadOption),
        ("reverse", {"alphas": ()}, BadOption),
        ("reverse", {"alphas": (0.0, 1.0)}, BadOption),
        ("reverse", {"components": 0}, BadOption),
    ],
)
def test_options_that_cannot_be_are_refused_before_any_work(registry, name, options, error):
    with pytest.raises(error):
        registry.metric(name).readout(**options)


# ---- over layers


@dataclass(frozen=True)
class Told:
    """A comparison that says what it was told of each layer, by the number of its features."""

    values: dict
    measure = "told"

    def __call__(self, gram, recorded, groups):
        value, without = self.values[gram.n_features]
        return ComparisonResult(value, without, ("mind the gap",) if gram.n_features == 1 else ())


def told(values, without):
    """Compare layers a, b, … of 1, 2, … features whose values are given."""
    n = len(without[0])
    ids = tuple(map(str, range(n)))
    names = "abcdef"[: len(values)]
    known = {k + 1: pair for k, pair in enumerate(zip(values, np.array(without, float), strict=True))}
    grams = [(name, Gram.from_features(np.ones((n, k + 1)), ids)) for k, name in enumerate(names)]
    return compare_layers(Told(known), iter(grams), NeuralData(ids, make_responses(np.ones((n, 2)), ids)), names)


def test_one_layer_keeps_its_value_and_its_draws():
    without = np.random.default_rng(0).normal(0.5, 0.01, 40)
    found = told([0.5], [without])
    assert found["headline"].item() == pytest.approx(0.5)
    drawn = jackknife_draws(0.5, without, np.empty(0))  # of two sites, none can be left out
    np.testing.assert_allclose(found["draws"].sel(measure="told"), drawn, rtol=1e-6)
    assert found.sizes["site_group"] == 0
    assert found["standard_error"].item() == pytest.approx(jackknife_error(without))
    assert found["chosen_layer"].values.tolist() == ["a"] * 40
    assert found["group_size"].values.tolist() == [1] * 40
    assert found.attrs["remarks"] == "layer a: mind the gap"


def test_a_layer_that_every_group_leaves_best_counts_as_if_it_had_been_named():
    rng = np.random.default_rng(0)
    best, worse = rng.normal(0.5, 0.01, 40), rng.normal(0.2, 0.01, 40)
    found = told([0.2, 0.5], [worse, best])
    assert found["headline"].item() == pytest.approx(0.5)
    assert set(found["chosen_layer"].values) == {"b"}
    np.testing.assert_allclose(found["draws"][0], jackknife_draws(0.5, best, np.empty(0)), rtol=1e-6)
    assert found["value"].values.tolist() == [0.2, 0.5]


def test_the_headline_is_not_raised_by_having_many_layers_to_choose_from():
    """Twenty layers worth the same: the best of them looks better than it is, the headline does not."""
    rng = np.random.default_rng(0)
    best, headline = [], []
    for _ in range(200):
        images = rng.standard_normal((20, 60))  # of each layer; the value is their mean, in truth 0
        values = images.mean(axis=1)
        without = (images.sum(axis=1, keepdims=True) - images) / 59
        best.append(values.max())
        headline.append(cross_validated_choice(values, without)[1])
    assert np.mean(best) > 0.2
    assert abs(np.mean(headline)) < 0.05


def test_the_choice_for_a_fifth_does_not_see_it():
    images = np.zeros((2, 10))
    images[0, 3] = 100.0  # layer 0 is the best because of image 3 alone
    images[1] = 1.0
    values = images.mean(axis=1)
    without = (images.sum(axis=1, keepdims=True) - images) / 9
    chosen, headline, left_out = cross_validated_choice(values, without)
    assert chosen[3] == 1
    assert sorted(chosen) == [0] * 8 + [1] * 2
    assert headline == pytest.approx(0.2)  # eight images count with layer 0, worth 0 there; two with layer 1, worth 1
    assert left_out.mean() == pytest.approx(headline)


def test_grams_of_more_images_in_another_order_are_laid_over_the_recorded():
    grams, recorded = layers()
    metric = load_plugins().metric("cka").readout()
    rows = np.array([*range(60, 110), *range(20)])
    few = recorded.take(rows)
    found = compare_layers(metric, iter(reversed(grams.items())), few, list(grams))
    expected = [metric(gram.take(rows), few, jackknife_groups(70)).value for gram in grams.values()]
    np.testing.assert_allclose(found["value"], expected)
    assert found["layer"].values.tolist() == list(grams)
    assert found["n_features"].values.tolist() == [30, 30, 30]


def test_draws_of_two_models_on_the_same_images_belong_together():
    rng = np.random.default_rng(0)
    metric = load_plugins().metric("cka").readout()
    x, y = rng.standard_normal((N, 30)), rng.standard_normal((N, 8))
    y += x[:, :8]
    recorded = NeuralData(IDS, make_responses(y, IDS))
    models = [x + 0.3 * rng.standard_normal(x.shape) for _ in range(2)]
    one, other = (compare_layers(metric, [("a", Gram.from_features(own, IDS))], recorded, ["a"]) for own in models)
    assert pearsonr(one["draws"][0], other["draws"][0])[0] > 0.7


def test_a_value_that_is_no_number_is_refused():
    with pytest.raises(BadScore, match="layer b is no number"):
        told([0.1, np.nan], np.full((2, 30), 0.1))
    for left in (0, 29):
        without = np.full((3, 30), 0.1)
        without[1, left] = np.nan
        with pytest.raises(BadScore, match="layer b is no number"):
            told([0.1, 0.2, 0.3], without)


def test_too_few_images_or_sites_are_refused(registry):
    grams, recorded = layers()
    rsa = registry.metric("rsa").readout()
    few = {name: gram.take(np.arange(4)) for name, gram in grams.items()}
    with pytest.raises(BadRecordings, match="4 images or clusters are too few"):
        compare_layers(rsa, few.items(), recorded.take(np.arange(4)), list(few))
    with pytest.raises(BadRecordings, match="4 images or clusters are too few"):
        compare_layers(rsa, grams.items(), recorded, list(grams), np.arange(N) % 4)
    five = {name: gram.take(np.arange(5)) for name, gram in grams.items()}
    assert compare_layers(rsa, five.items(), recorded.take(np.arange(5)), list(five)).sizes["group"] == 5
    one_site = NeuralData(IDS, recorded.responses.isel(site=[0]))
    with pytest.raises(BadOption, match="one site, have no correlation distance"):
        compare_layers(rsa, grams.items(), one_site, list(grams))
    euclidean = registry.metric("rsa").readout(distance="euclidean")
    assert np.isfinite(compare_layers(euclidean, grams.items(), one_site, list(grams)).value).all()
    with pytest.raises(BadRecordings, match="RDMs of 2 images"):
        compare_rdms(np.zeros((2, 2)), np.zeros((2, 2)), "pearson")


# ---- sites, subjects and clusters that are left out


def over_sites(comparison, gram, recorded, most=20):
    """Return a comparison without each group of sites, by making the neural data anew."""
    n_sites = recorded.responses.sizes["site"]
    group = np.arange(n_sites)
    if n_sites >= 2 * most:
        group = np.random.default_rng(0).permutation(group % most)
    kept = [recorded.responses.values[:, :, group != left] for left in range(group.max() + 1)]
    return np.array(
        [comparison(gram, NeuralData(IDS, make_responses(values, IDS)), jackknife_groups(N)).value for values in kept]
    )


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] not in ("reverse", "svcca")], ids=str)
def test_sites_are_left_out_by_comparing_the_rest(registry, name, options):
    grams, recorded = layers()
    metric = registry.metric(name).readout(**options)
    found = compare_layers(metric, grams.items(), recorded, list(grams))
    expected = [over_sites(metric, gram, recorded) for gram in grams.values()]
    assert found["without_sites"].dims == ("layer", "site_group")
    np.testing.assert_allclose(found["without_sites"], expected, atol=1e-12)
    of_images = [jackknife_error(without) for without in found["without"].values]
    of_sites = [jackknife_error(without) for without in expected]
    np.testing.assert_allclose(found["standard_error"], np.sqrt(np.square(of_images) + np.square(of_sites)))


@pytest.mark.parametrize(("n_sites", "n_groups", "slow_groups"), [(3, 0, 0), (4, 4, 4), (39, 39, 10), (40, 20, 10)])
def test_groups_of_sites_are_fewer_where_sites_are_many_or_the_comparison_is_slow(
    registry, n_sites, n_groups, slow_groups, monkeypatch
):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, 30)), rng.standard_normal((N, n_sites))
    recorded = NeuralData(IDS, make_responses(y, IDS))
    cka = registry.metric("cka").readout()
    gram = Gram.from_features(x, IDS)
    found = compare_layers(cka, [("a", gram)], recorded, ["a"])
    assert found.sizes["site_group"] == n_groups
    if n_groups:
        np.testing.assert_allclose(found["without_sites"][0], over_sites(cka, gram, recorded), atol=1e-12)
        monkeypatch.setattr("itbench.metrics.comparison.KEPT_BYTES", 0)  # sites are taken anew for every layer
        np.testing.assert_array_equal(
            compare_layers(cka, [("a", gram)], recorded, ["a"])["without_sites"], found["without_sites"]
        )
    monkeypatch.setattr(type(cka), "site_groups", 10, raising=False)
    assert compare_layers(cka, [("a", gram)], recorded, ["a"]).sizes["site_group"] == slow_groups


def test_the_interval_is_over_images_and_sites_at_the_layers_that_were_chosen(registry):
    """Some groups of images choose another layer: the sites' deviations are then a mixture of both layers'."""
    _, recorded = layers()
    rng, x = np.random.default_rng(9), np.random.default_rng(0).standard_normal((N, 30))  # x as in `layers`
    near = {name: Gram.from_features(x + rng.standard_normal(x.shape), IDS) for name in ("one", "other")}
    metric = registry.metric("cka").readout()
    found = compare_layers(metric, near.items(), recorded, list(near))
    values, without, sites = (found[name].values for name in ("value", "without", "without_sites"))
    chosen, headline, images = cross_validated_choice(values, without)
    assert set(chosen) == {0, 1}
    deviation = np.mean([sites[layer] - values[layer] for layer in chosen], axis=0)
    expected = jackknife_draws(headline, images, headline + deviation)
    np.testing.assert_allclose(found["draws"][0], expected, rtol=1e-6)
    assert found["headline"].item() == pytest.approx(headline)


def test_reverse_prediction_leaves_out_ten_groups_of_sites(registry):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 12))
    y = x @ rng.standard_normal((12, 24)) + rng.standard_normal((60, 24))
    metric = registry.metric("reverse").readout(folds=3)
    gram, recorded = Gram.from_features(x, IDS[:60]), NeuralData(IDS[:60], make_responses(y, IDS[:60]))
    found = compare_layers(metric, [("a", gram)], recorded, ["a"], np.arange(60) % 5)
    group = np.random.default_rng(0).permutation(np.arange(24) % 10)
    parts = [NeuralData(IDS[:60], make_responses(y[:, group != left], IDS[:60])) for left in range(10)]
    np.testing.assert_allclose(found["without_sites"][0], [metric(gram, part, None).value for part in parts], atol=1e-9)


def test_images_of_one_cluster_are_left_out_together(registry):
    grams, recorded = layers()
    metric = registry.metric("rsa").readout()
    objects = np.random.default_rng(0).permutation(np.arange(N) % 15)
    found = compare_layers(metric, grams.items(), recorded, list(grams), objects)
    assert found.sizes["group"] == 15
    assert found["group_size"].values.tolist() == [8] * 15
    for layer, gram in grams.items():
        expected = []
        for name in range(15):
            rows = np.flatnonzero(objects != name)
            expected.append(metric(gram.take(rows), recorded.take(rows), None).value)
        np.testing.assert_allclose(found["without"].sel(layer=layer), expected, atol=1e-9)


PAIRS = np.triu_indices(40, 1)
PERSONS = tuple(f"p{number}" for number in range(40))


def persons(n=4, seed=0, noise=1.0):
    """Return RDMs (subject, stimulus, stimulus) that share a part, and neural data of them."""
    rng = np.random.default_rng(seed)
    things = rng.standard_normal((40, 6))
    each = [things + noise * rng.standard_normal((40, 6)) for _ in range(n)]
    rdms = np.array([np.square(one[:, None] - one).sum(axis=2) for one in each])
    known = xr.DataArray(rdms, dims=("subject", "stimulus", "other_stimulus"))
    return rdms, NeuralData(PERSONS, rdms=known, distance="euclidean")


def gram_of_rdm(rdm):
    """Return the Gram of patterns with these squared Euclidean distances, so that its RDM is the one given."""
    centring = np.eye(len(rdm)) - 1 / len(rdm)
    return Gram(-0.5 * centring @ rdm @ centring, np.zeros(len(rdm)), 1, PERSONS)


def score_of_rdm(registry, rdm, recorded, **options):
    metric = registry.metric("rsa").readout(distance="euclidean", **options)
    return compare_layers(metric, [("a", gram_of_rdm(rdm))], recorded, ["a"])


@pytest.mark.parametrize(("compare", "oracle"), [("pearson", pearsonr), ("spearman", spearmanr)])
def test_rsa_of_several_subjects_is_the_mean_over_subjects_of_scipys(registry, compare, oracle):
    rdms, recorded = persons()
    model = persons(1, seed=5)[0][0] + rdms.mean(axis=0)
    r = np.array([oracle(model[PAIRS], rdm[PAIRS])[0] for rdm in rdms])
    found = score_of_rdm(registry, model, recorded, compare=compare)
    assert found["headline"].item() == pytest.approx(r.mean())
    assert found["value"].item() == pytest.approx(r.mean())
    np.testing.assert_allclose(found["without_sites"][0], [np.delete(r, left).mean() for left in range(4)])
    rows = np.delete(np.arange(40), 7)
    rest = np.ix_(rows, rows)
    pairs = np.triu_indices(39, 1)
    without = np.mean([oracle(model[rest][pairs], rdm[rest][pairs])[0] for rdm in rdms])
    assert found["without"][0, 7].item() == pytest.approx(without)


@pytest.mark.parametrize("sign", [1, -1])
def test_squared_rsa_is_the_mean_over_subjects_of_signed_squares(registry, sign):
    rdms, recorded = persons()
    model = sign * rdms[0] + 3 * persons(1, seed=5)[0][0]
    r = np.array([spearmanr(model[PAIRS], rdm[PAIRS])[0] for rdm in rdms])
    found = score_of_rdm(registry, model, recorded, compare="spearman", squared=True)
    assert found["headline"].item() == pytest.approx(np.mean(np.sign(r) * r**2))
    assert np.sign(found["headline"].item()) == sign
    plain = score_of_rdm(registry, model, recorded, compare="spearman")["without_sites"]
    assert np.abs(plain - found["without_sites"]).max() > 0.01


@pytest.mark.parametrize("noise", [0.5, 1.0, 3.0])
def test_a_model_equal_to_the_mean_of_the_subjects_stays_below_the_upper_bound(registry, noise):
    rdms, recorded = persons(noise=noise)
    bounds = rdm_ceiling(np.array([rdm[PAIRS] for rdm in rdms]))
    score = score_of_rdm(registry, rdms.mean(axis=0), recorded)["headline"].item()
    assert score <= bounds.upper + 1e-12
    assert score == pytest.approx(bounds.upper, abs=0.01)  # which is the score of the mean of standardised RDMs
    assert score < 0.999
    standard = np.array([(rdm - rdm[PAIRS].mean()) / rdm[PAIRS].std() for rdm in rdms]).mean(axis=0)
    np.fill_diagonal(standard, 0.0)
    assert score_of_rdm(registry, standard, recorded)["headline"].item() == pytest.approx(bounds.upper)


def test_subjects_that_differ_more_widen_the_interval(registry):
    """The draws are those of the jackknife over images and over subjects, and the subjects' part is not small."""
    rdms, recorded = persons()
    model = 2 * rdms[0] + rdms[1]  # like the first two, hardly like the others
    found = score_of_rdm(registry, model, recorded)
    r = np.array([pearsonr(model[PAIRS], rdm[PAIRS])[0] for rdm in rdms])
    of_subjects = r.std(ddof=1) / np.sqrt(4)
    of_images = jackknife_error(found["without"].values[0])
    assert found["standard_error"].item() == pytest.approx(np.hypot(of_images, of_subjects))
    assert of_subjects > 2 * of_images
    without = np.array([np.delete(r, left).mean() for left in range(4)])
    expected = jackknife_draws(r.mean(), cross_validated_choice(r.mean()[None], found["without"].values)[2], without)
    np.testing.assert_allclose(found["draws"][0], expected, rtol=1e-5, atol=1e-6)


def test_without_either_of_two_subjects_the_value_is_that_of_the_other(registry):
    _, recorded = persons(2)
    model = persons(1, seed=5)[0][0]
    found = score_of_rdm(registry, model, recorded)
    each = [pearsonr(model[PAIRS], rdm[PAIRS])[0] for rdm in recorded.rdms.values]
    np.testing.assert_allclose(found["without_sites"][0], each[::-1], rtol=1e-6)


def test_one_subject_leaves_nobody_out(registry):
    _, recorded = persons(1)
    found = score_of_rdm(registry, persons(1, seed=5)[0][0], recorded)
    assert found.sizes["site_group"] == 0
    assert found["standard_error"].item() == pytest.approx(jackknife_error(found["without"].values[0]))


@pytest.mark.parametrize(("name", "options"), [("cka", {}), ("procrustes", {}), ("reverse", {"folds": 4})], ids=str)
def test_every_comparison_of_subjects_is_the_mean_of_its_comparison_with_each(registry, name, options):
    _, recorded = persons(3)
    metric = registry.metric(name).readout(**options)
    gram = Gram.from_features(np.random.default_rng(8).standard_normal((40, 20)), PERSONS)
    each = [
        metric(gram, NeuralData(PERSONS, rdms=recorded.rdms[[number]], distance="euclidean"), jackknife_groups(40))
        for number in range(3)
    ]
    found = compare_layers(metric, [("a", gram)], recorded, ["a"])
    assert found["value"].item() == pytest.approx(np.mean([result.value for result in each]))
    np.testing.assert_allclose(found["without"][0], np.mean([result.without for result in each], axis=0))


def test_a_comparison_sees_the_images_of_the_splits_their_clusters_and_the_sites_that_can_be_scored(registry):
    recordings = toy_with(object=[f"object{number // 5:02d}" for number in range(80)])
    recordings.responses[:, 3, 1] = np.nan
    responses = recordings.responses.mean("repetition").values
    splits = [Split("a", np.arange(10, 40), np.arange(40, 70)), Split("b", np.arange(40, 70), np.arange(10, 40))]
    task = Task(Benchmark("toy", "toy", SplitPlan("kfold")), recordings, responses, splits, responses[3] > -np.inf)
    x = np.random.default_rng(0).standard_normal((80, 12))
    grams = [("layer", Gram.from_features(x, recordings.stimuli.ids))]
    metric = registry.metric("cka").readout(estimator="biased")
    found = FORMS["comparison"].measure(metric, "cka", GivenGrams({"model": ["layer"]}, grams), task).dataset
    sides = [part - part.mean(axis=0) for part in (x[10:70], responses[10:70][:, [0, 2, 3, 4]])]
    norms = [np.linalg.norm(side.T @ side) for side in sides]
    assert found["value"].item() == pytest.approx(np.linalg.norm(sides[0].T @ sides[1]) ** 2 / np.prod(norms), rel=1e-5)
    assert found["group_size"].values.tolist() == [5] * 12
    assert found.sizes["site_group"] == 4


@pytest.mark.parametrize(("about", "distance"), [({"distance": "euclidean"}, "euclidean"), ({}, "")])
def test_a_comparison_is_told_which_distance_recorded_rdms_have(about, distance):
    rdms, images = persons(2)[0], toy_with().stimuli.take(np.arange(40))
    known = xr.DataArray(rdms, dims=("subject", "stimulus", "other_stimulus"), coords={"subject": ["a", "b"]})
    recordings = Recordings("mine", images, None, rdms=known, about=about)
    benchmark = Benchmark("mine", "mine", SplitPlan("none"))
    told = neural_data_of(Task(benchmark, recordings, np.empty((40, 0)), [], np.zeros(0, bool)))
    assert told.distance == distance
    np.testing.assert_array_equal(told.rdms, rdms)


# ---- a score


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["cka", "rsa", "procrustes", "reverse"])
def test_a_comparison_is_scored_written_and_summed_up(toy, metric, tmp_path):
    score = read_score(write_score(score_model("toy", str(toy), metric=metric), tmp_path))
    found = summary(score)
    assert found["measure"] == score.attrs["measure"] == load_plugins().metric(metric).measure
    assert found["layer"] == "good"
    assert found["low"] < found["value"] < found["high"]
    assert score["without"].dims == ("layer", "group")
    assert score.sizes["group"] == 80
    assert {layer["layer"] for layer in found["layers"]} == {"noise", "good"}
