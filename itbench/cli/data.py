"""itbench data: recordings of your own, those that are known, and those that are here."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from itbench.cli.options import Command, print_rows, say, with_json
from itbench.cli.output import TerminalReporter
from itbench.errors import BadRecordings


@click.group()
def data() -> None:
    """Recordings: pack your own, bring known ones, list, verify and show those that are here.

    \b
    itbench data list
    itbench data fetch majaj-it
    itbench data pack mine --images DIR --responses R.npy --dims site,stimulus
    """


@data.command(cls=Command)
@click.argument("name")
@click.option(
    "--images",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="Folder or zip of images of one size.",
)
@click.option(
    "--responses", required=True, help="FILE.npy, FILE.nc or FILE.h5; FILE.h5:NAME picks one of several variables."
)
@click.option("--dims", help="Order of the axes, such as site,stimulus,repetition.")
@click.option(
    "--stimuli",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with a row an image; columns become coordinates.",
)
@click.option("--region", help="Such as V4.")
@click.option("--window", nargs=2, type=float, help="Start and end of the counting window, ms after onset.")
@click.option("--replace", is_flag=True, help="Take the place of recordings of that name.")
def pack(
    name: str,
    images: Path,
    responses: str,
    dims: str | None,
    stimuli: Path | None,
    region: str | None,
    window: tuple[float, float] | None,
    replace: bool,
) -> None:
    """Pack images and responses into one checked file called NAME.

    Images are taken in the order of the CSV's column ``filename``, else by name with numbers counted. Missing
    repetitions are NaN.

    \b
    itbench data pack mine --images images.zip --responses rates.npy \\
        --dims site,stimulus,repetition --stimuli images.csv --region V4 --window 50 150
    """
    from itbench.data.catalog import new_recordings_path
    from itbench.data.describe import describe
    from itbench.data.pack import pack_recordings
    from itbench.data.recordings_file import write_recordings

    path = new_recordings_path(name, replace)
    axes = [part.strip() for part in dims.split(",")] if dims else None
    write_recordings(
        pack_recordings(name, images, responses, axes, stimuli=stimuli, region=region, window=window), path
    )
    click.echo(json.dumps(describe(name), indent=2, ensure_ascii=False, default=str))
    say(f"Wrote {path}")


@data.command(cls=Command)
@click.argument("names", nargs=-1, required=True)
@click.option("--mirror", help="URL or folder with files of the same names; those in a folder are used in place.")
@click.option("--replace", is_flag=True, help="Bring them again where they are here already.")
def fetch(names: tuple[str, ...], mirror: str | None, replace: bool) -> None:
    """Fetch the known data sets NAMES and pack them.

    What was broken off goes on where it ended. `itbench score` fetches what it needs by itself.

    \b
    itbench data fetch majaj-it
    itbench data fetch majajhong2015-it majajhong2015-v4 --mirror https://example.org/brainio
    """
    from itbench.data.catalog import recordings_path, recordings_state
    from itbench.data.fetch import fetch_dataset

    for name in names:
        if not replace and recordings_state(name) == "here":
            click.echo(f"{name} is here already: {recordings_path(name)}")
        else:
            click.echo(f"Wrote {fetch_dataset(name, TerminalReporter(name), mirror)}")


@data.command("import", cls=Command)
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Take the place of the data set where it is here already.")
def import_(name: str, files: tuple[Path, ...], replace: bool) -> None:
    """Pack the known data set NAME from FILES that came by other means.

    They are told apart by their names, and left as they are.

    \b
    itbench data import majaj-it IT_data.h5
    """
    from itbench.data.catalog import recordings_path, recordings_state
    from itbench.data.fetch import import_dataset

    if not replace and recordings_state(name) == "here":
        raise BadRecordings(
            f"{name} is here already: {recordings_path(name)}.", todo="To put these files in its place, add --replace."
        )
    click.echo(f"Wrote {import_dataset(name, files, TerminalReporter(name))}")


@data.command("list", cls=Command)
@with_json
def list_(as_json: bool) -> None:
    """List the recordings that are here, can be made or can be fetched.

    \b
    itbench data list
    """
    from itbench.data.describe import overview

    print_rows(overview(), ("name", "state", "MB", "description"), as_json)


@data.command(cls=Command)
@click.argument("names", nargs=-1)
@with_json
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Check recordings (all, or NAMES) against their digests.

    \b
    itbench data verify
    itbench data verify synthetic-it
    """
    from itbench.data.catalog import installed_recordings
    from itbench.data.describe import verify

    rows = verify(names or tuple(installed_recordings()))
    print_rows(rows, ("name", "state", "file"), as_json, empty="No recordings here yet.")
    damaged = [row["name"] for row in rows if row["state"] == "damaged"]
    if damaged:
        raise BadRecordings(f"Not whole: {', '.join(damaged)}.", todo="Remove these files and make them again.")


@data.command(cls=Command)
@click.argument("name")
def show(name: str) -> None:
    """Show what the recordings called NAME hold.

    \b
    itbench data show synthetic-it
    """
    from itbench.data.describe import describe

    about = describe(name, TerminalReporter(name))
    click.echo(json.dumps(about, indent=2, ensure_ascii=False, default=str))


@data.command(cls=Command)
@click.argument("course", default="majaj-it")
@click.argument("public", default="majajhong2015-it")
@click.option("--dry-run", is_flag=True, help="Say what would be linked, and write nothing.")
def link(course: str, public: str, dry_run: bool) -> None:
    """Give the recordings COURSE the ids, metadata and repetitions of PUBLIC.

    Images and sites are matched where the mean responses are equal, and only where they are equal to one alone. The
    images of COURSE stay as they are, so that cached Grams serve on. With all of them matched, scores have a ceiling.

    \b
    itbench data link
    itbench data link majaj-it majajhong2015-it --dry-run
    """
    from itbench.data import linking
    from itbench.data.catalog import recordings_path
    from itbench.data.fetch import load_recordings
    from itbench.data.recordings_file import write_recordings

    ours, theirs = (load_recordings(name, TerminalReporter(name)) for name in (course, public))
    linked, report = linking.link(ours, theirs)
    if not dry_run:
        write_recordings(linked, recordings_path(course))
        say(f"Wrote {recordings_path(course)}")
    click.echo(json.dumps(dataclasses.asdict(report), indent=2))
