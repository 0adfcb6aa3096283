"""itbench leaderboard: the scores of a folder, ranked."""

from __future__ import annotations

from pathlib import Path

import click

from itbench.cli.options import Command, load_registry, with_results
from itbench.cli.output import print_json, say
from itbench.errors import BadOption


@click.command(cls=Command)
@click.option("-b", "--benchmark", "benchmarks", multiple=True, help="Only this benchmark.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "csv", "json", "html"]),
    help="Format; html is a site of pages in the folder --output.  [default: by the ending of --output, or markdown]",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file, or folder.  [default: print]")
@click.option("--all", "every", is_flag=True, help="Also list models that were not run on a benchmark or metric.")
@with_results
def leaderboard(
    benchmarks: tuple[str, ...],
    form: str | None,
    as_json: bool,
    output: Path | None,
    every: bool,
    results: Path | None,
) -> None:
    """Compile the scores into a leaderboard.

    Models share a rank such as 2–3 where the 95 % interval of their difference, over images and sites, contains 0.
    Baselines, in italics, have no rank. Nor do scores whose setup differs from that of most; they are listed below,
    with a note of what differs.

    \b
    Examples:
      itbench leaderboard
      itbench leaderboard -b synthetic-it --output leaderboard.csv
      itbench leaderboard --format html --output site
    """
    from itbench.results.leaderboard import compile_leaderboard, form_of, render, write_leaderboard
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
    form = form_of(output, "json" if as_json else form)
    if output:
        check_writable(output.absolute().parent)
    rows = compile_leaderboard(results or folders.results(), benchmarks, every)
    if output:
        write_leaderboard(render(rows, form), output)
        say(f"Wrote {output}")
    elif form == "json":
        print_json(rows)
    else:
        click.echo(render(rows, form))


def _write_site(scores: Path, output: Path | None, benchmarks: tuple[str, ...]) -> None:
    from itbench.site.site import write_site
    from itbench.util.tables import counted

    if output is None:
        raise BadOption(
            "--format html needs a folder.", todo="Name one: itbench leaderboard --format html --output site"
        )
    n = write_site(scores, output, load_registry(()), benchmarks)
    say(f"Wrote {output / 'index.html'} of {counted(n, 'score')}; open it in a browser, or serve the folder")
