"""Files from Google Drive, by gdown itself, from a server that stands in its place."""

import shutil

import pytest

from itbench.data.fetch import download
from itbench.data.remote_file import RemoteFile
from itbench.errors import NoSpace, Unreachable
from tests.kit.downloads import CONTENT, QUICK, SHA1, has, names, started
from tests.kit.server import QUOTA, Heard, Served, drive, small_disk


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "downloads"


needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="a certificate is made with openssl")


@pytest.fixture
def google(tmp_path, monkeypatch):
    """The files of Google Drive, by id, as gdown itself finds them: by https, through a proxy."""
    files = {"ID": Served(CONTENT)}
    with drive(files, tmp_path) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield files


def from_drive(folder, reporter=None, name="ID"):
    return download(RemoteFile("file", f"gdrive:{name}", sha1=SHA1), folder, reporter or Heard(), policy=QUICK)


@needs_openssl
def test_a_file_comes_from_google_drive(google, folder):
    heard = Heard()
    assert from_drive(folder, heard).read_bytes() == CONTENT
    assert names(folder) == ["file"]
    assert heard.notes == ["fetching file from https://drive.google.com/uc?id=ID"]
    assert heard.bars == [("file", len(CONTENT), "B", 0)]
    assert sum(heard.done) == len(CONTENT)


@needs_openssl
def test_a_broken_download_from_google_drive_goes_on(google, folder):
    google["ID"].closes_after[:] = [600_000]
    heard = Heard()
    assert from_drive(folder, heard).read_bytes() == CONTENT
    assert "the connection broke; trying again" in heard.notes[1]
    assert google["ID"].asked_for()[-1].startswith("bytes=")
    assert heard.bars[-1][3] > 0


@needs_openssl
def test_google_drive_without_parts_starts_anew(google, folder):
    google["ID"].closes_after[:], google["ID"].ranges = [600_000], False
    assert from_drive(folder).read_bytes() == CONTENT
    assert names(folder) == ["file"]


@pytest.mark.slow
@needs_openssl
def test_a_killed_download_from_google_drive_goes_on(google, folder):
    google["ID"].pause = 0.02
    started("gdrive:ID", folder).kill_when(has(folder, 200_000))
    google["ID"].pause = 0.0
    assert from_drive(folder).read_bytes() == CONTENT
    assert google["ID"].asked_for()[-1].startswith("bytes=")
    assert names(folder) == ["file"]


@needs_openssl
@pytest.mark.parametrize(("size", "said"), [("600k", "0.4 MB are needed"), ("300k", "of it are kept")])
def test_a_full_disk_keeps_what_came_from_google_drive(size, said, google, tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk, size) as resize:
        with pytest.raises(NoSpace, match=f"No space left in {disk}") as refused:
            from_drive(disk)
        assert said in refused.value.known
        resize("4m")
        assert from_drive(disk).read_bytes() == CONTENT
        assert names(disk) == ["file"]


@needs_openssl
def test_what_google_drive_refuses_is_one_sentence(google, folder):
    with pytest.raises(Unreachable) as refused:
        from_drive(folder, name="OTHER")
    source = "https://drive.google.com/uc?id=OTHER"
    assert refused.value.what == f"file cannot be downloaded from {source}: {QUOTA}"


def test_google_drive_without_a_network_says_so_at_once(folder, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match=r"no connection \(.+\)"):
        from_drive(folder)
