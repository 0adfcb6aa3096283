"""Leaderboard of score files: its tables, entries and ranks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from itbench.errors import UnknownName
from itbench.results.score_command import command_line
from itbench.results.score_file import (
    BY_EARLIER_RULES,
    NAMES,
    failures,
    is_earlier,
    moment,
    provenance,
    scores_in,
    superseded,
)
from itbench.results.score_setup import SHORT, Setup, most_common, unusual
from itbench.results.score_variables import ceiling_of, layer_names, measure_of, scored_sites
from itbench.results.seeds import pool_alike, seed_row
from itbench.results.summary import layer_text, sites_text
from itbench.statistics.ranks import rank_intervals
from itbench.util.checksum import canonical_json, digest

KEYS = (
    *("benchmark", "table", "metric", "rank", "rank_low", "rank_high", "model", "weights", "baseline", "layer"),
    *("measure", "value", "low", "high", "ceiling", "EV", "EV/ceiling", "correlation", "sites", "note"),
)


Row = dict[str, Any]
More = Callable[[Path, xr.Dataset, Row, Setup], Row]  # path, score, summary and setup: what else is kept of them
CEILING = "ceiling"  # the baseline above all models
NOT_RUN = "not run"


@dataclass(frozen=True, eq=False)
class Entry:
    """Entry of a leaderboard's table: a run, a note that it is not comparable, and its rank interval.

    Parameters
    ----------
    run : dict
        As `read_runs` returns it, or a model and its weights, with a `note` why there is no value.
    note : str
        Why the run is not comparable with the others, or has no value.
    rank : pair of int, optional
    """

    run: Row
    note: str = ""
    rank: tuple[int, int] | None = None

    @property
    def comparable(self) -> bool:
        """Whether the entry has a value, and the leaderboard's usual setup."""
        return self.run.get("value") is not None and not self.note


