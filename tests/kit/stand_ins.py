"""Small data sets under known names: one of a single file, two that share three files."""

from __future__ import annotations

from collections.abc import Mapping

from itbench.data.catalog import KNOWN, KnownDataset
from itbench.data.download.remote import RemoteFile
from itbench.data.recordings_file import read_recordings, write_recordings
from tests.kit.toy import toy_recordings

TWO = ("two.h5", "two.csv", "two.zip")


def contents(folder, n=40):
    """Return the contents of all files by name."""
    write_recordings(toy_recordings(n=n), folder / "packed.h5")
    packed = (folder / "packed.h5").read_bytes()
    return {"one.h5": packed, "two.h5": packed, "two.csv": b"a,b\n1,2\n", "two.zip": b"zip"}


def add(address: str, sha1s: Mapping[str, str], into: dict[str, KnownDataset] = KNOWN) -> None:
    """Let itbench know them; a file without a SHA-1 has none published."""

    def remote(name):
        return RemoteFile(name, f"{address}/{name}", 2_000_000, sha1s.get(name, ""))

    def reader(name):
        return lambda files, reporter: read_recordings(files[name])

    into["one-it"] = KnownDataset("of one file", reader("one.h5"), (remote("one.h5"),), "Somebody (2020)", "CC0")
    for name in ("two-it", "two-v4"):
        into[name] = KnownDataset("of three files", reader("two.h5"), tuple(map(remote, TWO)))
