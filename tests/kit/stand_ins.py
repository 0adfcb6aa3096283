"""A plugin of small data sets: one of one file, two that share three files, and one that is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from itbench.data.catalog import Dataset
from itbench.data.recordings_file import write_recordings
from itbench.plugins import load_plugins
from tests.kit.toy import toy_recordings

TWO = ("two.h5", "two.csv", "two.zip")
PLUGIN = '''
"""Small data sets on the server at {address}."""

from itbench import hookimpl
from itbench.data import RemoteFile, read_recordings

ADDRESS, SHA1S = {address!r}, {sha1s!r}


@hookimpl
def itbench_datasets(register):
    about = {{"description": "of one file", "citation": "Somebody (2020)", "licence": "CC0"}}
    register("one-it", reader("one.h5"), files=[remote("one.h5")], **about)
    for name in ("two-it", "two-v4"):
        register(name, reader("two.h5"), files=[remote(name) for name in {two}], description="of three files")


def remote(name):
    return RemoteFile(name, f"{{ADDRESS}}/{{name}}", 2_000_000, SHA1S.get(name, ""))


def reader(name):
    return lambda files, reporter: read_recordings(files[name])
'''
SIMULATED = '''
"""A data set without files; every call of its reader leaves a line in calls.txt."""

from pathlib import Path

from itbench import hookimpl


@hookimpl
def itbench_datasets(register):
    register("toy-it", read, description="a toy", edition={edition})


def read(files, reporter):
    from tests.kit.toy import toy_recordings

    with Path(__file__).with_name("calls.txt").open("a") as calls:
        calls.write("toy\\n")
    return toy_recordings(n=20)
'''


def contents(folder, n=40):
    """Return the contents of all files by name."""
    write_recordings(toy_recordings(n=n), folder / "packed.h5")
    packed = (folder / "packed.h5").read_bytes()
    return {"one.h5": packed, "two.h5": packed, "two.csv": b"a,b\n1,2\n", "two.zip": b"zip"}


def write_plugin(path: Path, address: str, sha1s: Mapping[str, str]) -> None:
    """Write the plugin of the data sets on a server; a file without a SHA-1 has none published."""
    path.write_text(PLUGIN.format(address=address, sha1s=dict(sha1s), two=TWO))


def registered() -> Mapping[str, Dataset]:
    """Return the data sets of all plugins."""
    return load_plugins().datasets
