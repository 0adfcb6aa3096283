"""Tables and JSON that commands print: fitted to the width of a terminal, else as markdown, CSV or JSON."""

from __future__ import annotations

import io
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from itbench.cli.output import folded, is_coloured, print_json, terminal_width

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

RULE = re.compile(r"\s*\|( -+:? \|)+")  # below the header of a markdown table
GAP = 2  # spaces between columns
PROSE = 32  # characters from which a cell with spaces is a sentence, which is wrapped
LEAST_PROSE, LEAST_NAME, LEAST_FIRST = 24, 16, 30  # to which columns of sentences and of names, and the first, shrink
NAMES = ("row", "model", "weights", "benchmark", "metric")  # which tell rows apart
CUT, CUT_LINES = ("description",), 3  # columns whose cells are cut short, and the lines to which they are
GIVE_WAY = (  # columns that are left out where a terminal is narrow, the least important first
    *("seconds", "written", "date", "source", "splits", "stimuli", "start", "repetitions", "epochs", "features"),
    *("options", "layers", "measure", "region", "above 0", "sites", "significantly", "sites better", "MB"),
    *("published r", "r", "correlation", "mean", "EV/ceiling", "inner EV", "metric", "benchmark", "weights"),
    *("layer", "SE"),
)


def print_rows(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], form: str | None = None, empty: str = "Nothing yet."
) -> None:
    """Print rows of a table to stdout in the format that was asked for; `empty` is printed if there are none.

    Without a format, it is fitted to a terminal, and markdown elsewhere.
    """
    from itbench.util.tables import csv_text, markdown

    if form == "json":
        print_json([{key: row.get(key) for key in columns} for row in rows])
    elif form == "csv":
        click.echo(csv_text(rows, columns))
    else:
        print_text(markdown(rows, columns) if rows else empty, form)


def print_text(text: str, form: str | None = None) -> None:
    """Print a text to stdout; without a format that was asked for, its markdown tables are fitted to a terminal."""
    if form or not sys.stdout.isatty():
        click.echo(text)
        return
    width, colour = terminal_width(), is_coloured(sys.stdout)
    for barred, group in groupby(text.split("\n"), lambda line: line.lstrip().startswith("|")):
        lines = list(group)
        if barred and len(lines) > 1 and RULE.fullmatch(lines[1]):
            shown = fitted(Table.read(lines), width, colour)
        else:
            shown = "\n".join(_heading(line, colour) or folded(line, width) for line in lines)
        click.echo(shown, color=colour)


def _heading(line: str, colour: bool) -> str:
    """Return a markdown heading as a terminal shows it; an empty text if the line is none."""
    heading = re.fullmatch(r"#+ (.+)", line)
    return "" if not heading else click.style(heading[1], bold=True) if colour else line


def text_width(widest: int) -> int:
    """Return the columns of a text to be printed: those of a narrower terminal, else `widest`."""
    return min(widest, terminal_width()) if sys.stdout.isatty() else widest


@dataclass(frozen=True)
class Table:
    """Markdown table as its indentation, columns and cells (row, column), and which columns are right-aligned."""

    indent: str
    columns: tuple[str, ...]
    right: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, lines: Sequence[str]) -> Table:
        """Read the lines of a markdown table."""
        columns, rule, *rows = (_cells(line) for line in lines)
        indent = lines[0][: lines[0].index("|")]
        return cls(indent, columns, tuple(cell.endswith(":") for cell in rule), tuple(rows))

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        return [row[self.columns.index(name)] for row in self.rows]

    def without(self, name: str) -> Table:
        """Return the table without a column."""
        at = self.columns.index(name)
        rows = tuple((*row[:at], *row[at + 1 :]) for row in self.rows)
        columns, right = (*self.columns[:at], *self.columns[at + 1 :]), (*self.right[:at], *self.right[at + 1 :])
        return replace(self, columns=columns, right=right, rows=rows)

    def natural_widths(self) -> list[int]:
        """Return the widths of the widest cell of each column."""
        from rich.cells import cell_len

        return [max(map(cell_len, cells)) for cells in zip(self.columns, *self.rows, strict=True)]

    def least_widths(self) -> list[int]:
        """Return the widths to which columns may shrink: numbers and short words keep theirs."""
        least = []
        for at, (name, width) in enumerate(zip(self.columns, self.natural_widths(), strict=True)):
            if not at:
                least.append(min(width, LEAST_FIRST))
            else:
                limit = width if self.right[at] else LEAST_PROSE if self.is_prose(name) else LEAST_NAME
                least.append(max(len(name) if " " not in name else 0, min(width, limit)))
        return least

    def is_prose(self, name: str) -> bool:
        """Return whether a column has sentences."""
        return any(len(cell) >= PROSE and " " in cell for cell in self.column(name))

    def needed(self) -> int:
        """Return the number of characters in a line of the table at its least."""
        return len(self.indent) + sum(self.least_widths()) + GAP * (len(self.columns) - 1)

    def can_lose(self, name: str) -> bool:
        """Return whether rows can still be told apart, and their values understood, without a column."""
        names = [one for one in self.columns if one in NAMES] or [self.columns[0]]

        def different(without: str) -> int:
            return len(set(zip(*(self.column(one) for one in names if one != without), strict=True)))

        if name == "measure" and "value" in self.columns and len(set(self.column(name))) > 1:
            return False  # which says what the values are
        return name != self.columns[0] and (name not in names or different(name) == different(""))


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1])


