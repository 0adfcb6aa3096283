"""Data sets of others: fetched, listed, verified and scored like the built-in ones, wherever their plugin lies."""

import json
import sys

import pytest

from itbench.data.catalog import Dataset, recordings_path
from itbench.data.fetch import load_recordings
from itbench.data.remote_file import RemoteFile
from itbench.errors import BadPlugin
from itbench.plugins import load_plugins
from tests.kit.commands import run
from tests.kit.server import Served, Server
from tests.kit.stand_ins import contents

HOOKS = '''
"""Recordings of a lab, published on a server, and a benchmark on them."""

from itbench import hookimpl
from itbench.data import RemoteFile


@hookimpl
def itbench_datasets(register):
    register("lab-v4", read, files=(FILE,), description="of a lab", citation="Somebody (2020)", licence="CC0")


@hookimpl
def itbench_benchmarks(register):
    register("lab-v4.yaml")


FILE = RemoteFile("lab.h5", {address!r})


def read(files, reporter):
    {imports}

    return read_lab_file(files["lab.h5"])
'''
READER = """
from itbench.data import Recordings, StimulusSet, make_responses, read_recordings


def read_lab_file(path):
    packed = read_recordings(path)
    responses = make_responses(packed.responses.values, packed.stimuli.ids)
    return Recordings("any name", packed.stimuli, responses, {"region": "V4"})
"""
PAIRS = """
from itbench import hookimpl


@hookimpl
def itbench_datasets(register):
    register("a-it", print, repetitions="b-it")
"""
BENCHMARK = "data: lab-v4\nregion: V4\nsplits: {kind: kfold, folds: 2}\n"
ENTRY_POINT = "[itbench]\nlab = itbench_lab\n"


def write_file(folder, address):
    """Write the plugin as one file, its benchmark beside it."""
    imports = "from pathlib import Path\n    import sys; sys.path.insert(0, str(Path(__file__).parent))"
    code = HOOKS.format(address=address, imports=f"{imports}\n    from lab_reader import read_lab_file")
    (folder / "lab.py").write_text(code)
    (folder / "lab_reader.py").write_text(READER)
    (folder / "lab-v4.yaml").write_text(BENCHMARK)
    return folder / "lab.py"


