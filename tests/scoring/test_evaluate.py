"""Scores of toys are known beforehand; scores of networks agree with scikit-learn on raw activations."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.metrics import explained_variance_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from itbench import BadOption, ItbenchError, ItbenchWarning
from itbench.api.results import to_dataframe
from itbench.api.score import score_model
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.data.responses import mean_over_repetitions
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadActivations, BadRecordings, NoSpace, UnknownName
from itbench.extraction.forward import ExtractionSettings
from itbench.extraction.gram_cache import GramCache
from itbench.metrics.ridge import ALPHA_GRID
from itbench.models.weights import Weights
from itbench.plugins import load_plugins
from itbench.results.explain import explain
from itbench.results.score_file import provenance, read_score
from itbench.results.summary import summary
from itbench.scoring.evaluate import evaluate
from itbench.scoring.plan import plan_run
from itbench.statistics.reliability import split_half
from itbench.util.checksum import digest
from itbench.util.progress import SilentReporter
from tests.kit.commands import run
from tests.kit.toy import toy_recordings


def write_benchmark(home, name, recordings, splits="{kind: kfold, folds: 4}"):
    write_recordings(recordings, home / "data" / f"{name}.h5")
    path = home / f"{name}.yaml"
    path.write_text(f"data: {name}\nsplits: {splits}\n")
    return str(path)


@pytest.mark.slow
def test_a_perfect_model_reaches_one_without_noise_and_reliability_with_it(home, toy):
    clean = write_benchmark(home, "clean", toy_recordings(n=400, noise=0.0))
    noisy = write_benchmark(home, "noisy", toy_recordings(n=400, noise=2.0))  # four repetitions: reliability 1 / 2
    perfect = score_model("toy", clean, metric_options={"alphas": "1e-8:1e4:25"}).sel(layer="good")
    np.testing.assert_allclose(perfect.explained_variance, 1, atol=1e-6)
    np.testing.assert_allclose(perfect.correlation, 1, atol=1e-6)
    half = score_model("toy", noisy).sel(layer="good")
    assert float(half.explained_variance.mean()) == pytest.approx(0.5, abs=0.07)
    assert float(half.correlation.mean()) == pytest.approx(np.sqrt(0.5), abs=0.05)


@pytest.mark.parametrize("offset", [1e5, 1e9])
def test_responses_far_from_zero_get_the_same_interval(offset, home, toy):
    recordings = toy_recordings()
    plain = score_model("toy", write_benchmark(home, "plain", recordings))
    moved = Recordings("moved", recordings.stimuli, recordings.responses + offset)
    score = score_model("toy", write_benchmark(home, "moved", moved))
    np.testing.assert_allclose(score.correlation.sel(layer="good"), plain.correlation.sel(layer="good"), atol=1e-6)
    for name in ("explained_variance", "predictions", "draws", "ceiling"):
        np.testing.assert_allclose(score[name], plain[name], atol=1e-5)
    np.testing.assert_allclose(score.response_mean, plain.response_mean + offset, rtol=1e-12)


def test_noise_features_explain_nothing_and_are_not_chosen(toy):
    score = score_model("toy", str(toy))
    assert float(score.sel(layer="noise").explained_variance.mean()) < 0.05
    assert set(score.chosen_layer.values) == {"good"}
    assert score.n_features.to_series().to_dict() == {"noise": 40, "good": 20}


def test_the_layer_is_chosen_without_a_look_at_the_test_rows(home, toy):
    recordings = toy_recordings(n=120)
    split = np.array(["train"] * 80 + ["test"] * 40, dtype=object)
    honest = Recordings("a", _with_split(recordings, split), recordings.responses)
    shuffled = recordings.responses.copy()
    shuffled[:, 80:] = shuffled.values[:, 80:][:, ::-1]
    changed = Recordings("b", _with_split(recordings, split), shuffled)
    first, second = (
        score_model("toy", write_benchmark(home, name, data, "{kind: provided}"))
        for name, data in (("a", honest), ("b", changed))
    )
    np.testing.assert_array_equal(first.inner_explained_variance, second.inner_explained_variance)
    np.testing.assert_array_equal(first.chosen_layer, second.chosen_layer)
    np.testing.assert_array_equal(first.alpha, second.alpha)
    assert not np.allclose(first.explained_variance, second.explained_variance)


def _with_split(recordings, split):
    return type(recordings.stimuli)(recordings.stimuli.ids, recordings.stimuli.images, {"split": split})


def test_a_site_that_cannot_be_scored_is_nan_and_counted(home, toy):
    recordings = toy_recordings(sites=6)
    recordings.responses[:, :, 1] = 3.0
    recordings.responses[:, 17, 4] = np.nan
    recordings.responses[1:, 20, 5] = np.nan  # one repetition left is enough
    score = score_model("toy", write_benchmark(home, "gaps", recordings))
    unscored = np.isnan(score.explained_variance).all(("split", "layer")).values
    np.testing.assert_array_equal(unscored, [False, True, False, False, True, False])
    assert (score.attrs["n_sites"], score.attrs["n_sites_scored"]) == (6, 4)
    figures = summary(score)
    recorded = mean_over_repetitions(recordings.responses)[score.row_stimulus.values][:, ~unscored]
    residual = recorded - score.predictions.values[:, ~unscored]
    parts = [score.row_split.values == split for split in range(4)]
    ssr, sst = (sum(len(y[at]) * y[at].var(axis=0) for at in parts) for y in (residual, recorded))
    scored = 1 - ssr / sst
    assert figures["explained_variance"] == pytest.approx(scored.mean(), abs=1e-6)
    assert figures["explained_variance_median"] == pytest.approx(np.median(scored), abs=1e-6)


def test_the_ceiling_is_that_of_the_images_that_are_scored(home, toy):
    """The held-out images of the split vary less than the others."""
    recordings, split = toy_recordings(), np.where(np.arange(80) < 50, "train", "test")
    recordings.responses[:, :50] *= 3.0
    stimuli = _with_split(recordings, split)
    path = write_benchmark(home, "mix", Recordings("mix", stimuli, recordings.responses), "{kind: provided}")
    score = score_model("toy", path)
    responses = recordings.responses.astype(np.float32)
    np.testing.assert_allclose(score.ceiling, split_half(responses[:, 50:]), rtol=1e-6)
    assert (np.abs(score.ceiling - split_half(responses)) > 1e-3).all()
    found, ev = summary(score), score.explained_variance.sel(layer="good").values[0]
    assert found["explained_variance_corrected"] == pytest.approx(ev.sum() / float(score.ceiling.sum()))
    draws = score.draws.sel(measure="explained_variance_corrected")
    assert float(draws.median()) == pytest.approx(found["explained_variance_corrected"], abs=1e-6)


def test_nothing_to_score_is_refused_with_the_numbers(home, toy):
    recordings = toy_recordings()
    recordings.responses[:, 3, :] = np.nan
    with pytest.raises(BadRecordings, match=r"None of 5 sites.*\n5 lack a response"):
        score_model("toy", write_benchmark(home, "nothing", recordings))


def test_provenance_names_all_that_produced_the_score(toy):
    score = score_model("toy-net", str(toy), weights="random", seed=3, metric_options={"components": "9"})
    about = json.loads(score.attrs["provenance"])
    (source,) = about["sources"]
    assert (source["model"], source["weights"]["kind"], source["weights"]["seed"]) == ("toy-net", "random", 3)
    assert source["weights"]["digest"] == about["digests"]["weights"]
    assert about["options"]["given"] == {"components": "9"}
    assert about["options"]["defaulted"]["alphas"] == "none"
    assert set(about["seconds"]) == {"data", "model", "activations", "readout", "statistics"}
    assert {"weights", "stimuli", "responses"} <= set(about["digests"])
    assert {"itbench", "torch", "numpy"} <= set(about["versions"])
    assert {"commit", "dirty"} == set(about["git"])
    assert (about["device"], about["precision"]) == ("cpu", "float32")
    assert score.attrs["weights"] == "random-3"


@pytest.mark.slow
def test_seeds_are_reproducible_and_differ(toy):
    scores = [
        score_model("toy-net", str(toy), weights="random", seed=seed, cache=GramCache(toy.parent / str(i)))
        for i, seed in enumerate((0, 0, 1))
    ]
    np.testing.assert_array_equal(scores[0].explained_variance, scores[1].explained_variance)
    assert not np.allclose(scores[0].explained_variance, scores[2].explained_variance)


@pytest.mark.parametrize(
    ("model", "how", "error", "said"),
    [
        ("toy-nan", {}, BadActivations, "for the image image"),
        ("toy-tuple", {"weights": "random"}, BadActivations, "Layer 'pair' gives a tuple, not a tensor"),
        ("toy", {"layers": ["god"]}, UnknownName, "unknown layer 'god'.\nDid you mean good?"),
        ("toy", {"metric": "rigde"}, UnknownName, "Did you mean ridge?"),
        ("toy", {"metric_options": {"component": "3"}}, UnknownName, "Did you mean components?"),
        ("toy", {"settings": ExtractionSettings(memory=10**6)}, NoSpace, "Use --memory"),
        ("toy", {"settings": ExtractionSettings(precision="bfloat16")}, BadOption, "float32 only"),
        ("toy-net", {}, ItbenchError, "no route to host"),
        ("toy-net", {"weights": "nowhere.pt"}, BadOption, "pretrained, random, or the path"),
        ("toy-net", {"weights": "random", "layers": ["secnd"]}, UnknownName, "Did you mean second?"),
    ],
)
def test_bad_input_is_refused_in_words(model, how, error, said, toy):
    with pytest.raises(error) as refused:
        score_model(model, str(toy), **how)
    assert said in str(refused.value)


def test_memory_and_batches_do_not_change_the_score(toy):
    usual = score_model("toy-net", str(toy), weights="random")
    import psutil

    tight = ExtractionSettings(batch_size=3, memory=psutil.Process().memory_info().rss + 620 * 10**6)
    other = score_model("toy-net", str(toy), weights="random", settings=tight, cache=GramCache(toy.parent / "other"))
    np.testing.assert_allclose(usual.explained_variance, other.explained_variance, atol=1e-5)


ORACLES = {
    "pixels": ("none", "pixels"),
    "itbench-tiny": ("pretrained", "stage3"),
    "mobilenetv2_100": ("random", "blocks.3"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ORACLES)
def test_agrees_with_sklearn_on_raw_activations(name, home, synthetic_file):
    """An independent pipeline: a plain forward pass with a hook, PCA, RidgeCV, the same folds."""
    whole = read_recordings(synthetic_file)  # of which four of ten views of each object, and twelve sites, are taken
    rows = np.array([row for row in range(len(whole.stimuli)) if row % 10 < 4])
    responses = whole.require_responses().isel(stimulus=rows, site=slice(None, None, 14))
    recordings = Recordings("few", whole.stimuli.take(rows), responses, whole.about)
    benchmark = write_benchmark(home, "few", recordings, "{kind: kfold, folds: 2, seed: 5, stratify: category}")
    weights, layer = ORACLES[name]
    registry = load_plugins()
    score = evaluate(
        plan_run(registry, name, benchmark, weights="random" if weights == "none" else weights, layers=[layer]),
        GramCache(),
        SilentReporter(),
    )
    features = raw_features(
        registry.model(name).factory(Weights(weights)), layer, np.asarray(recordings.stimuli.images[:])
    )
    responses = mean_over_repetitions(recordings.responses)
    folds = StratifiedKFold(2, shuffle=True, random_state=5).split(features, recordings.stimuli.metadata["category"])
    for number, (train, test) in enumerate(folds):
        pipeline = make_pipeline(
            PCA(min(1000, len(train) - 1, features.shape[1]), svd_solver="full"),
            RidgeCV(np.array(ALPHA_GRID) * features[train].var(axis=0).sum(), alpha_per_target=True),
        ).fit(features[train], responses[train])
        expected = explained_variance_score(responses[test], pipeline.predict(features[test]), multioutput="raw_values")
        np.testing.assert_allclose(score.explained_variance[number, 0], expected, atol=1e-3)


def raw_features(model, layer, images):
    if layer == "pixels":
        return images.reshape(len(images), -1) / 255.0
    import torch
    from PIL import Image

    caught = []
    model.module.get_submodule(layer).register_forward_hook(lambda _m, _i, output: caught.append(output.clone()))
    with torch.no_grad():
        for image in images:
            model.module(model.preprocess(Image.fromarray(image))[None])
    return torch.cat(caught).flatten(1).double().numpy()


@pytest.mark.slow
def test_the_synthetic_benchmark_is_worth_having(synthetic_it):
    """Pixels worst, a trained network above its untrained twin, nobody at the ceiling."""
    ev = {
        label: summary(score_model(model, "synthetic-it", weights=weights))["explained_variance"]
        for label, model, weights in (
            ("pixels", "pixels", "pretrained"),
            ("random", "itbench-tiny", "random"),
            ("trained", "itbench-tiny", "pretrained"),
        )
    }
    with xr.open_dataset(synthetic_it, engine="h5netcdf") as recordings:
        ceiling = float(recordings.reliability.mean())
    assert ev["pixels"] < ev["random"] < ev["trained"] < ceiling
    assert ev["trained"] - ev["random"] > 0.1


CANNOT = {
    "small test sets": (
        {},
        "{kind: kfold, folds: 10}",
        "how good a model is in a single split (8 test images in 'fold0')",
    ),
    "few sites": ({"sites": 4}, "{kind: kfold, folds: 4}", "whether other sites of the area are alike (4 scored)"),
    "no repetitions": (
        {"repetitions": 1},
        "{kind: kfold, folds: 4}",
        "how much of the variance is noise (no two repet",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CANNOT)
def test_what_a_small_benchmark_cannot_tell_is_said_once_a_command(home, toy, case):
    how, splits, said = CANNOT[case]
    path = write_benchmark(home, "small", toy_recordings(**how), splits)
    done = run("score", "-m", "toy", "-m", "pixels", "-m", "toy", "-b", path)
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Warning: small cannot tell")]
    assert line.startswith(f"Warning: small cannot tell {said}")


def test_all_that_a_small_benchmark_cannot_tell_is_in_one_line(home, toy):
    path = write_benchmark(home, "small", toy_recordings(n=20, sites=3, repetitions=1))
    with pytest.warns(
        ItbenchWarning, match=r"^small cannot tell how .*'fold0'\); whether .*\(3 .*; how .* repetitions\)\.$"
    ):
        score_model("pixels", path)


def test_a_benchmark_that_is_large_enough_warns_of_nothing(home, toy):
    path = write_benchmark(home, "enough", toy_recordings(n=40, sites=5, repetitions=2))
    assert "cannot tell" not in run("score", "-m", "pixels", "-b", path).stderr


def test_splits_from_a_file_are_those_of_the_score(home, toy):
    labels = [f"image{row:03d}.png" for row in range(79)]
    (home / "ood.csv").write_text(
        "\n".join(["image,ood", *(f"{name},{'test' if name < 'image060' else 'train'}" for name in labels)])
    )
    path = write_benchmark(home, "mine", toy_recordings(), "{kind: file, path: ood.csv}")
    done = run("score", "-m", "toy", "-b", path, "--json")
    assert done.exit_code == 0, done.output
    assert "ood.csv: 'image' names the stimulus ids (equal path without ending)" in done.stderr
    assert "ood.csv: 1 of 80 images are in no split: image079" in done.stderr
    score = read_score(Path(json.loads(done.stdout)[0]["file"]))
    assert score.row_stimulus.values.tolist() == list(range(60))
    assert provenance(score)["splits"] == {
        "kind": "file", "path": "ood.csv", "columns": None,
        "digest": digest((home / "ood.csv").read_bytes()),
    }  # fmt: skip


def dimensionality(features):
    values = np.linalg.eigvalsh(np.cov(features, rowvar=False))
    return values.sum() ** 2 / np.square(values).sum()


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["ridge", "stacked", "cka"])
def test_a_score_holds_the_effective_dimensionality_of_its_layers_over_the_images_scored(toy, home, metric):
    recordings = toy_recordings()
    split = np.array(["train"] * 50 + ["test"] * 20 + ["unrecorded"] * 10, dtype=object)
    stimuli = StimulusSet(recordings.stimuli.ids, recordings.stimuli.images, {"split": split})
    few = Recordings("few", stimuli, recordings.responses, recordings.about)
    name = write_benchmark(home, "few", few, "{kind: provided}")
    score = score_model("toy", str(name), metric=metric)
    good = recordings.stimuli.images.reshape(80, -1)[:70, :20] / 255
    frame = to_dataframe(score)["effective_dimensionality"]
    assert frame["good"] == pytest.approx(dimensionality(good), rel=1e-5)
    assert frame["good"] < frame["noise"] < 40
    if metric == "stacked":
        assert np.isnan(frame["stacked"])
    (told,) = (step for step in explain(score, load_plugins()) if step.title == "Layers and their Grams")
    row = next(row for row in told.numbers["layers"] if row["layer"] == "good")
    assert row["effective dimensionality"] == pytest.approx(frame["good"])
    assert "(Σ λ)² / Σ λ²" in told.text


def test_a_streamed_score_holds_no_effective_dimensionality(toy):
    score = score_model("toy", str(toy), metric="one-to-one")
    assert to_dataframe(score)["effective_dimensionality"].isna().all()
