"""Recordings in the data folder: listed, shown, verified, made when they are needed."""

import json
from dataclasses import replace

import pytest

from itbench.data.catalog import Dataset, installed_recordings, recordings_path, recordings_state
from itbench.data.fetch import load_recordings
from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.errors import BadRecordings, UnknownName
from itbench.plugins import load_plugins
from tests.kit import stand_ins as standins
from tests.kit.commands import run
from tests.kit.server import Heard
from tests.kit.toy import toy_recordings

BUILT_IN = load_plugins().datasets


@pytest.fixture
def mine(home):
    path = home / "data" / "mine.h5"
    write_recordings(toy_recordings(n=20), path)
    return path


@pytest.fixture
def simulated(tmp_path, monkeypatch):
    """A plugin of the data set toy-it, which has no files; returns the file that counts how often it was made."""
    plugin = tmp_path / "toys.py"
    plugin.write_text(standins.SIMULATED.format(edition=1))
    monkeypatch.setenv("ITBENCH_PLUGINS", str(plugin))
    calls = tmp_path / "calls.txt"
    calls.write_text("")
    return calls


def made(calls):
    return calls.read_text().split()


def damage(path):
    """Alter one value of the responses, as a disk may."""
    whole = path.read_bytes()
    value = read_recordings(path).responses.values[1, 2, 3].tobytes()
    assert whole.count(value) == 1
    path.write_bytes(whole.replace(value, bytes(8)))


# ---- list


def test_list_says_what_is_here_and_what_can_be_had(mine):
    rows = {row["name"]: row for row in json.loads(run("data", "list", "--json").stdout)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "mine": "here",
        "majaj-it": "fetched when needed",
        "majajhong2015-it": "fetched when needed",
        "majajhong2015-v4": "fetched when needed",
        "kriegeskorte2008-it": "fetched when needed",
        "kriegeskorte2008-human-it": "fetched when needed",
        "synthetic-it": "made when needed",
        "synthetic-it-noisy": "made when needed",
    }
    assert rows["mine"]["MB"] == pytest.approx(mine.stat().st_size / 1e6, abs=0.06)
    assert rows["synthetic-it"]["MB"] is None
    assert rows["synthetic-it"]["description"] == BUILT_IN["synthetic-it"].description


def test_list_is_a_table(mine):
    lines = run("data", "list").stdout.splitlines()
    assert [cell.strip() for cell in lines[0].strip("| ").split("|")] == ["name", "state", "MB", "description"]
    assert [line.split("|")[1].strip() for line in lines[2:]] == sorted(["mine", *BUILT_IN])


def test_what_is_still_being_written_is_not_listed(mine):
    (mine.parent / ".other.h5.x1.partial").write_bytes(b"half")
    assert list(installed_recordings()) == ["mine"]


# ---- show


def test_show_says_what_recordings_hold(mine):
    shown = json.loads(run("data", "show", "mine").stdout)
    assert shown["region"] == "V4"
    assert shown["images"] == "20 of 8 × 8 pixels"
    assert (shown["sites"], shown["repetitions"]) == (5, [4, 4])
    assert shown["stimulus_coordinates"] == {"category": "cat, dog"}
    assert shown["digests"] == dict(read_recordings(mine).digests)
    assert shown["mean_response"] == pytest.approx(float(read_recordings(mine).responses.mean()), abs=1e-4)


def test_show_takes_a_path(mine, tmp_path):
    elsewhere = mine.rename(tmp_path / "elsewhere.h5")
    assert json.loads(run("data", "show", elsewhere).stdout)["file"] == str(elsewhere)


# ---- verify


