"""Files from the network: whole and right, or an error that says why, whatever the server and the disk do."""

import copy
import hashlib
import socket
from contextlib import ExitStack

import pytest

from itbench.data.fetch import download
from itbench.data.remote_file import RemoteFile
from itbench.data.transfer import RetryPolicy
from itbench.errors import BadOption, DamagedFile, Unreachable
from tests.kit.downloads import CONTENT, OTHER, QUICK, SHA1, get, names
from tests.kit.server import Heard, Served, Server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "downloads"


@pytest.fixture
def server():
    """The files of a server, by name, and its address."""
    files = {"file": Served(CONTENT)}
    with Server(files) as running:
        yield files, running.address


# ---- a file


def test_a_file_arrives_whole_and_nothing_else_stays(server, folder):
    heard = Heard()
    path = get(server[1], folder, heard)
    assert path == folder / "file"
    assert path.read_bytes() == CONTENT
    assert names(folder) == ["file"]
    assert heard.bars == [("file", len(CONTENT), "B", 0)]
    assert sum(heard.done) == len(CONTENT)
    assert heard.notes == [f"fetching file from {server[1]}/file"]


def test_what_is_here_is_not_asked_for_again(server, folder):
    get(server[1], folder)
    get(server[1], folder)
    assert len(server[0]["file"].requests) == 1


def test_what_is_here_but_not_right_is_set_aside(server, folder):
    get(server[1], folder).write_bytes(OTHER)
    with pytest.raises(DamagedFile, match=r"file\.damaged"):
        get(server[1], folder)
    assert get(server[1], folder).read_bytes() == CONTENT


def test_a_file_says_how_large_it_is_and_whether_it_can_be_checked():
    assert str(RemoteFile("a.h5", "gdrive:X", 384_000_000)) == "a.h5 (about 384 MB, no checksum is published)"
    assert str(RemoteFile("a.h5", "https://example.org/a.h5", sha1=SHA1)) == "a.h5"
    assert RemoteFile("a.h5", "gdrive:X").address == "https://drive.google.com/uc?id=X"


# ---- interruptions

KEPT = "0.9 MB of it are kept; the next call resumes from there."

