"""Tables as text: one shape for the terminal and for markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

DECIMALS = {"MB": 1}  # of a column's numbers; 3 elsewhere


def markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as an aligned markdown table; numbers to the right, what is missing as a dash."""
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
    """Return rows as CSV; what is missing is empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().rstrip("\n")


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
