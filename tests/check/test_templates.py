"""itbench new: what it writes works before a word of it is changed, by the commands that it prints."""

import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.linear_model import Ridge

from itbench import Gram
from itbench.check.templates import FILES
from itbench.data.recordings_file import write_recordings
from itbench.plugins import load_plugins
from tests.kit.commands import ROOT, run
from tests.kit.toy import toy_recordings

KINDS = list(FILES)
TAKEN = [
    *(("model", "pixels"), ("trainable", "pixels"), ("metric", "ridge")),
    *(("dataset", "synthetic-it"), ("benchmark", "synthetic-it")),
]


def files_of(kind):
    return [f"mine{ending}" for ending in FILES[kind].values()]


@pytest.fixture
def drawn(home):
    """Small recordings in the place of synthetic-it, so that nothing has to be drawn."""
    small = toy_recordings()
    edition = load_plugins().datasets["synthetic-it"].edition
    stimuli = replace(
        small.stimuli, metadata={key: small.stimuli.metadata["category"] for key in ("category", "object")}
    )
    write_recordings(
        replace(small, stimuli=stimuli, about={**small.about, "edition": edition}), home / "data" / "synthetic-it.h5"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "folder"), [*((kind, ".") for kind in KINDS), ("metric", "a folder/of plugins"), ("trainable", "a folder")]
)
def test_the_commands_printed_work_as_printed(kind, folder, drawn):
    done = run("new", kind, "my-own_1", "--dir", folder)
    assert done.exit_code == 0, done.stderr
    check, score = (shlex.split(line) for line in done.stdout.splitlines())
    assert [check[:2], score[:2]] == [["itbench", "check"], ["itbench", "score"]]
    checked = run(*check[1:])
    assert checked.exit_code == 0, checked.stderr
    assert not re.search("FAIL|warning|skipped", checked.stdout)
    scored = run(*score[1:])
    assert scored.exit_code == 0, scored.stderr
    assert "my-own_1" in run("leaderboard").stdout


@pytest.mark.parametrize(
    ("kind", "folder"), [("model", "models"), ("trainable", "models"), ("metric", "metrics"), ("dataset", "datasets")]
)
def test_a_new_file_is_in_the_style_of_the_project(kind, folder):
    path = files_of(kind)[0]
    run("new", kind, "mine")
    text = Path(path).read_text(encoding="utf-8")
    where = ROOT / "plugins" / folder / path  # where it would lie
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", where, "-"],
            input=text,
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stdout
    assert len(text.splitlines()) <= 60


def test_a_new_benchmark_says_every_key_that_readers_look_for(home):
    run("new", "benchmark", "mine")
    content = yaml.safe_load(Path("mine.yaml").read_text(encoding="utf-8"))
    assert content["name"] == "mine"
    assert {"description", "data", "region", "splits", "metric", "citation", "licence"} <= set(content)


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
def test_the_new_metric_is_ridge_regression_and_leaves_each_row_out(penalty, home):
    run("new", "metric", "mine")
    readout = load_plugins(["mine.py"]).metrics["mine"].readout(penalty=penalty)
    rng = np.random.default_rng(0)
    features = rng.standard_normal((40, 7)) + 3.0
    responses = features @ rng.standard_normal((7, 2)) + rng.standard_normal((40, 2))
    train, test = np.arange(30), np.arange(30, 40)
    reading = readout(Gram.from_features(features), responses[train], train, test)
    oracle = Ridge(reading.alpha[0]).fit(features[train], responses[train])
    np.testing.assert_allclose(reading.predictions, oracle.predict(features[test]), atol=1e-8)
    for row in train:
        others = np.delete(train, row)
        alone = Ridge(reading.alpha[0]).fit(features[others], responses[others]).predict(features[[row]])
        np.testing.assert_allclose(reading.inner_predictions[row], alone[0], atol=1e-8)


@pytest.mark.parametrize(("kind", "file"), [(kind, file) for kind in KINDS for file in files_of(kind)])
def test_nothing_is_overwritten(kind, file, home):
    (home.parent / "work" / file).write_text("mine alone")
    done = run("new", kind, "mine")
    assert done.exit_code == 1
    assert f"{file} already exists" in done.stderr
    assert "is not replaced" in done.stderr
    assert [path.read_text() for path in (home.parent / "work").iterdir()] == ["mine alone"]


@pytest.mark.parametrize("name", ["", "a b", "../a", "a/b", "-a", "_a", "a.py", "é", "$name", "a\nb", "a" * 101])
def test_a_name_that_is_none_is_refused_and_nothing_written(name, home):
    done = run("new", "model", "--", name)
    assert done.exit_code == 1
    assert "is not a valid name for a model" in done.stderr
    assert not list((home.parent / "work").iterdir())


@pytest.mark.parametrize(("kind", "name"), TAKEN)
def test_a_name_that_is_taken_is_refused(kind, name, home):
    done = run("new", kind, name)
    assert done.exit_code == 1
    assert f"A {kind.replace('trainable', 'model')} called {name!r} exists already" in done.stderr
    assert not list((home.parent / "work").iterdir())


def test_a_folder_that_cannot_be_written_is_named(home):
    (home.parent / "work" / "file").write_text("")
    assert run("new", "model", "mine", "--dir", "file").exit_code == 2
    done = run("new", "model", "mine", "--dir", "/proc/nowhere")
    assert done.exit_code == 1
    assert "/proc/nowhere" in done.stderr