DATED = {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
FAULTS = {  # what the server does, how many requests it takes, and whether a part is asked for
    "errors of the server, then fine": ({"statuses": [500, 503]}, 3, False),
    "too many requests, then fine": ({"statuses": [429]}, 2, False),
    "closes early twice, gives parts": ({"closes_after": [300_000, 300_000]}, 3, True),
    "closes early, gives no parts": ({"closes_after": [300_000], "ranges": False}, 2, True),
    "closes early, marks no version": ({"closes_after": [300_000], "headers": {}}, 2, False),
    "closes early, has only a weak mark": ({"closes_after": [300_000], "headers": {"ETag": 'W/"1"'}}, 2, False),
    "closes early, marks by date": (
        {"closes_after": [99_999], "headers": {"Last-Modified": "Mon, 01 Jan 2024"}},
        2,
        True,
    ),
    "closes at once": ({"closes_after": [0, 0]}, 3, False),
    "says no length": ({"announced": False}, 1, False),
}


@pytest.mark.parametrize(("fault", "requests", "parts"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("sha1", [SHA1, ""], ids=["with checksum", "without"])
def test_a_bad_connection_is_borne_with(fault, requests, parts, sha1, folder):
    served = Served(CONTENT, **copy.deepcopy(fault))
    with Server({"file": served}) as running:
        assert get(running.address, folder, sha1=sha1).read_bytes() == CONTENT
    assert len(served.requests) == requests
    assert any(served.asked_for()) == parts
    assert names(folder) == ["file"]


def test_each_wait_is_said_and_a_part_is_asked_for(server, folder):
    served, heard = server[0]["file"], Heard()
    served.closes_after[:] = [400_000]
    get(server[1], folder, heard)
    start = int(served.asked_for()[1].removeprefix("bytes=").rstrip("-"))
    assert 300_000 < start <= 400_000
    assert served.requests[1]["If-Range"] == '"1"'
    assert heard.bars[1] == ("file", len(CONTENT), "B", start)
    assert sum(heard.done) == len(CONTENT)
    assert heard.notes[1] == "file: the connection broke; trying again in 0 s"


def test_patience_is_counted_anew_when_bytes_arrive(server, folder):
    served = server[0]["file"]
    served.closes_after[:] = [100_000] * 8  # more often than there are tries
    assert get(server[1], folder).read_bytes() == CONTENT
    assert len(served.requests) == 9


def test_patience_ends_where_a_server_starts_anew_each_time(server, folder):
    served = server[0]["file"]
    served.ranges, served.closes_after[:] = False, [100_000] * 50
    with pytest.raises(Unreachable, match="the connection broke"):
        get(server[1], folder)
    assert len(served.requests) == QUICK.tries


def test_waits_grow_up_to_a_limit():
    policy = RetryPolicy(first_wait=1, longest_wait=5)
    for failures, middle in ((1, 1), (2, 2), (3, 4), (4, 5), (9, 5)):
        waits = [policy.wait(failures) for _ in range(200)]
        assert 0.5 * middle <= min(waits) < 0.7 * middle
        assert 1.3 * middle < max(waits) <= 1.5 * middle


def test_a_silent_server_is_given_up(server, folder):
    served = server[0]["file"]
    served.pause, served.ranges = 1.0, False
    with pytest.raises(Unreachable, match="the server fell silent"):
        get(server[1], folder, policy=RetryPolicy(tries=2, first_wait=0.01, read=0.1))
    assert len(served.requests) == 2


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (500, 3), (408, 3)])
def test_only_what_may_pass_is_tried_again(status, requests, server, folder):
    server[0]["file"].statuses[:] = [status] * 9
    with pytest.raises(Unreachable, match=rf"127\.0\.0\.1 answers {status} \w+"):
        get(server[1], folder)
    assert len(server[0]["file"].requests) == requests


@pytest.mark.parametrize(("headers", "known"), [({"ETag": '"1"'}, KEPT), ({}, "")], ids=["marked", "not marked"])
def test_a_length_that_does_not_come_is_refused_and_what_came_is_kept(headers, known, server, folder):
    server[0]["file"].extra_length, server[0]["file"].headers = 10, headers
    with pytest.raises(Unreachable) as refused:
        get(server[1], folder, sha1="")
    assert refused.value.known == known
    assert names(folder) == ["file.part", "file.part.json"]


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_a_host_that_is_not_there_is_tried_once(host, folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    heard = Heard()
    with pytest.raises(Unreachable, match=r"no connection \(.+\)"):
        get(f"http://{host}:{port}", folder, heard)
    assert len(heard.notes) == 1


def test_a_server_that_goes_away_on_the_way_is_waited_for(folder):
    class Restarting(Heard):
        """Has another server listen in the first one's place when it hears that the connection broke."""

        def note(self, message):
            super().note(message)
            if "the connection broke" in message:
                servers.pop_all().close()
            elif "no connection" in message:
                servers.enter_context(Server({"file": Served(CONTENT)}, port=first.server_port))

    heard = Restarting()
    with ExitStack() as servers:
        first = servers.enter_context(Server({"file": Served(CONTENT, closes_after=[300_000])}))
        path = get(first.address, folder, heard)
    assert path.read_bytes() == CONTENT
    assert [note.partition(";")[0] for note in heard.notes[1:]] == [
        "file: the connection broke",
        "file: no connection (Connection refused)",
    ]


def test_an_address_that_is_none_is_an_error_of_ours(folder):
    with pytest.raises(Unreachable, match="No scheme supplied"):
        download(RemoteFile("file", "example.org/file"), folder, Heard())


# ---- checksums


def test_a_wrong_file_is_set_aside_and_both_digests_are_named(server, folder):
    served = server[0]["file"]
    served.content = OTHER
    with pytest.raises(DamagedFile) as refused:
        get(server[1], folder)
    aside = folder / "file.part.damaged"
    assert SHA1 in refused.value.known
    assert hashlib.sha1(OTHER).hexdigest() in refused.value.known
    assert str(aside) in refused.value.known
    assert aside.read_bytes() == OTHER
    served.content, served.headers = CONTENT, {"ETag": '"2"'}
    assert get(server[1], folder).read_bytes() == CONTENT


# ---- mirrors


def test_a_mirror_on_the_network_has_the_same_names(server, folder):
    remote = RemoteFile("file", "https://nowhere.invalid/file", sha1=SHA1)
    path = download(remote, folder, Heard(), mirror=f"{server[1]}/", policy=QUICK)
    assert path.read_bytes() == CONTENT


def test_a_folder_as_mirror_is_checked_and_used_in_place(folder, tmp_path):
    remote = RemoteFile("file", "https://nowhere.invalid/file", sha1=SHA1)
    (tmp_path / "mirror").mkdir()
    there = tmp_path / "mirror" / "file"
    with pytest.raises(BadOption, match="has no file file"):
        download(remote, folder, Heard(), mirror=tmp_path / "mirror")
    there.write_bytes(OTHER)
    with pytest.raises(DamagedFile, match=SHA1):
        download(remote, folder, Heard(), mirror=tmp_path / "mirror")
    assert there.read_bytes() == OTHER
    there.write_bytes(CONTENT)
    assert download(remote, folder, Heard(), mirror=str(tmp_path / "mirror")) == there
    assert not folder.exists()


def test_offline_only_what_is_here_is_given(server, folder, monkeypatch):
    monkeypatch.setenv("ITBENCH_OFFLINE", "1")
    with pytest.raises(Unreachable, match="file would have to be fetched, but itbench is offline"):
        get(server[1], folder)
    assert server[0]["file"].requests == []
    (folder / "file").write_bytes(CONTENT)
    assert get(server[1], folder) == folder / "file"
