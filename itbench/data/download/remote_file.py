"""Remote file: name, URL, size and SHA-1 of a published file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from itbench.errors import DamagedFile

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
