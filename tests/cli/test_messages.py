"""Messages of commands: quiet, verbose, in a log file; progress bars; what a command without words says."""

import json
import logging
import re

import numpy as np
import pytest

from itbench.results.score_file import write_score
from tests.kit.commands import in_terminal, run
from tests.kit.scores import readout_score

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) \d+ "
WARNS = """
from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    raise RuntimeError("cannot register")
"""
PLACES = {"before": (True, False), "after": (False, True), "both": (True, True)}


@pytest.mark.parametrize(("before", "after"), PLACES.values(), ids=list(PLACES))
def test_quiet_leaves_results_and_errors(before, after, toy, tmp_path):
    (tmp_path / "warns.py").write_text(WARNS)
    words = ["models", "toy*", "--plugin", tmp_path / "warns.py"]
    usual = run(*words)
    quiet = run(*["-q"] * before, *words, *["--quiet"] * after)
    assert usual.stderr.startswith("Warning: ")
    assert (quiet.stdout, quiet.stderr) == (usual.stdout, "")
    failed = run(*["-q"] * before, "layers", "nosuch", *["-q"] * after)
    assert failed.stderr.startswith("Error: unknown model 'nosuch'")


@pytest.mark.parametrize(("before", "after"), PLACES.values(), ids=list(PLACES))
def test_verbose_adds_what_is_done_and_seconds(before, after):
    shown = run(*["-v"] * before, "data", *["-v"] * before, "list", *["-v"] * after)
    assert shown.stdout == run("data", "list").stdout
    lines = shown.stderr.splitlines()
    assert all(re.match(r" *\d+\.\d\d s  ", line) for line in lines)
    assert "itbench data list" in re.sub(r" -v", "", lines[0])
    assert lines[-1].endswith(" s")
    assert run("data", "list").stderr == ""


@pytest.mark.slow
def test_verbose_has_the_stages_of_a_run(toy):
    shown = run("score", "-v", "-m", "toy", "-b", toy)
    assert "Grams of 0 of 2 layers are in the cache" in shown.stderr
    assert re.search(r"toy on toy images: 80/80 images", shown.stderr)


def test_a_log_file_has_everything_and_is_appended(toy, tmp_path):
    log = tmp_path / "run.log"
    (tmp_path / "warns.py").write_text(WARNS)
    for words in (["-q", "--log", log, "models", "toy*"], ["layers", "nosuch", "--log", log, "-q"]):
        run(*words, "--plugin", tmp_path / "warns.py")
    text = log.read_text()
    records = [line for line in text.splitlines() if not line.startswith("    ")]
    assert all(re.match(STAMP, line) for line in records)
    assert {re.match(STAMP, line)[1] for line in records} == {"DEBUG", "WARNING", "ERROR"}
    assert sum("itbench 0" in line for line in records) == 2
    assert "cannot register" in text
    assert "Traceback (most recent call last)" in text
    assert not logging.getLogger("itbench").handlers[1:]  # it is closed


def test_the_log_of_all_commands_is_named_by_a_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("ITBENCH_LOG", str(tmp_path / "all.log"))
    assert run("metrics").exit_code == 0
    assert run("metrics", "--log", tmp_path / "one.log").exit_code == 0
    assert (tmp_path / "all.log").read_text().count("itbench metrics") == 1
    assert (tmp_path / "one.log").read_text().count("itbench metrics") == 1


BAD_LOGS = ["nosuch/run.log", ".", "", "file/run.log"]


@pytest.mark.parametrize("path", BAD_LOGS)
def test_a_log_file_that_cannot_be_written_is_one_error(path, tmp_path):
    (tmp_path / "work" / "file").write_text("")
    for words in (["--log", path, "metrics"], ["metrics", "--log", path]):
        done = run(*words)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"Error: Cannot write the log file {tmp_path / 'work'}")
        assert "Traceback" not in done.stderr


CONTRADICTIONS = {
    "together": (["metrics", "-q", "-v"], "--quiet and --verbose contradict"),
    "before and after": (["-q", "metrics", "-v"], "--quiet and --verbose contradict"),
    "two files": (["--log", "a", "metrics", "--log", "b"], "--log is given 2 times"),
}


