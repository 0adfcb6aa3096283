"""A file on the network: its name, where it lies, how it is known to be the right one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from itbench.errors import DamagedFile

DRIVE = "gdrive:"


@dataclass(frozen=True)
class RemoteFile:
    """A file that somebody publishes.

    Parameters
    ----------
    name : str
        What it is called here.
    url : str
        ``https://…``, or ``gdrive:ID`` for a file on Google Drive.
    size : int, optional
        Bytes, roughly, to say beforehand; while it is fetched, the length that the server gives counts.
    sha1 : str, optional
        Hexadecimal; empty if its publisher gives none.
    """

    name: str
    url: str
    size: int | None = None
    sha1: str = ""

    @property
    def address(self) -> str:
        """The URL that a browser opens."""
        return self.url.replace(DRIVE, "https://drive.google.com/uc?id=", 1)

    def __str__(self) -> str:
        facts = [f"about {self.size / 1e6:.0f} MB"] if self.size else []
        facts += [] if self.sha1 else ["no checksum is published"]
        return f"{self.name} ({', '.join(facts)})" if facts else self.name

    def check(self, path: Path) -> None:
        """Compare a file on this disk with the published SHA-1, if there is one.

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
    """Return the SHA-1 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
