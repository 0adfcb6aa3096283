"""A score measured again from cached Grams is what itbench score would say, to the last bit, without the model."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from itbench.data.recordings_file import write_recordings
from itbench.plugins import load_plugins
from itbench.results.score_command import score_command
from itbench.results.score_file import provenance, read_score, write_score
from tests.kit.commands import run, run_python
from tests.kit.toy import toy_recordings

OWN_OPTIONS = {
    "banded": ["-o", "n_iter=3"],
    "brainscore-pls": ["-o", "stratify=none"],
    "brainscore-ridge": ["-o", "stratify=none"],
}


def metrics(*forms):
    return sorted(name for name, entry in load_plugins().metrics.items() if entry.form.name in forms)


def scored(*arguments, results="scores"):
    """Score, and return what was written."""
    done = run("score", *arguments, "--results", results, "--json")
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)
    return Path(row["file"])


def rescored(*arguments, results="again"):
    """Rescore, and return what was written."""
    done = run("rescore", *arguments, "--results", results, "--json")
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)
    return Path(row["file"])


def assert_same(one, other):
    """Hold two score files to be equal but for the date and the seconds."""
    assert one.name == other.name
    first, second = read_score(one), read_score(other)
    said = [
        {key: value for key, value in provenance(score).items() if key not in ("date", "seconds")}
        for score in (first, second)
    ]
    assert said[0] == said[1]
    xr.testing.assert_identical(first.assign_attrs(provenance=""), second.assign_attrs(provenance=""))


@pytest.mark.slow
@pytest.mark.parametrize("metric", metrics("readout", "joint", "comparison"))
def test_every_metric_says_what_it_says_of_the_model(metric, toy):
    source = scored("-m", "toy", "-b", toy)
    options = OWN_OPTIONS.get(metric, [])
    again = rescored(source, "-b", toy, "--metric", metric, *options)
    assert_same(again, scored("-m", "toy", "-b", toy, "--metric", metric, *options))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "toy-net", "--weights", "random", "--seed", "3", "-l", "second"],
        ["-m", "toy", "-l", "noise+good", "-l", "good"],
        ["-m", "toy-net", "--weights", "random", "--degrees", "4"],
        ["-m", "toy+toy-net", "--weights", "random"],
    ],
    ids=["a layer", "a sum of layers", "degrees", "two models"],
)
@pytest.mark.parametrize("options", [[], ["-o", "components=7"]], ids=["default", "options"])
def test_layers_weights_and_degrees_are_those_of_the_score(arguments, options, toy):
    toy.write_text(f"{toy.read_text()}degrees: 8\n")
    metric = ["--metric", "stacked"] if "+" in arguments[1] else []
    source = scored(*arguments, "-b", toy)
    assert_same(rescored(source, "-b", toy, *metric, *options), scored(*arguments, "-b", toy, *metric, *options))


@pytest.mark.slow
def test_layers_that_were_read_together_are_read_one_by_one(toy):
    together = scored("-m", "toy", "-b", toy, "--metric", "stacked")
    assert_same(rescored(together, "-b", toy, "--metric", "ridge"), scored("-m", "toy", "-b", toy))


@pytest.mark.slow
def test_a_metric_of_its_own_keeps_the_options_that_were_given(toy):
    source = scored("-m", "toy", "-b", toy, "-o", "components=7", "-o", "per_site=false")
    kept = read_score(rescored(source, "-b", toy, "-o", "per_site=true"))
    assert provenance(kept)["options"]["given"] == {"components": "7", "per_site": "true"}
    other = read_score(rescored(source, "-b", toy, "--metric", "ols"))
    assert provenance(other)["options"]["given"] == {}


@pytest.mark.slow
def test_the_model_is_neither_built_nor_needed(toy):
    source = scored("-m", "toy-net", "-b", toy, "--weights", "random")
    (toy.parent / "toy_plugin.py").unlink()
    words = ["rescore", str(source), "-b", str(toy), "--metric", "pls", "--results", "again"]
    code = f"import sys\nfrom itbench.cli import main\nmain({words!r}, standalone_mode=False)\nprint(*sys.modules)"
    done = run_python(code, ITBENCH_PLUGINS="")
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stdout.splitlines()[-1].split()
    assert len(list(Path("again").glob("*pls.nc"))) == 1


@pytest.mark.slow
def test_what_is_printed_is_what_score_prints(toy):
    printed = run("score", "-m", "toy", "-b", toy, "--metric", "ols").stdout.splitlines()
    again = run("rescore", "toy", "-b", toy).stdout.splitlines()
    without_seconds = [[line.rpartition("|")[0].rpartition("|")[0] for line in lines[:3]] for lines in (printed, again)]
    assert without_seconds[0] == without_seconds[1]
    assert printed[3:] == again[3:]


@pytest.mark.slow
def test_a_model_is_named_as_in_the_results_folder(toy):
    scored("-m", "toy-net", "-b", toy, "--weights", "random", results="leaderboard/scores")
    scored("-m", "toy-net", "-b", toy, "--weights", "random", "--metric", "ols", results="leaderboard/scores")
    assert rescored("toy-net", "-b", toy, "--metric", "pls", results="leaderboard/scores").exists()
    scored("-m", "toy-net", "-b", toy, "--weights", "random", "--seed", "1", results="leaderboard/scores")
    done = run("rescore", "toy-net", "-b", toy, "--metric", "pls")
    assert done.exit_code == 1
    assert "'toy-net' stands for 4 scores" in done.stderr
    assert rescored("toy-net:random-1", "-b", toy, "--metric", "pls", results="leaderboard/scores").exists()


@pytest.mark.slow
def test_one_of_several_that_fails_does_not_stop_the_others(toy):
    first, second = scored("-m", "toy", "-b", toy), scored("-m", "toy-net", "-b", toy, "--weights", "random")
    assert run("cache", "clear", "-m", "toy-net").exit_code == 0
    done = run("rescore", second, first, "-b", toy, "--metric", "ols", "--results", "again")
    assert done.exit_code == 1
    assert "toy-net on toy: no cached Grams of the layers first, second" in done.stderr
    assert "1 of 2 runs failed" in done.stderr
    assert [path.name for path in Path("again").iterdir()] == ["toy--none--toy--ols.nc"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "toy", "-l", "good"], "layer good"),
        (["-m", "toy-net", "--weights", "random", "--seed", "2"], "layers first, second"),
        (["-m", "toy", "-l", "noise+good"], "layers noise, good"),
        (["-m", "toy+toy-net", "--weights", "random"], "layers toy:noise, toy:good, toy-net:first, toy-net:second"),
        (["-m", "toy-net", "--weights", "random", "--degrees", "4", "-l", "first"], "layer first"),
    ],
    ids=["a layer", "a seed", "a sum of layers", "two models", "degrees"],
)
def test_a_missing_gram_is_named_with_the_command_that_makes_it(arguments, said, toy):
    toy.write_text(f"{toy.read_text()}degrees: 8\n")
    source = scored(*arguments, "-b", toy)
    assert run("cache", "clear").exit_code == 0
    failed = run("rescore", source, "-b", toy)
    assert failed.exit_code == 1
    assert f"of the {said}." in failed.stderr
    command = failed.stderr.partition(": itbench ")[2].strip().replace("-b toy", f"-b {toy}")
    assert run(*shlex.split(command), "--results", "made").exit_code == 0
    assert_same(rescored(source, "-b", toy), next(Path("made").glob("*.nc")))


@pytest.mark.slow
def test_the_command_names_a_file_of_weights(toy):
    import torch
    from torch import nn

    network = nn.Sequential()
    network.add_module("first", nn.Conv2d(3, 8, 3, padding=1))
    network.add_module("relu", nn.ReLU())
    network.add_module("second", nn.Conv2d(8, 4, 3, 2))
    torch.save(network.state_dict(), "mine.pt")
    source = scored("-m", "toy-net", "-b", toy, "--weights", "mine.pt")
    assert score_command(read_score(source)) == f"itbench score -m toy-net -b {toy} --weights mine.pt --metric ridge"
    assert_same(rescored(source, "-b", toy), source)


@pytest.mark.slow
def test_a_damaged_gram_is_not_used(toy, home):
    source = scored("-m", "toy", "-b", toy)
    for path in (home / "cache").rglob("*.gram"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    done = run("rescore", source, "-b", toy)
    assert done.exit_code == 1
    assert "is damaged" in done.stderr
    assert "no cached Gram of the layer noise" in done.stderr


@pytest.mark.slow
def test_other_recordings_are_refused(toy, home):
    source = scored("-m", "toy", "-b", toy)
    write_recordings(toy_recordings(noise=0.7), home / "data" / "toy.h5")
    done = run("rescore", source, "-b", toy)
    assert done.exit_code == 1
    assert "The recordings of toy are not those that toy was scored on." in done.stderr
    then = provenance(read_score(source))["digests"]["responses"][:8]
    assert f"responses: {then} then" in done.stderr
    assert "stimuli" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("metric", metrics("channels", "feature-readout", "feature-comparison"))
def test_a_metric_that_needs_activations_is_refused(metric, toy):
    done = run("rescore", scored("-m", "toy", "-b", toy), "-b", toy, "--metric", metric)
    assert done.exit_code == 1
    assert f"{metric} needs the activations themselves" in done.stderr
    assert f"itbench score -m toy -b {toy} --metric {metric}" in done.stderr


@pytest.mark.slow
def test_a_metric_of_one_model_refuses_several(toy):
    done = run("rescore", scored("-m", "toy+toy-net", "-b", toy, "--weights", "random"), "-b", toy, "--metric", "ridge")
    assert done.exit_code == 1
    assert "ridge reads one layer of one model at a time, not toy+toy-net" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "unknown score"),
        (["nothing.nc"], "No score file nothing.nc"),
        (["toy.nc"], "truncated or was altered"),
        (["scores/toy--none--toy--ridge.nc", "--metric", "rigde"], "Did you mean ridge"),
        (["scores/toy--none--toy--ridge.nc", "-o", "component=3"], "Did you mean components"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, said, toy):
    content = scored("-m", "toy", "-b", toy).read_bytes()
    Path("toy.nc").write_bytes(content[:-1])
    done = run("rescore", *arguments, "-b", toy)
    assert done.exit_code == 1
    assert said in done.stderr


@pytest.mark.slow
def test_a_benchmark_that_is_a_file_is_named(toy):
    source = scored("-m", "toy", "-b", toy)
    assert run("rescore", source).exit_code == 0  # its file is recorded
    score = read_score(source)
    about = {**json.loads(score.attrs["provenance"]), "benchmark_file": None}  # as by former versions
    earlier = write_score(score.assign_attrs(provenance=json.dumps(about)), Path("earlier"))
    unnamed, other = run("rescore", earlier), run("rescore", source, "-b", "synthetic-it")
    assert (unnamed.exit_code, other.exit_code) == (1, 1)
    assert "unknown benchmark 'toy'" in unnamed.stderr
    assert "name that with -b FILE.yaml" in unnamed.stderr
    assert "toy was scored on toy, not on synthetic-it" in other.stderr


@pytest.mark.slow
def test_what_is_of_no_model_is_refused(toy):
    source = scored("-m", "toy", "-b", toy)
    score = read_score(source)
    said = {**provenance(score), "sources": []}

    path = write_score(score.assign_attrs(model="other-animals", provenance=json.dumps(said)), Path("scores"))
    done = run("rescore", path, "-b", toy)
    assert done.exit_code == 1
    assert "other-animals on toy is of no model whose Grams were cached" in done.stderr


@pytest.mark.slow
def test_a_baseline_stays_one(toy):
    from itbench.results.score_file import write_score

    score = read_score(scored("-m", "toy", "-b", toy)).assign_attrs(baseline="pixels")
    assert read_score(rescored(write_score(score, Path("base")), "-b", toy)).attrs["baseline"] == "pixels"


@pytest.mark.slow
def test_arrays_are_not_of_the_first_metric(toy):
    """What is compared above differs between metrics: equality there says something."""
    source = scored("-m", "toy", "-b", toy)
    again = rescored(source, "-b", toy, "--metric", "pls")
    assert not np.array_equal(read_score(source).explained_variance, read_score(again).explained_variance)
