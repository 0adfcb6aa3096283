"""An account of a score: words and formulas, and numbers that are computed again from its arrays."""

import json
from pathlib import Path

import numpy as np
import pytest

from itbench.data.recordings_file import write_recordings
from itbench.data.responses import make_responses
from itbench.plugins import load_plugins
from itbench.results.explain import explain, heading
from itbench.results.explain.steps import render
from itbench.results.explain.training import splits_in_words
from itbench.results.score_file import provenance, read_score, write_score
from itbench.results.summary import interval_text, summary
from tests.kit.commands import run, score_file
from tests.kit.toy import toy_recordings, toy_with

COLUMNS = 100

SIGN_PLUGIN = '''
"""Metrics for tests."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from itbench import ReadoutResult, hookimpl


@hookimpl
def itbench_metrics(register):
    register("sign", Sign, description="whether the mean is above 0")
    register("plain", Plain)


@dataclass(frozen=True)
class Sign:
    """The mean of the training responses, for every image.

    Nobody (1999), J. Imag. Res. 1, 1.
    """

    shrink: float = 0.5
    formula: ClassVar[str] = "ŷ = s mean(y)    s: shrink"

    def __call__(self, gram, responses, train, test):
        def said(rows):
            mean = self.shrink * responses.mean(axis=0)
            return mean + 1e-3 * gram.matrix[np.ix_(rows, train)].mean(axis=1)[:, None] * np.ones(len(mean))

        return ReadoutResult(said(test), said(train), np.full(responses.shape[1], np.nan))


@dataclass(frozen=True)
class Plain(Sign):
    pass
'''


def scored(*arguments):
    """Score, and return the score as it was written."""
    return read_score(score_file(*arguments, results="leaderboard/scores"))


def told(score):
    """Return an account of a score: its steps by title, and its text without line breaks."""
    steps = explain(score, load_plugins())
    return {step.title: step for step in steps}, " ".join(render(heading(score, steps), steps).split())


def test_penalties_are_those_at_the_chosen_layers(toy):
    score = scored("-m", "toy", "-b", toy, "-o", "components=10")
    layers, chosen = score["layer"].values.tolist(), score["chosen_layer"].values.tolist()
    assert set(chosen) == {"good"}
    alpha = score["alpha"].transpose("split", "layer", "site").values.copy()
    alpha[:, layers.index("noise")] = 1e12  # which no prediction used
    expected = alpha[:, layers.index("good")]
    steps, text = told(score.assign(alpha=(("split", "layer", "site"), alpha)))
    numbers = steps["The metric"].numbers
    assert numbers == {
        "alpha_lowest": expected.min(),
        "alpha_median": np.median(expected),
        "alpha_highest": expected.max(),
    }
    assert "at the layer that each split chose" in text


