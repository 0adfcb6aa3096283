"""itbench compare: paired comparison of two scored models."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli import completion
from itbench.cli.options import (
    Command,
    find,
    load_registry,
    named_benchmark,
    with_format,
    with_metric,
    with_naming,
    with_plugins,
    with_results,
)
from itbench.cli.output import print_json
from itbench.cli.tables import print_rows, print_text

if TYPE_CHECKING:
    from itbench.results.paired_comparison import ComparedModel, PairedComparison


FEW = "Sites are few: in simulations with 10, p was below 0.05 for one in ten pairs of equal models, not for one in 20."


@click.command(cls=Command)
@click.argument("a", shell_complete=completion.scores)
@click.argument("b", shell_complete=completion.scores)
@with_naming
@with_metric
@click.option("--margin", type=float, help="The largest difference that does not matter: adds an equivalence test.")
@with_results
@with_plugins
@with_format
def compare(
    a: str,
    b: str,
    benchmark: str | None,
    metric: str,
    weights: str,
    margin: float | None,
    results: Path | None,
    plugin_files: tuple[str, ...],
    form: str | None,
) -> None:
    """Compare two scored models on the same images and sites.

    A and B are models, models with their weights (MODEL:WEIGHTS), or the paths of score files. Prints both values and
    the difference, each with its standard error (SE) and 95 % interval, and p, all from draws of other images and sites
    of the kind, and whether the difference is to be believed. A permutation test of the images between the models adds
    what these images and sites alone say.

    \b
    Examples:
      itbench compare itbench-tiny pixels -b synthetic-it
      itbench compare itbench-tiny:pretrained itbench-tiny:random-0 -b synthetic-it
      itbench compare resnet50 vit_b_16 -b BENCHMARK --metric ridge --json
      itbench compare resnet50 resnet101 -b BENCHMARK --margin 0.01
      itbench compare leaderboard/scores/one.nc leaderboard/scores/other.nc
    """
    from itbench.cli.output import TerminalReporter
    from itbench.data.benchmark import Benchmark
    from itbench.results.find import benchmark_of
    from itbench.results.paired_comparison import compare_scores, responses_of
    from itbench.results.score_setup import refuse_unlike
    from itbench.results.score_variables import is_comparison

    registry = load_registry(plugin_files)
    first, second = find((a, b), registry, results, benchmark, metric=metric, weights=weights)
    refuse_unlike(first, second)  # before anything is fetched
    responses = None
    if not is_comparison(first):
        named = named_benchmark(registry, benchmark)
        bench = named if isinstance(named, Benchmark) else benchmark_of(registry, first)
        responses = responses_of(first, bench, TerminalReporter(bench.name))
    compared = compare_scores(first, second, responses, margin)
    if form == "json":
        print_json(dataclasses.asdict(compared))
    else:
        _print(compared, form)


def _print(found: PairedComparison, form: str | None) -> None:
    from itbench.results.paired_comparison import SWAPS
    from itbench.results.summary import LABELS

    label = LABELS.get(found.measure, found.measure)
    rows = [_row(name, one, one.value, label) for name, one in (("A", found.a), ("B", found.b))]
    rows.append(_row("A − B", found, found.difference, label))
    columns = ["", "model", "weights", "metric", "layer", label, "SE", "95 %", "p"]
    if found.a.sites_better is not None:
        columns += ["sites better", "significantly"]
    if form == "csv":
        print_rows(rows, [*columns[:6], "standard_error", "low", "high", *columns[8:]], form)
        return
    splits = f", {found.n_splits} split{'s' * (found.n_splits != 1)}" if found.n_splits else ""
    click.echo(f"{found.benchmark}: {found.n_stimuli} images, {found.n_sites} sites{splits}\n")
    print_rows(rows, columns, form)
    print_text(f"\n{found.verdict} Resampled: {found.drawn}, {found.n_draws:,} draws.", form)
    if found.few_sites:
        print_text(FEW, form)
    if found.p_at_these_sites is not None:
        p = _p(found.p_at_these_sites, 1 / (SWAPS + 1))
        print_text(f"Of these images and sites alone, by a permutation test: p {p} ({SWAPS:,} permutations).", form)
    if found.p_beyond_margin is not None:
        click.echo(f"More than {found.margin:g} apart: p {_p(found.p_beyond_margin, 0.0)}.")
    for departure in found.departures:
        print_text(f"The setups also differ in {departure}.", form)


def _row(name: str, one: ComparedModel | PairedComparison, value: float, label: str) -> dict[str, Any]:
    from itbench.results.summary import interval_text

    about = dataclasses.asdict(one)
    return {
        **about,
        "": name,
        label: value,
        "SE": one.standard_error,
        "95 %": interval_text(one.low, one.high),
        "p": _p(about["p"], 2 / (about["n_draws"] + 1)).removeprefix("= ") if "p" in about else None,
        "sites better": about.get("sites_better"),
        "significantly": about.get("sites_better_significantly"),
    }


def _p(value: float, least: float) -> str:
    return f"≤ {value:.1g}" if value <= least else f"= {value:.2g}"