@pytest.mark.parametrize(("words", "said"), CONTRADICTIONS.values(), ids=list(CONTRADICTIONS))
def test_contradictions_are_wrong_usage(words, said):
    done = run(*words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_json_is_the_same_whatever_is_logged(tmp_path):
    usual = run("metrics", "--json").stdout
    assert json.loads(usual)
    for more in (["-q"], ["-v"], ["--log", tmp_path / "x.log"]):
        assert run("metrics", "--json", *more).stdout == usual


def test_without_scores_a_command_without_words_says_how_to_begin():
    done = run()
    assert (done.exit_code, done.stderr) == (0, "")
    for words in ("itbench score -m pixels -m itbench-tiny", "itbench leaderboard", "itbench compare", "--help"):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.slow
def test_with_scores_it_counts_them_and_its_next_commands_work(toy):
    assert run("score", "-m", "toy", "-b", toy).exit_code == 0
    first = run().stdout
    assert first.startswith("1 score in leaderboard/scores. Next:")
    assert f"itbench baselines -b {toy}" in first
    assert run("score", "-m", "pixels", "-b", toy).exit_code == 0
    two = run().stdout
    assert two.startswith("2 scores in leaderboard/scores. Next:")
    for line in two.splitlines():
        if line.startswith(("  itbench compare", "  itbench leaderboard", "  itbench plot")):
            words = re.split(r"\s{2,}", line.strip())[0].split()[1:]
            words = [str(toy) if before == "-b" else word for before, word in zip(["", *words], words, strict=False)]
            assert run(*words).exit_code == 0, words


def test_what_is_mistaken_says_where_to_go():
    done = run("models", "resnet5")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "No model matches 'resnet5'.\nDid you mean resnet50" in done.stderr
    assert "--format html --output FOLDER" in run("leaderboard", "--output", "lb.html").stderr


def test_next_commands_fit_80_columns_and_each_stays_in_one_piece(home):
    recorded = np.random.default_rng(0).standard_normal((16, 3))
    folder = home.parent / "work" / "leaderboard" / "scores"
    for metric in ("ridge", "pls"):
        for model in ("finetuned/itbench-tiny", "convnext_base"):
            score = readout_score(
                recorded, recorded, model=model, metric=metric, benchmark="majaj-it-new-objects-and-more"
            )
            write_score(score.assign_attrs(file_stem=f"{model}-{metric}".replace("/", "_")), folder)
    lines = run().stdout.splitlines()
    assert [line for line in lines if line.startswith("  itbench compare") and line.endswith("--metric pls")]
    assert max(len(line) for line in lines if not line.startswith("  itbench")) <= 80


BARS = """
import time
from itbench.cli.output import TerminalReporter, legible_streams, logged, warn

outer, inner = TerminalReporter("outer"), TerminalReporter("inner")
with logged(quiet=QUIET):
    with outer.progress("trials", 2, "trials") as one, inner.progress("a [red]file[/red]", 0, "B", 500000) as two:
        one(1)
        two(2000000)
        inner.note("a note")
        warn("a warning")
        time.sleep(0.6)
    with outer.progress("again", 2, "trials") as one:
        one(2)
        time.sleep(0.6)
"""


@pytest.mark.slow
def test_bars_stand_together_and_leave_nothing():
    """Messages appear above them; the cursor comes back."""
    status, sent = in_terminal(100, code=BARS.replace("QUIET", "False"))
    assert status == 0
    assert sent.count("\r\x1b[2K\x1b[1A\x1b[2Kinner: a note\n") == 1  # in the place of the bars, which follow
    for text in ("outer trials", "1/2 trials", "inner a [red]file[/red]", "2.5M", "inner: a note", "2/2 trials"):
        assert text in sent
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")
    assert "Warning:" in sent


@pytest.mark.slow
@pytest.mark.parametrize(("quiet", "environment"), [("True", {}), ("False", {"TERM": "dumb"})])
def test_there_is_no_bar_where_none_is_wanted(quiet, environment):
    status, sent = in_terminal(100, code=BARS.replace("QUIET", quiet), **environment)
    assert status == 0
    assert sent == ("" if quiet == "True" else "inner: a note\nWarning: a warning\n")