FORMS = {
    "readout": ["-m", "toy", "--metric", "ridge"],
    "a network": ["-m", "toy-net", "--weights", "random", "--seed", "3"],
    "shared components": ["-m", "toy", "--metric", "pls", "-o", "components=5"],
    "Brain-Score": ["-m", "toy", "--metric", "brainscore-ridge", "-o", "stratify=none"],
    "agreement": ["-m", "toy", "--metric", "predicted-rsa"],
    "channels": ["-m", "toy", "--metric", "one-to-one"],
    "single features": ["-m", "toy", "--metric", "nonnegative-ridge"],
    "comparison of features": ["-m", "toy", "--metric", "soft-matching"],
    "comparison": ["-m", "toy", "--metric", "cka"],
    "joint": ["-m", "toy", "--metric", "stacked"],
    "two models": ["-m", "toy+toy-net", "--weights", "random"],
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_numbers_are_those_of_the_summary_and_of_the_text(form, toy):
    score = scored(*FORMS[form], "-b", toy)
    expected = summary(score)
    done = run("explain", expected["model"], "--json")
    assert done.exit_code == 0, done.stderr
    numbers = {}
    for step in json.loads(done.stdout):
        assert set(step) == {"title", "text", "formula", "numbers"}
        numbers |= {name: value for name, value in step["numbers"].items() if not isinstance(value, list)}
    shared = {name for name in set(numbers) & set(expected) if not isinstance(expected[name], str)}
    assert {expected["measure"], "low", "high"} <= set(numbers)
    assert len(shared) >= 3
    for name in shared:
        assert numbers[name] == pytest.approx(expected[name], abs=1e-12), name
    assert numbers[expected["measure"]] == pytest.approx(expected["value"], abs=1e-12)
    assert numbers.get("oracle_layer", expected["oracle_layer"]) == expected["oracle_layer"]
    printed = run("explain", expected["model"]).stdout
    assert max(map(len, printed.splitlines())) <= COLUMNS
    text = " ".join(printed.split())
    words = text.replace(",", "").split()
    for name, value in numbers.items():
        if isinstance(value, float) and abs(value) >= 1e-4:
            assert f"{value:.4f}" in words or f"{value:.4g}" in words, name
    assert text.startswith(f"{expected['model']} ({expected['weights']}) on toy by {expected['metric']}: ")
    between = interval_text(expected["low"], expected["high"])
    assert f" {expected['value']:.3f} (95 %: {between})" in text


def test_numbers_follow_the_arrays_and_nothing_else(toy):
    score = scored("-m", "toy", "-b", toy)
    numbers = told(score)[0]["Explained variance"].numbers
    halved = told(score.assign(explained_variance=score.explained_variance / 2))[0]["Explained variance"].numbers
    assert halved["explained_variance"] == pytest.approx(numbers["explained_variance"] / 2)
    compared = scored("-m", "toy", "-b", toy, "--metric", "cka")
    lied = compared.assign(headline=0.99)
    assert told(lied)[0]["CKA of the layers"].numbers["cka"] == pytest.approx(float(compared.headline))


@pytest.mark.slow
def test_it_says_what_was_shown_to_what(toy):
    toy.write_text(f"{toy.read_text()}degrees: 8\n")
    score = scored("-m", "toy-net", "-b", toy, "--weights", "random", "--seed", "3", "--degrees", "4")
    steps, text = told(score)
    (source,) = provenance(score)["sources"]
    for said in (
        "responses of 5 sites of V4 ",
        "to 80 images",
        "4 times each",
        f"The model is toy-net, with random weights from seed 3 (digest {source['weights']['digest'][:8]})",
        "Preprocessing of every image: x / 255.",
        "8° cropped to 4°",
        "float32 on cpu",
        "a matrix of 80 × 80",
        "K = X Xᵀ",
    ):
        assert said in text
    rows = steps["Layers and their Grams"].numbers["layers"]
    assert [(row["layer"], row["features"]) for row in rows] == [("first", 128), ("second", 4)]
    assert [row["effective dimensionality"] for row in rows] == score["effective_dimensionality"].values.tolist()


@pytest.mark.slow
def test_it_names_a_file_of_weights_and_a_function(toy):
    import torch
    from torch import nn

    network = nn.Sequential()
    network.add_module("first", nn.Conv2d(3, 8, 3, padding=1))
    network.add_module("relu", nn.ReLU())
    network.add_module("second", nn.Conv2d(8, 4, 3, 2))
    torch.save(network.state_dict(), "mine.pt")
    assert (
        "with the weights of the file mine.pt (digest "
        in told(scored("-m", "toy-net", "-b", toy, "--weights", "mine.pt"))[1]
    )
    assert "The model is toy, which has no weights. It computes: toy 1." in told(scored("-m", "toy", "-b", toy))[1]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"kind": "provided"}, "The split is the one published with the images."),
        ({"kind": "kfold", "folds": 5, "seed": 2, "stratify": None}, "5 shuffled folds, from seed 2"),
        ({"kind": "kfold", "folds": 4, "seed": 0, "stratify": "object"}, "each with every object in equal shares"),
        (
            {"kind": "kfold", "folds": 4, "seed": 0, "group": "object"},
            "4 shuffled folds, no object in two of them, from",
        ),
        ({"kind": "leave-group-out", "group": "category"}, "Each category is held out once, with all of its images"),
        ({"kind": "file", "path": "a.csv", "digest": "0123456789"}, "those of the file a.csv (digest 01234567)"),
        ({"kind": "file", "path": "a.csv", "columns": ["x", "y"], "digest": "0" * 64}, "the file a.csv, x, y (digest"),
        ({"kind": "none"}, "The images are not split"),
        ({"kind": "of brainscore-pls", "folds": 10}, "belong to the metric (brainscore-pls)"),
    ],
)
def test_splits_are_said_in_words(plan, said):
    assert said in splits_in_words(plan)


OBJECTS = [f"{'cat' if row % 2 == 0 else 'dog'}{row // 10}" for row in range(80)]  # 16, of 2 categories
QUESTIONS = {
    "{kind: kfold, folds: 4, stratify: object}": "objects that were seen in training (16), of categories that",
    "{kind: kfold, folds: 4, group: object}": "new objects (16), of categories that were seen in training (2).",
    "{kind: leave-group-out, group: category}": "new objects (16), of new categories (2).",
    "{kind: leave-group-out, group: view}": "objects that were seen in training (16), of categories that were seen in "
    "training (2), of new views (5).",
    "{kind: provided}": "objects of which training has seen those of 50% of the images (4), of categories that were",
}


