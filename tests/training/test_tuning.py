"""Tuning: a study a split that sees training images alone, goes on after a kill, and is what a score learns by."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from itbench.data.recordings_file import write_recordings
from itbench.models.recipe import Recipe
from itbench.plugins import load_plugins
from itbench.results.score_file import provenance, read_score
from itbench.scoring.plan import plan_run
from itbench.training.tuning import judge_of
from tests.kit.commands import ROOT, run, run_python
from tests.kit.plain_trainables import BEST_LR
from tests.kit.toy import toy_recordings

PLUGIN = ROOT / "tests" / "kit" / "plain_trainables.py"


@pytest.fixture
def shrunk(toy, monkeypatch):
    """The toy benchmark without noise, and a model that explains all of it by one recipe: lr BEST_LR, tilt 0."""
    monkeypatch.setenv("ITBENCH_PLUGINS", str(PLUGIN))
    replace_recordings(toy, toy_recordings(noise=0.0))
    return toy


def replace_recordings(toy, recordings):
    path = toy.parent / "data" / "toy.h5"
    path.unlink()
    write_recordings(recordings, path)


def explained(changes):
    """The explained variance of predictions that are shrunk, of sites without noise."""
    scale = 1 / (1 + np.log10(changes["lr"] / BEST_LR) ** 2 + changes["options.tilt"] ** 2)
    return 1 - (1 - scale) ** 2


def tuned(toy, *arguments, trials=3):
    """Run itbench tune and return its JSON."""
    done = run("tune", "shrunk", "-b", toy, "--trials", str(trials), "--json", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def untimed(studies):
    """Return studies without what no two runs share."""
    for study in studies:
        for trial in study["trials"]:
            del trial["seconds"]
    return studies


@pytest.mark.slow
def test_every_split_has_a_study_and_a_file_of_its_best_recipe(shrunk, home):
    studies = tuned(shrunk)
    assert [study["split"] for study in studies] == ["fold0", "fold1", "fold2", "fold3"]
    assert len({study["best"] for study in studies}) == 4
    for study in studies:
        assert len(study["trials"]) == 3
        best = study["trials"][0]
        assert best["inner_explained_variance"] == max(trial["inner_explained_variance"] for trial in study["trials"])
        with open(study["best"], encoding="utf-8") as file:
            assert yaml.safe_load(file) == best["changes"]
    Path(study["best"]).with_suffix(".training").mkdir()  # as a process leaves it that is killed after its last trial
    assert tuned(shrunk) == studies
    kept = sorted(path.suffix for path in (home / "studies").iterdir())
    assert kept == [".journal"] * 4 + [".yaml"] * 4  # neither weights nor locks stay


@pytest.mark.slow
def test_the_known_optimum_is_found(shrunk):
    (study,) = tuned(shrunk, "--split", "fold1", trials=30)
    for trial in study["trials"]:
        if trial["state"] == "complete":
            assert trial["inner_explained_variance"] == pytest.approx(explained(trial["changes"]), abs=1e-9)
        else:
            assert trial["error"] == "ValueError: a tilt of 1.0 is too steep"
            assert trial["changes"]["options.tilt"] == 1
    best = study["trials"][0]["changes"]
    assert best["options.tilt"] == 0
    assert best["lr"] == pytest.approx(BEST_LR, rel=0.5)
    assert explained(best) > 0.99
    assert [trial["state"] for trial in study["trials"]] == sorted(trial["state"] for trial in study["trials"])


@pytest.mark.parametrize(
    ("losses", "key", "sign"),
    [
        ({"responses": 1, "classes": 1}, "inner_explained_variance", 1),
        ({"teacher": 1}, "inner_explained_variance", 1),
        ({"classes": 1, "picture": 1}, "inner_accuracy", 1),
        ({"picture": 1}, "inner_loss", -1),  # the smaller the better
    ],
)
def test_trials_are_judged_by_what_training_raises(losses, key, sign):
    judge = judge_of(Recipe(losses=losses, label="category", teacher={"model": "pixels"}))
    assert (judge.key, judge.sign) == (key, sign)


def test_the_table_has_the_best_trial_first_and_says_where_its_recipe_is(shrunk):
    shown = run("tune", "shrunk", "-b", shrunk, "--trials", "4", "--split", "fold2")
    (study,) = tuned(shrunk, "--split", "fold2", trials=4)
    lines = shown.stdout.splitlines()
    heading, first = ([cell.strip() for cell in lines[number].split("|")[1:-1]] for number in (2, 4))
    best = study["trials"][0]
    assert lines[0] == "fold2"
    assert heading == ["trial", "lr", "options.tilt", "inner EV", "epochs", "seconds", "state"]
    assert first[0] == str(best["number"])
    assert float(first[1]) == pytest.approx(best["changes"]["lr"], rel=1e-2)
    assert first[3:5] == [f"{best['inner_explained_variance']:.3f}", "3"]
    assert f"Best recipe: {study['best']}" in lines
    first_trial = f"inner EV {explained({'lr': 0.3, 'options.tilt': 0.5}):.3f} by lr 0.3, options.tilt 0.5"
    assert f"shrunk on toy: fold2, trial 1 of 4: {first_trial}\n" in shown.stderr


def test_trials_is_the_total_that_is_wanted(shrunk, tmp_path, monkeypatch):
    monkeypatch.setenv("ITBENCH_TEST_LOG", str(tmp_path / "log"))
    two = tuned(shrunk, "--split", "fold0", trials=2)
    five = tuned(shrunk, "--split", "fold0", trials=5)
    again = tuned(shrunk, "--split", "fold0", trials=4)  # fewer than there are
    assert again == five
    kept = [trial for trial in five[0]["trials"] if trial["number"] <= 2]
    assert sorted(map(str, kept)) == sorted(map(str, two[0]["trials"]))
    assert (tmp_path / "log").read_text().count("began") == 5


@pytest.mark.parametrize(
    "difference",
    [["--seed", "1"], ["--recipe", "epochs=4"], ["--recipe", "options.tilt=0.4"]],
    ids=["seed", "recipe", "options"],
)
def test_another_seed_or_recipe_is_another_study(shrunk, difference):
    (first,) = tuned(shrunk, "--split", "fold0", trials=1)
    (other,) = tuned(shrunk, "--split", "fold0", *difference, trials=1)
    assert first["best"] != other["best"]


@pytest.mark.slow
def test_held_out_responses_do_not_enter_a_study(shrunk, tmp_path, monkeypatch):
    """Noise in their place leaves names, values and inner explained variances as they were, to the last digit."""
    before = tuned(shrunk, "--split", "fold0", trials=12)
    recordings = toy_recordings(noise=0.0)
    held_out = plan_run(load_plugins(), "shrunk", str(shrunk)).benchmark.splits.divide(
        len(recordings.stimuli), recordings.stimuli.metadata
    )
    noise = 100 * np.random.default_rng(1).standard_normal(recordings.responses.shape)
    recordings.responses[:, held_out[0].test] = noise[:, held_out[0].test]
    monkeypatch.setenv("ITBENCH_STUDIES", str(tmp_path / "other"))
    replace_recordings(shrunk, recordings)
    after = tuned(shrunk, "--split", "fold0", trials=12)
    assert after[0]["best"].rpartition("/")[2] == before[0]["best"].rpartition("/")[2]
    assert untimed(after)[0]["trials"] == untimed(before)[0]["trials"]
    (other,) = untimed(tuned(shrunk, "--split", "fold1", trials=2))  # whose training images these are
    assert other["trials"][0]["inner_explained_variance"] < 0.5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pixels"], "pixels is not trained on recordings"),
        (["shrunk", "--split", "fold9"], "unknown split 'fold9'"),
        (["shrunk", "--recipe", "tune.lr=[0]"], "tune, lr: The recipe's key 'lr' must be a number above 0"),
        (["shrunk", "--recipe", "tune.ephocs=[1]"], "Did you mean epochs"),
        (["shrunk", "--recipe", "tune.lr={low: 1, high: 0}"], "low must be a number below high"),
        (["shrunk", "--recipe", "validation=0", "--recipe", "patience=0"], "--recipe validation=0.1"),
        (["shrunk", "--recipe", "tune={options.tild: [0.1]}"], "unknown option of shrunk 'tild'"),
        (["silent"], "silent does not say its inner_explained_variance, by which trials are judged"),
        (["silent", "--recipe", "losses={picture: 1}"], "silent does not say its inner_loss"),
    ],
)
def test_what_cannot_be_tuned_is_one_error(shrunk, home, arguments, said):
    done = run("tune", *arguments, "-b", shrunk, "--trials", "1")
    assert done.exit_code == 1
    assert said in done.stderr
    assert done.stderr.count("Error:") == 1
    assert not list((home / "studies").glob("*.yaml"))


@pytest.mark.slow
def test_without_optuna_the_command_that_installs_it_is_named(shrunk):
    code = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "optuna":
            raise ModuleNotFoundError(f"No module named {{name!r}}")
sys.meta_path.insert(0, Blocker())
from itbench.cli import main
main(["tune", "shrunk", "-b", {str(shrunk)!r}])
"""
    done = run_python(code)
    assert done.returncode == 1
    assert done.stderr == "Error: Tuning needs optuna, which is not installed.\npip install 'itbench[tune]'\n"


