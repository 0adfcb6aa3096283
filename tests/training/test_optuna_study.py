"""A study in a file: it finds an optimum known in closed form, and being broken off changes nothing."""

import math

import pytest

from itbench.errors import DamagedFile, NoSpace
from itbench.models.recipe import Recipe
from itbench.training.optuna_study import OptunaStudy, TrialResult
from itbench.training.search_space import recipe_values, search_space
from tests.kit.commands import run_python

RECIPE = Recipe(
    lr=0.5,
    tune={"lr": {"low": 1e-4, "high": 1, "log": True}, "warmup": {"low": 0.0, "high": 0.9}, "augment": [[], ["flip"]]},
)
BEST = {"lr": 0.02, "warmup": 0.3}


def value(changes):
    """A peak at `BEST`, higher with the mirror."""
    distance = math.log10(changes["lr"] / BEST["lr"]) ** 2 + (changes["warmup"] - BEST["warmup"]) ** 2
    return 1 - distance - 0.2 * (changes["augment"] == [])


def attempt(changes):
    return TrialResult(value(changes), 7, 0.25)


def search(path, recipe=RECIPE, seed=0):
    space = search_space(recipe)
    return OptunaStudy(path, space, recipe_values(recipe, space), seed)


def test_the_first_trial_is_the_recipe_itself(tmp_path):
    found = search(
        tmp_path / "a.journal", recipe := Recipe(lr=0.5, warmup=0.1, augment=(), tune=RECIPE.tune)
    ).run_trial(attempt)
    assert found.changes == {"lr": recipe.lr, "warmup": recipe.warmup, "augment": []}
    assert (found.number, found.state, found.epochs, found.seconds) == (1, "complete", 7, 0.25)
    assert found.value == value(found.changes)


def test_an_optimum_is_found_closer_than_by_chance(tmp_path):
    study = search(tmp_path / "a.journal")
    trials = [study.run_trial(attempt) for _ in range(40)]
    best = max(trials, key=lambda trial: trial.value)
    assert len({trial.changes["lr"] for trial in trials}) == 40  # nothing is tried twice
    assert best.changes["augment"] == ["flip"]
    assert best.changes["lr"] == pytest.approx(BEST["lr"], rel=0.35)
    assert best.changes["warmup"] == pytest.approx(BEST["warmup"], abs=0.15)
    late = [trial.value for trial in trials[20:]]
    assert sum(late) / 20 > sum(trial.value for trial in trials[:10]) / 10 + 0.3  # it learns from earlier trials


def test_trials_that_were_broken_off_change_nothing(tmp_path):
    whole = search(tmp_path / "whole.journal")
    undisturbed = [whole.run_trial(attempt) for _ in range(14)]  # random ones first, then suggested ones

    def broken_off(changes):
        raise KeyboardInterrupt

    for number in range(14):
        again = search(tmp_path / "broken.journal")
        assert again.trials() == undisturbed[:number]
        with pytest.raises(KeyboardInterrupt):
            again.run_trial(broken_off)
        search(tmp_path / "broken.journal").run_trial(attempt)
    assert search(tmp_path / "broken.journal").trials() == undisturbed


def test_a_file_cut_off_anywhere_goes_on_from_its_last_whole_trial(tmp_path):
    whole, path = search(tmp_path / "whole.journal"), tmp_path / "cut.journal"
    undisturbed = [whole.run_trial(attempt) for _ in range(2)]
    content = (tmp_path / "whole.journal").read_bytes()
    for length in range(0, len(content), 101):
        path.write_bytes(content[:length].replace(b'"whole"', b'"cut"'))
        again = search(path)
        done = again.trials()
        assert done == undisturbed[: len(done)]
        assert [*done, *(again.run_trial(attempt) for _ in undisturbed[len(done) :])] == undisturbed
    assert len(done) == 1  # the last cut was within the second trial


def test_another_seed_tries_other_values_after_the_first(tmp_path):
    first, second = (search(tmp_path / f"{seed}.journal", seed=seed) for seed in (0, 1))
    assert [first.run_trial(attempt).changes["lr"], second.run_trial(attempt).changes["lr"]] == [RECIPE.lr] * 2
    assert first.run_trial(attempt).changes != second.run_trial(attempt).changes


def test_a_trial_that_fails_is_kept_with_its_reason_and_not_tried_again(tmp_path):
    study = search(tmp_path / "a.journal")
    study.run_trial(attempt)

    def diverge(changes):
        raise ValueError("the loss became nan\nin epoch 3")

    failed = study.run_trial(diverge)
    assert (failed.state, failed.value, failed.error) == ("failed", None, "ValueError: the loss became nan")
    nothing = study.run_trial(lambda changes: TrialResult(math.nan, 7, 0.25))
    assert (nothing.state, nothing.error) == ("failed", "ItbenchError: The value on the validation images is nan.")
    later = study.run_trial(attempt)
    assert later.number == 4
    assert [trial.state for trial in search(tmp_path / "a.journal").trials()] == [
        "complete",
        "failed",
        "failed",
        "complete",
    ]


@pytest.mark.parametrize(("done", "error"), [(0, ValueError), (1, NoSpace)], ids=["the first", "a full disk"])
def test_an_error_that_is_not_about_the_values_ends_the_study(tmp_path, done, error):
    study = search(tmp_path / "a.journal")
    for _ in range(done):
        study.run_trial(attempt)

    def fail(changes):
        raise error("cannot")

    with pytest.raises(error, match="cannot"):
        study.run_trial(fail)
    assert len(search(tmp_path / "a.journal").trials()) == done


def test_a_file_that_is_no_study_is_refused(tmp_path):
    (tmp_path / "a.journal").write_text("nothing of the kind\n" * 3)
    with pytest.raises(DamagedFile, match=r"a\.journal cannot be read as a study"):
        search(tmp_path / "a.journal")


def test_without_optuna_the_command_that_installs_it_is_named(tmp_path):
    code = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "optuna":
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Blocker())
from pathlib import Path
from itbench.training.optuna_study import OptunaStudy
OptunaStudy(Path("a.journal"), {}, {}, 0)
"""
    done = run_python(code)
    assert "ItbenchError: Tuning needs optuna, which is not installed.\npip install 'itbench[tune]'" in done.stderr
    assert not (tmp_path / "work" / "a.journal").exists()


def test_optuna_reads_the_file(tmp_path):
    import optuna

    study = search(tmp_path / "a.journal")
    for _ in range(3):
        study.run_trial(attempt)
    journal = optuna.storages.journal.JournalFileBackend(str(tmp_path / "a.journal"))
    theirs = optuna.load_study(study_name="a", storage=optuna.storages.JournalStorage(journal))
    assert theirs.best_value == max(trial.value for trial in study.trials())
