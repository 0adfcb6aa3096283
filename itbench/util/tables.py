"""Tables as markdown or CSV text, and reading CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadRecordings

DECIMALS = {"MB": 1}  # of a column's numbers; 3 elsewhere


def markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as an aligned markdown table; numbers are right-aligned, missing cells a dash."""
    cells = [[_cell(row.get(column), DECIMALS.get(column, 3)) for column in columns] for row in rows]
    right = [bool(rows) and all(_numeric(row.get(column)) for row in rows) for column in columns]
    widths = [max(3, len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    rule = ["-" * (width - 1) + ":" if at_right else "-" * width for width, at_right in zip(widths, right, strict=True)]

    def line(texts: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if at_right else text.ljust(width)
            for text, width, at_right in zip(texts, widths, right, strict=True)
        ]
        return "| " + " | ".join(padded) + " |"

    return "\n".join([line(columns), line(rule), *map(line, cells)])


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as the text of a CSV table; missing cells are empty, lists have commas."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        lists = {key: ", ".join(map(str, value)) for key, value in row.items() if isinstance(value, list | tuple)}
        writer.writerow({**row, **lists})
    return buffer.getvalue().rstrip("\n")


def read_csv(path: Path) -> dict[str, list[str]]:
    """Read a CSV table, and return its columns of text by name.

    Raises
    ------
    BadRecordings
        For a file that is not CSV, rows of different lengths, or columns with no name or the same name.
    """
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            for row in filter(None, reader):
                if len(row) != len(header):
                    raise BadRecordings(
                        f"{path}: line {reader.line_num} has {len(row)} fields, but the header has {len(header)}."
                    )
                rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRecordings(f"Cannot read {path}: {error}.") from error
    if not rows:
        raise BadRecordings(f"{path} has no rows below its header.")
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise BadRecordings(f"{path}: the fields of the header {header[0]!r} are not separated by commas.")
    if len(set(header)) != len(header) or "" in header:
        raise BadRecordings(
            f"{path}: every column needs a name of its own, not {', '.join(map(repr, header))}.",
            todo="From pandas, write it with to_csv(index=False).",
        )
    return {name: [row[index] for row in rows] for index, name in enumerate(header)}


EXACT = 2**53  # whole numbers up to here are floats of their own


def parse_column(texts: Sequence[str]) -> NDArray[Any]:
    """Return a column of a CSV table as numbers where every cell is one written as Python writes it, else as text.

    ``007``, ``7`` and ``07`` stay three texts, and ``nan`` is text.
    """
    for kind, limit in ((int, 2**63 - 1), (float, EXACT)):
        with suppress(ValueError, OverflowError):
            values = [kind(text) for text in texts]
            written = all(_is_written(text, value, limit) for text, value in zip(texts, values, strict=True))
            if written and len(set(values)) == len(set(texts)):  # 1 and 1.0 are two texts
                return np.array(values)
    return np.array(texts, dtype=object)


def _is_written(text: str, value: float, limit: int) -> bool:
    """Return whether Python writes a finite number so, and whole numbers are within the limit."""
    whole = text == str(int(value))  # raises for what is not finite
    return abs(value) <= limit if whole else text == str(value)


def _cell(value: Any, decimals: int = 3) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.{decimals}f}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _numeric(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def counted(number: int, thing: str) -> str:
    """Return a number with a noun, such as ``64 objects`` of a text or table: ``1 site``."""
    plural = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number:,} {thing if number == 1 else plural}"
