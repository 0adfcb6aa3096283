"""Commands before trainable models: each does what it says, or refuses with one message."""

import json
import shlex
import shutil

import pytest

from itbench.data.recordings_file import write_recordings
from tests.kit.commands import ROOT, run
from tests.kit.toy import toy_recordings

PLUGIN = ROOT / "tests" / "kit" / "broken_trainables.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a home and scores of a model that learns (NumPy): by itself, by ridge, by another recipe."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITBENCH_HOME", str(folder / "home"))
        patch.setenv("ITBENCH_PLUGINS", str(PLUGIN))
        patch.chdir(folder)
        write_recordings(toy_recordings(), folder / "home" / "data" / "toy.h5")
        toy = folder / "home" / "toy.yaml"
        toy.write_text("name: toy\ndata: toy\nsplits: {kind: kfold, folds: 4, stratify: category}\n")
        for more in ((), ("--metric", "ridge"), ("--recipe", "options.penalty=100", "--seed", "3")):
            assert run("score", "-b", toy, "-m", "learner", *more).exit_code == 0
        assert run("score", "-b", toy, "-m", "pixels").exit_code == 0
    return folder


@pytest.fixture
def scores(made, home, monkeypatch):
    """A benchmark, with copies of these scores and of what was trained."""
    shutil.copytree(made / "home", home)
    shutil.copytree(made / "leaderboard", "leaderboard")
    monkeypatch.setenv("ITBENCH_PLUGINS", str(PLUGIN))
    return home / "toy.yaml"


def refusal(*arguments):
    done = run(*arguments)
    assert done.exit_code == 1
    assert done.stderr.count("Error: ") == 1
    assert "--debug" not in done.stderr
    return done.stderr


REFUSED = {
    "extract learner --images {toy} --output a.h5": (
        "learner is trained on recordings: its activations depend on the training images.\n"
        "Score its layers on a benchmark: itbench score -m learner --metric ridge"
    ),
    "baselines -b {toy} -m learner": "learner is trained on recordings; baselines are of models that are not.\nLeave",
    "baselines -b {toy} --metric direct": "pixels makes no predictions of its own.",
    "rescore pixels -b {toy} --metric direct": "pixels makes no predictions of its own.\nChoose another metric",
    "score -m learner -b {toy} --layer-from toy": "direct reads no layers.\nRead one out: --metric ridge --layer-from",
    "layers learner": "The layers of learner are known only after training.\nIts score lists them: itbench score -m",
    "layers no-learner": "unknown model 'no-learner'",
    "diff learner pixels -b {toy}": "'learner' stands for 2 scores.",
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "words"), REFUSED.items(), ids=REFUSED)
def test_what_a_model_that_learns_cannot_have_is_refused(arguments, words, scores):
    assert words in refusal(*shlex.split(arguments.format(toy=scores)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["learner--trained-0--toy--ridge", "learner--trained-0--toy--direct"])
def test_a_rescore_is_refused_with_a_command_that_trains_nothing(name, scores, home):
    said = refusal("rescore", f"leaderboard/scores/{name}.nc", "-b", scores, "--metric", "pls")
    assert "learner is trained on recordings: every split has a network, and Grams, of its own.\n" in said
    command = shlex.split(said.splitlines()[-1].partition("kept: ")[2])
    kept = {path: path.stat().st_mtime_ns for path in (home / "trained").iterdir()}
    done = run(*(scores if word == "toy" else word for word in command[1:]))  # a benchmark of a file of its own
    assert done.exit_code == 0, done.stderr
    assert "learner--trained-0--toy--pls.nc" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in (home / "trained").iterdir()} == kept


@pytest.mark.slow
def test_the_command_that_scores_again_repeats_seed_and_recipe(scores):
    said = refusal("rescore", "learner:trained-3", "-b", scores)
    command = said.splitlines()[-1].partition("kept: ")[2]
    assert "--seed 3" in command
    assert "--recipe 'options={\"penalty\": 100}'" in command


def test_the_own_predictions_are_compared_with_a_readout_of_another_model(scores):
    stems = ("learner--trained-0--toy--direct", "pixels--none--toy--ridge")
    done = run("compare", *(f"leaderboard/scores/{stem}.nc" for stem in stems), "-b", scores, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [found[side]["layer"] for side in "ab"] == ["output", "pixels"]
    assert found["departures"] == ["metric: direct against ridge"]


@pytest.mark.slow
def test_a_difference_names_what_differs_in_the_recipe_and_the_seed(scores):
    done = run("diff", "learner:trained-0", "learner:trained-3", "-b", scores, "--metric", "direct")
    assert done.exit_code == 0, done.stderr
    assert "The recipe's options differs.\n   A  {'penalty': 1.0}\n   B  {'penalty': 100}" in done.stdout
    assert "A  trained-0, digest" in done.stdout
    assert done.stdout.count("The recipe's") == 1


@pytest.mark.slow
def test_an_account_says_what_was_learnt_and_mentions_layers_only_where_they_were_read(scores):
    own = run("explain", "learner:trained-0", "-b", scores, "--metric", "direct")
    assert own.exit_code == 0, own.stderr
    assert "Training of the model" in own.stdout
    assert "Gram" not in own.stdout
    read = run("explain", "learner", "-b", scores, "--metric", "ridge")
    assert "Training of the model" in read.stdout
    assert "Layers and their Grams" in read.stdout
    frozen = run("explain", "pixels", "-b", scores)
    assert "Training of the model" not in frozen.stdout


@pytest.mark.slow
def test_leaderboards_show_both_kinds_and_ceilings_need_no_model(scores):
    rows = json.loads(run("leaderboard", "-b", "toy", "--format", "json").stdout)
    names = {(row["model"], row["weights"], row["layer"]) for row in rows}
    learner = {("learner", "trained-0", layer) for layer in ("output", "features")}
    assert {*learner, ("pixels", "none", "pixels")} <= names
    assert run("ceiling", "-b", scores).exit_code == 0


@pytest.mark.parametrize(
    ("model", "layer", "shape"),
    [
        ("finetuned/itbench-tiny", "core.stage4", "112 × 6 × 6"),
        ("ensemble/itbench-tiny", "members.0.core.stage4", "112 × 6 × 6"),
        ("cnn-2", "readout", "8"),
    ],
)
def test_layers_of_a_network_that_learns_are_listed_as_it_is_before(model, layer, shape, home):
    done = run("layers", model, "--json")
    assert done.exit_code == 0, done.stderr
    rows = {row["layer"]: row for row in json.loads(done.stdout)}
    assert rows[layer]["shape"] == shape
    assert [row for row in rows.values() if row["candidate"]]
    assert not (home / "trained").exists()


def test_a_list_of_models_has_those_that_learn_and_families(home):
    rows = {row["model"]: row for row in json.loads(run("models", "--json").stdout)}
    assert {"cnn-2", "finetuned/*"} <= set(rows)
    members = json.loads(run("models", "finetuned/*tiny*", "--json").stdout)
    assert "finetuned/itbench-tiny" in [row["model"] for row in members]
