"""itbench data fetch, data import and score, as somebody types them: with a network, without, and killed half way."""

import hashlib
import json
import os
import pty
import subprocess
import sys
import termios

import pytest

from itbench.data.catalog import installed_recordings, recordings_path, recordings_state
from tests.kit import stand_ins as standins
from tests.kit.commands import ROOT, run
from tests.kit.server import Served, Server, Started, small_disk


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The files of a server, by name, and a plugin of data sets made of them."""
    files = {name: Served(content) for name, content in standins.contents(tmp_path).items()}
    with Server(files) as server:
        standins.write_plugin(tmp_path / "stand_ins.py", server.address, {})
        monkeypatch.setenv("ITBENCH_PLUGINS", str(tmp_path / "stand_ins.py"))
        monkeypatch.setenv("STANDINS", server.address)
        yield files


def started(*words):
    """Start a command in a process of its own, with the same plugins."""
    return Started(f"from itbench.cli import main\nmain({[str(word) for word in words]!r})")


@pytest.fixture
def benchmark(served, home):
    """A benchmark on recordings that are not here."""
    path = home.parent / "work" / "one.yaml"
    path.write_text("data: one-it\nsplits: {kind: kfold, folds: 2}\n")
    return path


def left_behind(folder):
    """Return the files below a folder that are not recordings."""
    return [path.name for path in folder.rglob("*") if path.is_file() and path.parent / path.name not in known_paths()]


def known_paths():
    return set(installed_recordings().values())


# ---- fetch


def test_fetch_brings_once_and_says_where_it_lies(served):
    first, second = run("data", "fetch", "one-it", "two-it"), run("data", "fetch", "one-it")
    path = recordings_path("one-it")
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert first.stdout.splitlines() == [f"Wrote {path}", f"Wrote {recordings_path('two-it')}"]
    assert second.stdout == f"one-it is here already: {path}\n"
    assert "one-it: fetching one.h5 (about 2 MB, no checksum is published) from http://" in first.stderr
    assert len(served["one.h5"].requests) == 1


def test_fetch_replaces_on_request(served):
    run("data", "fetch", "one-it")
    recordings_path("one-it").write_bytes(b"damaged")
    assert run("data", "fetch", "one-it", "--replace").exit_code == 0
    assert json.loads(run("data", "verify", "--json").stdout)[0]["state"] == "whole"


def test_fetch_takes_a_mirror(served, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "one.h5").write_bytes(served["one.h5"].content)
    assert run("data", "fetch", "one-it", "--mirror", tmp_path / "mirror").exit_code == 0
    assert served["one.h5"].requests == []


def test_fetch_of_what_itbench_makes_makes_it(home):
    home.mkdir(exist_ok=True)
    (home / "toys.py").write_text(standins.SIMULATED.format(edition=1))
    done = run("data", "fetch", "toy-it", "--plugin", home / "toys.py")
    assert done.stdout == f"Wrote {recordings_path('toy-it')}\n"
    assert done.stderr == "toy-it: making toy-it: a toy\n"


REFUSED = {
    "an unknown name": (("fetch", "one-its"), "unknown data set 'one-its'.\nDid you mean one-it"),
    "an unknown name to import": (("import", "one-its", "{file}"), "Did you mean one-it"),
    "a mirror without the file": (("fetch", "one-it", "--mirror", "nowhere"), "The mirror nowhere has no file one.h5."),
    "too few files": (("import", "two-it", "{file}"), "itbench data import two-it two.h5 two.csv two.zip"),
    "files of none": (("import", "synthetic-it", "{file}"), "synthetic-it is made by itbench, of no files."),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_brought_is_one_message(words, message, served, tmp_path):
    file = tmp_path / "file.h5"
    file.write_bytes(served["one.h5"].content)
    done = run("data", *(word.format(file=file) for word in words))
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_import_packs_and_does_not_replace_unasked(served, tmp_path):
    file = tmp_path / "any name.h5"
    file.write_bytes(served["one.h5"].content)
    assert run("data", "import", "one-it", file).exit_code == 0
    again = run("data", "import", "one-it", file)
    assert again.exit_code == 1
    assert "add --replace" in again.stderr
    assert run("data", "import", "one-it", file, "--replace").exit_code == 0
    assert served["one.h5"].requests == []


# ---- score


@pytest.mark.slow
def test_score_fetches_what_is_missing(benchmark, served):
    done = run("score", "-m", "pixels", "-b", benchmark)
    assert done.exit_code == 0, done.stderr
    assert "pixels on one: fetching one.h5 (about 2 MB, no checksum is published) from http://" in done.stderr
    again = run("score", "-m", "pixels", "-b", benchmark)
    assert "fetching" not in again.stderr
    assert len(served["one.h5"].requests) == 1


def test_score_offline_says_what_is_missing_and_how_to_go_on(benchmark, served, monkeypatch):
    monkeypatch.setenv("ITBENCH_OFFLINE", "0")  # and so it is put back
    done = run("score", "-m", "pixels", "-b", benchmark, "--offline")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "Error: The recordings one-it cannot be fetched.",
        "one.h5 would have to be fetched, but itbench is offline. ITBENCH_OFFLINE is set.",
        "Get by other means what lies at",
        f"  {os.environ['STANDINS']}/one.h5",
        "and run: itbench data import one-it one.h5",
        "Or use recordings that need no network: synthetic-it, synthetic-it-noisy",
    ]
    assert served["one.h5"].requests == []
    assert not list((benchmark.parent / "leaderboard").rglob("*")), "it says nothing about the model"


def test_score_offline_takes_what_is_here(benchmark, monkeypatch):
    monkeypatch.setenv("ITBENCH_OFFLINE", "0")
    run("data", "fetch", "one-it")
    assert run("score", "-m", "pixels", "-b", benchmark, "--offline").exit_code == 0


def test_what_another_run_can_be_done_offline_is_done(benchmark, toy, tmp_path, monkeypatch):
    monkeypatch.setenv("ITBENCH_OFFLINE", "0")
    plugin = tmp_path / "stand_ins.py"  # the toy's own is in ITBENCH_PLUGINS
    done = run("score", "-m", "toy", "-b", benchmark, "-b", toy, "--offline", "--plugin", plugin)
    assert done.exit_code == 1
    assert "Error: toy on one: The recordings one-it cannot be fetched." in done.stderr
    assert "| toy " in done.stdout


def test_lists_say_that_it_would_be_fetched(benchmark):
    rows = {row["name"]: row["state"] for row in json.loads(run("data", "list", "--json").stdout)}
    assert rows["one-it"] == "fetched when needed"
    shown = json.loads(run("data", "verify", "one-it", "--json").stdout)
    assert shown[0]["state"] == "fetched when needed"


def test_show_fetches_what_is_missing(served):
    shown = json.loads(run("data", "show", "one-it").stdout)
    assert shown["name"] == "one-it"
    assert shown["licence"] == "CC0"


# ---- broken off


@pytest.mark.slow
def test_a_killed_fetch_leaves_what_the_next_finishes(served, home):
    served["one.h5"].content += bytes(400_000)  # HDF5 reads no further than its own end
    served["one.h5"].pause = 0.05
    part = home / "data" / "downloads" / "one.h5.part"
    started("data", "fetch", "one-it").kill_when(lambda: part.exists() and part.stat().st_size > 100_000)
    assert run("data", "list").exit_code == 0
    served["one.h5"].pause = 0.0
    done = run("data", "fetch", "one-it")
    assert done.exit_code == 0, done.stderr
    assert "0.1 MB of it are here already" in done.stderr
    assert served["one.h5"].asked_for()[1].startswith("bytes=")
    assert left_behind(home) == []


@pytest.mark.slow
def test_a_killed_import_leaves_nothing_that_blocks_the_next(served, home, tmp_path):
    file = tmp_path / "one.h5"
    file.write_bytes(standins.contents(tmp_path, n=6000)["one.h5"])
    digest = hashlib.sha256(file.read_bytes()).digest()

    def writing():
        return any(path.stat().st_size > 100_000 for path in (home / "data").glob(".one-it.h5.*.partial"))

    started("data", "import", "one-it", file).kill_when(writing)
    assert recordings_state("one-it", standins.registered()) == "fetched when needed"
    assert len(left_behind(home)) == 1
    done = run("data", "import", "one-it", file)
    assert done.exit_code == 0, done.stderr
    assert left_behind(home) == []
    assert hashlib.sha256(file.read_bytes()).digest() == digest
    assert json.loads(run("data", "verify", "--json").stdout)[0]["state"] == "whole"


def test_a_disk_too_full_for_the_recordings_keeps_what_was_fetched(served, tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    monkeypatch.setenv("ITBENCH_DATA", str(disk))
    with small_disk(disk, "240k") as resize:
        done = run("data", "fetch", "one-it")
        assert done.exit_code == 1
        assert f"No space left in {disk}." in done.stderr
        assert recordings_state("one-it", standins.registered()) == "fetched when needed"
        resize("4m")
        assert run("data", "fetch", "one-it").exit_code == 0
        assert left_behind(disk) == []
    assert len(served["one.h5"].requests) == 1


# ---- progress

BAR = """
from itbench.cli.output import TerminalReporter
with TerminalReporter("majaj-it").progress("IT_data.h5", 384_000_000, "B", 120_000_000) as advance:
    advance(8_000_000)
"""


def test_the_bar_of_a_download_shows_bytes_from_what_is_here():
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 99))
    subprocess.run([sys.executable, "-c", BAR], stderr=end, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    os.set_blocking(terminal, False)
    shown = os.read(terminal, 9999).decode()
    os.close(end)
    os.close(terminal)
    assert "majaj-it IT_data.h5:  31%" in shown
    assert "120M/384M" in shown
    assert "B/s" in shown