@pytest.mark.slow
@pytest.mark.parametrize("splits", QUESTIONS)
def test_it_says_what_the_splits_ask_of_a_model(splits, toy, home):
    division = ["train", "train", "test", "test", *["val"] * 6, "val", "val", "test", "val", "test"] + ["val"] * 65
    division[11] = "train"  # dog1; of the four test images, one pair is of objects 0 and one of objects 1
    write_recordings(toy_with(object=OBJECTS, view=list(range(5)) * 16, split=division), home / "data" / "toy.h5")
    toy.write_text(f"name: toy\ndata: toy\nsplits: {splits}\n")
    text = told(scored("-m", "toy", "-b", toy))[1]
    assert f"The benchmark asks for responses to held-out images of {QUESTIONS[splits]}" in text


def test_without_objects_and_categories_nothing_is_asked(toy):
    score = scored("-m", "toy", "-b", toy)
    assert "held-out images of categories that were seen in training (2)." in told(score)[1]
    without = {key: value for key, value in provenance(score).items() if key != "groups"}  # as older scores are
    assert "asks for" not in told(score.assign_attrs(provenance=json.dumps(without)))[1]


def test_options_say_whether_they_were_given(toy):
    text = told(scored("-m", "toy", "-b", toy, "-o", "components=7"))[1]
    assert "components = 7 (given): principal components at most" in text
    assert "per_site = true (default): choose a penalty for each site" in text


@pytest.mark.slow
def test_a_metric_says_what_it_does(toy, monkeypatch):
    Path("sign.py").write_text(SIGN_PLUGIN)
    monkeypatch.setenv("ITBENCH_PLUGINS", f"{toy.parent / 'toy_plugin.py'}:sign.py")
    steps, text = told(scored("-m", "toy", "-b", toy, "--metric", "sign"))
    assert "sign: The mean of the training responses, for every image. Nobody (1999), J. Imag. Res. 1, 1." in text
    assert steps["The metric"].formula == "ŷ = s mean(y)    s: shrink"
    assert "plain: Metrics for tests." in told(scored("-m", "toy", "-b", toy, "--metric", "plain"))[1]


def test_a_metric_that_is_not_here_is_named(toy, monkeypatch):
    Path("sign.py").write_text(SIGN_PLUGIN)
    score = scored("-m", "toy", "-b", toy, "--metric", "sign", "--plugin", "sign.py")
    text = told(score)[1]
    assert "sign is a metric of a plugin that is not loaded: name it with --plugin FILE" in text
    assert "shrink = 0.5 (default)" in text


@pytest.mark.parametrize("entry", load_plugins().metrics.values(), ids=lambda entry: entry.name)
def test_every_metric_of_the_project_says_its_formula(entry):
    assert entry.formula.strip()
    assert max(map(len, entry.formula.splitlines())) <= COLUMNS - 6


def test_the_choice_of_the_layer_is_shown_with_the_gap_to_the_best(toy):
    score = scored("-m", "toy", "-b", toy)
    inner = score.inner_explained_variance.copy()
    inner.loc[{"layer": "noise", "split": "fold1"}] = 2.0
    chosen = np.array(["good", "noise", "good", "good"], dtype=object)
    steps, text = told(score.assign(inner_explained_variance=inner).assign_coords(chosen_layer=("split", chosen)))
    step = steps["The choice of the layer"]
    assert [row["chosen"] for row in step.numbers["layers"]] == ["1/4", "3/4"]
    assert "good was chosen in 3 of 4 splits" in text
    assert step.numbers["oracle_layer"] == "good"
    ev = score.explained_variance
    lost = (ev.sel(layer="good", split="fold1") - ev.sel(layer="noise", split="fold1")) * score.sst.sel(split="fold1")
    assert step.numbers["gap_to_oracle"] == pytest.approx(float((lost / score.sst.sum("split")).mean()))


def test_a_corrected_value_above_one_is_explained(toy):
    score = scored("-m", "toy", "-b", toy)
    assert "it exceeds the reliability" not in told(score)[1]
    numbers = told(score)[0]["Ceiling"].numbers
    drawn = score.draws.sel(measure="ceiling").values
    assert (numbers["low"], numbers["high"]) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=1e-6)
    assert numbers["low"] < numbers["ceiling"] < numbers["high"]
    ceiling = score.ceiling.copy(data=[0.5, 0.6, 1.0, -0.2, 1.0])
    steps, text = told(score.assign(ceiling=ceiling))
    step = steps["Explained variance over the ceiling"]
    assert (step.numbers["n_sites"], step.numbers["n_sites_above_1"]) == (5, 2)
    assert "At 2 sites it exceeds the reliability: both are estimates" in text
    assert "1 site has a reliability of 0 or less." in text


def test_without_repetitions_there_is_no_ceiling(toy, home):
    recordings = toy_recordings(repetitions=1)
    write_recordings(recordings, home / "data" / "toy.h5")
    steps, text = told(scored("-m", "toy", "-b", toy))
    assert "noise and signal cannot be told apart" in text
    assert "once each or as means over repetitions" in text
    assert "Explained variance over the ceiling" not in steps


