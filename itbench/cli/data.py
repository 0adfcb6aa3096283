"""itbench data: list, fetch, import, pack, verify, show and link recordings."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from itbench.cli import completion
from itbench.cli.options import Command, Group, load_registry, with_format, with_plugins
from itbench.cli.output import TerminalReporter, print_json, say
from itbench.cli.run_options import FiniteRange
from itbench.cli.tables import print_rows
from itbench.errors import BadOption, BadRecordings

if TYPE_CHECKING:
    from itbench.data.catalog import Datasets
    from itbench.data.recordings import Recordings


@click.group(cls=Group)
def data() -> None:
    """Fetch, pack, list, verify and show recordings.

    \b
    Examples:
      itbench data list
      itbench data fetch NAME
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
    "--responses",
    required=True,
    shell_complete=completion.files,
    help="FILE.npy, FILE.nc, FILE.h5 or FILE.mat; FILE.h5:NAME picks one of several variables.",
)
@click.option("--dims", help="Order of the axes, such as site,stimulus,repetition.")
@click.option(
    "--stimuli",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with one row per image; its columns become stimulus coordinates.",
)
@click.option("--region", help="Such as V4.")
@click.option("--window", nargs=2, type=FiniteRange(), help="Start and end of the counting window, ms after onset.")
@click.option("--replace", is_flag=True, help="Replace recordings of the same name.")
@with_plugins
def pack(
    name: str,
    images: Path,
    responses: str,
    dims: str | None,
    stimuli: Path | None,
    region: str | None,
    window: tuple[float, float] | None,
    replace: bool,
    plugin_files: tuple[str, ...],
) -> None:
    """Pack images and responses into recordings called NAME.

    Images come in the order of the CSV's column that names them, otherwise in the order of their names (image2 before
    image10). Responses that name their stimuli are joined with them, others are taken in the same order; `joined` says
    which. Missing repetitions are NaN.

    \b
    Examples:
      itbench data pack mine --images images.zip --responses rates.npy \\
          --dims site,stimulus,repetition --stimuli images.csv --region V4 --window 50 150
    """
    from itbench.data.catalog import new_recordings_path
    from itbench.data.pack import pack_recordings
    from itbench.data.recordings_file import read_recordings, write_recordings
    from itbench.util.files import check_writable

    path = new_recordings_path(name, _datasets(plugin_files), replace)
    check_writable(path.parent)
    axes = [part.strip() for part in dims.split(",")] if dims else None
    write_recordings(
        pack_recordings(name, images, responses, axes, stimuli=stimuli, region=region, window=window), path
    )
    _print_contents(read_recordings(path), path)
    say(f"Wrote {path}")


@data.command(cls=Command, kept="What was downloaded is kept; the same command resumes.")
@click.argument("names", nargs=-1, required=True, shell_complete=completion.datasets)
@click.option("--mirror", help="URL or folder with files of the same names; those in a folder are used in place.")
@click.option("--replace", is_flag=True, help="Fetch again what is in the data folder already.")
@with_plugins
def fetch(names: tuple[str, ...], mirror: str | None, replace: bool, plugin_files: tuple[str, ...]) -> None:
    """Fetch the data sets NAMES and pack them.

    An interrupted download is resumed. `itbench score` fetches the data set that it needs by itself.

    \b
    Examples:
      itbench data fetch NAME
      itbench data fetch NAME OTHER --mirror https://example.org/files
    """
    from itbench.data.catalog import recordings_path, recordings_state
    from itbench.data.fetch import fetch_dataset

    datasets = _datasets(plugin_files)
    for name in names:
        if not replace and recordings_state(name, datasets) == "here":
            click.echo(f"{name} is here already: {recordings_path(name)}")
        else:
            click.echo(f"Wrote {fetch_dataset(name, datasets, TerminalReporter(name), mirror)}")


@data.command("import", cls=Command)
@click.argument("name", shell_complete=completion.datasets)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Replace the data set if it is in the data folder already.")
@with_plugins
def import_(name: str, files: tuple[Path, ...], replace: bool, plugin_files: tuple[str, ...]) -> None:
    """Pack the data set NAME from FILES that you downloaded.

    The files are recognised by their names, and not changed.

    \b
    Examples:
      itbench data import NAME FILE
    """
    from itbench.data.catalog import recordings_path, recordings_state
    from itbench.data.fetch import import_dataset

    datasets = _datasets(plugin_files)
    if not replace and recordings_state(name, datasets) == "here":
        raise BadRecordings(
            f"{name} is here already: {recordings_path(name)}.", todo="To put these files in its place, add --replace."
        )
    click.echo(f"Wrote {import_dataset(name, datasets, files, TerminalReporter(name))}")


