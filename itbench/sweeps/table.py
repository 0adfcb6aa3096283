"""Table of a suite's results: scores beside published numbers, and where they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from itbench.sweeps.runner import Outcome
from itbench.sweeps.suite import Range
from itbench.util.tables import csv_text, markdown

KEYS = (
    *("row", "model", "weights", "layer", "metric"),
    *("published_explained_variance", "published_correlation", "source"),
    *("explained_variance", "low", "high", "correlation", "differs", "error", "scored_before", "file"),
)
COLUMNS = ("row", "model", "weights", "layer", "metric")
FIGURES = ("published EV", "published r", "EV [95 %]", "r", "differs", "note")  # left out if empty in every row


def table_row(outcome: Outcome, comparable: bool = True) -> dict[str, Any]:
    """Return one row of the table of a suite's results, with the keys `KEYS`.

    Parameters
    ----------
    outcome : Outcome
    comparable : bool
        Whether the published numbers belong to the same benchmark.

    Returns
    -------
    dict
        ``published_explained_variance`` and ``published_correlation`` are [lowest, highest]. ``differs`` is ``higher``
        or ``lower`` where our 95 % interval lies above or below the published numbers, else ``no``, and None where
        there is nothing to compare.
    """
    row, figures, published = outcome.row, outcome.figures or {}, outcome.row.published
    names = outcome.run.about if outcome.run else {"weights": row.weights or None, "metric": row.metric or None}
    interval = figures.get("measure") == "explained_variance"
    low, high = (figures[key] if interval else None for key in ("low", "high"))
    return {
        "row": row.name,
        "model": row.model,
        "weights": names["weights"],
        "layer": figures.get("layer") or "+".join(row.layers) or None,
        "metric": names["metric"],
        "published_explained_variance": published.explained_variance and list(published.explained_variance),
        "published_correlation": published.correlation and list(published.correlation),
        "source": list(published.source),
        "explained_variance": figures.get("explained_variance"),
        "low": low,
        "high": high,
        "correlation": figures.get("correlation"),
        "differs": _differs(low, high, published.explained_variance) if comparable else None,
        "error": outcome.error and str(outcome.error),
        "scored_before": outcome.before,
        "file": outcome.path and str(outcome.path),
    }


def render(rows: Sequence[Mapping[str, Any]], form: str = "markdown", remark: str = "") -> str:
    """Return the table of a suite's results as markdown (with sources and a remark), CSV or JSON."""
    if form == "json":
        return json.dumps([{key: row[key] for key in KEYS} for row in rows], indent=2, ensure_ascii=False)
    if form == "csv":
        return csv_text([_csv_row(row) for row in rows], KEYS)
    sources = dict.fromkeys(source for row in rows for source in row["source"])
    numbers = {source: f"[{number}]" for number, source in enumerate(sources, 1)}
    cells = [_markdown_row(row, numbers) for row in rows]
    columns = [*COLUMNS, *(name for name in FIGURES if any(row[name] not in (None, "") for row in cells))]
    lines = [f"{number} {source}" for source, number in numbers.items()]
    return "\n\n".join(filter(None, [markdown(cells, columns), *lines, remark]))


def _markdown_row(row: Mapping[str, Any], numbers: Mapping[str, str]) -> dict[str, Any]:
    ev, low, high = (row[key] for key in ("explained_variance", "low", "high"))
    ours = "" if ev is None else f"{ev:.3f}" if low is None else f"{ev:.3f} [{low:.3f}, {high:.3f}]"
    published = _range(row["published_explained_variance"])
    cited = "".join(numbers[source] for source in row["source"])
    return {
        **row,
        "published EV": f"{published} {cited}" if published else "",
        "published r": _range(row["published_correlation"]),
        "EV [95 %]": ours,
        "r": row["correlation"],
        "note": row["error"] and row["error"].splitlines()[0],
    }


def _csv_row(row: Mapping[str, Any]) -> dict[str, Any]:
    ranges = {key: _range(row[key]) for key in ("published_explained_variance", "published_correlation")}
    return {**row, **ranges, "source": "; ".join(row["source"])}


def _range(values: Sequence[float] | None) -> str:
    if values is None:
        return ""
    low, high = values
    return f"{low:.3f}" if low == high else f"{low:.3f}–{high:.3f}"


def _differs(low: float | None, high: float | None, published: Range | None) -> str | None:
    if low is None or high is None or published is None:
        return None
    return "higher" if low > published[1] else "lower" if high < published[0] else "no"
