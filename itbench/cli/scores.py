"""itbench scores: list score files, and write them as a long table or as JSON-LD."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli import completion
from itbench.cli.options import (
    Command,
    load_registry,
    named_benchmark,
    with_format,
    with_metric,
    with_plugins,
    with_results,
)
from itbench.cli.output import say
from itbench.cli.tables import print_rows
from itbench.errors import BadOption

if TYPE_CHECKING:
    from itbench.registry import Registry

COLUMNS = {  # that are printed, by what a row is
    "scores": ("model", "weights", "benchmark", "metric", "measure", "value", "low", "high", "layer", "date"),
    "layers": ("model", "weights", "benchmark", "metric", "layer", "explained_variance", "correlation", "value"),
    "sites": ("model", "weights", "benchmark", "metric", "site", "explained_variance", "correlation", "ceiling"),
}


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[MODEL[:WEIGHTS] | FILE.nc]...", shell_complete=completion.scores)
@click.option(
    "-b", "--benchmark", default="", shell_complete=completion.scored_benchmarks, help="Only scores on this benchmark."
)
@with_metric
@click.option(
    "--rows",
    type=click.Choice(list(COLUMNS)),
    default="scores",
    show_default=True,
    help="What a row is: a score, one of its layers, or one of its sites.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file: .csv, .json, .parquet (pip install 'itbench[parquet]'), or .jsonld.  [default: print]",
)
@click.option("--creator", default="", help="Who made the scores, for JSON-LD.")
@with_results
@with_plugins
@with_format
def scores(
    names: tuple[str, ...],
    benchmark: str,
    metric: str,
    rows: str,
    output: Path | None,
    creator: str,
    results: Path | None,
    plugin_files: tuple[str, ...],
    form: str | None,
) -> None:
    """List the scores of a folder, or write them to a table.

    A file has every label, figure and setting of a score in columns, and numbers as they are. JSON-LD describes the
    score files in the vocabulary of schema.org: what was measured, how, with which references, and each file's digest.

    \b
    Examples:
      itbench scores
      itbench scores itbench-tiny -b synthetic-it --rows sites --output sites.csv
      itbench scores --output scores.parquet
      itbench scores --output scores.jsonld --creator "Our lab"
    """
    from itbench.results.find import select_scores
    from itbench.results.leaderboard_formats import form_of
    from itbench.results.score_table import FORMS, json_text, score_table, write_table
    from itbench.util import folders
    from itbench.util.files import check_writable, write_text
    from itbench.util.tables import counted

    ending = FORMS.get(output.suffix.lower(), "") if output else ""
    if output:
        if not ending:
            raise BadOption(f"{output}: its ending names no format.", known=f"Known endings: {', '.join(FORMS)}.")
        form_of(output, form, {name: (one,) for one, name in FORMS.items()})  # which may contradict each other
        check_writable(output.absolute().parent)
    if ending == "jsonld" and rows != "scores":
        raise BadOption("JSON-LD has one part a score.", todo="Leave out --rows, or write a table: .csv, .parquet.")
    if creator and ending != "jsonld":
        raise BadOption("--creator is for JSON-LD.", todo="Name an --output that ends in .jsonld.")
    if results and not results.is_dir():
        raise BadOption(f"No folder of scores {results}.", todo="Name one that itbench score wrote with --results.")
    registry = load_registry(plugin_files)
    on = named_benchmark(registry, benchmark) or ""
    name = on if isinstance(on, str) else on.name
    found = select_scores(results or folders.results(), names, name, metric, registry)
    if output and not found:
        raise BadOption("There is no score to write.", todo="List them with: itbench scores")
    if output and ending == "jsonld":
        write_text(output, json_text(_described(found, registry, creator)) + "\n")
        say(f"Wrote {output}" if creator else f"Wrote {output}, which names no creator: --creator NAME")
        return
    table = score_table([score for _, score in found], rows)
    if output:
        write_table(table, output, ending)
        say(f"Wrote {counted(len(table), 'row')} to {output}")
    else:
        columns = tuple(table[0]) if form in ("csv", "json") and table else COLUMNS[rows]
        print_rows(table, columns, form, empty="No scores yet. Make some: itbench score -m pixels -m itbench-tiny")


def _described(found: list[Any], registry: Registry, creator: str) -> dict[str, Any]:
    from itbench.results.citations import cite
    from itbench.results.score_table import json_ld

    bibliography = cite(registry, [str(path) for path, _ in found], Path())
    return json_ld(found, bibliography.references, creator)
