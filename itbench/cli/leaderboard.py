"""itbench leaderboard: the scores of a folder, ranked."""

from __future__ import annotations

from pathlib import Path

import click

from itbench.cli import completion
from itbench.cli.options import Command, load_registry, with_results
from itbench.cli.output import print_json, say
from itbench.cli.tables import print_text
from itbench.errors import BadOption


@click.command(cls=Command)
@click.option(
    "-b",
    "--benchmark",
    "benchmarks",
    multiple=True,
    shell_complete=completion.scored_benchmarks,
    help="Only this benchmark.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "csv", "json", "html"]),
    help="Format; html is a site of pages in the folder --output.  [default: by the ending of --output, or markdown]",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file, or folder.  [default: print]")
@click.option("--all", "every", is_flag=True, help="Also list models that were not run on a benchmark or metric.")
@click.option("--summary", is_flag=True, help="Only models × benchmarks, with the mean over benchmarks.")
@with_results
def leaderboard(
    benchmarks: tuple[str, ...],
    form: str | None,
    as_json: bool,
    output: Path | None,
    every: bool,
    summary: bool,
    results: Path | None,
) -> None:
    """Compile the scores into a leaderboard.

    Of several benchmarks, models × benchmarks with the mean over benchmarks come first, in markdown; in CSV and JSON,
    --summary gives them.

    Models share a rank such as 2–3 where the 95 % interval of their difference, over images and sites, contains 0.
    Baselines, in italics, have no rank. Nor do scores whose setup differs from that of most; they are listed below,
    with a note of what differs.

    \b
    Examples:
      itbench leaderboard
      itbench leaderboard -b synthetic-it --output leaderboard.csv
      itbench leaderboard --summary -b synthetic-it -b synthetic-it-noisy
      itbench leaderboard --format html --output site
    """
    from itbench.results.benchmark_mean import benchmark_means, mean_rows, render_means
    from itbench.results.leaderboard import read_tables
    from itbench.results.leaderboard_formats import form_of, render, write_leaderboard
    from itbench.util import folders
    from itbench.util.files import check_writable

    if as_json and form not in (None, "json"):
        raise BadOption(f"--json and --format {form} contradict each other.", todo="Leave out one of them.")
    if results and not results.is_dir():
        raise BadOption(f"No folder of scores {results}.", todo="Name one that itbench score wrote with --results.")
    if form == "html":
        _write_site(results or folders.results(), output, benchmarks)
        return
    if output and output.is_dir():
        raise BadOption(f"{output} is a folder.", todo="Name a file; or a site is meant: --format html")
    asked = "json" if as_json else form
    form = form_of(output, asked)
    if output:
        check_writable(output.absolute().parent)
    tables = read_tables(results or folders.results(), benchmarks, every)
    means = benchmark_means(tables) if summary or form == "markdown" else []
    if summary and not means:
        raise BadOption(
            "There is no table of models × benchmarks: no metric has scores on two benchmarks.",
            todo="Score a second one, with -b of itbench score; or leave out --summary.",
        )
    rows = [row for table in tables for row in table.rows]
    text = "\n\n".join([*([render_means(means, form)] if means else []), *([] if summary else [render(rows, form)])])
    if output:
        write_leaderboard(text, output)
        say(f"Wrote {output}")
    elif form == "json":
        print_json(mean_rows(means) if summary else rows)
    else:
        print_text(text, asked)


def _write_site(scores: Path, output: Path | None, benchmarks: tuple[str, ...]) -> None:
    from itbench.site.site import write_site
    from itbench.util.tables import counted

    if output is None:
        raise BadOption(
            "--format html needs a folder.", todo="Name one: itbench leaderboard --format html --output site"
        )
    n = write_site(scores, output, load_registry(()), benchmarks)
    say(f"Wrote {output / 'index.html'} of {counted(n, 'score')}; open it in a browser, or serve the folder")
