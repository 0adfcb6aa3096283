"""itbench data: recordings of your own, those that are known, and those that are here."""

from __future__ import annotations

import json
from pathlib import Path

import click

from itbench.cli.common import Command, print_rows, say, with_json
from itbench.cli.link import link
from itbench.cli.report import TerminalReporter
from itbench.errors import BadRecordings


@click.group()
def data() -> None:
    """Recordings: pack your own, bring known ones, list, verify and show those that are here.

    \b
    itbench data list
    itbench data fetch majaj-it
    itbench data pack mine --images DIR --responses R.npy --dims site,stimulus
    """


data.add_command(link)


@data.command(cls=Command)
@click.argument("name")
@click.option(
    "--images",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="Folder or zip of pictures of one size.",
)
@click.option(
    "--responses", required=True, help="FILE.npy, FILE.nc or FILE.h5; FILE.h5:NAME picks one of several variables."
)
@click.option("--dims", help="Order of the axes, such as site,stimulus,repetition.")
@click.option(
    "--stimuli",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with a row a picture; columns become coordinates.",
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
    """Pack pictures and responses into one checked file called NAME.

    Pictures are taken in the order of the CSV's column ``filename``, else by name with numbers counted. Missing
    repetitions are NaN.

    \b
    itbench data pack mine --images pictures.zip --responses rates.npy \\
        --dims site,stimulus,repetition --stimuli pictures.csv --region V4 --window 50 150
    """
    from itbench import datasets
    from itbench.pack import pack_recordings
    from itbench.recordings import write_recordings

    path = datasets.new_path(name, replace)
    axes = [part.strip() for part in dims.split(",")] if dims else None
    write_recordings(
        pack_recordings(name, images, responses, axes, stimuli=stimuli, region=region, window=window), path
    )
    click.echo(json.dumps(datasets.describe(name), indent=2, ensure_ascii=False, default=str))
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
    from itbench import datasets

    for name in names:
        if not replace and datasets.state(name) == "here":
            click.echo(f"{name} is here already: {datasets.path_of(name)}")
        else:
            click.echo(f"Wrote {datasets.fetch(name, TerminalReporter(name), mirror)}")


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
    from itbench import datasets

    if not replace and datasets.state(name) == "here":
        raise BadRecordings(
            f"{name} is here already: {datasets.path_of(name)}.", todo="To put these files in its place, add --replace."
        )
    click.echo(f"Wrote {datasets.import_files(name, files, TerminalReporter(name))}")


@data.command("list", cls=Command)
@with_json
def list_(as_json: bool) -> None:
    """List the recordings that are here, can be made or can be fetched.

    \b
    itbench data list
    """
    from itbench import datasets

    print_rows(datasets.overview(), ("name", "state", "MB", "description"), as_json)


@data.command(cls=Command)
@click.argument("names", nargs=-1)
@with_json
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Check recordings (all, or NAMES) against their digests.

    \b
    itbench data verify
    itbench data verify synthetic-it
    """
    from itbench import datasets

    rows = datasets.verify(names or tuple(datasets.installed()))
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
    from itbench import datasets

    about = datasets.describe(name, TerminalReporter(name))
    click.echo(json.dumps(about, indent=2, ensure_ascii=False, default=str))
