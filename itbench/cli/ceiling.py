"""itbench ceiling: the noise ceiling of a benchmark, from the repetitions in its recordings."""

from __future__ import annotations

from typing import Any

import click

from itbench.cli.options import Command, load_registry, with_benchmarks, with_format, with_plugins
from itbench.cli.output import TerminalReporter
from itbench.cli.tables import print_rows, print_text

OF_SITES = ("benchmark", "method", "median", "mean", "low", "high", "sites", "above 0", "repetitions")
OF_SUBJECTS = (
    "benchmark",
    "method",
    "lower",
    "lower low",
    "lower high",
    "upper",
    "upper low",
    "upper high",
    "subjects",
)
OF_ALL = (
    "\nOf all images together. The ceiling of a score is of the same responses about their means in each of its splits,"
    " and so differs a little."
)
INTERVALS = {"low": "95 %", "lower low": "95 % of lower", "upper low": "95 % of upper"}  # printed as one column


@click.command(cls=Command)
@with_benchmarks
@click.option(
    "--method",
    "methods",
    multiple=True,
    help="Of sites: split-half, variance; of comparisons: cka, rsa; of dissimilarities: pearson, spearman, cosine."
    "  [default: all of them]",
)
@with_plugins
@with_format
def ceiling(
    benchmarks: tuple[str, ...], methods: tuple[str, ...], plugin_files: tuple[str, ...], form: str | None
) -> None:
    """Show the noise ceiling of benchmarks.

    The noise ceiling is the best score that the noise in the recordings allows.

    The ceiling of a site is its reliability, the explained variance that a perfect model reaches. Median and mean are
    over the sites that have one; a score at a site where it is not above 0 cannot be divided by it. That of cka and rsa
    is what the geometry without noise would score. Recordings that hold the dissimilarities of several subjects have a
    lower and an upper bound instead. Intervals, of the median where there is one, are over images and sites or
    subjects.

    \b
    Examples:
      itbench ceiling
      itbench ceiling -b BENCHMARK --method split-half --json
    """
    from itbench.results.summary import interval_text
    from itbench.sweeps.ceiling_table import ceiling_rows

    registry = load_registry(plugin_files)
    rows: list[dict[str, Any]] = []
    for name in benchmarks:
        bench = registry.benchmark(name)
        reporter = TerminalReporter(bench.name)
        rows += [{"benchmark": bench.name, **row} for row in ceiling_rows(bench, methods, reporter)]
    columns = tuple(dict.fromkeys(name for row in rows for name in (OF_SUBJECTS if "subjects" in row else OF_SITES)))
    if form in (None, "markdown"):
        for row in rows:
            row |= {text: interval_text(row.get(low), row.get(f"{low[:-3]}high")) for low, text in INTERVALS.items()}
        columns = tuple(INTERVALS.get(name, name) for name in columns if not name.endswith("high"))
    print_rows(rows, columns, form)
    if form in (None, "markdown") and any("subjects" not in row for row in rows):
        print_text(OF_ALL, form)
