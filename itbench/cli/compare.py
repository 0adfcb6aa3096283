"""itbench compare: paired comparison of two scored models."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from itbench.cli.output import print_json, print_rows

if TYPE_CHECKING:
    from itbench.results.paired_comparison import ComparedModel, PairedComparison

SMALLEST = 1e-15  # p that is told apart from 0


@click.command(cls=Command)
@click.argument("a")
@click.argument("b")
@with_naming
@with_metric
@with_results
@with_plugins
@with_json
def compare(
    a: str,
    b: str,
    benchmark: str | None,
    metric: str,
    weights: str,
    results: Path | None,
    plugin_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare two scored models on the same images and sites.

    A and B are models, models with their weights (MODEL:WEIGHTS), or the paths of score files. Prints both values, the
    difference with its 95 % interval, and p of a permutation test, which swaps the predictions of the two models.

    \b
    Examples:
      itbench compare itbench-tiny pixels -b synthetic-it
      itbench compare itbench-tiny:pretrained itbench-tiny:random-0 -b synthetic-it
      itbench compare resnet50 vit_b_16 -b BENCHMARK --metric ridge --json
      itbench compare leaderboard/scores/one.nc leaderboard/scores/other.nc
    """
    from itbench.cli.output import TerminalReporter
    from itbench.results.paired_comparison import compare_scores, responses_of
    from itbench.results.score_setup import refuse_unlike
    from itbench.results.score_variables import is_comparison

    registry = load_registry(plugin_files)
    first, second = find((a, b), registry, results, benchmark, metric=metric, weights=weights)
    refuse_unlike(first, second)  # before anything is fetched
    responses = None
    if not is_comparison(first):
        bench = registry.benchmark(benchmark or first.attrs["benchmark"])
        responses = responses_of(first, bench, TerminalReporter(bench.name))
    compared = compare_scores(first, second, responses)
    if as_json:
        print_json(dataclasses.asdict(compared))
    else:
        _print(compared)


def _print(found: PairedComparison) -> None:
    from itbench.results.summary import LABELS, interval_text

    label = LABELS.get(found.measure, found.measure)
    splits = f", {found.n_splits} split{'s' * (found.n_splits != 1)}" if found.n_splits else ""
    click.echo(f"{found.benchmark}: {found.n_stimuli} images, {found.n_sites} sites{splits}\n")
    rows = [_row(name, one, label) for name, one in (("A", found.a), ("B", found.b))]
    between = {"": "A − B", label: found.difference, "95 %": interval_text(found.low, found.high)}
    columns = ["", "model", "weights", "metric", "layer", label, "95 %"]
    if found.a.sites_better is not None:
        columns += ["sites better", "significantly"]
    print_rows([*rows, between], columns, False)
    p = f"= {found.p:.2g}" if found.p >= SMALLEST else f"< {SMALLEST:.0e}"
    click.echo(f"\np {p} ({found.test})")
    for departure in found.departures:
        click.echo(f"The setups also differ in {departure}.")


def _row(name: str, one: ComparedModel, label: str) -> dict[str, Any]:
    from itbench.results.summary import interval_text

    return {
        **dataclasses.asdict(one),
        "": name,
        label: one.value,
        "95 %": interval_text(one.low, one.high),
        "sites better": one.sites_better,
        "significantly": one.sites_better_significantly,
    }