def test_verify_finds_all_whole(mine):
    done = run("data", "verify", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [{"name": "mine", "state": "whole", "file": str(mine)}]


def test_verify_finds_the_damaged_one_and_exits_1(mine, home):
    write_recordings(toy_recordings(n=20, seed=1), home / "data" / "other.h5")
    damage(mine)
    done = run("data", "verify", "--json")
    assert done.exit_code == 1
    rows = json.loads(done.stdout)
    assert [(row["name"], row["state"]) for row in rows] == [("mine", "damaged"), ("other", "whole")]
    assert "Not whole: mine." in done.stderr
    assert "Traceback" not in done.output
    assert run("data", "verify", "other").exit_code == 0


@pytest.mark.parametrize("content", [b"", b"text", "another HDF5 file"])
def test_verify_finds_what_are_no_recordings(mine, content):
    if isinstance(content, bytes):
        mine.write_bytes(content)
    else:
        import h5py

        with h5py.File(mine, "w") as file:
            file["x"] = 1
    done = run("data", "verify")
    assert done.exit_code == 1
    assert "damaged" in done.stdout
    assert "Traceback" not in done.output


def test_verify_takes_a_path(mine):
    assert json.loads(run("data", "verify", mine, "--json").stdout)[0]["state"] == "whole"


def test_verify_does_not_make_what_is_not_here(simulated):
    done = run("data", "verify", "toy-it", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)[0]["state"] == "made when needed"
    assert made(simulated) == []


def test_verify_of_nothing_says_so():
    done = run("data", "verify")
    assert done.exit_code == 0
    assert done.stdout == "No recordings here yet.\n"


# ---- names


@pytest.mark.parametrize("command", ["show", "verify"])
def test_an_unknown_name_is_refused_with_the_nearest(mine, command):
    done = run("data", command, "mime")
    assert done.exit_code == 1
    assert "unknown data set 'mime'" in done.stderr
    assert "Did you mean mine?" in done.stderr
    assert "itbench data pack mime" in done.stderr
    assert done.stdout == ""


def test_an_unknown_name_of_data_is_refused_when_scoring(toy):
    toy.write_text("data: toys\nsplits: {kind: kfold}\n")
    done = run("score", "-m", "toy", "-b", toy)
    assert done.exit_code == 1
    assert "unknown data set 'toys'" in done.stderr
    assert "Did you mean toy?" in done.stderr


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises((BadRecordings, UnknownName), match=r"nowhere\.h5"):
        load_recordings(str(tmp_path / "nowhere.h5"), {})


# ---- known data sets


def test_a_known_data_set_is_made_once_when_it_is_needed(simulated, home):
    datasets = standins.registered()
    assert recordings_state("toy-it", datasets) == "made when needed"
    heard = Heard()
    first = load_recordings("toy-it", datasets, heard)
    again = load_recordings("toy-it", datasets, heard)
    assert made(simulated) == ["toy"]
    assert heard.notes == ["making toy-it: a toy"]
    assert first.digests == again.digests
    assert recordings_state("toy-it", datasets) == "here"
    assert (home / "data" / "toy-it.h5").exists()


def test_a_damaged_known_data_set_is_not_replaced_in_silence(simulated):
    path = recordings_path("toy-it")
    load_recordings("toy-it", standins.registered())
    damage(path)
    done = run("data", "show", "toy-it")
    assert done.exit_code == 1
    assert "are truncated or were altered" in done.stderr
    assert done.stderr.endswith("Make them again: itbench data fetch toy-it --replace\n")
    assert run(*done.stderr.split()[-4:]).exit_code == 0
    path.unlink()
    assert run("data", "show", "toy-it").exit_code == 0
    assert made(simulated) == ["toy", "toy", "toy"]


def test_what_an_older_itbench_made_otherwise_is_made_again(simulated, home):
    path = home / "data" / "toy-it.h5"
    write_recordings(toy_recordings(n=10), path)  # from before there were editions
    datasets = standins.registered()
    assert len(load_recordings("toy-it", datasets).stimuli) == 10
    datasets = {"toy-it": replace(datasets["toy-it"], edition=2)}
    assert len(load_recordings(str(path), datasets).stimuli) == 10  # a path is what it is
    heard = Heard()
    for _ in range(2):
        assert len(load_recordings("toy-it", datasets, heard).stimuli) == 20
    assert made(simulated) == ["toy"]
    assert heard.notes == [f"{path} is of another edition", "making toy-it: a toy"]
    assert read_recordings(path).about["edition"] == 2


def test_what_was_fetched_has_no_edition(mine):
    file = BUILT_IN["majaj-it"].files[0]
    dataset = Dataset("mine", lambda *_: pytest.fail("made"), (file,), edition=3)
    assert len(load_recordings("mine", {"mine": dataset}).stimuli) == 20


def test_the_folder_of_data_can_be_set(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("ITBENCH_DATA", str(tmp_path / "elsewhere"))
    assert installed_recordings() == {}
    monkeypatch.setenv("ITBENCH_DATA", str(mine.parent))
    assert installed_recordings() == {"mine": mine}