def fitted(table: Table, width: int, colour: bool = False) -> str:
    """Return a table fitted to a terminal: sentences are wrapped, columns left out that matter least, and named below.

    What is the same in all rows goes first, and is said below. A table of one row that is too wide, or one that is too
    wide without these columns, becomes a list of its cells.
    """
    whole, same, gone = table, [], []
    order = sorted(
        (name for name in GIVE_WAY if name in table.columns), key=lambda name: len(set(table.column(name))) > 1
    )
    for name in order if len(table.rows) > 1 else ():
        if table.needed() <= width:
            break
        if not table.can_lose(name):
            continue
        values = set(table.column(name))
        if len(values) == 1:
            same.append(f"{name} {values.pop()}")
        else:
            gone.append(name)
        table = table.without(name)
    if table.needed() > width:
        return "\n\n".join(_record(whole, row, width) for row in whole.rows)
    drawn, cut = _drawn(table, width, colour)
    notes = [f"In every row: {', '.join(same)}."] if same else []
    notes += [f"Left out: {', '.join(gone)}."] if gone else []
    notes += [f"Cut short: {', '.join(cut)}."] if cut else []
    notes += [f"Whole: {_how()}, or a wider terminal."] if gone or cut else []
    return "\n".join([drawn, *([folded(table.indent + " ".join(notes), width)] if notes else [])])


def _how() -> str:
    """Return how the command in progress prints all columns."""
    context = click.get_current_context(silent=True)
    names = {name for parameter in context.command.params for name in parameter.opts} if context else set()
    return "--format csv" if "--format" in names else "a pipe, such as | less -S"


def _record(table: Table, row: Sequence[str], width: int) -> str:
    """Return a row as lines of a column's name and cell."""
    label = max(map(len, table.columns)) + GAP
    lines = []
    for name, cell in zip(table.columns, row, strict=True):
        room = max(12, width - label - len(table.indent))
        folded = textwrap.wrap(cell, room, break_on_hyphens=False) or [""]
        lines += [f"{table.indent}{name.ljust(label)}{folded[0]}"]
        lines += [" " * (len(table.indent) + label) + line for line in folded[1:]]
    return "\n".join(lines)


def _drawn(table: Table, width: int, colour: bool) -> tuple[str, list[str]]:
    """Return a table as text, and the names of the columns whose cells were cut short."""
    from rich import box
    from rich.padding import Padding
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    widths = _widths(table, width)
    for name, wide, right in zip(table.columns, widths, table.right, strict=True):
        drawn.add_column(Text(name), width=wide, justify="right" if right else "left", overflow="fold")
    cut: dict[str, bool] = {}
    for row in table.rows:
        shown = [
            _cut(cell, wide) if name in CUT else cell
            for name, cell, wide in zip(table.columns, row, widths, strict=True)
        ]
        cut |= {name: True for name, cell, whole in zip(table.columns, shown, row, strict=True) if cell != whole}
        drawn.add_row(*(_styled(cell) if colour else Text(cell) for cell in shown))
    return rendered(Padding(drawn, (0, 0, 0, len(table.indent)), expand=False), width, colour), list(cut)


def _styled(cell: str) -> Text:
    """Return a cell, in italics where markdown has them."""
    from rich.text import Text

    italic = re.fullmatch(r"\*([^*]+)\*", cell)
    return Text(italic[1], "italic") if italic else Text(cell)


def _cut(cell: str, width: int) -> str:
    """Return a cell, cut short where it has too many lines."""
    lines = textwrap.wrap(cell, width, max_lines=CUT_LINES, placeholder=" …", break_on_hyphens=False)
    return "\n".join(lines) if lines and lines[-1].endswith(" …") else cell


def _widths(table: Table, width: int) -> list[int]:
    """Return the widths of columns in a terminal: room that is left goes to names first, then to sentences."""
    widths, natural = table.least_widths(), table.natural_widths()
    room = width - table.needed()
    for prose in (False, True):
        growing = [at for at, name in enumerate(table.columns) if table.is_prose(name) is prose]
        for at in _in_turn(growing, widths, natural):
            if room <= 0:
                break
            widths[at], room = widths[at] + 1, room - 1
    return widths


def _in_turn(growing: Sequence[int], widths: Sequence[int], natural: Sequence[int]) -> Iterator[int]:
    """Yield the numbers of growing columns in turn, each until it has its natural width."""
    while short := [at for at in growing if widths[at] < natural[at]]:
        yield from short


def rendered(shown: RenderableType, width: int, colour: bool = False) -> str:
    """Return what rich draws as text, in colours where the terminal has them."""
    from rich.console import Console

    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
    )
    console.print(shown)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip("\n").split("\n"))
