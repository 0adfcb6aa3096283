"""Models × benchmarks: the scores of a leaderboard by benchmark, and the mean over benchmarks of each model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from itbench.results.leaderboard import CEILING, NOT_RUN, Entry, Row, Table, rank_text
from itbench.results.summary import LABELS, interval_text
from itbench.statistics.bootstrap import percentile_interval
from itbench.statistics.ranks import rank_intervals
from itbench.util.arrays import Array
from itbench.util.checksum import digest
from itbench.util.tables import csv_text, markdown

OWN = ("edition", "recordings", "splits", "sites", "clusters", "degrees")  # of a setup: each benchmark has its own
SCORED, OTHER_SETUP, SEVERAL, FAILED = "scored", "not comparable", "several scores", "failed"
KEYS = (
    "table",
    "measure",
    "rank",
    "rank_low",
    "rank_high",
    "model",
    "weights",
    "baseline",
    "mean",
    "low",
    "high",
    "note",
)
DAGGER = "†"  # marks a value of another setup than that of the column


@dataclass(frozen=True)
class Cell:
    """Score of one model on one benchmark in a table of models × benchmarks.

    Parameters
    ----------
    status : str
        ``scored``; ``not comparable``, of another setup than most on this benchmark; ``several scores`` of one setup,
        none of which is the model's; ``scored by earlier rules``; ``failed``; ``no value: …`` (no
        site scored, or undefined); ``not run``.
    value, low, high : float, optional
    """

    status: str
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """The value with its interval, or the status."""
        if self.value is None:
            return self.status
        mark = DAGGER if self.status == OTHER_SETUP else ""
        interval = interval_text(self.low, self.high)
        return f"{self.value:z.3f}{mark}{f' ({interval})' if interval else ''}"


@dataclass(frozen=True, eq=False)
class Means:
    """Models × benchmarks of one metric, with the mean over benchmarks.

    Parameters
    ----------
    metric, measure : str
    benchmarks : sequence of str
    rows : sequence of dict
        With the keys `KEYS`, and ``cells``, a `Cell` by benchmark. Models with a mean come first, the best before the
        others; the noise ceiling before them.
    lines : sequence of str
        What the mean is of, what stands behind its ranks, and what cannot be compared.
    """

    metric: str
    measure: str
    benchmarks: Sequence[str]
    rows: Sequence[Row]
    lines: Sequence[str]


def benchmark_means(tables: Sequence[Table]) -> list[Means]:
    """Return models × benchmarks of every metric that a leaderboard has on two or more benchmarks.

    A mean is of the headline measure, each benchmark counting alike. A model has one if it has a comparable score on
    every benchmark; no model has one where measure or settings differ between benchmarks. Its draws are means of the
    scores' draws, of the same images where benchmarks share them (by digest), else independent; its interval and ranks
    are of other images and sites, not of other benchmarks.
    """
    found: list[Means] = []
    for metric in dict.fromkeys(table.metric for table in tables):
        here = [table for table in tables if table.metric == metric]
        scored = [table for table in here if any(entry.comparable for entry in table.entries)]
        if len(scored) > 1:
            found.append(_means(metric, scored, [table.benchmark for table in here if table not in scored]))
    return found


def render_means(means: Sequence[Means], form: str = "markdown") -> str:
    """Return tables of models × benchmarks in a format: markdown with its lines, CSV or JSON."""
    if form == "json":
        return json.dumps(mean_rows(means), indent=2, ensure_ascii=False)
    if form == "csv":
        rows = flat_rows(means)
        return csv_text(rows, list(dict.fromkeys(key for row in rows for key in row)))
    common = [line for line in means[0].lines if all(line in one.lines for one in means)] if len(means) > 1 else []
    return "\n\n".join([*(_markdown(one, common) for one in means), *([_listed(common)] if common else [])])


def mean_rows(means: Sequence[Means]) -> list[Row]:
    """Return the rows of models × benchmarks as JSON holds them: values, intervals and status by benchmark."""
    return [
        {**{key: row.get(key) for key in KEYS}, "benchmarks": {name: vars(cell) for name, cell in row["cells"].items()}}
        for one in means
        for row in one.rows
    ]


def flat_rows(means: Sequence[Means]) -> list[Row]:
    """Return the rows of models × benchmarks with columns ``BENCHMARK``, ``BENCHMARK low``, ``high`` and ``status``."""
    return [
        {
            **{key: row.get(key) for key in KEYS},
            **{
                _column(name) if key == "value" else f"{name} {key}": getattr(cell, key)
                for name, cell in row["cells"].items()
                for key in ("value", "low", "high", "status")
            },
        }
        for one in means
        for row in one.rows
    ]


def _column(name: str) -> str:
    """Return the column of a benchmark: its name, unless another column has it."""
    return f"benchmark {name}" if name in (*KEYS, "95 %") or name.startswith("mean ") else name


def _escaped(name: str) -> str:
    return _column(name).replace("|", "\\|")


def _means(metric: str, tables: Sequence[Table], left_out: Sequence[str]) -> Means:
    names = [table.benchmark for table in tables]
    measure = next(str(entry.run["measure"]) for table in tables for entry in table.entries if entry.comparable)
    differing, unpaired = _differing(tables), _unpaired(tables)
    rows = []
    for model in dict.fromkeys(_model(entry.run) for table in tables for entry in table.entries if _is_model(entry)):
        entries = [_entries(table, model) for table in tables]
        cells = dict(zip(names, map(_cell, entries), strict=True))
        whole = not differing and all(cell.status == SCORED for cell in cells.values())
        runs = [found[0].run for found in entries] if whole else []
        draws = None if unpaired or not runs else _mean_draws(runs)
        low, high = (np.nan, np.nan) if draws is None else percentile_interval(draws)
        figures = {
            "mean": float(np.mean([run["value"] for run in runs])) if runs else None,
            **({"low": low, "high": high} if low <= high else {"low": None, "high": None}),
        }
        rows.append({**_named(model), "table": metric, "measure": measure, **figures, "cells": cells, "draws": draws})
    rows.sort(key=_order)
    ranked = [row for row in rows if row["mean"] is not None and not row["baseline"]]
    if any(row["draws"] is not None for row in ranked):
        ranks = rank_intervals([row["mean"] for row in ranked], [row["draws"] for row in ranked])
        for row, rank in zip(ranked, ranks, strict=True):
            row |= {"rank": rank_text(rank), "rank_low": rank[0], "rank_high": rank[1]}
    lines = [
        _mean_line(LABELS.get(measure, measure), names, differing, rows),
        _inference_line(unpaired, ranked),
        f"Left out, without a comparable score: {', '.join(left_out)}." if left_out else "",
        _odd_line(tables),
        "Comparable are the rows of a column: the same recordings, splits, sites and settings. Columns are of other "
        "recordings, each with a ceiling of its own.",
    ]
    return Means(metric, measure, names, [*_ceiling_row(metric, measure, tables), *rows], list(filter(None, lines)))


def _is_model(entry: Entry) -> bool:
    return entry.run.get("baseline") != CEILING


def _model(run: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what one row is of: model, weights, baseline, changes of a recipe, and the metric if it is another."""
    metric = str(run.get("metric", ""))
    other = metric if metric != run.get("table", metric) else ""
    return run["model"], run["weights"], run.get("baseline", ""), run.get("changes", ""), other


