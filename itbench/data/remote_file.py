"""Remote file: name, URL, size and SHA-1 of a published file, and the partial file of its download."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from itbench.errors import DamagedFile
from itbench.util.files import disk_errors, write_text

DRIVE = "gdrive:"


@dataclass(frozen=True)
class RemoteFile:
    """Remote file that a data set is read from: its name here, URL, size and published SHA-1.

    Parameters
    ----------
    name : str
        Of the file on this disk.
    url : str
        ``https://…``, or ``gdrive:ID`` for a file on Google Drive.
    size : int, optional
        Bytes, roughly, shown before the download; during it, the length that the server gives counts.
    sha1 : str, optional
        Hexadecimal; empty if its publisher gives none.
    """

    name: str
    url: str
    size: int | None = None
    sha1: str = ""

    @property
    def address(self) -> str:
        """URL of the remote file that a browser opens."""
        return self.url.replace(DRIVE, "https://drive.google.com/uc?id=", 1)

    def __str__(self) -> str:
        facts = [f"about {self.size / 1e6:.0f} MB"] if self.size else []
        facts += [] if self.sha1 else ["no checksum is published"]
        return f"{self.name} ({', '.join(facts)})" if facts else self.name

    def check(self, path: Path) -> None:
        """Verify a downloaded file against the SHA-1 of the remote file, if one is published.

        Raises
        ------
        DamagedFile
            Naming both digests.
        """
        if self.sha1 and (found := sha1_of(path)) != self.sha1:
            raise DamagedFile(
                f"{path} is not the file {self.name} that was published at {self.address}.",
                known=f"Its SHA-1 is {found}, not {self.sha1}.",
            )


def sha1_of(path: Path) -> str:
    """Return the SHA-1 of a downloaded or remote file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


class PartialDownload:
    """Partial file ``NAME.part`` of a download, with ``NAME.part.json``: its URL and the server's mark of its version.

    Whoever creates it holds the lock of the download, so nobody else writes it. A partial file from another URL is
    discarded.

    Parameters
    ----------
    target : Path
        The complete file.
    url : str
        Its source.
    """

    def __init__(self, target: Path, url: str) -> None:
        self.target, self.url = target, url
        self.path = target.with_name(f"{target.name}.part")
        self.record = target.with_name(f"{target.name}.part.json")
        record = self._read_record()
        self.version: dict[str, str] = record.get("version", {})
        if record.get("url") != url:
            self.start({})

    @property
    def size(self) -> int:
        """Bytes of the partial file that are on disk."""
        return sum(piece.stat().st_size for piece in self._pieces())

    @property
    def usable(self) -> int:
        """Bytes of the partial file that the next call resumes from; 0 where the server marks no versions."""
        return self.size if self.version or self.url.startswith(DRIVE) else 0  # gdown knows its own

    @property
    def kept(self) -> str:
        """Sentence for an error: how many MB of the partial file the next call resumes from; empty if none."""
        return f"{self.usable / 1e6:.1f} MB of it are kept; the next call resumes from there." if self.usable else ""

    def start(self, version: dict[str, str]) -> None:
        """Discard the partial file, and start one of another `version`: the HTTP header that marks it."""
        for piece in self._pieces():
            piece.unlink()
        self.version = version
        write_text(self.record, json.dumps({"url": self.url, "version": version}))

    def append(self) -> BinaryIO:
        """Open the partial file to append to it."""
        return self.path.open("ab")

    def publish(self) -> Path:
        """Rename the partial file to `target` once it is complete."""
        with disk_errors(self.path.parent):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(self.path, self.target)
        self.record.unlink(missing_ok=True)
        return self.target

    def _pieces(self) -> list[Path]:
        """Return the partial file, or the one that gdown writes first: ``NAME.part????????.part``."""
        named = self.path.parent.glob(f"{glob.escape(self.path.name)}????????.part")
        return [piece for piece in (self.path, *named) if piece.exists()]

    def _read_record(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.record.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}
