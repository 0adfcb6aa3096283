"""Baselines are scores like all others; what each of them must be is known beforehand."""

import json

import numpy as np
import pytest
import torch
from sklearn.model_selection import StratifiedKFold

from itbench.api.score import score_model
from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import write_recordings
from itbench.data.stimuli import StimulusSet
from itbench.extraction.gram_cache import GramCache
from itbench.models.weights import Weights
from itbench.plugins import load_plugins
from itbench.results.score_file import provenance, read_score
from itbench.results.summary import summary
from itbench.statistics.brainscore import internal_consistency
from itbench.statistics.reliability import split_half
from itbench.sweeps.baselines import plan_baselines
from itbench.util.progress import SilentReporter
from tests.kit.commands import run
from tests.kit.toy import toy_recordings, toy_with

NO_OBJECT = {"object-label": "the stimuli of toy have no coordinate 'object' or 'object_name'"}


def scored(folder):
    """Return the scores of a folder by the kind of baseline."""
    return {score.attrs.get("baseline"): score for score in map(read_score, sorted(folder.glob("*.nc")))}


def one(kind, benchmark, **how):
    """Score one baseline."""
    planned = {each.kind: each for each in plan_baselines(load_plugins(), str(benchmark), SilentReporter(), **how)}
    return planned[kind].score(GramCache(), SilentReporter())


def reasons(benchmark, **how):
    """Return why baselines are left out, by kind."""
    planned = plan_baselines(load_plugins(), str(benchmark), SilentReporter(), **how)
    return {each.kind: each.missing for each in planned if each.missing}


def record_anew(home, recordings):
    (home / "data" / "toy.h5").unlink()
    write_recordings(recordings, home / "data" / "toy.h5")


def two_animals():
    recordings = toy_recordings()
    named = recordings.responses.assign_coords(animal=("site", ["Chabo", "Tito", "Chabo", "Tito", "Chabo"]))
    return Recordings("toy", recordings.stimuli, named, recordings.about)


@pytest.mark.slow
def test_one_command_scores_them_all(home, toy):
    record_anew(home, two_animals())
    done = run("baselines", "-b", toy, "--results", "scores")
    assert done.exit_code == 0, done.output
    found = scored(home.parent / "work" / "scores")
    names = {kind: (score.attrs["model"], score.attrs["weights"]) for kind, score in found.items()}
    assert names == {
        "pixels": ("pixels", "none"),
        "gabor": ("gabor", "none"),
        "random": ("itbench-tiny", "random-0"),
        "shuffled": ("pixels-shuffled", "none"),
        "animals": ("other-animals", "none"),
        "ceiling": ("ceiling", "none"),
    }
    for model, _ in names.values():
        assert f"| {model} " in done.stdout
    assert summary(found["ceiling"])["value"] > summary(found["pixels"])["value"] > 0.2


@pytest.mark.slow
def test_what_cannot_be_had_is_left_out_with_a_reason(home, toy):
    done = run("baselines", "-b", toy, "-m", "toy", "--json")
    assert done.exit_code == 0, done.output
    assert [row["baseline"] for row in json.loads(done.stdout)] == ["pixels", "gabor", "shuffled", "ceiling"]
    assert "random on toy: left out: toy has no random weights" in done.stderr
    assert "animals on toy: left out: toy: unknown site coordinate 'animal'" in done.stderr


@pytest.mark.parametrize(
    ("metric", "left_out"),
    [
        ("ridge", {**NO_OBJECT, "animals": "toy: unknown site coordinate 'animal'"}),
        ("one-to-one", {**NO_OBJECT,
                        "animals": "one-to-one is no readout of a single layer, as which other animals are read",
                        "shuffled": "one-to-one reads activations, and what is shuffled are Grams"}),
        ("rsa", {**NO_OBJECT, "animals": "rsa is no readout of a single layer, as which other animals are read",
                 "ceiling": "repetitions say how well sites can be predicted, not what rsa can reach"}),
    ],
)  # fmt: skip
def test_which_baselines_a_metric_has(toy, metric, left_out):
    assert reasons(toy, metric=metric) == left_out


def test_means_over_repetitions_have_no_ceiling_and_one_animal_predicts_none(home, toy):
    recordings = toy_recordings(repetitions=1)
    alone = recordings.responses.assign_coords(animal=("site", ["Chabo"] * 5))
    record_anew(home, Recordings("toy", recordings.stimuli, alone, recordings.about))
    assert reasons(toy) == {
        **NO_OBJECT,
        "animals": "All 5 sites of toy that can be scored are of one animal, 'Chabo'",
        "ceiling": "toy holds means over repetitions",
    }


