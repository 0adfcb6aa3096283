"""itbench ceiling: the noise ceiling of a benchmark, from the repetitions in its recordings."""

from __future__ import annotations

from typing import Any

import click

from itbench.cli.options import Command, load_registry, with_benchmarks, with_json, with_plugins
from itbench.cli.output import TerminalReporter, print_rows

OF_SITES = ("benchmark", "method", "median", "mean", "sites", "above 0", "repetitions")
OF_SUBJECTS = ("benchmark", "method", "lower", "upper", "subjects")


@click.command(cls=Command)
@with_benchmarks
@click.option(
    "--method",
    "methods",
    multiple=True,
    help="Of sites: split-half, variance; of dissimilarities: pearson, spearman, cosine.  [default: all of them]",
)
@with_plugins
@with_json
def ceiling(
    benchmarks: tuple[str, ...], methods: tuple[str, ...], plugin_files: tuple[str, ...], as_json: bool
) -> None:
    """Show the noise ceiling of benchmarks.

    The noise ceiling is the best score that the noise in the recordings allows.

    The ceiling of a site is its reliability, the explained variance that a perfect model reaches. Median and mean are
    over the sites that have one; a score at a site where it is not above 0 cannot be divided by it. Recordings that
    hold the dissimilarities of several subjects have a lower and an upper bound instead.

    \b
    Examples:
      itbench ceiling
      itbench ceiling -b BENCHMARK --method split-half --json
    """
    from itbench.sweeps.ceiling_table import ceiling_rows

    registry = load_registry(plugin_files)
    rows: list[dict[str, Any]] = []
    for name in benchmarks:
        bench = registry.benchmark(name)
        reporter = TerminalReporter(bench.name)
        rows += [{"benchmark": bench.name, **row} for row in ceiling_rows(bench, methods, reporter)]
    columns = dict.fromkeys(name for row in rows for name in (OF_SUBJECTS if "subjects" in row else OF_SITES))
    print_rows(rows, tuple(columns), as_json)
