"""The layer fixed by another benchmark."""

import json

import pytest

from tests.kit.commands import run


@pytest.fixture
def other(toy):
    """A second benchmark of the same recordings."""
    path = toy.parent / "other.yaml"
    path.write_text("name: other\ndata: toy\nsplits: {kind: kfold, folds: 2, seed: 9}\n")
    return path


@pytest.mark.slow
def test_the_layer_is_the_one_chosen_there_and_the_score_says_so(toy, other):
    assert run("score", "-m", "toy", "-b", other).exit_code == 0
    shown = run("score", "-m", "toy", "-b", toy, "--layer-from", "other", "--json")
    (found,) = json.loads(shown.stdout)
    assert [layer["layer"] for layer in found["layers"]] == ["good"]
    usual = json.loads(run("score", "-m", "toy", "-b", toy, "--json").stdout)[0]
    assert usual["file"] != found["file"]
    assert run("explain", found["file"]).stdout.count("chosen on other") == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "Score it there first: itbench score -m toy -b other --metric ridge"),
        (("-l", "good"), "no --layer"),
        (("--metric", "rigde"), "Did you mean ridge"),
    ],
)
def test_what_cannot_be_is_refused(more, said, toy, other):
    shown = run("score", "-m", "toy", "-b", toy, "--layer-from", "other", *more)
    assert shown.exit_code == 1
    assert said in shown.stderr


@pytest.mark.slow
def test_scores_that_chose_otherwise_are_not_decided_between(toy, other):
    for layer in ("good", "noise"):
        assert run("score", "-m", "toy", "-b", other, "-l", layer).exit_code == 0
    shown = run("score", "-m", "toy", "-b", toy, "--layer-from", "other")
    assert "toy (none) chose good and noise by ridge on other." in shown.stderr
    assert "Name it with --layer" in shown.stderr
