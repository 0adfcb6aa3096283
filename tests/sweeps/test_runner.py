"""itbench run: every row of a suite, once, whatever becomes of the others."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from itbench.results.score_file import provenance, read_score
from tests.kit.commands import run
from tests.kit.training import LEARNERS

ROWS = """
benchmark: {benchmark}
sources: {{them: their report}}
rows:
  - {{model: toy, layers: [good], published: {{explained_variance: 0.1, correlation: 0.3, source: them}}}}
  - {{model: toy, layers: [noise]}}
  - {{model: toy-net, layers: [first]}}
  - {{model: toy-net, layers: [second]}}
  - {{model: toy-net, weights: random, layers: [second]}}
  - {{model: no-such-model}}
  - {{name: least squares, model: toy, layers: [good], metric: ols, options: {{components: 5}}}}
"""
GOOD = ["toy good", "toy noise", "toy-net random second", "least squares"]

COUNTED = """
import os, time
from pathlib import Path

import numpy as np

from itbench import FunctionModel, hookimpl

SEEN = Path(os.environ["SEEN"])


@hookimpl
def itbench_models(register):
    register("counted", counted, layers=("one", "two"), weights=())
    register("lost", lost, layers=("one", "two"))
    register("slow", slow, layers=("one",), weights=())


def note(what):
    with SEEN.open("a") as file:
        file.write(what + "\\n")


def counted(weights, pause=0):
    def features(images):
        time.sleep(pause)
        note(f"images {len(images)}")
        rows = images.reshape(len(images), -1) / 255
        return {"one": rows[:, :20], "two": rows[:, 20:60]}

    return FunctionModel(features, layers=("one", "two"), identity="counted 1")


def slow(weights):
    return counted(weights, 60)


def lost(weights):
    from itbench.errors import NoWeights

    note("asked")
    raise NoWeights("The weights are gone.")