def _named(model: tuple[str, ...]) -> Row:
    name, weights, baseline, changes, metric = model
    note = "; ".join(filter(None, (f"baseline: {baseline}" if baseline else "", changes, metric)))
    return {"model": name, "weights": weights, "baseline": baseline, "note": note}


def _entries(table: Table, model: tuple[str, ...]) -> list[Entry]:
    """Return the entries of a model in a table: the comparable ones; without any, the others."""
    own = [entry for entry in table.entries if _is_model(entry) and _model(entry.run) == model]
    return [entry for entry in own if entry.comparable] or own


def _cell(entries: Sequence[Entry]) -> Cell:
    valued = [entry for entry in entries if entry.run.get("value") is not None and not entry.run["earlier"]]
    if len(valued) > 1:
        return Cell(SEVERAL)
    if valued:
        run = valued[0].run
        return Cell(SCORED if valued[0].comparable else OTHER_SETUP, run["value"], run["low"], run["high"])
    notes = [FAILED if "failed" in entry.run else entry.note for entry in entries]
    return Cell(notes[0] if notes else NOT_RUN)


def _differing(tables: Sequence[Table]) -> list[str]:
    """Return in what measure and settings the benchmarks' usual setups differ: ``components: 100 on a, 200 on b``."""
    known = [table for table in tables if "measure" in table.usual]  # of baselines alone, settings are not recorded
    items = dict.fromkeys(item for table in known for item in table.usual if item not in OWN)
    found = []
    for item in items:
        values = {table.benchmark: table.usual.get(item) for table in known}
        if len(set(values.values())) > 1:
            found.append(f"{item}: " + ", ".join(f"{value or 'none'} on {name}" for name, value in values.items()))
    return found


def _unpaired(tables: Sequence[Table]) -> str:
    """Return why the draws of benchmarks cannot be combined; empty where they can."""
    clusters: dict[Any, set[str]] = {}
    for table in tables:
        for entry in table.entries:
            if entry.comparable:
                clusters.setdefault(_images(entry.run), set()).add(entry.run["setup"]["clusters"])
    if any(len(kinds) > 1 for kinds in clusters.values()):
        return "benchmarks with the same images draw other clusters of them"
    return ""


