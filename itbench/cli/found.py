"""Scores as a user names them: by file, or by the model that was scored, with options that say which is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import xarray as xr

    from itbench.plugins import Registry


def with_naming(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``--benchmark`` and ``--weights``, which say what scores are meant."""
    for option in (
        click.option("--weights", default="", help="Only scores with these weights, as a leaderboard shows them."),
        click.option("-b", "--benchmark", help="Only scores on this: a benchmark's name, or the path of a YAML file."),
    ):
        function = option(function)
    return function


def with_metric(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--metric``, which says what scores are meant."""
    return click.option("--metric", default="", help="Only scores by this metric.")(function)


def find(
    names: Sequence[str], registry: Registry, results: Path | None, benchmark: str | None, **which: Any
) -> list[xr.Dataset]:
    """Return the scores of the names; `which` says the rest that `itbench.compare.find_scores` wants to know."""
    from itbench import folders
    from itbench.compare import find_scores

    named = registry.benchmark(benchmark) if benchmark else None
    return [score for _, score in find_scores(results or folders.results(), names, benchmark=named, **which)]
