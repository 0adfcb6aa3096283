"""Folders of recordings, caches, scores and built-in plugins, and the environment variables that set them."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the home folder, which has the folders of recordings and caches: ``ITBENCH_HOME``, or ``~/.itbench``."""
    return Path(os.environ.get("ITBENCH_HOME") or Path.home() / ".itbench").expanduser()


def data() -> Path:
    """Return the folder of packed recordings: ``ITBENCH_DATA``, or ``data`` in the home."""
    return _part("ITBENCH_DATA", "data")


def cache() -> Path:
    """Return the folder of cached Grams: ``ITBENCH_CACHE``, or ``cache`` in the home."""
    return _part("ITBENCH_CACHE", "cache")


def trained() -> Path:
    """Return the folder of trained weights: ``ITBENCH_TRAINED``, or ``trained`` in the home."""
    return _part("ITBENCH_TRAINED", "trained")


def studies() -> Path:
    """Return the folder of tuning studies: ``ITBENCH_STUDIES``, or ``studies`` in the home."""
    return _part("ITBENCH_STUDIES", "studies")


def scratch() -> Path:
    """Return the folder for activations too large for memory: ``ITBENCH_SCRATCH``, or ``scratch`` in the home."""
    return _part("ITBENCH_SCRATCH", "scratch")


def results() -> Path:
    """Return the folder of scores: ``ITBENCH_RESULTS``, or ``leaderboard/scores`` in the current folder."""
    return Path(os.environ.get("ITBENCH_RESULTS") or Path("leaderboard") / "scores").expanduser()


def _part(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or home() / name).expanduser()


PACKAGE = Path(__file__).resolve().parent.parent


def checkout() -> Path | None:
    """Return the root folder of the checkout that this package runs from, or None for an installed wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "plugins").is_dir() else None


def builtin_root() -> Path:
    """Return the folder of the built-in ``plugins`` and ``benchmarks``: of the checkout, or in the wheel."""
    return checkout() or PACKAGE / "shipped"


def plugin_files() -> list[Path]:
    """Return the files of the built-in plugins: ``plugins/KIND/NAME.py``, or ``NAME/__init__.py`` of a folder."""
    return sorted(
        path for pattern in ("*/*.py", "*/*/__init__.py") for path in (builtin_root() / "plugins").glob(pattern)
    )
