"""Draws of a score: of objects, of images, or of what the benchmark names; and what is refused before any work."""

import numpy as np
import pytest

from itbench import BadOption, ItbenchWarning
from itbench.api.score import score_model
from itbench.data.recordings_file import write_recordings
from itbench.data.responses import mean_over_repetitions
from itbench.errors import UnknownName
from itbench.gram import Gram
from itbench.metrics.rdm import rdm_of_gram
from itbench.metrics.rsa import compare_rdms
from itbench.plugins import load_plugins
from itbench.results.score_variables import drawn_text
from itbench.statistics.bootstrap import bootstrap_draws
from itbench.statistics.jackknife import jackknife_draws
from itbench.statistics.noise_power import moments, noise_of_means
from tests.kit.toy import toy_with

OBJECTS = [f"object{number % 16:02d}" for number in range(80)]
FEW = [f"object{number % 8}" for number in range(80)]
SCENES = [f"scene{number // 4:02d}" for number in range(80)]


def benchmark(home, recordings, cluster=""):
    """Write recordings and a benchmark of them; return its path."""
    write_recordings(recordings, home / "data" / "toy.h5")
    path = home / "objects.yaml"
    more = f"cluster: {cluster}\n" if cluster else ""
    path.write_text(f"name: objects\ndata: toy\nsplits: {{kind: kfold, folds: 4}}\n{more}")
    return str(path)


