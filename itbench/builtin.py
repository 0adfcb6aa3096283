"""Where the built-in plugins lie, in a wheel and in a checkout, and the hook that offers the built-in benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from itbench.hookspecs import hookimpl

PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """Return the root of the checkout that this package runs from, or None for an installed wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "plugins").is_dir() else None


def root() -> Path:
    """Return the folder that holds ``plugins`` and ``benchmarks``."""
    return checkout() or PACKAGE / "shipped"


def plugin_files() -> list[Path]:
    """Return the files of the built-in models and metrics."""
    return sorted((root() / "plugins").glob("*/*.py"))


@hookimpl
def itbench_benchmarks(register: Callable[..., None]) -> None:
    """Offer every YAML file of the project."""
    for path in sorted((root() / "benchmarks").glob("*.yaml")):
        register(path)
