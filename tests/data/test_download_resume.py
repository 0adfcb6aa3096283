"""Broken downloads: the next call resumes where the last ended, and two do not meet."""

import pytest

from itbench.errors import ItbenchError, NoSpace
from tests.kit.downloads import CONTENT, OTHER, get, has, leave, names, started
from tests.kit.server import Heard, Served, Server, small_disk


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "downloads"


@pytest.fixture
def server():
    """The files of a server, by name, and its address."""
    files = {"file": Served(CONTENT)}
    with Server(files) as running:
        yield files, running.address


def test_the_next_call_goes_on_where_the_last_ended(server, folder):
    served = server[0]["file"]
    size = leave(folder, served, server[1], 500_000)
    heard = Heard()
    assert get(server[1], folder, heard).read_bytes() == CONTENT
    assert served.asked_for() == [f"bytes={size}-"]
    assert heard.notes[0].endswith(f", {size / 1e6:.1f} MB of it are here already")


def test_a_file_changed_meanwhile_is_fetched_anew(server, folder):
    served = server[0]["file"]
    leave(folder, served, server[1], 500_000)
    served.content, served.headers = OTHER, {"ETag": '"2"'}
    assert get(server[1], folder, sha1="").read_bytes() == OTHER


def test_a_server_that_ignores_the_condition_is_not_believed(server, folder, monkeypatch):
    served = server[0]["file"]
    leave(folder, served, server[1], 500_000)
    served.content, served.headers = OTHER, {"ETag": '"2"', "X-Any": '"1"'}  # so that If-Range: "1" seems to hold
    assert get(server[1], folder, sha1="").read_bytes() == OTHER
    assert len(served.requests) == 2


@pytest.mark.parametrize(("kept", "requests"), [(CONTENT, 1), (CONTENT + b"more", 2)])
def test_a_part_as_long_as_the_file_or_longer(kept, requests, server, folder):
    served = server[0]["file"]
    leave(folder, served, server[1], 500_000)
    (folder / "file.part").write_bytes(kept)
    assert get(server[1], folder).read_bytes() == CONTENT
    assert len(served.requests) == requests


def test_a_part_of_another_source_is_discarded(server, folder):
    leave(folder, server[0]["file"], server[1], 500_000)
    with Server({"file": Served(OTHER)}) as other:
        assert get(other.address, folder, sha1="").read_bytes() == OTHER


def test_a_part_without_its_record_is_discarded(server, folder):
    leave(folder, server[0]["file"], server[1], 500_000)
    (folder / "file.part.json").write_text("{")
    assert get(server[1], folder).read_bytes() == CONTENT
    assert server[0]["file"].asked_for() == [None]


@pytest.mark.slow
def test_a_killed_process_leaves_what_the_next_call_finishes(server, folder):
    served = server[0]["file"]
    served.pause = 0.05
    started(f"{server[1]}/file", folder).kill_when(has(folder, 200_000))
    assert names(folder) == ["file.lock", "file.part", "file.part.json"]
    served.pause = 0.0
    assert get(server[1], folder).read_bytes() == CONTENT
    assert served.asked_for()[1].startswith("bytes=")
    assert names(folder) == ["file"]


def test_two_processes_do_not_write_the_same_file(server, folder):
    server[0]["file"].pause = 0.05
    first = started(f"{server[1]}/file", folder)
    held = has(folder, 1)

    def refused():
        if not held():
            return False
        with pytest.raises(ItbenchError, match=rf"file is being fetched by process {first.process.pid} on .+ already"):
            get(server[1], folder)
        return True

    first.kill_when(refused)
    server[0]["file"].pause = 0.0
    assert get(server[1], folder).read_bytes() == CONTENT


# ---- the disk


@pytest.mark.parametrize("announced", [True, False], ids=["seen beforehand", "while it is written"])
def test_a_full_disk_keeps_what_came(announced, server, tmp_path):
    server[0]["file"].announced = announced
    disk = tmp_path / "disk"
    with small_disk(disk, "400k") as resize:
        with pytest.raises(NoSpace, match="No space left") as refused:
            get(server[1], disk)
        kept = 0 if announced else (disk / "file.part").stat().st_size
        said = "0.9 MB are needed, 0.4 MB are free." if announced else "0.4 MB of it are kept; the next call resumes"
        assert said in refused.value.known
        resize("4m")
        assert get(server[1], disk).read_bytes() == CONTENT
    assert server[0]["file"].asked_for() == [None, f"bytes={kept}-" if kept else None]
