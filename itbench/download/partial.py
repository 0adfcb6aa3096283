"""A file that is being fetched, and what the next call must know to go on with it."""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from itbench.download.remote import DRIVE
from itbench.files import disk_errors, write_text


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