@pytest.mark.slow
def test_what_was_scored_before_is_kept_unless_asked_or_recorded_anew(home, toy):
    folder = home.parent / "work" / "scores"

    def stamps(*more):
        done = run("baselines", "-b", toy, "-m", "toy", "--results", folder, *more)
        assert done.exit_code == 0, done.output
        return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.nc")}, done.stderr

    first, said = stamps()
    assert "scored before" not in said
    second, said = stamps()
    assert second == first
    assert said.count("scored before") == len(first) == 4
    again, _ = stamps("--again")
    assert all(again[name] > first[name] for name in first)
    toy.write_text(toy.read_text().replace("folds: 4", "folds: 5"))
    divided, _ = stamps()
    assert all(divided[name] > again[name] for name in first)
    record_anew(home, toy_recordings(seed=1))
    other, _ = stamps()
    assert all(other[name] > divided[name] for name in first)
    (folder / "ceiling--none--toy--ridge.nc").write_bytes(b"torn")
    mended, _ = stamps()
    assert {name for name in first if mended[name] > other[name]} == {"ceiling--none--toy--ridge.nc"}


@pytest.mark.slow
def test_a_score_that_is_there_becomes_a_baseline_without_being_scored_again(home, toy):
    assert run("score", "-m", "pixels", "-b", toy, "--results", "scores").exit_code == 0
    (path,) = (home.parent / "work" / "scores").glob("*.nc")
    before = read_score(path)
    assert "baseline" not in before.attrs
    assert run("baselines", "-b", toy, "-m", "toy", "--results", "scores").exit_code == 0
    after = read_score(path)
    assert after.attrs.pop("baseline") == "pixels"
    assert after.identical(before)


@pytest.mark.slow
def test_shuffled_images_explain_nothing_where_the_model_explains_much(toy):
    model = summary(score_model("toy", str(toy)))
    shuffled = summary(one("shuffled", toy, model="toy"))
    assert shuffled["model"] == "toy-shuffled"
    assert model["low"] > 0.5
    assert shuffled["value"] < 0.05
    assert shuffled["low"] < 0.0


@pytest.mark.parametrize("name", ["object", "object_name"])
def test_object_labels_predict_the_training_mean_of_the_object(home, toy, name):
    objects = np.random.default_rng(0).choice(["ant", "bee", "cow"], 80)
    record_anew(home, toy_with(**{name: objects}))
    score = one("object-label", toy, metric="ols")
    assert (score.attrs["model"], list(score.layer.values), list(score.n_features.values)) == (
        "object-label",
        [name],
        [3],
    )
    assert provenance(score)["sources"] == []
    responses = toy_recordings().responses.astype("float32").mean("repetition").values
    for number, split in enumerate(
        StratifiedKFold(4, shuffle=True, random_state=0).split(objects, ["cat", "dog"] * 40)
    ):
        train, test = split
        means = {key: responses[train[objects[train] == key]].mean(axis=0) for key in set(objects)}
        predicted = np.array([means[key] for key in objects[test]])
        error = (responses[test] - predicted).var(axis=0) / responses[test].var(axis=0)
        np.testing.assert_allclose(score.explained_variance.values[number, 0], 1 - error, atol=1e-6)


def test_object_labels_explain_nothing_of_objects_that_training_has_not_seen(home, toy):
    record_anew(home, toy_with(object=np.repeat(list("abcdefgh"), 10)))
    toy.write_text("name: toy\ndata: toy\nsplits: {kind: kfold, folds: 4, group: object}\n")
    score = one("object-label", toy)
    np.testing.assert_allclose(score.explained_variance.values, 0, atol=1e-12)
    np.testing.assert_array_equal(score.correlation.values, 0)


@pytest.mark.parametrize(
    ("objects", "metric"), [(["ant"] * 80, None), (range(80), None), (["ant", "bee"] * 40, "one-to-one")]
)
def test_object_labels_that_say_nothing_or_cannot_be_read_are_left_out(home, toy, objects, metric):
    record_anew(home, toy_with(object=map(str, objects)))
    expected = "all images of toy show one object, or each another"
    expected = "one-to-one reads activations, and a label has none" if metric else expected
    assert reasons(toy, metric=metric)["object-label"] == expected


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["ridge", "stacked", "rsa"])
def test_shuffling_is_showing_the_images_in_another_order(home, toy, metric):
    recordings = toy_recordings()
    order = np.random.default_rng(3).permutation(80)
    moved = StimulusSet(recordings.stimuli.ids, recordings.stimuli.images[order], recordings.stimuli.metadata)
    write_recordings(Recordings("toy", moved, recordings.responses, {"region": "V4"}), home / "data" / "moved.h5")
    benchmark = home / "moved.yaml"
    benchmark.write_text(toy.read_text().replace("toy", "moved"))
    shuffled = one("shuffled", toy, model="toy", metric=metric, seed=3)
    expected = score_model("toy", str(benchmark), metric=metric)
    measure = "value" if metric == "rsa" else "explained_variance"
    np.testing.assert_allclose(shuffled[measure].values, expected[measure].values, atol=1e-8)
    assert provenance(shuffled)["sources"] == []  # no cached Gram is that of this score


