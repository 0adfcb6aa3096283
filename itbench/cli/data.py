"""itbench data: recordings of your own, and those that are here."""

from __future__ import annotations

import json
from pathlib import Path

import click

from itbench.cli.common import Command, print_rows, say, with_json
from itbench.errors import BadRecordings


@click.group()
def data() -> None:
    """Recordings: pack your own, list, verify and show those that are here.

    \b
    itbench data list
    itbench data pack mine --images DIR --responses R.npy --dims site,stimulus
    """


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


@data.command("list", cls=Command)
@with_json
def list_(as_json: bool) -> None:
    """List the recordings that are here or can be made.

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

    click.echo(json.dumps(datasets.describe(name), indent=2, ensure_ascii=False, default=str))