@pytest.mark.slow
def test_two_processes_do_not_tune_one_split_at_once(shrunk, home):
    command = ["tune", "shrunk", "-b", str(shrunk), "--split", "fold0"]
    first = start(*command, seconds=60)
    try:
        wait_until(lambda: list((home / "studies").glob("*.journal")))
        second = run(*command)
    finally:
        first.kill()
        first.wait()
    assert second.exit_code == 1
    assert f"shrunk on toy, fold0, is being tuned by process {first.pid}" in second.stderr


@pytest.mark.slow
def test_a_score_learns_by_each_splits_own_best_recipe(shrunk):
    studies = [tuned(shrunk, "--split", f"fold{number}", trials=1 + 2 * number)[0] for number in range(4)]
    best = {study["split"]: study["trials"][0]["changes"] for study in studies}
    assert len({changes["lr"] for changes in best.values()}) > 2
    plain, score = (
        json.loads(run("score", "-m", "shrunk", "-b", shrunk, "--json", *more).stdout)[0] for more in ([], ["--tuned"])
    )
    assert plain["file"] != score["file"]
    own = read_score(Path(plain["file"])).explained_variance
    np.testing.assert_allclose(own, explained({"lr": 0.3, "options.tilt": 0.5}), atol=1e-9)
    found = read_score(Path(score["file"])).explained_variance
    told = {split["split"]: split for split in provenance(read_score(Path(score["file"])))["sources"][0]["splits"]}
    for split, changes in best.items():
        np.testing.assert_allclose(found.sel(split=split), explained(changes), atol=1e-9)
        tilt = {"options": {"tilt": changes["options.tilt"]}} if changes["options.tilt"] != 0.5 else {}
        assert told[split]["tuned"] == {**({"lr": changes["lr"]} if changes["lr"] != 0.3 else {}), **tilt}