def test_the_ceiling_is_the_reliability_of_every_site(toy):
    score = one("ceiling", toy)
    recordings = toy_recordings()
    splits = Benchmark.read(toy).splits.divide(80, recordings.stimuli.metadata)
    fold = np.argmax([np.isin(np.arange(80), split.test) for split in splits], axis=0)
    reliability = split_half(recordings.responses.astype("float32"), row_split=fold)
    np.testing.assert_allclose(score.explained_variance.values[0, 0], reliability, atol=1e-5)
    np.testing.assert_allclose(score.correlation.values[0, 0], np.sqrt(reliability), atol=1e-5)
    figures = summary(score)
    assert figures["explained_variance_corrected"] == pytest.approx(1)
    assert figures["r2_over_ceiling"] == pytest.approx(1, abs=0.01)
    assert figures["brainscore"] == pytest.approx(1 / figures["ceiling"])  # it squares a ceiling that is no r


def test_a_metric_with_a_ceiling_of_its_own_has_it_as_baseline(toy):
    score = one("ceiling", toy, metric="brainscore-ridge")
    divisions = internal_consistency(toy_recordings().responses.astype("float32"))
    np.testing.assert_allclose(score.explained_variance.values[0, 0], divisions.mean(axis=0), atol=1e-5)


@pytest.mark.slow
def test_the_ceiling_of_synthetic_it_is_the_known_one(synthetic_it):
    score = one("ceiling", "synthetic-it")
    reached = score.explained_variance.values[0, 0]
    known = score.reliability.values  # signal / (signal + noise / repetitions), as simulated
    assert reached.mean() == pytest.approx(known.mean(), abs=0.005)
    assert np.abs(reached - known).mean() < 0.02
    assert summary(score)["correlation"] == pytest.approx(np.sqrt(known).mean(), abs=0.005)


def test_animals_are_predicted_from_one_another(home, toy):
    record_anew(home, two_animals())
    score = one("animals", toy)
    assert list(score.animal.values) == ["Chabo", "Tito", "Chabo", "Tito", "Chabo"]
    assert list(score.layer.values) == ["other animals"]
    assert set(score.draws.measure.values) >= {"explained_variance", "correlation"}
    assert summary(score)["ceiling"] > summary(score)["value"] > -0.1


@pytest.mark.slow
def test_random_weights_are_those_of_the_model_and_the_seed(home, toy):
    for seed in (0, 2):
        done = run("baselines", "-b", toy, "-m", "toy-net", "--weights", "random", "--seed", seed, "--results", "s")
        assert done.exit_code == 0, done.output
    stems = {path.stem for path in (home.parent / "work" / "s").glob("toy-net*")}
    assert {stem for stem in stems if "shuffled" not in stem} == {
        "toy-net--random-0--toy--ridge",
        "toy-net--random-2--toy--ridge",
    }
    assert len({stem for stem in stems if "shuffled" in stem}) == 2  # another seed is another order


@pytest.mark.slow
def test_shuffled_scores_of_two_files_of_weights_do_not_replace_each_other(home, toy, tmp_path):
    network = load_plugins().model("toy-net").factory
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "trained.pt"
        torch.save(network(Weights("random", number)).module.state_dict(), path)
        assert run("baselines", "-b", toy, "-m", "toy-net", "--weights", path, "--results", "s").exit_code == 0
    assert len(list((home.parent / "work" / "s").glob("toy-net-shuffled--trained.pt--*"))) == 2


@pytest.mark.slow
def test_precision_and_pooling_are_of_the_model_that_is_named(toy):
    done = run("baselines", "-b", toy, "-m", "toy-net", "--weights", "random", "--precision", "bfloat16", "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "random"], "Error: --weights random needs a model.\nName one with --model."),
        (["-m", "itbench-tinny"], "Did you mean itbench-tiny?"),
        (["--metric", "rigde"], "Did you mean ridge?"),
        (["-b", "synthetic-itt"], "Did you mean synthetic-it or synthetic-it-noisy or synthetic-it-new-objects?"),
        (["-o", "component=3"], "unknown option of ridge 'component'"),
    ],
)
def test_mistakes_are_named_before_any_work(home, toy, arguments, message):
    where = [] if "-b" in arguments else ["-b", toy]
    done = run("baselines", *where, *arguments, "--results", "scores")
    assert done.exit_code == 1
    assert message in done.stderr
    assert not (home.parent / "work" / "scores").exists()