def test_sites_that_are_not_scored_are_named(toy, home):
    recordings = toy_recordings()
    values = recordings.responses.values.copy()
    values[:, 3, 2] = np.nan
    gaps = make_responses(values, recordings.stimuli.ids)
    write_recordings(type(recordings)("toy", recordings.stimuli, gaps, recordings.about), home / "data" / "toy.h5")
    steps, text = told(scored("-m", "toy", "-b", toy))
    assert steps["Sites that are not scored"].numbers == {"n_sites": 5, "n_sites_scored": 4}
    assert "take no part in any mean: site002." in text
    assert "Sums of squares are added up over 4 splits" in text
    assert "Then averaged over 4 sites" in text


def test_the_interval_says_what_was_drawn(toy):
    score = scored("-m", "toy", "-b", toy)
    steps, text = told(score)
    drawn = score.draws.sel(measure="explained_variance").values
    step = steps["The interval of explained variance"]
    assert step.numbers["draws"] == 2000
    assert (step.numbers["low"], step.numbers["high"]) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=1e-6)
    assert step.numbers["drawn"] == "80 images × 5 sites"
    assert "resamples the held-out images and the sites, with replacement" in text
    assert "within their split" not in text
    assert "There are few sites to draw from" in text
    steps, text = told(scored("-m", "toy", "-b", toy, "--metric", "cka"))
    assert steps["The interval of CKA"].numbers["drawn"] == "80 images × 5 sites"
    assert "There are few sites to draw from" not in text
    assert "when groups of images, and then groups of sites or subjects, are left out" in text


@pytest.mark.slow
def test_layers_together_are_laid_out(toy):
    score = scored("-m", "toy", "-b", toy, "--metric", "stacked")
    steps, text = told(score)
    step = steps["What each layer contributes"]
    assert [row["layer"] for row in step.numbers["contributions"]] == ["noise", "good"]
    sums = (score.explained_variance.sel(layer="stacked") * score.sst).sum("split") / score.sst.sum("split")
    ev = float(sums.mean())
    assert step.numbers["sum_of_shares"] == pytest.approx(ev, abs=1e-9)
    assert "No layer was chosen: stacked reads all layers together" in text
    pooled = (score.explained_variance * score.sst).sum("split") / score.sst.sum("split")
    loss = pooled.sel(layer=["noise", "good"]).max("layer").values - pooled.sel(layer="stacked").values
    numbers = steps["The layers together and alone"].numbers
    assert numbers["sites_below_their_best_layer"] == (loss > 0).sum() > 0
    assert numbers["mean_loss_there"] == pytest.approx(loss[loss > 0].mean())
    assert numbers["largest_loss"] == pytest.approx(loss.max())
    assert f"At {(loss > 0).sum()} of {len(loss)} sites the layers together explain less" in text
    assert [row["layer"] for row in steps["Layers and their Grams"].numbers["layers"]] == ["noise", "good"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "said", "steps"),
    [
        (
            "shuffled",
            "toy (none), with its activations shuffled over the images from seed",
            {"The choice of the layer"},
        ),
        ("ceiling", "predictions without any error, judged by the same noisy responses", {"Ceiling"}),
        ("pixels", "The model is pixels (from itbench), which has no weights", {"The metric"}),
    ],
)
def test_baselines_are_told_as_what_they_are(kind, said, steps, toy):
    done = run("baselines", "-b", toy, "-m", "toy", "--json")
    (file,) = [row["file"] for row in json.loads(done.stdout) if row.get("baseline") == kind]
    found, text = told(read_score(Path(file)))
    assert said in text
    assert steps <= set(found)
    assert ("Training images and held-out images" in found) == (kind != "ceiling")


def test_it_says_when_where_and_by_what(toy):
    score = scored("-m", "toy", "-b", toy)
    text, said = told(score)[1], provenance(score)
    assert f"{said['date']}, {said['machine']['system']} on {said['machine']['processor']}." in text
    assert f"numpy {said['versions']['numpy']}" in text
    wheel = {**said, "git": {"commit": None, "dirty": None}}
    assert "From an installed package." in told(score.assign_attrs(provenance=json.dumps(wheel)))[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "unknown score"),
        (["nothing.nc"], "No score file nothing.nc"),
        (["torn.nc"], "truncated or was altered"),
        (["text.nc"], "is no score file: it is text"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, said, toy):
    path = write_score(scored("-m", "toy", "-b", toy), Path("scores"))
    Path("torn.nc").write_bytes(path.read_bytes()[:-1])
    Path("text.nc").write_text("not a score")
    done = run("explain", *arguments)
    assert done.exit_code == 1
    assert said in done.stderr