"""


@pytest.fixture
def suite(toy):
    """The path of a suite on the toy benchmark."""
    path = toy.parent / "mini.yaml"
    path.write_text(ROWS.format(benchmark=toy))
    return path


@pytest.fixture
def counted(toy, monkeypatch):
    """Write a suite of rows on the toy benchmark; models that count go into the file ``seen``."""
    seen, plugin = toy.parent / "seen", toy.parent / "counted.py"
    monkeypatch.setenv("SEEN", str(seen))
    plugin.write_text(COUNTED)

    def write(*rows):
        path = toy.parent / "counted.yaml"
        path.write_text(f"benchmark: {toy}\nrows:\n" + "".join(f"  - {{{row}}}\n" for row in rows))
        return path, "--plugin", plugin

    write.seen = lambda: seen.read_text().splitlines() if seen.exists() else []
    write.plugin = plugin
    return write


def rows_of(done):
    return {row["row"]: row for row in json.loads(done.stdout)}


@pytest.mark.slow
def test_rows_that_fail_do_not_stop_the_others(suite):
    done = run("run", suite, "--json")
    rows = rows_of(done)
    assert [name for name, row in rows.items() if row["error"] is None] == GOOD
    assert "pretrained weights of toy-net are not available" in rows["toy-net first"]["error"]
    assert "unknown model 'no-such-model'" in rows["no-such-model"]["error"]
    assert done.exit_code == 1
    assert done.stderr.endswith("Error: 3 of 7 rows failed; see above.\n")


@pytest.mark.slow
def test_the_numbers_are_those_of_itbench_score(suite, toy, tmp_path):
    alone = json.loads(run("score", "-m", "toy", "-l", "good", "-b", toy, "--results", tmp_path, "--json").stdout)[0]
    row = rows_of(run("run", suite, "--only", "toy good", "--json"))["toy good"]
    same = ("explained_variance", "low", "high", "correlation", "layer", "weights")
    assert {key: row[key] for key in same} == {key: alone[key] for key in same}
    score, other = (read_score(folder / Path(row["file"]).name) for folder in (Path(row["file"]).parent, tmp_path))
    xr.testing.assert_identical(score.drop_attrs(), other.drop_attrs())


def test_published_numbers_stand_beside_ours(suite):
    table = run("run", suite, "--only", "toy good", "--only", "least*").stdout
    first, second = (line.split("|") for line in table.splitlines()[2:4])
    assert [cell.strip() for cell in first[6:8]] == ["0.100 [1]", "0.300"]
    assert first[10].strip() == "higher"
    assert [cell.strip() for cell in second[6:8]] == ["–", "–"]
    assert second[10].strip() == "–"
    assert table.splitlines()[-1] == "[1] their report"


@pytest.mark.slow
def test_numbers_published_of_another_benchmark_are_not_compared(suite, toy):
    other = toy.parent / "other.yaml"
    other.write_text(toy.read_text().replace("name: toy", "name: other"))
    words = ("run", suite, "-b", other, "--only", "toy good")
    assert rows_of(run(*words, "--json"))["toy good"]["differs"] is None
    assert f"The published scores are on {toy} and are not compared." in run(*words).stdout


@pytest.mark.slow
def test_rows_that_were_scored_are_not_run_again(counted):
    words = counted("model: counted, layers: [one]", "model: counted, layers: [two]", "model: pixels")
    first = rows_of(run("run", *words, "--json"))
    seen = counted.seen()
    again = rows_of(run("run", *words, "--json"))
    assert counted.seen() == seen
    assert not any(row.pop("scored_before") for row in first.values())
    assert all(row.pop("scored_before") for row in again.values())
    assert again == first


@pytest.mark.slow
def test_again_runs_them_again(suite):
    written = rows_of(run("run", suite, "--only", "toy good", "--json"))["toy good"]["file"]
    before = os.stat(written).st_mtime_ns
    assert rows_of(run("run", suite, "--only", "toy good", "--json"))["toy good"]["scored_before"]
    assert os.stat(written).st_mtime_ns == before
    assert not rows_of(run("run", suite, "--only", "toy good", "--json", "--again"))["toy good"]["scored_before"]
    assert os.stat(written).st_mtime_ns > before


@pytest.mark.slow
@pytest.mark.parametrize("change", ["plugin", "splits", "file of splits", "recordings", "score"])
def test_what_would_come_out_otherwise_is_run_again(counted, toy, change):
    words = counted("model: counted, layers: [one]")
    if change == "file of splits":
        folds = {f"image{row:03d}": row % 4 for row in range(80)}
        (toy.parent / "a.json").write_text(json.dumps(folds))
        toy.write_text("name: toy\ndata: toy\nsplits: {kind: file, path: a.json}\n")
    written = rows_of(run("run", *words, "--json"))["counted one"]["file"]
    if change == "file of splits":
        (toy.parent / "a.json").write_text(json.dumps({**folds, "image000": 3, "image003": 0}))
    elif change == "plugin":
        counted.plugin.write_text(COUNTED.replace("rows[:, :20]", "rows[:, :10]"))
    elif change == "splits":
        toy.write_text(toy.read_text().replace("folds: 4", "folds: 3"))
    elif change == "recordings":
        from itbench.data.recordings_file import write_recordings
        from tests.kit.toy import toy_recordings

        write_recordings(toy_recordings(seed=1), toy.parent / "data" / "toy.h5")
    else:
        with open(written, "r+b") as file:
            file.truncate(1000)
    assert not rows_of(run("run", *words, "--json"))["counted one"]["scored_before"]
    assert rows_of(run("run", *words, "--json"))["counted one"]["scored_before"]


@pytest.mark.slow
def test_the_rows_of_a_network_share_one_pass_over_the_images(counted):
    words = counted(
        "model: counted, layers: [one]",
        "model: pixels",
        "model: counted, layers: [two]",
        "model: counted, layers: [one], metric: ols",
    )
    run("run", *words)
    batches = [int(line.split()[1]) for line in counted.seen()]
    assert sum(size for size in batches if size > 3) == 80  # 2 and 3 tell the shapes, 2 whether a Gram still holds


def test_weights_that_cannot_be_had_are_asked_for_once(counted):
    words = counted("model: lost, layers: [one]", "model: lost, layers: [two]", "model: pixels")
    rows = rows_of(run("run", *words, "--json"))
    assert [row["error"] for row in rows.values()] == ["The weights are gone.", "The weights are gone.", None]
    assert counted.seen() == ["asked"]


@pytest.mark.slow
def test_weights_that_a_network_learns_from_are_asked_for_once(counted):
    words = counted("model: lost, layers: [one]", "model: finetuned/lost", "model: low-rank/lost", "model: pixels")
    rows = rows_of(run("run", *words, "--json"))
    assert [row["error"] for row in rows.values()] == [*["The weights are gone."] * 3, None]
    assert counted.seen() == ["asked"]


@pytest.mark.slow
def test_a_failure_is_kept_for_the_leaderboard(suite):
    run("run", suite)
    board = run("leaderboard").stdout
    assert "failed: The pretrained weights of toy-net are not available" in board
    assert "no-such-model" not in board


@pytest.mark.slow
def test_a_killed_run_goes_on(counted):
    path, flag, plugin = counted("model: pixels", "model: slow, layers: [one]", "model: gabor")
    command = [sys.executable, "-m", "itbench", "run", str(path), flag, str(plugin)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert any(line.startswith("1/3 pixels: EV") for line in process.stderr)
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    plugin.write_text(COUNTED.replace("weights, 60", "weights"))
    rows = rows_of(run("run", path, flag, plugin, "--json"))
    assert [row["scored_before"] for row in rows.values()] == [True, False, False]
    assert not any(row["error"] for row in rows.values())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), [("t.md", "markdown"), ("t.csv", "csv"), ("t.json", "json")])
def test_the_table_goes_into_a_file(suite, name, form, tmp_path):
    done = run("run", suite, "--only", "toy good", "--output", tmp_path / name)
    text = (tmp_path / name).read_text()
    assert done.stdout == ""
    if form == "json":
        assert json.loads(text)[0]["published_explained_variance"] == [0.1, 0.1]
    elif form == "csv":
        row = next(csv.DictReader(io.StringIO(text)))
        assert (row["published_explained_variance"], row["source"]) == ("0.100", "their report")
    else:
        assert text.startswith("| row ")


def test_a_dry_run_does_nothing(suite, home):
    done = run("run", suite, "--dry-run", "--json")
    found = json.loads(done.stdout)
    states = {row["row"]: row["state"] for row in found["rows"]}
    assert done.exit_code == 0
    assert states["toy good"] == "to run"
    assert states["no-such-model"] == "unknown model 'no-such-model'."
    assert found["bytes"] == sum(4 * 80 * 81 for _ in ("good", "noise", "first", "second", "random second"))
    assert not list(home.glob("cache/**/*.gram"))
    assert not list(home.parent.glob("work/**/*.nc"))


@pytest.mark.slow
def test_a_dry_run_says_what_was_scored_before(suite):
    run("run", suite, "--only", "toy good")
    rows = json.loads(run("run", suite, "--dry-run", "--json").stdout)["rows"]
    assert [row["row"] for row in rows if row["state"] == "scored before"] == ["toy good"]


@pytest.mark.slow
def test_a_dry_run_names_what_is_to_be_fetched_without_the_network(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "{benchmark: majaj-it, images: 3200, rows: [{model: resnet50, layers: [layer3]}, {model: pixels}]}"
    )
    found = json.loads(run("run", suite, "--dry-run", "--json", "--offline").stdout)
    assert found["downloads"] == [
        {"file": "IT_data.h5", "MB": 384.0},
        {"file": "resnet50-0676ba61.pth", "MB": pytest.approx(102.53, abs=0.01)},
    ]
    assert found["seconds"] > 0
    assert found["bytes"] == pytest.approx(384e6 + 102.53e6 + 2 * 4 * 3200 * 3201, rel=1e-4)
    words = run("run", suite, "--dry-run", "--offline").stdout
    assert "2 of 2 rows to run. Networks: at most" in words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "toi*"], "unknown row of the suite mini 'toi*'"),
        (["--small"], "The suite mini defines no short run"),
        (["-b", "toyy"], "unknown benchmark 'toyy'"),
        (["--output", "a.csv", "--json"], "would hold json"),
    ],
)
def test_a_mistake_stops_everything_before_any_work(suite, words, message):
    done = run("run", suite, *words)
    assert done.exit_code == 1
    assert message in done.stderr


@pytest.mark.slow
def test_recordings_that_cannot_be_had_are_said_once(tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text("{benchmark: majaj-it, rows: [{model: pixels}, {model: gabor}]}")
    done = run("run", suite, "--offline")
    assert done.exit_code == 1
    assert done.stderr.count("The recordings majaj-it cannot be fetched.") == 1


@pytest.fixture
def learning(toy):
    """The path of a suite with a row that learns."""
    path = toy.parent / "learning.yaml"
    row = "{model: learner, weights: random, recipe: {epochs: 2, members: 1}}"
    path.write_text(f"{{benchmark: {toy}, small: {{epochs: 1}}, rows: [{row}, {{model: pixels}}]}}")
    return path, "--plugin", LEARNERS


def learnt(done):
    """Return the recipe of the row that learns, and whether it was scored before; no row may have failed."""
    rows = rows_of(done)
    assert [row["error"] for row in rows.values()] == [None, None]
    row = rows["learner random"]
    (source,) = provenance(read_score(Path(row["file"])))["sources"]
    return source["recipe"], row["scored_before"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "epochs"),
    [((), 2), (("--small",), 1), (("--recipe", "epochs=3"), 3), (("--small", "--recipe", "epochs=3"), 3)],
)
def test_recipes_are_changed_by_the_row_then_the_short_run_then_the_user(learning, words, epochs):
    recipe, before = learnt(run("run", *learning, *words, "--json"))
    assert (recipe["epochs"], recipe["members"], recipe["batch"]) == (epochs, 1, 16)
    assert not before


@pytest.mark.slow
def test_what_was_learnt_by_another_recipe_is_another_score(learning):
    assert not learnt(run("run", *learning, "--json"))[1]
    assert not learnt(run("run", *learning, "--recipe", "epochs=1", "--json"))[1]
    assert learnt(run("run", *learning, "--json"))[1]
    assert learnt(run("run", *learning, "--recipe", "epochs=1", "--json"))[1]


@pytest.mark.slow
def test_a_changed_recipe_of_the_plugin_is_learnt_anew(learning, tmp_path):
    plugin = tmp_path / "learners.py"
    plugin.write_text(LEARNERS.read_text())
    recipe = LEARNERS.with_suffix(".yaml").read_text()
    words = (*learning[:2], plugin, "--json")
    for text, again in ((recipe, False), (recipe, True), (recipe.replace("batch: 16", "batch: 8"), False)):
        plugin.with_suffix(".yaml").write_text(text)
        assert learnt(run("run", *words))[1] == again
