"""Partial downloads that resume, and how often to retry."""

from __future__ import annotations

import glob
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from itbench.data.download.remote import DRIVE
from itbench.errors import Unreachable
from itbench.util.files import disk_errors, write_text
from itbench.util.progress import Reporter


class Partial:
    """``NAME.part``, with ``NAME.part.json`` beside it: where it comes from, and the server's mark of its version.

    Its holder has the lock of the file, so nobody else writes it. What comes from another address is discarded.

    Parameters
    ----------
    target : Path
        What it is called once it is whole.
    url : str
        Where it comes from.
    """

    def __init__(self, target: Path, url: str) -> None:
        self.target, self.url = target, url
        self.path = target.with_name(f"{target.name}.part")
        self.record = target.with_name(f"{target.name}.part.json")
        known = self._read()
        self.version: dict[str, str] = known.get("version", {})
        if known.get("url") != url:
            self.start({})

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return sum(piece.stat().st_size for piece in self._pieces())

    @property
    def usable(self) -> int:
        """Bytes to go on from: none where the server marks no versions. gdown sees to its own."""
        return self.size if self.version or self.url.startswith(DRIVE) else 0

    @property
    def kept(self) -> str:
        """A sentence on what the next call goes on from, for an error; empty where that is nothing."""
        return f"{self.usable / 1e6:.1f} MB of it are kept; the next call goes on from there." if self.usable else ""

    def start(self, version: dict[str, str]) -> None:
        """Discard what is here; what comes next is `version` of the file, by the header that marks it."""
        for piece in self._pieces():
            piece.unlink()
        self.version = version
        write_text(self.record, json.dumps({"url": self.url, "version": version}))

    def append(self) -> BinaryIO:
        """Open it, to write what is missing."""
        return self.path.open("ab")

    def publish(self) -> Path:
        """Give it its name, once all of it is on the disk."""
        with disk_errors(self.path.parent):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(self.path, self.target)
        self.record.unlink(missing_ok=True)
        return self.target

    def _pieces(self) -> list[Path]:
        """Return the file, and the one that gdown writes instead until it is whole: ``NAME.part????????.part``."""
        named = self.path.parent.glob(f"{glob.escape(self.path.name)}????????.part")
        return [piece for piece in (self.path, *named) if piece.exists()]

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.record.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}


@dataclass(frozen=True)
class Patience:
    """How long a download bears with a bad connection.

    Parameters
    ----------
    tries : int
        Without a byte arriving.
    first_wait, longest_wait : float
        Seconds; each wait is twice the one before, give or take a half.
    connect, read : float
        Seconds until a connection, and until its next byte, are given up.
    """

    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 30.0
    connect: float = 10.0
    read: float = 60.0

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        return random.uniform(0.5, 1.5) * min(self.longest_wait, self.first_wait * 2 ** (failures - 1))


class Interruption(Exception):
    """Why a transfer ended before its time.

    Parameters
    ----------
    reason : str
    passing : bool
        Whether it may go better the next time.
    reached : bool
        Whether there was a connection.
    """

    def __init__(self, reason: str, *, passing: bool = True, reached: bool = True) -> None:
        self.reason, self.passing, self.reached = reason, passing, reached
        super().__init__(reason)


def persist(
    attempt: Callable[[], None], partial: Partial, address: str, reporter: Reporter, patience: Patience
) -> None:
    """Attempt a transfer until it is through.

    A host that was never reached is not tried again, so that a machine without a network says so at once.

    Raises
    ------
    Unreachable
        When patience is at its end, or trying again is no use.
    """
    failures, most, reached = 0, partial.size, False
    while True:
        try:
            return attempt()
        except Interruption as why:
            came = partial.size > most
            failures = 1 if came else failures + 1
            most, reached = max(most, partial.size), reached or came or why.reached
            if not (why.passing and reached) or failures >= patience.tries:
                raise _unreachable(partial, address, why) from why
            wait = patience.wait(failures)
            reporter.note(f"{partial.target.name}: {why.reason}; trying again in {wait:.0f} s")
            time.sleep(wait)


def _unreachable(partial: Partial, address: str, why: Interruption) -> Unreachable:
    return Unreachable(f"{partial.target.name} cannot be had from {address}: {why.reason}.", known=partial.kept)
