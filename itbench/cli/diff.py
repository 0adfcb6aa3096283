"""itbench diff: why the values of two scores differ."""

from __future__ import annotations

from pathlib import Path

import click

from itbench.cli import completion
from itbench.cli.options import (
    Command,
    find,
    load_registry,
    with_json,
    with_metric,
    with_naming,
    with_plugins,
    with_results,
)
from itbench.cli.output import print_json
from itbench.cli.tables import print_text, text_width


@click.command(cls=Command)
@click.argument("a", shell_complete=completion.scores)
@click.argument("b", shell_complete=completion.scores)
@with_naming
@with_metric
@with_results
@with_plugins
@with_json
def diff(
    a: str,
    b: str,
    benchmark: str | None,
    weights: str,
    metric: str,
    results: Path | None,
    plugin_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show why the values of the scores A and B differ.

    A and B are score files, or models that have a score (MODEL, or MODEL:WEIGHTS). Compares the provenance of the two
    and prints the items that differ, the most consequential first, and how far the values are apart.

    \b
    Examples:
      itbench diff itbench-tiny:pretrained itbench-tiny:random-0 -b synthetic-it
      itbench diff mine/resnet50.nc theirs/resnet50.nc
      itbench diff itbench-tiny pixels --json
    """
    from itbench.results.diff import WIDTH, difference, render

    first, second = find(
        [a, b], load_registry(plugin_files), results, benchmark, weights=weights, metric=metric, command="diff"
    )
    found = difference(first, second)
    if as_json:
        print_json(found.as_dict())
    else:
        print_text(render(found, text_width(WIDTH)))
