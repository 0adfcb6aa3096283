"""itbench cite: BibTeX of the scores, models, metrics and benchmarks that a paper uses."""

from __future__ import annotations

from pathlib import Path

import click

from itbench.cli import completion
from itbench.cli.options import Command, load_registry, with_plugins, with_results
from itbench.cli.output import say


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[SCORE | MODEL | METRIC | BENCHMARK]...", shell_complete=completion.cited)
@click.option(
    "--format", "form", type=click.Choice(["bibtex", "text"]), default="bibtex", show_default=True, help="Format."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.  [default: print]")
@with_results
@with_plugins
def cite(
    names: tuple[str, ...], form: str, output: Path | None, results: Path | None, plugin_files: tuple[str, ...]
) -> None:
    """Print BibTeX of models, metrics and recordings.

    And of the packages that gave the weights, and of itbench itself.

    SCORE is a score file, or MODEL:WEIGHTS as the leaderboard names it. Without names, all scores of the results folder
    are cited. What has no citation is named on stderr.

    \b
    Examples:
      itbench cite --output references.bib
      itbench cite resnet50 ridge synthetic-it
      itbench cite leaderboard/scores/pixels--none--synthetic-it--ridge.nc --format text
    """
    from itbench.results.citations import cite as cited
    from itbench.util import folders
    from itbench.util.files import check_writable, refuse_ending, write_text

    if output:
        other, endings = ("text", [".bib"]) if form == "bibtex" else ("bibtex", [".txt", ".md"])
        refuse_ending(output, endings, todo=f"For another ending: --format {other}.")
        check_writable(output.absolute().parent)
    found = cited(load_registry(plugin_files), names, results or folders.results())
    parts = []
    for one in found.references:
        used = ", ".join(one.used_by).replace("@", "(at)")  # which would begin an entry
        parts.append(f"% {used}\n{one.bibtex}\n" if form == "bibtex" else f"{one.text} [{used}]")
    text = "\n".join(parts).rstrip("\n")
    if not names and not any((results or folders.results()).glob("*.nc")):
        say(f"No score was found in {results or folders.results()}: only itbench itself is cited.")
    if output:
        write_text(output, text + "\n")
        say(f"Wrote {output}")
    else:
        click.echo(text)
    for label in found.unknown:
        say(f"No citation known for the {label}.")
