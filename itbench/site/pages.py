"""Pages of a site as JSON: the index with its tables and rows, one page a model, and one a benchmark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from itbench import __version__
from itbench.registry import Registry
from itbench.results.explain.readout import metric_description
from itbench.results.leaderboard import Entry, Table
from itbench.results.paired_comparison import BELIEVED, PairedDifference
from itbench.results.score_file import BY_EARLIER_RULES, EDITION
from itbench.results.score_setup import Setup
from itbench.results.summary import LABELS, layer_text, sites_text
from itbench.site.benchmark_page import RecordedBenchmark, labels
from itbench.site.score_page import number, numbers
from itbench.util.checksum import digest

BEST = 30  # of a table, of which all pairs are compared
NOTHING_FITTED = "Nothing is fitted: all images are compared at once."
NEIGHBOURS = 3  # further down, those above with which each is compared
Page = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """Row of a table on a page.

    Parameters
    ----------
    table, model : int
        Numbers in the index.
    entry : Entry
    """

    table: int
    model: int
    entry: Entry

    @property
    def members(self) -> Sequence[Mapping[str, Any]]:
        """Runs of single scores: several where they differ in their seed alone; none where no score is."""
        run = self.entry.run
        return run.get("members") or ([run] if "page" in run else [])

    @property
    def setup(self) -> Setup:
        """Setup of the score, or of the first of several seeds."""
        setup: Setup = self.members[0]["whole_setup"]
        return setup


class Names:
    """Numbers and file names of texts, in order of appearance: safe on any disk, and other for other texts."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, ...], int] = {}
        self.slugs: dict[tuple[str, ...], str] = {}

    def number(self, *texts: str) -> int:
        """Return the number of a text of one or more parts."""
        if texts not in self.numbers:
            self.numbers[texts] = len(self.numbers)
            parts = (re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.") for text in texts)
            slug = "--".join(filter(None, parts))[:80]
            taken = slug in self.slugs.values() or slug != "--".join(texts)
            self.slugs[texts] = f"{slug or 'x'}-{digest(*texts)[:6]}" if taken else slug
        return self.numbers[texts]


def rows_of(tables: Sequence[Table]) -> tuple[list[Row], Names]:
    """Return all rows of a leaderboard's tables, in order, and the names of their models."""
    names, rows = Names(), []
    for i, table in enumerate(tables):
        for entry in table.entries:
            rows.append(Row(i, names.number(entry.run["model"], entry.run["weights"]), entry))
    return rows, names


def _knows_no_kind(row: Row) -> tuple[bool, bool]:
    """Return whether a row is of a failed run, and of a baseline: neither says of which kind the model is."""
    return not row.members, bool(row.entry.run.get("baseline"))


def index_page(
    tables: Sequence[Table], rows: Sequence[Row], names: Names, benchmarks: Mapping[str, Page], registry: Registry
) -> Page:
    """Return the index, which every page of the site reads: benchmarks, by name and page, tables, models and rows."""
    metrics, unique_metrics = registry.metrics, dict.fromkeys(table.metric for table in tables)
    models: dict[int, Page] = {}
    for row in sorted(rows, key=_knows_no_kind):
        (model, weights), page = list(names.numbers)[row.model], row.members[0]["page"] if row.members else {}
        about = {"model": model, "weights": weights, "slug": names.slugs[model, weights]}
        kinds = {"kind": page.get("kind", ""), "source": page.get("weights", "")}
        models.setdefault(row.model, {**about, **kinds})
    regions = {row.table: region for row in rows if (region := row.entry.run.get("region"))}
    return {
        "labels": LABELS,
        "about": {"version": __version__, "edition": EDITION},
        "purposes": {name: metrics[name].description for name in unique_metrics if name in metrics},
        "benchmarks": [
            {key: page.get(key, "") for key in ("name", "slug", "description", "metric")}
            for page in benchmarks.values()
        ],
        "tables": [
            {
                "benchmark": list(benchmarks).index(table.benchmark),
                "metric": table.metric,
                "region": regions.get(i, ""),
                **_headline(table.entries),
            }
            for i, table in enumerate(tables)
        ],
        "models": [models[i] for i in range(len(models))],
        "rows": [_row(row) for row in rows],
    }


def _headline(entries: Iterable[Entry]) -> Page:
    """Return the measure by which a table ranks, and its ceiling: those of its first comparable score."""
    runs = [entry.run for entry in sorted(entries, key=lambda entry: not entry.comparable) if "measure" in entry.run]
    limits = [limit for run in runs if (limit := _limit(run)) is not None]
    return {"measure": runs[0]["measure"] if runs else "", "ceiling": number(limits[0]) if limits else None}


def _limit(run: Mapping[str, Any]) -> float | None:
    return None if run["baseline"] == "ceiling" else run.get("limit")


def _row(row: Row) -> Page:
    run, entry = row.entry.run, row.entry
    found: Page = {"t": row.table, "m": row.model, "state": _state(entry), "note": entry.note}
    if not row.members:
        return found
    page = row.members[0]["page"]
    pooled = len(row.members) > 1
    measures = page["measures"]
    if pooled:  # draws over seeds are of the headline alone
        measures = {name: [number(run.get(name), 5), None, None] for name in measures if run.get(name) is not None}
    headline = [number(run["value"], 5), number(run["low"]), number(run["high"])]
    baseline = f"baseline: {run['baseline']}" if run["baseline"] else ""
    note = "; ".join(filter(None, (baseline, run["changes"], run["differs"], entry.note)))
    return {
        **found,
        "note": note,
        "rank": entry.rank,
        "v": {**measures, run["measure"]: headline} if run["value"] is not None else {},
        "layer": layer_text(run),
        "depth": page["depth"],
        "layers": len(page["layers"]),
        "sites": sites_text(run["n_sites"], run["n_sites_scored"]),
    }


def _state(entry: Entry) -> str:
    """Return why an entry has a rank, or has none."""
    run = entry.run
    if run.get("value") is None:
        return "failed" if "failed" in run else "no value"
    if entry.note:
        return "earlier" if entry.note == BY_EARLIER_RULES else "other setup"
    return "ranked" if entry.rank else "baseline"


def model_pages(rows: Sequence[Row], names: Names, benchmark_pages: Sequence[Page]) -> list[Page]:
    """Return one page a model: its scores on all benchmarks, and its differences from others of the same table.

    `benchmark_pages` are those of the benchmark of each table; they get what scores on it share.
    """
    pairs = paired_differences(rows)
    pages: list[Page] = [{"entries": []} for _ in names.numbers]
    for i, row in enumerate(rows):
        entry: Page = {"row": i}
        if row.members:
            entry |= _entry(row, benchmark_pages[row.table])
        if i in pairs:
            entry["pairs"] = pairs[i]
        pages[row.model]["entries"].append(entry)
    return pages


def _entry(row: Row, shared: Page) -> Page:
    """Return a score on the page of its model, a mean over seeds where there are several; `shared` gets long texts."""
    pages = [run["page"] for run in row.members]
    first, run = pages[0], row.entry.run
    alike = all([layer[0] for layer in page["layers"]] == [layer[0] for layer in first["layers"]] for page in pages)
    layers = [_mean_layer(layer) for layer in zip(*(page["layers"] for page in pages), strict=True)] if alike else []
    known = [page["sites"] for page in pages if page["sites"] is not None]
    found = {
        "layers": layers,
        "joint": first["joint"],
        "chosen": run["layers_chosen"],
        "oracle": first["oracle"] if len(pages) == 1 else None,
        "sites": _mean(known) if known and len(known) == len(pages) else None,
        "names": _shared(shared, "names", first["names"]),
        "ceilings": _shared(shared, "ceilings", first["ceilings"]),
        "drawn": first["drawn"],
        "draws": 0 if run["draws"] is None else int(np.isfinite(run["draws"]).sum()),
        "provenance": first["provenance"],
        "commands": [page["command"] for page in pages if page["command"]],
    }
    if len(pages) == 1:
        return {**found, "images": first["images"]}
    return {**found, "seeds": [[seed, number(value)] for seed, value in zip(run["seeds"], run["by_seed"], strict=True)]}


def _shared(shared: Page, key: str, value: Any) -> int | None:
    """Return the number of a value in a list that scores of one table share."""
    if value is None:
        return None
    values = shared.setdefault(key, [])
    if value not in values:
        values.append(value)
    return int(values.index(value))


def _mean_layer(layers: Sequence[Sequence[Any]]) -> list[Any]:
    return [layers[0][0], layers[0][1], *_mean([layer[2:] for layer in layers])]


def _mean(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    return numbers(np.array([[np.nan if value is None else value for value in row] for row in rows]).mean(axis=0))


def paired_differences(rows: Sequence[Row]) -> dict[int, dict[int, Any]]:
    """Return differences of rows of the same table by their paired draws, as `itbench compare` gives them.

    Returns
    -------
    dict
        By the number of a row, and of another: difference, low, high, p and a verdict (1 or −1 where the first or the
        second is better, 0 where they are not told apart, None of too few images); or a text that says why not. Of the
        `BEST` rows of a table all pairs, and of each row those with the `NEIGHBOURS` above it.
    """
    found: dict[int, dict[int, Any]] = {}
    for table in dict.fromkeys(row.table for row in rows):
        here = [i for i, row in enumerate(rows) if row.table == table and row.entry.run.get("value") is not None]
        for place, second in enumerate(here):
            near = here[max(0, place - NEIGHBOURS) : place] if place >= BEST else here[:place]
            for first in near:
                pair = _pair(rows[first], rows[second])
                found.setdefault(first, {})[second] = pair
                found.setdefault(second, {})[first] = pair if isinstance(pair, str) else _turned(pair)
    return found


def _pair(a: Row, b: Row) -> list[float | None] | str:
    first, second = a.entry.run, b.entry.run
    if first["earlier"] or second["earlier"]:
        return f"One of them was {BY_EARLIER_RULES}."
    if first["measure"] != second["measure"]:
        return "Their measures differ."
    draws = first["draws"], second["draws"]
    if draws[0] is None or draws[1] is None:
        return "One of them has no draws."
    for what, values in a.setup.disagreements(b.setup):
        return f"Their {what} differ: {values}."
    if len(draws[0]) != len(draws[1]):
        return "Their numbers of draws differ."
    pair = PairedDifference.of((first["value"], second["value"]), draws)
    better = None if not np.isfinite(pair.p) else int(np.sign(pair.difference)) if pair.p < BELIEVED else 0
    return [number(pair.difference, 5), number(pair.low, 5), number(pair.high, 5), number(pair.p), better]


def _turned(pair: list[float | None]) -> list[float | None]:
    """Return the difference of B and A for that of A and B."""
    difference, low, high, p, better = (value if value is None else value + 0.0 for value in pair)
    turned = [None if value is None else 0.0 - value for value in (difference, high, low)]
    return [*turned, p, None if better is None else 0 - int(better)]


def _splits(runs: Iterable[Mapping[str, Any]], default: str) -> str:
    """Return in words how images were split, by the default metric first; of others, which split otherwise."""
    first: dict[str, str] = {}  # the text of each metric: of a score for which images trained, where there is one
    for run in sorted(runs, key=lambda run: (run["table"] != default, not run["page"]["fitted"])):
        if run["page"]["splits"]:
            first.setdefault(run["table"], run["page"]["splits"])
    texts = dict.fromkeys(first.values())
    metrics = {text: ", ".join(name for name, one in first.items() if one == text) for text in texts}
    return "\n\n".join(text if i == 0 else f"By {metrics[text]}: {text}" for i, text in enumerate(texts))


def benchmark_page(
    recorded: RecordedBenchmark, slug: str, rows: Sequence[Row], tables: Sequence[Table], registry: Registry
) -> tuple[Page, set[int]]:
    """Return the page of a benchmark, and the rows of the stimuli that pages show of it."""
    page = recorded.page(slug)
    here = [row for row in rows if tables[row.table].benchmark == recorded.name]
    runs = [run for row in here for run in row.members]
    compared = NOTHING_FITTED if runs and all(run["page"]["comparison"] for run in runs) else ""
    page["splits"] = _splits(runs, page.get("metric", "")) or page.get("plan") or compared
    page["counts"] = max(({key: run[key] for key in ("n_stimuli", "n_sites")} for run in runs), key=str, default={})
    page["metrics"] = {
        name: metric_description(registry.metrics[name]) if name in registry.metrics else ""
        for name in dict.fromkeys(tables[row.table].metric for row in here)
    }
    lists = [run["page"]["images"] for run in runs if run["page"]["images"]]
    shown = {row for images in lists for side in ("best", "worst") for row, _ in images[side]}
    if recorded.recordings is not None:
        page["labels"] = labels(recorded.recordings, sorted({*page["gallery"], *shown}))
    return page, {*page.get("gallery", []), *shown}
