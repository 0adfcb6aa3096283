"""Environment of a run for its provenance: versions of packages, git commit and kind of machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from itbench import __version__
from itbench.util.folders import checkout

PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn", "xarray", "h5py", "h5netcdf", "pillow")


def versions() -> dict[str, str]:
    """Return the environment's versions of itbench, Python and the packages that affect a score."""
    found = {"itbench": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> dict[str, Any]:
    """Return the environment's git commit, and whether the checkout has uncommitted changes; None for a wheel."""
    root = checkout()
    head = _git(root, "rev-parse", "HEAD") if root else None
    return {"commit": head, "dirty": bool(_git(root, "status", "--porcelain")) if root and head else None}


def machine() -> dict[str, str]:
    """Return the environment's operating system, processor and Python, without the machine's name."""
    return {"system": platform.system(), "processor": platform.machine(), "python": sys.implementation.name}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