@data.command("list", cls=Command)
@with_plugins
@with_format
def list_(plugin_files: tuple[str, ...], form: str | None) -> None:
    """List the data sets that are here, can be made or fetched.

    \b
    Examples:
      itbench data list
    """
    from itbench.data.catalog import list_datasets

    print_rows(list_datasets(_datasets(plugin_files)), ("name", "state", "MB", "description"), form)


@data.command(cls=Command)
@click.argument("names", nargs=-1, shell_complete=completion.datasets)
@with_plugins
@with_format
def verify(names: tuple[str, ...], plugin_files: tuple[str, ...], form: str | None) -> None:
    """Verify the recordings NAMES, or all, against their digests.

    \b
    Examples:
      itbench data verify
      itbench data verify NAME
    """
    from itbench.data.catalog import installed_recordings, verify_datasets

    rows = verify_datasets(names or tuple(installed_recordings()), _datasets(plugin_files))
    print_rows(rows, ("name", "state", "file"), form, empty="No recordings here yet.")
    damaged = [row["name"] for row in rows if row["state"] == "damaged"]
    if damaged:
        raise BadRecordings(f"Not whole: {', '.join(damaged)}.", todo="Remove these files and make them again.")


@data.command(cls=Command)
@click.argument("name", shell_complete=completion.datasets)
@with_plugins
def show(name: str, plugin_files: tuple[str, ...]) -> None:
    """Show the contents of the recordings NAME.

    Prints the number of images, sites and repetitions, the coordinates and the digests.

    \b
    Examples:
      itbench data show NAME
    """
    from itbench.data.catalog import recordings_path
    from itbench.data.fetch import load_recordings

    _print_contents(load_recordings(name, _datasets(plugin_files), TerminalReporter(name)), recordings_path(name))


@data.command(cls=Command)
@click.argument("averaged", required=False, shell_complete=completion.datasets)
@click.argument("repeated", required=False, shell_complete=completion.datasets)
@click.option("--dry-run", is_flag=True, help="Report the matches, and write nothing.")
@with_plugins
def link(averaged: str | None, repeated: str | None, dry_run: bool, plugin_files: tuple[str, ...]) -> None:
    """Give AVERAGED the ids, metadata and repetitions of REPEATED.

    AVERAGED holds means over repetitions, REPEATED every repetition of the same images and sites.

    Images and sites are matched where their mean responses are equal, and equal to one only. The images of AVERAGED
    stay unchanged, so that cached Grams remain valid. If all are matched, scores get a noise ceiling.

    AVERAGED and REPEATED need not be given where a plugin registered which data set has the repetitions of another.

    \b
    Examples:
      itbench data link
      itbench data link AVERAGED REPEATED --dry-run
    """
    from itbench.data.catalog import recordings_path
    from itbench.data.fetch import load_recordings
    from itbench.data.matching import match_recordings
    from itbench.data.recordings_file import write_recordings

    datasets = _datasets(plugin_files)
    averaged, repeated = _linked_names(datasets, averaged, repeated)
    means, repetitions = (load_recordings(name, datasets, TerminalReporter(name)) for name in (averaged, repeated))
    matched, report = match_recordings(means, repetitions)
    if not dry_run:
        write_recordings(matched, recordings_path(averaged))
        say(f"Wrote {recordings_path(averaged)}")
    print_json(dataclasses.asdict(report))


def _datasets(plugin_files: tuple[str, ...]) -> Datasets:
    return load_registry(plugin_files).datasets


def _linked_names(datasets: Datasets, averaged: str | None, repeated: str | None) -> tuple[str, str]:
    """Return both names of `itbench data link`; those not given are the registered ones."""
    pairs = {name: dataset.repetitions for name, dataset in datasets.items() if dataset.repetitions}
    if averaged is None and len(pairs) == 1:
        averaged = next(iter(pairs))
    repeated = repeated or pairs.get(averaged or "")
    if averaged is None or repeated is None:
        known = ", ".join(f"{means} {repetitions}" for means, repetitions in pairs.items()) or "none"
        raise BadOption("Name two recordings to link.", known=f"Registered pairs: {known}.")
    return averaged, repeated


def _print_contents(recordings: Recordings, path: Path) -> None:
    from itbench.data.recordings import describe_recordings

    contents = {**describe_recordings(recordings), "file": str(path)}
    print_json(contents)
