"""The rows of a leaderboard: what can be ranked, what stands beside it, what cannot be compared, what is missing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from itbench.errors import UnknownName
from itbench.results.formats import KEYS
from itbench.results.score_file import failures, provenance, scores_in
from itbench.results.summary import sites_text, summary
from itbench.statistics.ranks import rank_intervals
from itbench.util.arrays import Array

Row = dict[str, Any]
CEILING = "ceiling"  # the baseline that no model can pass


def compile_leaderboard(folder: Path, benchmarks: Sequence[str] = ()) -> list[Row]:
    """Compile the scores of a folder.

    Parameters
    ----------
    folder : Path
    benchmarks : sequence of str, optional
        Only these.

    Returns
    -------
    list of dict
        One a row, with the keys `KEYS`. Ranked by the headline measure within benchmark and ``table``, which is the
        metric; predictions of models that learn stand in that of the benchmark's own. ``rank`` is ``1`` or, where
        models cannot be told apart, an interval such as ``2–3`` (`rank_intervals`). Without a rank are

        - baselines, which stand among the models where their value puts them, and a ceiling, which comes first;
        - scores that were made in another way than most, below the others, with a note that says in what;
        - models that failed or were never run there, which have no numbers either.
    """
    runs = read_runs(folder)
    known = sorted({run["benchmark"] for run in runs})
    for name in benchmarks:
        if name not in known:
            raise UnknownName.of(
                "benchmark in the scores", name, known, todo=f"Score one: itbench score -m pixels -b {name}"
            )
    entrants = list(dict.fromkeys((run["model"], run["weights"]) for run in runs if not run.get("baseline")))
    tables = {(run["benchmark"], run["table"]) for run in runs if not benchmarks or run["benchmark"] in benchmarks}
    rows = []
    for table in sorted(tables):
        here = [run for run in runs if (run["benchmark"], run["table"]) == table]
        present = {(run["model"], run["weights"]) for run in here}
        absent = [
            {"model": model, "weights": weights, "note": "not run"}
            for model, weights in entrants
            if (model, weights) not in present
        ]
        for row in [*_rows(here), *sorted(absent, key=lambda row: row["model"])]:
            rows.append({**dict.fromkeys(KEYS), "benchmark": table[0], "table": table[1], "metric": table[1], **row})
    return rows


def _rows(runs: Sequence[Row]) -> list[Row]:
    """Return the rows of one table."""
    scored = sorted((run for run in runs if run.get("value") is not None), key=lambda run: -run["value"])
    usual = _usual([run for run in scored if not run["baseline"]] or scored)
    notes = [_departures(run, usual) for run in scored]
    above = [run for run in scored if run["baseline"] == CEILING]
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


def _row(run: Row, note: str, rank: tuple[int, int] | None = None) -> Row:
    low, high = rank or (None, None)
    baseline = f"baseline: {run['baseline']}" if run["baseline"] else ""
    return {
        "rank": None if rank is None else str(low) if low == high else f"{low}–{high}",
        "rank_low": low,
        "rank_high": high,
        **{key: run[key] for key in ("metric", "model", "weights", "baseline", "measure", "value", "low", "high")},
        "layer": _layer(run),
        "EV": run.get("explained_variance"),
        "EV/ceiling": run.get("explained_variance_corrected"),
        "correlation": run.get("correlation"),
        "sites": sites_text(run["n_sites"], run["n_sites_scored"]),
        "note": "; ".join(filter(None, (baseline, run["changes"], note))),
    }


def _usual(runs: Sequence[Row]) -> Row:
    """Return what most runs have of each thing that makes them comparable."""
    keys = dict.fromkeys(key for run in runs for key in run["setup"])
    return {key: Counter(run["setup"].get(key) for run in runs).most_common(1)[0][0] for key in keys}


def _departures(run: Row, usual: Row) -> str:
    departs = [f"{key}: {value}" for key, value in run["setup"].items() if value != usual[key]]
    return f"not comparable: {'; '.join(departs)}" if departs else ""


def _layer(run: Row) -> str:
    chosen = run["layers_chosen"]
    total = sum(chosen.values())
    return run["layer"] if len(chosen) == 1 else f"{run['layer']} ({chosen[run['layer']]}/{total})"


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the figures of every score in a folder, and the records of runs that failed.

    Those of a score are its `summary`, and ``draws`` of the measure (draw,), None without, ``setup``, the ``table`` it
    stands in, which is its metric's or that of the metric it stands beside, and ``changes`` of a recipe.
    """
    runs = []
    for _, score in scores_in(folder, without=("predictions",)):
        figures = summary(score)
        own = {"draws": _draws(score, figures["measure"]), "setup": _setup(score, figures)}
        table = score.attrs.get("beside") or figures["metric"]
        runs.append({**figures, **own, "table": table, "changes": _changes(score)})
    return runs + [{**record, "table": record["beside"] or record["metric"]} for _, record in failures(folder)]


def _changes(score: xr.Dataset) -> str:
    """Return in what a model that learns departs from its own recipe."""
    asked = provenance(score).get("asked", {})
    changed = [f"{key}={json.dumps(value)}" for key, value in asked.get("recipe", {}).items()]
    return ", ".join([*changed, *(["tuned"] if asked.get("tuned") else [])])


def _draws(score: xr.Dataset, measure: str) -> Array | None:
    if "draws" not in score or measure not in score["measure"].values:
        return None
    return score["draws"].sel(measure=measure).values.astype(np.float64)


def _setup(score: xr.Dataset, figures: dict[str, Any]) -> dict[str, str]:
    """Return what must be equal for two rows to be comparable."""
    about = provenance(score)
    task = {
        "recordings": " ".join(about["digests"].get(part, "")[:8] for part in ("stimuli", "responses")),
        "splits": " ".join(f"{key}={value}" for key, value in about["splits"].items() if value is not None),
        "sites": f"{figures['n_sites_scored']}",
    }
    if figures["baseline"]:  # it has no settings of its own
        return task
    return {
        **task,
        "measure": figures["measure"],
        "precision": about["precision"],
        "pool": about.get("pool", "none"),
        "degrees": about.get("degrees") or "as shown",
        "layers": about["layers"],
        **about["options"]["defaulted"],
        **about["options"]["given"],
    }