CASES = {  # the objects of 80 images, the benchmark's key; the name, and the number of each image
    "objects, unasked": (OBJECTS, "", "object", np.arange(80) % 16),
    "none": (OBJECTS, "none", "", np.arange(80)),
    "another coordinate": (OBJECTS, "scene", "scene", np.arange(80) // 4),
    "fewer than ten objects": (FEW, "", "", np.arange(80)),
    "fewer than ten objects, asked": (FEW, "object", "object", np.arange(80) % 8),
}


@pytest.mark.filterwarnings("ignore::itbench.ItbenchWarning")
@pytest.mark.parametrize(("objects", "asked", "name", "cluster"), CASES.values(), ids=CASES)
def test_a_readouts_draws_are_of_the_clusters_that_the_benchmark_has(objects, asked, name, cluster, toy, home):
    recordings = toy_with(object=objects, scene=SCENES)
    score = score_model("toy", benchmark(home, recordings, asked))
    assert (score.attrs["clusters"], score.attrs["n_clusters"]) == (name, len(set(cluster)))
    rows, splits = score["row_stimulus"].values, score["row_split"].values
    np.testing.assert_array_equal(score["row_cluster"], cluster[rows])
    responses = recordings.responses.astype(np.float32)
    drawn = bootstrap_draws(
        mean_over_repetitions(responses)[rows],
        score["predictions"].values,
        cluster[rows],
        splits,
        ceiling=score["ceiling"].values,
        noise=noise_of_means(moments(responses))[rows],
    )
    for measure in ("explained_variance", "correlation", "explained_variance_corrected"):
        np.testing.assert_allclose(score["draws"].sel(measure=measure), drawn[measure], atol=1e-5)
    assert drawn_text(score) == f"{len(set(cluster))} {name or 'image'}s × 5 sites"


@pytest.mark.filterwarnings("ignore::itbench.ItbenchWarning")
@pytest.mark.parametrize(("objects", "asked", "name", "cluster"), CASES.values(), ids=CASES)
def test_a_comparison_leaves_out_the_clusters_that_the_benchmark_has(objects, asked, name, cluster, toy, home):
    recordings = toy_with(object=objects, scene=SCENES)
    score = score_model("toy", benchmark(home, recordings, asked), metric="rsa", layers=["good"])
    n_clusters = len(set(cluster))
    assert score.sizes["group"] == n_clusters
    assert (score.attrs["clusters"], score.attrs["n_clusters"]) == (name, n_clusters)
    np.testing.assert_array_equal(score["group_size"], np.bincount(cluster))
    responses = mean_over_repetitions(recordings.responses.astype(np.float32))
    features = recordings.stimuli.images.reshape(80, -1)[:, :20] / 255

    def rsa(rows, sites):
        rdms = [rdm_of_gram(Gram.from_features(x), "correlation") for x in (features[rows], responses[rows][:, sites])]
        return compare_rdms(*rdms, "pearson")[0]

    images, sites = np.arange(80), np.arange(5)
    without = np.array([rsa(images[cluster != left], sites) for left in range(n_clusters)])
    without_sites = np.array([rsa(images, np.delete(sites, left)) for left in range(5)])
    np.testing.assert_allclose(score["without"][0], without, atol=1e-6)
    np.testing.assert_allclose(score["without_sites"][0], without_sites, atol=1e-6)
    drawn = jackknife_draws(rsa(images, sites), without, without_sites)
    assert float(score["draws"].std()) == pytest.approx(drawn.std(), rel=1e-3)


@pytest.mark.filterwarnings("ignore::itbench.ItbenchWarning")
def test_draws_of_predicted_rsa_are_those_of_a_plain_jackknife_of_its_predictions(toy, home):
    recordings = toy_with(object=OBJECTS)
    score = score_model("toy", benchmark(home, recordings), metric="predicted-rsa", layers=["good"])
    rows, split = score["row_stimulus"].values, score["row_split"].values
    recorded = mean_over_repetitions(recordings.responses)[rows]
    predicted = score["predictions"].values.astype(float) + score["response_mean"].values[split]
    compare = load_plugins().metric("predicted-rsa").readout().compare

    def mean_over_splits(kept, sites):
        parts = [np.flatnonzero(kept & (split == number)) for number in range(4)]
        return np.mean([compare(recorded[at][:, sites], predicted[at][:, sites]) for at in parts])

    every, sites, objects = np.ones(80, bool), np.arange(5), (np.arange(80) % 16)[rows]
    without = np.array([mean_over_splits(objects != left, sites) for left in range(16)])
    without_sites = np.array([mean_over_splits(every, np.delete(sites, left)) for left in range(5)])
    expected = jackknife_draws(mean_over_splits(every, sites), without, without_sites)
    assert float(score["agreement"].mean()) == pytest.approx(mean_over_splits(every, sites), abs=1e-5)
    np.testing.assert_allclose(score["draws"].sel(measure="predicted_rsa"), expected, atol=2e-3)
    assert np.std(expected) > 0.02


@pytest.mark.parametrize("metric", ["ridge", "cka"])
def test_a_cluster_that_the_stimuli_do_not_have_is_refused_before_any_activation_is_made(metric, toy, home):
    path = benchmark(home, toy_with(object=OBJECTS), "objct")
    with pytest.raises(UnknownName, match=r"unknown stimulus coordinate 'objct'(.|\n)*Did you mean object\?"):
        score_model("toy", path, metric=metric)
    assert files_below(home / "cache") == []


def test_few_clusters_are_warned_of(toy, home):
    with pytest.warns(ItbenchWarning, match=r"other values of object \(16 here\)"):
        score_model("toy", benchmark(home, toy_with(object=OBJECTS)))


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("metric", ["brainscore-pls", "brainscore-ridge"])
@pytest.mark.parametrize(
    "model", [{"model": "toy"}, {"model": "toy-net", "weights": "pretrained"}], ids=["function", "unreachable network"]
)
def test_brainscore_without_repetitions_is_refused_before_any_activation_is_made(metric, model, toy, home):
    path = benchmark(home, toy_with(repetitions=1))
    with pytest.raises(BadOption, match="divides by the noise ceiling, and objects has no two repetitions") as raised:
        score_model(benchmark=path, metric=metric, **model)
    assert "--metric ridge" in raised.value.todo
    assert files_below(home / "cache") == []


@pytest.mark.filterwarnings("ignore::itbench.ItbenchWarning")
def test_other_metrics_and_a_site_with_repetitions_are_not_refused(toy, home):
    once = benchmark(home, toy_with(repetitions=1))
    assert np.isnan(score_model("toy", once)["ceiling"]).all()
    assert files_below(home / "cache")
    recordings = toy_with(repetitions=4)
    recordings.responses[1:, :, 1:] = np.nan  # one site of five has repetitions
    score = score_model(
        "toy", benchmark(home, recordings), metric="brainscore-ridge", metric_options={"stratify": None}
    )
    assert np.isfinite(score["ceiling"].values).tolist() == [True, False, False, False, False]
