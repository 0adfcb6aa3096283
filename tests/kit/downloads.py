"""Download one file in this process or another, for the tests of downloads."""

from __future__ import annotations

import hashlib
import random

import pytest

from itbench.data.fetch import download
from itbench.data.remote_file import RemoteFile
from itbench.data.transfer import RetryPolicy
from itbench.errors import Unreachable
from tests.kit.server import Heard, Started

CONTENT = random.Random(0).randbytes(900_000)
OTHER = random.Random(1).randbytes(900_000)
SHA1 = hashlib.sha1(CONTENT).hexdigest()
QUICK = RetryPolicy(tries=3, first_wait=0.01, longest_wait=0.02, connect=2.0, read=0.5)


def get(address, folder, reporter=None, sha1=SHA1, policy=QUICK, **more):
    remote = RemoteFile("file", f"{address}/file", sha1=sha1)
    return download(remote, folder, reporter or Heard(), policy=policy, **more)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def leave(folder, served, address, size):
    """Have a download broken off after about `size` bytes, and return how many were kept."""
    served.closes_after[:] = [size, 0, 0, 0]
    with pytest.raises(Unreachable):
        get(address, folder)
    served.closes_after.clear()
    served.requests.clear()
    return (folder / "file.part").stat().st_size


FETCH = """
from pathlib import Path
from itbench.data.fetch import RemoteFile, download
from tests.kit.server import Heard
download(RemoteFile("file", {url!r}, sha1={sha1!r}), Path({folder!r}), Heard())
"""


def started(url, folder):
    """Start fetching the file in a process of its own."""
    return Started(FETCH.format(url=url, sha1=SHA1, folder=str(folder)))


def has(folder, size):
    """Return a function that says whether so many bytes have come, into our partial file or gdown's."""
    return lambda: any(piece.stat().st_size >= size for piece in folder.glob("file.part*") if piece.suffix == ".part")
