"""itbench rescore: score again from cached Grams by another metric, without the model."""

from __future__ import annotations

from pathlib import Path

import click

from itbench.cli import completion
from itbench.cli.options import (
    KEPT,
    Command,
    check_folders,
    find,
    load_registry,
    named_benchmark,
    with_format,
    with_naming,
    with_options,
    with_plugins,
    with_results,
)
from itbench.cli.scored_runs import Written, run_each


@click.command(cls=Command, kept=KEPT)
@click.argument("scores", metavar="SCORE...", nargs=-1, required=True, shell_complete=completion.scores)
@click.option("--metric", shell_complete=completion.metrics, help="A metric.  [default: the score's own]")
@with_options
@with_naming
@with_results
@with_plugins
@with_format
def rescore(
    scores: tuple[str, ...],
    metric: str | None,
    option_texts: tuple[str, ...],
    benchmark: str | None,
    weights: str,
    results: Path | None,
    plugin_files: tuple[str, ...],
    form: str | None,
) -> None:
    """Score again by another metric or with other options. The model is not run.

    A SCORE is a score file, or a model that has a score (MODEL, or MODEL:WEIGHTS). The metric reads the cached Grams of
    the model's layers. Output and files are those of itbench score.

    \b
    Examples:
      itbench rescore leaderboard/scores/itbench-tiny--pretrained--synthetic-it--ridge.nc --metric pls
      itbench rescore itbench-tiny --metric ridge -o components=100
      itbench rescore resnet50 densenet201 -b mine.yaml --metric cka
    """
    from itbench.cli.output import TerminalReporter
    from itbench.data.benchmark import Benchmark
    from itbench.extraction.gram_cache import GramCache
    from itbench.metrics import options
    from itbench.results.find import benchmark_of
    from itbench.results.score_file import write_score
    from itbench.scoring.rescore import Plan, plan_metric
    from itbench.scoring.rescore import rescore as rescore_plan
    from itbench.util import folders

    check_folders(results, None)
    registry, folder = load_registry(plugin_files), results or folders.results()
    found = find(scores, registry, results, benchmark, weights=weights, command="rescore", alike=True)
    bench = named_benchmark(registry, benchmark)
    on = bench if isinstance(bench, Benchmark) else None
    given = options.pairs(option_texts)
    plans = [
        Plan(score, plan_metric(registry, score, metric, given), benchmark_of(registry, score, on)) for score in found
    ]

    def one(plan: Plan) -> Written:
        again = rescore_plan(plan, GramCache(), TerminalReporter(plan.title))
        return again, write_score(again, folder)

    run_each(plans, one, form)