@pytest.mark.slow
def test_a_network_is_tuned_and_scored_by_what_was_best(toy):
    searched = "tune={lr: {low: 1e-3, high: 0.1, log: true}}"
    small = ["epochs=6", "options.widths=[8]", "options.pixels=16", "lr=1e-3", searched]
    changes = [word for change in small for word in ("--recipe", change)]
    done = run("tune", "cnn-2", "-b", toy, "--trials", "3", "--json", *changes)
    assert done.exit_code == 0, done.stderr
    studies = json.loads(done.stdout)
    scored = run("score", "-m", "cnn-2", "-b", toy, "--tuned", "--json", *changes)
    assert scored.exit_code == 0, scored.stderr
    told = provenance(read_score(Path(json.loads(scored.stdout)[0]["file"])))["sources"][0]["splits"]
    for study, split in zip(studies, told, strict=True):
        best, own = study["trials"][0], next(trial for trial in study["trials"] if trial["number"] == 1)
        assert own["changes"] == {"lr": 1e-3}
        assert best["inner_explained_variance"] >= own["inner_explained_variance"]
        assert split["inner_explained_variance"] == best["inner_explained_variance"]  # trained as in its trial


@pytest.mark.slow
def test_a_score_of_a_split_without_a_study_names_the_command_that_makes_it(shrunk, home):
    changes = ["--recipe", "epochs=5", "--recipe", "losses.classes=0"]
    tuned(shrunk, "--split", "fold0", *changes, "--seed", "2", trials=1)
    done = run("score", "-m", "shrunk", "-b", shrunk, "--tuned", *changes, "--seed", "2")
    assert done.exit_code == 1
    assert "shrunk on toy has not been tuned on fold1 from this recipe, these weights and this seed." in done.stderr
    assert not list((home / "trained").glob("*"))  # nothing was trained before
    command = done.stderr.splitlines()[-1].removeprefix("Tune it first: ")
    again = run(*shlex.split(command)[1:], "--trials", "1")  # as it is printed
    assert again.exit_code == 0
    assert run("score", "-m", "shrunk", "-b", shrunk, "--tuned", *changes, "--seed", "2").exit_code == 0


def test_a_best_recipe_that_was_made_unreadable_is_an_error(shrunk):
    for study in tuned(shrunk, trials=1):
        Path(study["best"]).write_text("lr: 0.1\nephocs: 3\n")
    done = run("score", "-m", "shrunk", "-b", shrunk, "--tuned")
    assert done.exit_code == 1
    assert "Did you mean epochs" in done.stderr


@pytest.mark.slow
def test_a_study_killed_again_and_again_has_no_lost_and_no_doubled_trial(shrunk, tmp_path, monkeypatch):
    undisturbed = untimed(tuned(shrunk, "--split", "fold0", trials=14))
    log = tmp_path / "log"
    log.touch()
    monkeypatch.setenv("ITBENCH_STUDIES", str(tmp_path / "killed"))
    monkeypatch.setenv("ITBENCH_TEST_LOG", str(log))
    rng = np.random.default_rng(0)
    for _ in range(4):
        process = start("tune", "shrunk", "-b", str(shrunk), "--split", "fold0", "--trials", "14", seconds=0.3)
        begun = log.read_text().count("began")
        wait_until(lambda begun=begun: log.read_text().count("began") > begun)
        time.sleep(rng.uniform(0, 0.7))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert untimed(tuned(shrunk, "--split", "fold0", trials=14))[0]["trials"] == undisturbed[0]["trials"]
    assert log.read_text().count("began") <= 14 + 4


def start(*command, seconds):
    """Start an itbench command whose every fit takes some seconds."""
    environment = {**os.environ, "FIT_SECONDS": str(seconds)}
    arguments = [sys.executable, "-m", "itbench", *command]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until(happened):
    for _ in range(1200):
        if happened():
            return
        time.sleep(0.05)
    raise TimeoutError
