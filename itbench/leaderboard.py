"""Scores compiled into a leaderboard: a pure function of a folder of files."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from itbench.errors import BadScore, DamagedFile, ItbenchWarning, UnknownName
from itbench.files import write_text
from itbench.score import FAILED, failures, forget_failures, provenance, read_score, summary
from itbench.tables import csv_text, markdown

COLUMNS = ("rank", "model", "weights", "layer", "EV", "correlation", "sites", "note")


def compile_leaderboard(folder: Path, benchmarks: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Compile the scores of a folder.

    Parameters
    ----------
    folder : Path
    benchmarks : sequence of str, optional
        Only these.

    Returns
    -------
    list of dict
        One a row: benchmark, metric, rank, model, weights, layer, EV, correlation, sites, note. Ranked by explained
        variance within benchmark and metric. A model that failed or was never run there has no rank and no numbers.
    """
    runs = _read(folder)
    known = sorted({run["benchmark"] for run in runs})
    for name in benchmarks:
        if name not in known:
            raise UnknownName.of(
                "benchmark in the scores", name, known, todo=f"Score one: itbench score -m pixels -b {name}"
            )
    entrants = list(dict.fromkeys((run["model"], run["weights"]) for run in runs))
    rows = []
    for table in sorted(
        {(run["benchmark"], run["metric"]) for run in runs if not benchmarks or run["benchmark"] in benchmarks}
    ):
        here = [run for run in runs if (run["benchmark"], run["metric"]) == table]
        present = {(run["model"], run["weights"]) for run in here}
        absent = [
            {"model": model, "weights": weights, "note": "not run"}
            for model, weights in entrants
            if (model, weights) not in present
        ]
        for row in [*_ranked(here), *sorted(absent, key=lambda row: row["model"])]:
            rows.append({"benchmark": table[0], "metric": table[1], **dict.fromkeys(COLUMNS), **row})
    return rows


def render(rows: Sequence[dict[str, Any]], form: str = "markdown") -> str:
    """Return a leaderboard as markdown (one table a benchmark), CSV or JSON."""
    if form == "json":
        return json.dumps(list(rows), indent=2, ensure_ascii=False)
    if form == "csv":
        return csv_text(rows, ("benchmark", "metric", *COLUMNS))
    if not rows:
        return "No scores yet. Make some: itbench score -m pixels -m itbench-tiny"
    columns = [column for column in COLUMNS if column != "note" or any(row.get("note") for row in rows)]
    tables = []
    for table in dict.fromkeys((row["benchmark"], row["metric"]) for row in rows):
        here = [row for row in rows if (row["benchmark"], row["metric"]) == table]
        tables.append(f"## {table[0]} · {table[1]}\n\n{markdown(here, columns)}")
    return "\n\n".join(tables)


def write_leaderboard(text: str, path: Path) -> None:
    """Write a rendered leaderboard, whole or not at all."""
    write_text(path, text + "\n")


def write_failure(folder: Path, stem: str, run: dict[str, str], error: Exception) -> None:
    """Keep on record that a run failed, so that a leaderboard can say so; a later score removes it."""
    forget_failures(folder, run)
    failed = next(iter(str(error).splitlines()), type(error).__name__)
    write_text(folder / f"{stem}{FAILED}", json.dumps({**run, "failed": failed}, ensure_ascii=False))


def _read(folder: Path) -> list[dict[str, Any]]:
    runs = []
    for path in sorted(folder.glob("*.nc")):
        try:
            score = read_score(path)
        except (DamagedFile, BadScore) as error:
            warnings.warn(f"{error.what} It is left out.", ItbenchWarning, stacklevel=2)
            continue
        runs.append({**summary(score), "setup": _setup(provenance(score)), "file": str(path)})
    return runs + [record for _, record in failures(folder)]


def _setup(about: dict[str, Any]) -> dict[str, str]:
    """Return what must be equal for two rows to be comparable."""
    return {
        "recordings": about["digests"].get("content", "")[:8],
        "splits": " ".join(f"{key}={value}" for key, value in about["splits"].items() if value is not None),
        "precision": about["precision"],
        "pool": about.get("pool", "none"),
        "degrees": about.get("degrees") or "as shown",
        "layers": about["layers"],
        **about["options"]["defaulted"],
        **about["options"]["given"],
    }


def _ranked(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    scored = [run for run in runs if run.get("explained_variance") is not None]
    scored.sort(key=lambda run: -run["explained_variance"])
    keys = dict.fromkeys(key for run in scored for key in run["setup"])
    usual = {key: Counter(run["setup"].get(key) for run in scored).most_common(1)[0][0] for key in keys}
    usual_sites = Counter(run["n_sites_scored"] for run in scored).most_common(1)[0][0] if scored else 0
    rows: list[dict[str, Any]] = []
    for rank, run in enumerate(scored, 1):
        departs = [f"{key}: {value}" for key, value in run["setup"].items() if value != usual[key]]
        if run["n_sites_scored"] != usual_sites:
            departs.append(f"{run['n_sites_scored']} sites")
        rows.append(
            {
                "rank": rank,
                "model": run["model"],
                "weights": run["weights"],
                "layer": _layer(run),
                "EV": run["explained_variance"],
                "correlation": run["correlation"],
                "sites": _sites(run),
                "note": f"not comparable: {'; '.join(departs)}" if departs else "",
            }
        )
    for run in runs:
        if run.get("explained_variance") is None:
            rows.append(
                {
                    "model": run["model"],
                    "weights": run["weights"],
                    "note": f"failed: {run.get('failed', 'no site scored')}",
                }
            )
    return rows


def _layer(run: dict[str, Any]) -> str:
    chosen = run["layers_chosen"]
    total = sum(chosen.values())
    return run["layer"] if len(chosen) == 1 else f"{run['layer']} ({chosen[run['layer']]}/{total})"


def _sites(run: dict[str, Any]) -> str:
    return (
        str(run["n_sites"]) if run["n_sites"] == run["n_sites_scored"] else f"{run['n_sites_scored']}/{run['n_sites']}"
    )