def _images(run: Row) -> str:
    return str(run["stimuli"] or run["benchmark"])


def _mean_draws(runs: Sequence[Row]) -> Array | None:
    """Return draws of the mean over benchmarks of one model (draw,); None where a score has none, or is of seeds.

    Draws of benchmarks with the same images stay together; those of others are put in an order of their own, by the
    digest of the images, which is the same for all models.
    """
    draws = [run["draws"] for run in runs]
    if any(one is None for one in draws) or any("seeds" in run for run in runs) or len({len(one) for one in draws}) > 1:
        return None
    seeds = [int(digest(_images(run))[:8], 16) for run in runs]
    return np.asarray(
        np.mean([np.random.default_rng(seed).permutation(one) for seed, one in zip(seeds, draws, strict=True)], axis=0)
    )


def _order(row: Row) -> tuple[Any, ...]:
    values = [cell.value for cell in row["cells"].values() if cell.status == SCORED]
    return (
        row["mean"] is None,
        -(row["mean"] or 0.0),
        -len(values),
        -max(values, default=0.0),
        row["model"],
        row["weights"],
    )


def _ceiling_row(metric: str, measure: str, tables: Sequence[Table]) -> list[Row]:
    """Return a row of the benchmarks' noise ceilings, with their mean where all are known."""
    limits = []
    for table in tables:
        known = {entry.run["limit"] for entry in table.entries if entry.comparable}
        limits.append(known.pop() if len(known) == 1 else None)
    if all(limit is None for limit in limits):
        return []
    cells = [Cell(SCORED if limit is not None else "unknown", limit) for limit in limits]
    mean = None if None in limits else float(np.mean([limit for limit in limits if limit is not None]))
    names = {"model": "noise ceiling", "weights": "", "baseline": CEILING, "note": ""}
    by_name = dict(zip((table.benchmark for table in tables), cells, strict=True))
    return [{**names, "table": metric, "measure": measure, "mean": mean, "cells": by_name}]


def _mean_line(label: str, names: Sequence[str], differing: Sequence[str], rows: Sequence[Row]) -> str:
    if differing:
        return f"No mean: the benchmarks were not scored alike ({'; '.join(differing)})."
    if not any(row["mean"] is not None for row in rows):
        return f"No mean: no model has a comparable score on each of {', '.join(names)}. Name fewer with -b."
    return (
        f"The mean is of {label} over {', '.join(names)}, which count alike, and only of models with a comparable "
        "score on each."
    )


def _inference_line(unpaired: str, ranked: Sequence[Row]) -> str:
    """Return what stands behind the intervals and ranks of the mean; empty without any mean of models."""
    lacking = [row["model"] for row in ranked if row["draws"] is None]
    if ranked and len(lacking) == len(ranked):
        return f"It has no interval and no rank: {unpaired or 'some scores have no draws, or are of several seeds'}."
    without = f" Without an interval, since a score has no draws or is of several seeds: {', '.join(lacking)}."
    return (
        "Its interval and rank are over other images and sites of these benchmarks, not over other benchmarks. Images "
        f"that benchmarks share are drawn together, others independently.{without if lacking else ''}"
        if ranked
        else ""
    )


def _odd_line(tables: Sequence[Table]) -> str:
    """Return which scores were not made as most of their column were, and in what they differ."""
    odd = [
        f"{entry.run['model']} ({entry.run['weights']}) on {table.benchmark}: "
        + entry.note.removeprefix(f"{OTHER_SETUP}: ")
        for table in tables
        for entry in table.entries
        if entry.note.startswith(OTHER_SETUP) and _is_model(entry)
    ]
    return f"{DAGGER} Not comparable with their column, and in no mean: {'. '.join(odd)}." if odd else ""


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _markdown(means: Means, common: Sequence[str]) -> str:
    """Return a table with its lines, without those that follow the last table for all."""
    label = LABELS.get(means.measure, means.measure)
    cells = [
        {
            **row,
            "model": f"*{row['model']}*" if row["baseline"] else row["model"],
            f"mean {label}": row["mean"],
            "95 %": interval_text(row.get("low"), row.get("high")),
            **{_escaped(name): cell.text for name, cell in row["cells"].items()},
        }
        for row in means.rows
    ]
    optional = ("rank", f"mean {label}", "95 %", "note")
    filled = [name for name in optional if any(row.get(name) not in (None, "") for row in cells)]
    columns = ["rank", "model", "weights", f"mean {label}", "95 %", *map(_escaped, means.benchmarks), "note"]
    table = markdown(cells, [name for name in columns if name in filled or name not in optional])
    parts = [f"## {len(means.benchmarks)} benchmarks · {means.metric}", table]
    return "\n\n".join(filter(None, [*parts, _listed([line for line in means.lines if line not in common])]))
