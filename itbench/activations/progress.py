"""How far a file of activations has come, noted beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from itbench.errors import BadOption, DamagedFile
from itbench.files import PARTIAL, write_text


@dataclass
class Progress:
    """What a file of activations holds so far.

    Parameters
    ----------
    key : mapping
        All that its numbers depend on, as JSON has it.
    done : int
        Pictures whose activations are on the disk.
    checksums : dict of str to int
        CRC-32 of those of every layer.
    """

    key: Mapping[str, Any]
    done: int = 0
    checksums: dict[str, int] = field(default_factory=dict)

    def note(self, path: Path) -> None:
        """Note it beside the file that becomes `path`."""
        write_text(notes_of(path), json.dumps(asdict(self)))


def partial_of(path: Path) -> Path:
    """Return where a file lies until it is whole."""
    return path.with_name(path.name + PARTIAL)


def notes_of(path: Path) -> Path:
    """Return where it is noted how far a file has come."""
    return path.with_name(f"{path.name}{PARTIAL}.json")


def forget(path: Path) -> None:
    """Remove what is there of an unfinished file, and the notes on it."""
    notes_of(path).unlink(missing_ok=True)
    partial_of(path).unlink(missing_ok=True)


def progress_of(path: Path, key: Mapping[str, Any]) -> Progress | None:
    """Return how far an earlier call came with the file that becomes `path`, or None if it left nothing.

    Raises
    ------
    BadOption
        If its numbers depend on something else than those of `key`; names what.
    DamagedFile
        If its notes cannot be read.
    """
    if not (partial_of(path).exists() and notes_of(path).exists()):
        return None
    try:
        progress = Progress(**json.loads(notes_of(path).read_text(encoding="utf-8")))
        begun = dict(progress.key)
    except (ValueError, TypeError) as error:
        raise unusable(path, error) from error
    other = sorted(part for part in {*begun, *key} if begun.get(part) != key.get(part))
    if other:
        raise BadOption(
            f"{partial_of(path)} was begun with other {', '.join(other)}.",
            known=f"It holds the activations of {progress.done} pictures.",
            todo="Go on as it was begun, or begin anew with --restart.",
        )
    return progress


def unusable(path: Path, error: Exception) -> DamagedFile:
    """Return the error for what an earlier call left and nobody can read."""
    return DamagedFile(f"{partial_of(path)} cannot be gone on with: {error}.", todo="Begin anew with --restart.")
