"""Formats of a leaderboard: markdown, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from itbench.errors import BadOption
from itbench.results.leaderboard import KEYS
from itbench.results.summary import LABELS, interval_text
from itbench.util.files import refuse_ending, write_text
from itbench.util.tables import csv_text, markdown

FORMS = {"markdown": (".md", ".markdown"), "csv": (".csv",), "json": (".json",)}  # and the endings of their files
FIGURES = ("95 %", "EV", "EV/ceiling", "correlation")  # beside the headline; left out where no row has any


def render(rows: Sequence[dict[str, Any]], form: str = "markdown") -> str:
    """Return the rows of a leaderboard in a format: markdown (one table a benchmark and metric), CSV or JSON."""
    if form == "json":
        return json.dumps(list(rows), indent=2, ensure_ascii=False)
    if form == "csv":
        return csv_text(rows, KEYS)
    if not rows:
        return "No scores yet. Make some: itbench score -m pixels -m itbench-tiny"
    tables = []
    for table in dict.fromkeys((row["benchmark"], row["table"]) for row in rows):
        here = [row for row in rows if (row["benchmark"], row["table"]) == table]
        tables.append("\n\n".join(filter(None, (f"## {table[0]} · {table[1]}", _ceiling_line(here), _table(here)))))
    return "\n\n".join(tables)


def write_leaderboard(text: str, path: Path) -> None:
    """Write a formatted leaderboard to a file, whole or not at all."""
    write_text(path, text + "\n")


def form_of(output: Path | None, form: str | None, forms: Mapping[str, Sequence[str]] = FORMS) -> str:
    """Return the format of a leaderboard, or another table, by its name or by the ending of the output file.

    `forms` are the formats with the endings of their files. By default markdown.

    Raises
    ------
    BadOption
        If the two contradict each other, or the ending is of no format.
    """
    endings = {ending: name for name, known in forms.items() for ending in known}
    ending = output.suffix.lower() if output else ""
    by_ending = endings.get(ending)
    if output and not form:
        site = "A site of pages: --format html --output FOLDER" if ending in (".html", ".htm") else ""
        refuse_ending(output, [*endings, ".txt"], site)
    if form and by_ending and form != by_ending:
        raise BadOption(
            f"{output} would hold {form}, but its ending {ending} means {by_ending}.",
            todo="Leave out the format"
            + (f", or name the file {output.stem if output else ''}{forms[form][0]}." if form in forms else "."),
        )
    return form or by_ending or "markdown"


def _ceiling_line(rows: Sequence[dict[str, Any]]) -> str:
    """Return the line above a leaderboard with the noise ceiling of its ranked rows; empty where unknown."""
    known = {(row["ceiling"], row["measure"]) for row in rows if row["rank"] is not None}
    if len(known) != 1 or next(iter(known))[0] is None:
        return ""
    ((ceiling, measure),) = known
    what = {"explained_variance": "mean reliability", "correlation": "mean square root of the reliability"}[measure]
    return f"Noise ceiling of {LABELS.get(measure, measure)}: {ceiling:.3f} ({what} of the sites)."


def _table(rows: Sequence[dict[str, Any]]) -> str:
    measure = next((row["measure"] for row in rows if row["measure"]), "explained_variance")
    label = LABELS.get(measure, measure)
    cells = [_cells(row, label) for row in rows]
    columns = dict.fromkeys(("rank", "model", "weights", "layer", label, *FIGURES, "sites", "note"))
    filled = {name for name in (*FIGURES, "note") if any(row.get(name) not in (None, "") for row in cells)}
    empty = {*FIGURES, "note"} - filled - {label}
    return markdown(cells, [name for name in columns if name not in empty])


def _cells(row: dict[str, Any], label: str) -> dict[str, Any]:
    """Return a row of the table; baselines in italics."""
    headline = {"95 %": interval_text(row["low"], row["high"]), label: row["value"]}
    return {**row, **headline, "model": f"*{row['model']}*" if row["baseline"] else row["model"]}
