"""Runs that failed, kept on record."""

from __future__ import annotations

import json
from pathlib import Path

from itbench.files import write_text
from itbench.score import FAILED, forget_failures


def write_failure(folder: Path, stem: str, run: dict[str, str], error: Exception) -> None:
    """Keep on record that a run failed, so that a leaderboard can say so; a later score removes it."""
    forget_failures(folder, run)
    failed = next(iter(str(error).splitlines()), type(error).__name__)
    write_text(folder / f"{stem}{FAILED}", json.dumps({**run, "failed": failed}, ensure_ascii=False))
