"""itbench data link: repetitions for the course's recordings."""

from __future__ import annotations

import dataclasses
import json

import click

from itbench.cli.common import Command, say
from itbench.cli.report import TerminalReporter


@click.command(cls=Command)
@click.argument("course", default="majaj-it")
@click.argument("public", default="majajhong2015-it")
@click.option("--dry-run", is_flag=True, help="Say what would be linked, and write nothing.")
def link(course: str, public: str, dry_run: bool) -> None:
    """Give the recordings COURSE the ids, metadata and repetitions of PUBLIC.

    Pictures and sites are matched where the mean responses are equal, and only where they are equal to one alone. The
    pictures of COURSE stay as they are, so that cached Grams serve on. With all of them matched, scores have a ceiling.

    \b
    itbench data link
    itbench data link majaj-it majajhong2015-it --dry-run
    """
    from itbench import datasets, linking
    from itbench.recordings import write_recordings

    ours, theirs = (datasets.load(name, TerminalReporter(name)) for name in (course, public))
    linked, report = linking.link(ours, theirs)
    if not dry_run:
        write_recordings(linked, datasets.path_of(course))
        say(f"Wrote {datasets.path_of(course)}")
    click.echo(json.dumps(dataclasses.asdict(report), indent=2))
