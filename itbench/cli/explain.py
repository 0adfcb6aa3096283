"""itbench explain: how the value of a score was computed."""

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
@click.argument("score", shell_complete=completion.scores)
@with_naming
@with_metric
@with_results
@with_plugins
@with_json
def explain(
    score: str,
    benchmark: str | None,
    weights: str,
    metric: str,
    results: Path | None,
    plugin_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Explain how SCORE was computed, step by step, with formulas.

    SCORE is a score file, or a model that has a score (MODEL, or MODEL:WEIGHTS). Every number is computed again from
    the arrays in the file.

    \b
    Examples:
      itbench explain leaderboard/scores/itbench-tiny--pretrained--synthetic-it--ridge.nc
      itbench explain itbench-tiny -b synthetic-it
      itbench explain itbench-tiny --json
    """
    from itbench.results.explain import explain as explain_score
    from itbench.results.explain import heading
    from itbench.results.explain.steps import WIDTH, render

    registry = load_registry(plugin_files)
    (found,) = find([score], registry, results, benchmark, weights=weights, metric=metric, command="explain")
    steps = explain_score(found, registry)
    if as_json:
        print_json([step.as_dict() for step in steps])
    else:
        print_text(render(heading(found, steps), steps, text_width(WIDTH)))
