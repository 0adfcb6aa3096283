"""Scores are found by model, benchmark and metric; commands that an error suggests do what they say."""

import json
import re
import shlex

import numpy as np
import pytest

from itbench.results.score_file import read_score, write_score
from tests.kit.commands import run, score_file
from tests.kit.scores import readout_score


@pytest.fixture
def scored(toy, home):
    """The toy model by ridge, on a benchmark of which only the YAML file of the working folder knows."""
    own = home.parent / "work" / "own.yaml"
    own.write_text(toy.read_text().replace("name: toy", "name: own"))
    assert run("score", "-m", "toy", "-b", "own.yaml").exit_code == 0
    return own


def suggested(done, command):
    """Return the words of the commands that an error suggests."""
    return [shlex.split(words)[1:] for words in re.findall(rf"itbench {command} [^\n]*", done.stderr)]


@pytest.mark.parametrize("benchmark", ["own", "own.yaml", None])
def test_a_benchmark_of_a_yaml_file_is_named_by_its_name_or_its_file(benchmark, scored):
    for words in ("explain toy", "scores toy", "compare toy toy", "diff toy toy", "rescore toy", "plot sites toy"):
        done = run(*words.split(), *(["-b", benchmark] if benchmark else []), *["--replace"] * ("plot" in words))
        assert done.exit_code == 0, done.stderr


def test_the_file_of_a_benchmark_must_be_the_one_scored(scored):
    scored.write_text(scored.read_text().replace("folds: 4", "folds: 2"))
    done = run("rescore", "toy", "-b", "own")
    assert done.exit_code == 1
    assert "own.yaml, has changed since the score was made" in done.stderr
    assert "-b own.yaml" in done.stderr
    scored.unlink()
    done = run("rescore", "toy")
    assert done.exit_code == 1
    assert "own.yaml, is not here.\nName it with -b FILE.yaml." in done.stderr
    assert run("explain", "toy", "-b", "own").exit_code == 0  # which needs no benchmark


@pytest.mark.parametrize("command", ["explain", "scores"])
def test_a_benchmark_without_scores_is_no_empty_list(command, scored):
    done = run(command, "toy", "-b", "onw")
    assert done.exit_code == 1
    assert "unknown benchmark 'onw'.\nDid you mean own?" in done.stderr


def test_a_name_without_metric_is_the_score_by_the_default_metric_and_says_so(scored):
    assert run("rescore", "toy", "--metric", "cka").exit_code == 0
    done = run("explain", "toy", "--json")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("\n") == 1
    assert "toy: its score by ridge, the default metric of own; --metric takes another: cka." in done.stderr
    assert json.loads(done.stdout) == json.loads(run("explain", "toy", "--metric", "ridge", "--json").stdout)
    assert run("explain", "toy", "--metric", "cka").stderr == ""


def test_suggested_commands_keep_options_and_work(scored, toy):
    score_file("-m", "toy", "-b", toy, results="leaderboard/scores")
    done = run("explain", "toy", "--json", "--results", "leaderboard/scores")
    assert done.exit_code == 1
    commands = suggested(done, "explain")
    assert len(commands) == 2
    for words in commands:
        assert words[-3:] == ["--results", "leaderboard/scores", "--json"]
        assert json.loads(run(*words).stdout)


def test_the_metric_never_decides_between_weights(home):
    folder = home.parent / "work" / "leaderboard" / "scores"
    rng = np.random.default_rng(0)
    recorded = rng.standard_normal((16, 3))
    for weights, metric in (("pretrained", "ridge"), ("random-0", "pls")):
        write_score(readout_score(recorded, recorded, weights=weights, metric=metric, benchmark="synthetic-it"), folder)
    assert "'net' stands for 2 scores" in run("explain", "net").stderr


def test_a_metric_that_a_model_has_no_score_by_is_made_by_rescoring(scored):
    done = run("explain", "toy", "--metric", "pls")
    assert done.exit_code == 1
    assert "toy has no score by pls.\nIt has scores by: ridge on own." in done.stderr
    (words,) = suggested(done, "rescore")
    assert words == ["rescore", "toy:none", "--metric", "pls", "-b", "own.yaml"]
    assert run(*words).exit_code == 0
    assert run("explain", "toy", "--metric", "pls").exit_code == 0
    assert "unknown metric 'plz'" in run("explain", "toy", "--metric", "plz").stderr


def test_scoring_is_suggested_of_models_that_exist(scored):
    assert "itbench score -m pixels" in run("explain", "pixels").stderr
    done = run("compare", "a", "toy")
    assert "itbench score" not in done.stderr
    assert "List models: itbench models" in done.stderr


def test_the_command_that_makes_a_score_again_names_the_file(scored, home):
    from itbench.results.score_command import score_command

    (path,) = (home.parent / "work" / "leaderboard" / "scores").glob("*.nc")
    assert "-b own.yaml" in score_command(read_score(path))
