"""itbench explain: how a number came about."""

from __future__ import annotations

import json
from pathlib import Path

import click

from itbench.cli.command import Command
from itbench.cli.options import find, load_registry, with_json, with_metric, with_naming, with_plugins, with_results


@click.command(cls=Command)
@click.argument("score")
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
    """Say how the number of SCORE came about, step by step, with the formulas.

    SCORE is a file that itbench score wrote, or a model that has one (MODEL, or MODEL:WEIGHTS). Every number is
    computed again from what the file holds.

    \b
    itbench explain leaderboard/scores/itbench-tiny--pretrained--synthetic-it--ridge.nc
    itbench explain itbench-tiny -b synthetic-it
    itbench explain itbench-tiny --json
    """
    from itbench.results.explain import explain as account
    from itbench.results.explain import heading
    from itbench.results.explain.steps import render

    registry = load_registry(plugin_files)
    (found,) = find([score], registry, results, benchmark, weights=weights, metric=metric, command="explain")
    steps = account(found, registry)
    if as_json:
        click.echo(json.dumps([step.as_dict() for step in steps], indent=2, ensure_ascii=False))
    else:
        click.echo(render(heading(found, steps), steps))