def write_folder(folder, address):
    """Write the plugin as a folder whose reader is a module of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text(HOOKS.format(address=address, imports="from .reader import read_lab_file"))
    (folder / "reader.py").write_text(READER)
    (folder / "lab-v4.yaml").write_text(BENCHMARK)
    return folder


@pytest.fixture
def server(tmp_path):
    with Server({"lab.h5": Served(contents(tmp_path)["one.h5"])}) as server:
        yield server


@pytest.fixture(params=["a file named", "a folder named", "a folder in ITBENCH_PLUGINS", "another package"])
def lab(request, server, tmp_path, monkeypatch):
    """The plugin of a lab; returns the words by which commands find it."""
    address = f"{server.address}/lab.h5"
    if request.param == "a file named":
        monkeypatch.setattr(sys, "path", sys.path[:])
        return ("--plugin", write_file(tmp_path, address))
    if request.param == "another package":
        write_folder(tmp_path / "site" / "itbench_lab", address)
        about = tmp_path / "site" / "itbench_lab-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: itbench-lab\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(ENTRY_POINT)
        monkeypatch.syspath_prepend(tmp_path / "site")
        for name in ("itbench_lab", "itbench_lab.reader"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return ()
    folder = write_folder(tmp_path / "lab", address)
    if request.param == "a folder in ITBENCH_PLUGINS":
        monkeypatch.setenv("ITBENCH_PLUGINS", str(folder))
        return ()
    return ("--plugin", folder)


def rows(*words):
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def state(lab):
    return {row["name"]: (row["state"], row["description"]) for row in rows("data", "list", *lab)}["lab-v4"]


@pytest.mark.slow
def test_a_data_set_of_others_is_listed_fetched_verified_and_scored(lab):
    assert state(lab) == ("fetched when needed", "of a lab")
    done = run("data", "fetch", "lab-v4", *lab)
    assert done.stdout == f"Wrote {recordings_path('lab-v4')}\n", done.stderr
    assert state(lab) == ("here", "of a lab")
    assert [row["state"] for row in rows("data", "verify", "lab-v4", *lab)] == ["whole"]
    shown = json.loads(run("data", "show", "lab-v4", *lab).stdout)
    assert (shown["name"], shown["licence"], shown["region"]) == ("lab-v4", "CC0", "V4")
    assert [row["data"] for row in rows("benchmarks", *lab) if row["benchmark"] == "lab-v4"] == ["here"]
    (score,) = rows("score", "-m", "pixels", "-b", "lab-v4", *lab)
    assert score["n_stimuli"] == 40


@pytest.mark.slow
def test_a_score_fetches_a_data_set_of_others(lab):
    done = run("score", "-m", "pixels", "-b", "lab-v4", *lab)
    assert done.exit_code == 0, done.stderr
    assert "pixels on lab-v4: fetching lab.h5 (no checksum is published) from http://" in done.stderr


def test_without_its_plugin_a_data_set_is_unknown(server, tmp_path):
    write_file(tmp_path, server.address)
    done = run("data", "fetch", "lab-v4")
    assert done.exit_code == 1
    assert "unknown data set 'lab-v4'" in done.stderr


def test_a_folder_is_read_anew_by_every_call(server, tmp_path):
    folder = write_folder(tmp_path / "lab", f"{server.address}/lab.h5")
    load_recordings("lab-v4", load_plugins([folder]).datasets)
    (folder / "reader.py").write_text("def read_lab_file(path):\n    return 'changed'\n")
    (folder / "__pycache__").exists() and [path.unlink() for path in (folder / "__pycache__").iterdir()]
    recordings_path("lab-v4").unlink()
    with pytest.raises(BadPlugin, match=r"reader of the data set lab-v4 returned str, not itbench\.Recordings"):
        load_recordings("lab-v4", load_plugins([folder]).datasets)


def test_a_name_that_is_taken_is_refused(tmp_path):
    plugin = tmp_path / "twin.py"
    plugin.write_text(PAIRS.replace("a-it", "synthetic-it"))
    done = run("data", "list", "--plugin", plugin)
    assert done.exit_code == 1
    assert "Two files register the data set 'synthetic-it'" in done.stderr
    assert str(plugin) in done.stderr


def test_a_folder_without_a_plugin_is_refused(tmp_path):
    with pytest.raises(BadPlugin, match=r"No plugin file .*__init__\.py"):
        load_plugins([tmp_path])


WRONG = {
    "a name with a slash": (("a/b", print), "'a/b' is no name for a data set"),
    "a name that ends as a path": (("a.h5", print), r"'a\.h5' is no name for a data set"),
    "a reader that is none": (("a", "read"), "the reader of the data set 'a' cannot be called"),
    "a file by its URL": (("a", print, ("https://example.org/a",)), "files of the data set 'a' must be a sequence"),
    "one file alone": (("a", print, RemoteFile("a", "https://example.org/a")), "must be a sequence of RemoteFile"),
}


@pytest.mark.parametrize(("about", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_a_data_set_is_refused(about, message):
    with pytest.raises(TypeError, match=message):
        Dataset(*about)


def test_what_is_linked_must_be_named_where_two_pairs_are_registered(tmp_path):
    (tmp_path / "pairs.py").write_text(PAIRS)
    done = run("data", "link", "--plugin", tmp_path / "pairs.py")
    assert done.exit_code == 1
    assert "Name two recordings to link." in done.stderr
    assert "Registered pairs: a-it b-it, majaj-it majajhong2015-it." in done.stderr
