"""When and where a score was made, and by which versions."""

from __future__ import annotations

import xarray as xr

from itbench.explain.steps import Step, sentences
from itbench.score import provenance


def made(score: xr.Dataset) -> Step:
    """Say what produced the score."""
    said = provenance(score)
    machine, git, seconds = said["machine"], said["git"], said["seconds"]
    commit = str(git["commit"] or "")
    text = sentences(
        f"{said['date']}, {machine['system']} on {machine['processor']}.",
        f"Commit {commit[:12]}{', with changes since' if git['dirty'] else ''}."
        if commit
        else "From an installed package.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in said["versions"].items()) + ".",
    )
    numbers = {f"seconds_of_{stage}": float(value) for stage, value in seconds.items()}
    return Step("When, where and by what", text, numbers=numbers)