@dataclass(frozen=True, eq=False)
class Table:
    """Leaderboard of one benchmark and metric.

    Parameters
    ----------
    benchmark, metric : str
    entries : sequence of Entry
        In the order of the table.
    usual : mapping of str to str
        The most common setup, which comparable entries have.
    """

    benchmark: str
    metric: str
    entries: Sequence[Entry]
    usual: Mapping[str, str | None]

    @property
    def rows(self) -> list[Row]:
        """Rows of the leaderboard, with the keys `KEYS`."""
        names = {"benchmark": self.benchmark, "table": self.metric, "metric": self.metric}
        return [{**dict.fromkeys(KEYS), **names, **_row(entry)} for entry in self.entries]


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
        values of models do not differ significantly, an interval such as ``2–3`` (`rank_intervals`). ``ceiling`` is
        that of the measure, a mean over sites, where recordings have repetitions. Without a rank:

        - baselines, sorted by value among the models, and a ceiling, which comes first;
        - scores by earlier rules, and those whose setup is not the most common one, below the others, with a note;
        - models whose run failed, and with `every` those never run, which have no numbers either.
    """
    return [row for table in read_tables(folder, benchmarks, every) for row in table.rows]


def read_tables(
    folder: Path,
    benchmarks: Sequence[str] = (),
    every: bool = False,
    without: Collection[str] = ("predictions",),
    more: More | None = None,
) -> list[Table]:
    """Return the leaderboard of a folder of scores as tables, one a benchmark and metric, as `compile_leaderboard`.

    Scores are read, and runs have more keys, as by `read_runs`.
    """
    runs = read_runs(folder, without, more)
    known = sorted({run["benchmark"] for run in runs})
    for name in benchmarks:
        if name not in known:
            todo = f"Score one: {command_line('score', {'-m': ['pixels'], '-b': [name]})}"
            raise UnknownName.of("benchmark in the scores", name, known, todo=todo)
    entrants = list(dict.fromkeys(one for run in runs if not run.get("baseline") for one in run["entrants"]))
    tables = {(run["benchmark"], run["table"]) for run in runs if not benchmarks or run["benchmark"] in benchmarks}
    return _tables(runs, tables, entrants if every else ())


def _tables(
    runs: Sequence[Row], names: Collection[tuple[str, str]], entrants: Sequence[tuple[str, str]] = ()
) -> list[Table]:
    return [
        _compiled(name, [run for run in runs if (run["benchmark"], run["table"]) == name], entrants)
        for name in sorted(names)
    ]


def _compiled(name: tuple[str, str], runs: Sequence[Row], entrants: Sequence[tuple[str, str]]) -> Table:
    scored = sorted((run for run in runs if run.get("value") is not None), key=lambda run: -run["value"])
    current = [run for run in scored if not run["earlier"]]
    usual = most_common([run["setup"] for run in current if not run["baseline"]] or [run["setup"] for run in current])
    notes = [BY_EARLIER_RULES if run["earlier"] else _difference(run["setup"], usual) for run in scored]
    _tell_apart(scored, notes)
    above = [run for run in current if run["baseline"] == CEILING]
    among = [run for run, note in zip(scored, notes, strict=True) if not note and run not in above]
    below = [Entry(run, note) for run, note in zip(scored, notes, strict=True) if note and run not in above]
    ranked = [run for run in among if not run["baseline"]]
    ranks = rank_intervals([run["value"] for run in ranked], [run["draws"] for run in ranked])
    places = {id(run): rank for run, rank in zip(ranked, ranks, strict=True)}
    unscored = [run for run in runs if run.get("value") is None]
    failed = [Entry(run, f"failed: {run['failed']}" if "failed" in run else _no_value(run)) for run in unscored]
    present = {one for run in runs for one in run["entrants"]}
    absent = sorted((one for one in entrants if one not in present), key=lambda one: one[0])
    entries = [
        *(Entry(run) for run in above),
        *(Entry(run, rank=places.get(id(run))) for run in among),
        *below,
        *failed,
        *(Entry({"model": model, "weights": weights}, NOT_RUN) for model, weights in absent),
    ]
    return Table(*name, entries, usual)


def _difference(setup: Mapping[str, str], usual: Mapping[str, str | None]) -> str:
    items = unusual(setup, usual)
    return f"not comparable: {'; '.join(items)}" if items else ""


def _no_value(run: Row) -> str:
    return f"no value: {'it is undefined' if run['n_sites_scored'] or not run['n_sites'] else 'no site scored'}"


def rank_text(rank: tuple[int, int] | None) -> str | None:
    """Return a rank interval of a leaderboard as text: ``1`` or ``2–3``."""
    return None if rank is None else str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}–{rank[1]}"


def _row(entry: Entry) -> Row:
    run = entry.run
    if run.get("value") is None:
        return {"model": run["model"], "weights": run["weights"], "note": entry.note}
    low, high = entry.rank or (None, None)
    baseline = f"baseline: {run['baseline']}" if run["baseline"] else ""
    return {
        "rank": rank_text(entry.rank),
        "rank_low": low,
        "rank_high": high,
        **{key: run[key] for key in ("metric", "model", "weights", "baseline", "measure", "value", "low", "high")},
        "ceiling": run["limit"],
        "layer": layer_text(run),
        "EV": run.get("explained_variance"),
        "EV/ceiling": run.get("explained_variance_corrected"),
        "correlation": run.get("correlation"),
        "sites": sites_text(run["n_sites"], run["n_sites_scored"]),
        "note": "; ".join(filter(None, (baseline, run["changes"], run["differs"], entry.note))),
    }


def read_runs(
    folder: Path, without: Collection[str] = ("predictions",), more: More | None = None
) -> list[dict[str, Any]]:
    """Return what a leaderboard needs of every score in a folder, and the records of failures that no score followed.

    Of a score: its `summary`, the ``draws`` of its measure (draw,), None without, whether its rules are ``earlier``,
    its ``setup``, its ``table``, ``changes`` of a recipe, the digest of its ``stimuli``, the ceiling of its measure
    (``limit``), and ``entrants``, its model and weights; and what `more` returns of its path, the score, read `without`
    some variables, its summary and its setup. Scores that differ in their seed alone are one, see
    `itbench.results.seeds.pooled_seeds`, with their own runs as ``members``. Of several files of the same score, of one
    model, weights, benchmark, metric and setup, the newest counts.
    """
    scored = []

    def each() -> Iterator[tuple[Path, xr.Dataset]]:
        for path, score in scores_in(folder, without):
            scored.append({**{key: score.attrs[key] for key in NAMES}, "date": provenance(score).get("date", "")})
            yield path, score

    runs = _runs(each(), more)
    failed = [record for _, record in failures(folder) if not superseded(record, scored)]
    lost = [{**one, "entrants": [(one["model"], one["weights"])]} for one in failed]
    return runs + [{**record, "table": record["beside"] or record["metric"]} for record in lost]


def _runs(scores: Iterable[tuple[Path, xr.Dataset]], more: More | None = None) -> list[Row]:
    runs = []
    for path, score in scores:
        figures, setup = seed_row(score), Setup.of(score)
        about = {
            "entrants": [(figures["model"], figures["weights"])],
            "earlier": is_earlier(score),
            "setup": _comparability(setup, figures["baseline"]),
            "table": score.attrs.get("beside") or figures["metric"],
            "changes": _recipe_changes(setup),
            "stimuli": setup.digests.get("stimuli"),
            "limit": _limit(score),
            "value": figures["value"] if np.isfinite(figures["value"] or 0.0) else None,
            "date": provenance(score).get("date", ""),
            "setup_items": _setup_items(setup, score),
            "differs": "",
        }
        runs.append({**figures, **about, **(more(path, score, figures, setup) if more else {})})
    runs = _newest(_newest(runs, _same_score), _same_seed)
    alike = Counter(run["alike"] for run in runs if run["alike"])
    alone = [run for run in runs if alike[run["alike"]] < 2]
    pooled = []
    for row in pool_alike(runs):
        members = [run for run in runs if run["alike"] == row["alike"]]
        pooled.append({**row, "members": members, "entrants": [run["entrants"][0] for run in members]})
    return alone + pooled


def _newest(runs: Sequence[Row], key: Callable[[Row], str]) -> list[Row]:
    """Return the runs without those of which a newer one has the same key; of equal dates the last counts."""
    newest: dict[str, Row] = {}
    for run in sorted(runs, key=lambda run: moment(run["date"])):
        newest[key(run) or str(id(run))] = run
    return [run for run in runs if newest[key(run) or str(id(run))] is run]


def _same_score(run: Row) -> str:
    """Return a key that two runs share if they are the same score, of one setup: another file of it is no other row."""
    return canonical_json([[run[key] for key in (*NAMES, "baseline", "table", "measure")], run["setup_items"]])


def _same_seed(run: Row) -> str:
    return canonical_json([run["alike"], run["seed"]]) if run["alike"] else ""


def _setup_items(setup: Setup, score: xr.Dataset) -> dict[str, str]:
    """Return by name, as text, all on which the numbers of a score depend beside its model, benchmark and metric."""
    names = layer_names(score)
    seeds = ("weights", "recipe")
    return {
        **setup.task_values(),
        **setup.metric_values(),
        "layers": f"{', '.join(names[:3])}{', …' if len(names) > 3 else ''} ({len(names)}, {digest(*names)[:4]})",
        "draws": str(setup.n_draws),
        "digest of the weights": str(setup.digests.get("weights", ""))[:SHORT],
        "recipe": _recipe_changes(setup) or "default",
        "model": digest(canonical_json([{k: v for k, v in s.items() if k not in seeds} for s in setup.sources]))[
            :SHORT
        ],
    }


def _tell_apart(runs: Sequence[Row], notes: Sequence[str]) -> None:
    """Say in ``differs`` of runs of equal model and weights in what they do, where no note or recipe says it."""
    names = [(*(run[key] for key in (*NAMES, "baseline")), note) for run, note in zip(runs, notes, strict=True)]
    for name in (name for name, n in Counter(names).items() if n > 1):
        twins = [i for i, one in enumerate(names) if one == name]
        items = dict.fromkeys(item for i in twins for item in runs[i]["setup_items"])
        differing = [item for item in items if len({runs[i]["setup_items"].get(item) for i in twins}) > 1]
        for i in twins:
            said = [f"{item}: {runs[i]['setup_items'].get(item, 'none')}" for item in differing if item != "recipe"]
            runs[i]["differs"] = "; ".join(said)


def rank_scores(scores: Iterable[xr.Dataset]) -> list[Row]:
    """Return the rows of a leaderboard of scores in memory, as `compile_leaderboard` does of a folder."""
    runs = _runs((Path(), score) for score in scores)
    return [row for table in _tables(runs, {(run["benchmark"], run["table"]) for run in runs}) for row in table.rows]


def _recipe_changes(setup: Setup) -> str:
    changed = [f"{key}={json.dumps(value)}" for key, value in setup.requested.get("recipe", {}).items()]
    return ", ".join([*changed, *(["tuned"] if setup.requested.get("tuned") else [])])


def _comparability(setup: Setup, baseline: str) -> dict[str, str]:
    """Return what comparable rows of a leaderboard have in common; a baseline has no settings."""
    return (
        setup.task_values() if baseline else {**setup.task_values(), "measure": setup.measure, **setup.metric_values()}
    )


def _limit(score: xr.Dataset) -> float | None:
    """Return the ceiling of a score's measure, a mean over its scored sites; None where it is not known.

    Of explained variance it is the reliability of a site, of a correlation its square root.
    """
    ceiling, scored, measure = ceiling_of(score), scored_sites(score), measure_of(score)
    if ceiling is None or scored is None or measure not in ("explained_variance", "correlation"):
        return None
    known = ceiling[scored & np.isfinite(ceiling)]
    limits = known if measure == "explained_variance" else np.sqrt(np.maximum(known, 0.0))
    return float(limits.mean()) if len(limits) else None
