"""Table of measurements: rows of one shape, printed and written into a document."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from itbench.util.tables import markdown
from perf.commands import machine, write_section

COLUMNS = ("what", "itbench", "beside", "ratio", "wanted", "met")


@dataclass(frozen=True)
class Row:
    """Row of the table of measurements: itbench, the other tool, their ratio, and the target."""

    what: str
    itbench: str
    beside: str
    ratio: str
    wanted: str
    met: bool

    def cells(self) -> dict[str, str]:
        """Return the cells of the row."""
        return {**vars(self), "met": "yes" if self.met else "no"}


def table_command(sections: Mapping[str, Callable[[Path], Iterator[Row]]], marker: str) -> click.Command:
    """Return a command that measures the named sections and prints their table."""

    @click.command()
    @click.argument("names", nargs=-1, type=click.Choice(list(sections)))
    @click.option(
        "--output", type=click.Path(path_type=Path), help="Also write the table between the markers in this file."
    )
    def main(names: tuple[str, ...], output: Path | None) -> None:
        """Measure and print a markdown table."""
        rows = []
        with tempfile.TemporaryDirectory(prefix="itbench-perf-") as folder:
            for name in names or sections:
                for row in sections[name](Path(folder)):
                    rows.append(row.cells())
                    print(markdown(rows[-1:], COLUMNS), file=sys.stderr)
        show(rows, marker, output)

    return main


def show(rows: list[dict[str, str]], marker: str, output: Path | None) -> None:
    """Print a table of measurements below the machine, and write it between the markers of `output`."""
    table = f"{machine()}\n\n{markdown(rows, COLUMNS)}"
    click.echo(table)
    if output:
        write_section(output, marker, table)
