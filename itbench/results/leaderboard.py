"""Leaderboard of score files: its rows, and their formats markdown, CSV and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from itbench.errors import BadOption, UnknownName
from itbench.results.score_command import command_line
from itbench.results.score_file import (
    BY_EARLIER_RULES,
    NAMES,
    failures,
    is_earlier,
    provenance,
    scores_in,
    superseded,
)
from itbench.results.score_setup import Setup, most_common, unusual
from itbench.results.seeds import pool_alike, seed_row
from itbench.results.summary import LABELS, interval_text, layer_text, sites_text
from itbench.statistics.ranks import rank_intervals
from itbench.util.files import refuse_ending, write_text
from itbench.util.tables import csv_text, markdown

KEYS = (
    *("benchmark", "table", "metric", "rank", "rank_low", "rank_high", "model", "weights", "baseline", "layer"),
    *("measure", "value", "low", "high", "EV", "EV/ceiling", "correlation", "sites", "note"),
)
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
        tables.append(f"## {table[0]} · {table[1]}\n\n{_table(here)}")
    return "\n\n".join(tables)


def write_leaderboard(text: str, path: Path) -> None:
    """Write a formatted leaderboard to a file, whole or not at all."""
    write_text(path, text + "\n")


def form_of(output: Path | None, form: str | None) -> str:
    """Return the format of a leaderboard by its name or by the ending of the output file; by default markdown.

    Raises
    ------
    BadOption
        If the two contradict each other, or the ending is of no format.
    """
    endings = {ending: name for name, known in FORMS.items() for ending in known}
    ending = output.suffix.lower() if output else ""
    by_ending = endings.get(ending)
    if output and not form:
        refuse_ending(output, [*endings, ".txt"])
    if form and by_ending and form != by_ending:
        raise BadOption(
            f"{output} would hold {form}, but its ending {ending} means {by_ending}.",
            todo=f"Leave out the format, or name the file {output.stem if output else ''}{FORMS[form][0]}.",
        )
    return form or by_ending or "markdown"


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


Row = dict[str, Any]
CEILING = "ceiling"  # the baseline above all models


def compile_leaderboard(folder: Path, benchmarks: Sequence[str] = (), every: bool = False) -> list[Row]:
    """Compile the leaderboard of a folder of scores.

    Parameters
    ----------
    folder : Path
    benchmarks : sequence of str, optional
        Only these.
    every : bool, optional
        Whether models that were scored elsewhere in the folder have a row in every table, with the note ``not run``.

    Returns
    -------
    list of dict
        One a row, with the keys `KEYS`. Ranked by the headline measure within benchmark and ``table``, which is the
        metric; for the predictions of trained models, the default metric of the benchmark. ``rank`` is ``1`` or, where
        values of models do not differ significantly, an interval such as ``2–3`` (`rank_intervals`). Without a rank:

        - baselines, sorted by value among the models, and a ceiling, which comes first;
        - scores by earlier rules, and those whose setup is not the most common one, below the others, with a note;
        - models whose run failed, and with `every` those never run, which have no numbers either.
    """
    runs = read_runs(folder)
    known = sorted({run["benchmark"] for run in runs})
    for name in benchmarks:
        if name not in known:
            todo = f"Score one: {command_line('score', {'-m': ['pixels'], '-b': [name]})}"
            raise UnknownName.of("benchmark in the scores", name, known, todo=todo)
    entrants = list(dict.fromkeys(one for run in runs if not run.get("baseline") for one in run["entrants"]))
    tables = {(run["benchmark"], run["table"]) for run in runs if not benchmarks or run["benchmark"] in benchmarks}
    rows = []
    for table in sorted(tables):
        here = [run for run in runs if (run["benchmark"], run["table"]) == table]
        present = {one for run in here for one in run["entrants"]}
        absent = [
            {"model": model, "weights": weights, "note": "not run"}
            for model, weights in entrants
            if every and (model, weights) not in present
        ]
        for row in [*_rows(here), *sorted(absent, key=lambda row: row["model"])]:
            rows.append({**dict.fromkeys(KEYS), "benchmark": table[0], "table": table[1], "metric": table[1], **row})
    return rows


def _rows(runs: Sequence[Row]) -> list[Row]:
    scored = sorted((run for run in runs if run.get("value") is not None), key=lambda run: -run["value"])
    current = [run for run in scored if not run["earlier"]]
    usual = most_common([run["setup"] for run in current if not run["baseline"]] or [run["setup"] for run in current])
    notes = [BY_EARLIER_RULES if run["earlier"] else _difference(run["setup"], usual) for run in scored]
    above = [run for run in current if run["baseline"] == CEILING]
    among = [run for run, note in zip(scored, notes, strict=True) if not note and run not in above]
    below = [(run, note) for run, note in zip(scored, notes, strict=True) if note and run not in above]
    ranked = [run for run in among if not run["baseline"]]
    ranks = rank_intervals([run["value"] for run in ranked], [run["draws"] for run in ranked])
    places = {id(run): rank for run, rank in zip(ranked, ranks, strict=True)}
    failed = [
        {
            "model": run["model"],
            "weights": run["weights"],
            "note": f"failed: {run.get('failed', 'no site scored')}",
        }
        for run in runs
        if run.get("value") is None
    ]
    return [
        *(_row(run, "") for run in above),
        *(_row(run, "", places.get(id(run))) for run in among),
        *(_row(run, note) for run, note in below),
        *failed,
    ]


def _difference(setup: Mapping[str, str], usual: Mapping[str, str | None]) -> str:
    items = unusual(setup, usual)
    return f"not comparable: {'; '.join(items)}" if items else ""


def _row(run: Row, note: str, rank: tuple[int, int] | None = None) -> Row:
    low, high = rank or (None, None)
    baseline = f"baseline: {run['baseline']}" if run["baseline"] else ""
    return {
        "rank": None if rank is None else str(low) if low == high else f"{low}–{high}",
        "rank_low": low,
        "rank_high": high,
        **{key: run[key] for key in ("metric", "model", "weights", "baseline", "measure", "value", "low", "high")},
        "layer": layer_text(run),
        "EV": run.get("explained_variance"),
        "EV/ceiling": run.get("explained_variance_corrected"),
        "correlation": run.get("correlation"),
        "sites": sites_text(run["n_sites"], run["n_sites_scored"]),
        "note": "; ".join(filter(None, (baseline, run["changes"], note))),
    }


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """Return what a leaderboard needs of every score in a folder, and the records of failures that no score followed.

    Of a score: its `summary`, the ``draws`` of its measure (draw,), None without, whether its rules are ``earlier``,
    its ``setup``, its ``table``, ``changes`` of a recipe, and ``entrants``, its model and weights. Scores that differ
    in their seed alone are one, see `itbench.results.seeds.pooled_seeds`.
    """
    scored = []

    def each() -> Iterator[xr.Dataset]:
        for _, score in scores_in(folder, without=("predictions",)):
            scored.append({**{key: score.attrs[key] for key in NAMES}, "date": provenance(score).get("date", "")})
            yield score

    runs = runs_of(each())
    failed = [record for _, record in failures(folder) if not superseded(record, scored)]
    about = [{**one, "entrants": [(one["model"], one["weights"])]} for one in failed]
    return runs + [{**record, "table": record["beside"] or record["metric"]} for record in about]


def runs_of(scores: Iterable[xr.Dataset]) -> list[Row]:
    """Return what a leaderboard needs of every score, as `read_runs` does of a folder."""
    runs = []
    for score in scores:
        figures, setup = seed_row(score), Setup.of(score)
        more = {
            "entrants": [(figures["model"], figures["weights"])],
            "earlier": is_earlier(score),
            "setup": _comparability(setup, figures["baseline"]),
            "table": score.attrs.get("beside") or figures["metric"],
            "changes": _recipe_changes(setup),
        }
        runs.append({**figures, **more})
    alike = Counter(run["alike"] for run in runs if run["alike"])
    alone = [run for run in runs if alike[run["alike"]] < 2]
    pooled = [
        {**row, "entrants": [run["entrants"][0] for run in runs if run["alike"] == row["alike"]]}
        for row in pool_alike(runs)
    ]
    return alone + pooled


def rank_scores(scores: Iterable[xr.Dataset]) -> list[Row]:
    """Return the rows of a leaderboard of scores in memory, as `compile_leaderboard` does of a folder."""
    runs = runs_of(scores)
    tables = sorted({(run["benchmark"], run["table"]) for run in runs})
    return [
        {**dict.fromkeys(KEYS), "benchmark": benchmark, "table": table, **row}
        for benchmark, table in tables
        for row in _rows([run for run in runs if (run["benchmark"], run["table"]) == (benchmark, table)])
    ]


def _recipe_changes(setup: Setup) -> str:
    changed = [f"{key}={json.dumps(value)}" for key, value in setup.requested.get("recipe", {}).items()]
    return ", ".join([*changed, *(["tuned"] if setup.requested.get("tuned") else [])])


def _comparability(setup: Setup, baseline: str) -> dict[str, str]:
    """Return what comparable rows of a leaderboard have in common; a baseline has no settings."""
    return (
        setup.task_values() if baseline else {**setup.task_values(), "measure": setup.measure, **setup.metric_values()}
    )
