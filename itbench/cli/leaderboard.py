"""itbench leaderboard: what has been scored."""

from __future__ import annotations

from pathlib import Path

import click

from itbench.cli.common import Command, say, with_results
from itbench.errors import BadOption


@click.command(cls=Command)
@click.option("-b", "--benchmark", "benchmarks", multiple=True, help="Only this benchmark.")
@click.option(
    "--format",
    "form",
    default="markdown",
    show_default=True,
    type=click.Choice(["markdown", "csv", "json"]),
    help="What is printed or written.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.  [default: print]")
@with_results
def leaderboard(
    benchmarks: tuple[str, ...], form: str, as_json: bool, output: Path | None, results: Path | None
) -> None:
    """Compile the scores into a leaderboard.

    Ranks by explained variance. Rows that were not scored alike say so in a note.

    \b
    itbench leaderboard
    itbench leaderboard -b synthetic-it --format csv --output leaderboard.csv
    """
    from itbench import folders
    from itbench.leaderboard import compile_leaderboard, render, write_leaderboard

    if results and not results.is_dir():
        raise BadOption(f"No folder of scores {results}.", todo="Name one that itbench score wrote with --results.")
    text = render(compile_leaderboard(results or folders.results(), benchmarks), "json" if as_json else form)
    if output:
        write_leaderboard(text, output)
        say(f"Wrote {output}")
    else:
        click.echo(text)
