"""Runs that commands score in turn, and their scores printed as a table, CSV or JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from itbench.cli.output import print_json, report_error, say, warn
from itbench.cli.tables import print_rows
from itbench.errors import ItbenchError

if TYPE_CHECKING:
    import xarray as xr

FIRST_COLUMNS, LAST_COLUMNS = ("model", "weights", "benchmark", "metric", "layer"), ("sites", "seconds")
FIGURES = ("EV", "EV/ceiling", "correlation", "weight", "share", "unique", "95 % of unique", "inner EV")
NESTED = ("layers", "models", "layers_chosen", "seeds", "by_seed")  # in JSON, and not in CSV

Written = tuple["xr.Dataset", Path]  # a score, and the file that holds it


class Titled(Protocol):
    """Protocol of a run that a command does in turn: its title begins the messages printed of it."""

    @property
    def title(self) -> str: ...


Run = TypeVar("Run", bound=Titled)


def run_each(
    runs: Sequence[Run],
    do: Callable[[Run], Written],
    form: str | None,
    failed: Callable[[Run, Exception], None] = lambda run, error: None,
    over_seeds: bool = False,
) -> None:
    """Execute runs one after another and print their scores; a failed run does not stop the others.

    `form` is the format that was asked for: markdown, csv or json. With `over_seeds`, a row for the mean over scores
    that differ in their seed alone follows the others.

    Raises
    ------
    ItbenchError
        At the end, if any run failed.
    """
    written = []
    for run in runs:
        try:
            written.append(do(run))
        except Exception as error:  # a plugin may raise anything
            failed(run, error)
            if len(runs) == 1 or click.get_current_context().meta.get("itbench.debug"):
                raise
            report_error(error, run.title)
    _print_scores(written, form, over_seeds)
    if len(written) < len(runs):
        raise ItbenchError(f"{len(runs) - len(written)} of {len(runs)} runs failed; see above.")


def _print_scores(written: Sequence[Written], form: str | None, over_seeds: bool = False) -> None:
    """Print scores to stdout as a table, CSV or JSON, and their files and the seconds of each stage to stderr."""
    from itbench.results.score_file import provenance
    from itbench.results.summary import summary

    rows = [{**summary(score), "file": str(path)} for score, path in written]
    pooled = _over_seeds(written) if over_seeds else []
    rows += pooled
    if form == "json":
        print_json(rows)
    elif rows and form == "csv":
        print_rows(rows, [key for key in dict.fromkeys(key for row in rows for key in row) if key not in NESTED], form)
    elif rows:
        _print_figures([_row(row) for row in rows], form, FIRST_COLUMNS, LAST_COLUMNS)
        if len(rows) == 1 and len(rows[0]["layers"]) > 1:
            click.echo()
            parts = [
                *rows[0]["layers"],
                *({**model, "layer": _part(model["model"])} for model in rows[0]["models"]),
            ]
            _print_figures([_layer_row(part, rows[0]) for part in parts], form, ("layer", "features"))
            _say_gap(rows[0])
    for row in pooled:
        by_seed = ", ".join(f"{seed}: {value:.4f}" for seed, value in zip(row["seeds"], row["by_seed"], strict=True))
        about = f"{row['model']} on {row['benchmark']}, {row['weights']}"
        say(f"{about}: {by_seed}; standard deviation between seeds {row['between_seeds']:.4f}.")
    for score, path in written:
        stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in provenance(score)["seconds"].items())
        say(f"{path} ({stages})")


def _say_gap(row: dict[str, Any]) -> None:
    """Print how the layers of a score were chosen, and how far it is from the best layer on these images."""
    chosen = row["layers_chosen"]
    if len(chosen) > 1:
        counts = ", ".join(f"{layer} {count}" for layer, count in chosen.items())
        say(f"{row['value']:.3f} is of layers chosen on other images, each by parts of them: {counts}.")
    if row["gap_to_oracle"] is not None:
        gap = f"{row['oracle_layer']}; gap to it {row['gap_to_oracle']:.4f}"
        say(f"Best layer on these images: {gap}, biased upwards: the best of several looks better than it is.")


def _over_seeds(written: Sequence[Written]) -> list[dict[str, Any]]:
    """Return a row for the mean over scores that differ in their seed alone."""
    from itbench.results.seeds import pool_alike, seed_row

    pooled = pool_alike([seed_row(score) for score, _ in written])
    for row in pooled:
        if row["between_seeds"] == 0:
            warn(f"all {len(row['seeds'])} seeds of {row['model']} gave the same score: it does not use them.")
    return [{key: value for key, value in row.items() if key not in ("draws", "alike", "seed")} for row in pooled]


def _print_figures(
    rows: list[dict[str, Any]], form: str | None, first: Sequence[str], last: Sequence[str] = ()
) -> None:
    from itbench.results.summary import LABELS

    headlines = (LABELS.get(row["measure"], row["measure"]) for row in rows)
    figures = dict.fromkeys((*headlines, "95 %", *FIGURES))
    present = [name for name in figures if any(row.get(name) not in (None, "") for row in rows)]
    print_rows(rows, (*first, *present, *last), form)


def _row(run: dict[str, Any]) -> dict[str, Any]:
    from itbench.results.summary import LABELS, interval_text, layer_text, sites_text

    return {
        **run,
        "layer": layer_text(run),
        "EV": run.get("explained_variance"),
        "EV/ceiling": run.get("explained_variance_corrected"),
        LABELS.get(run["measure"], run["measure"]): run["value"],
        "95 %": interval_text(run["low"], run["high"]),
        "sites": sites_text(run["n_sites"], run["n_sites_scored"]),
        "seconds": f"{run['seconds']:.1f}",
    }


def _part(model: str) -> str:
    from itbench.results.score_variables import SHARED

    return "shared by both" if model == SHARED else f"all of {model}"


def _layer_row(layer: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    from itbench.results.summary import LABELS, interval_text

    value = {LABELS.get(run["measure"], run["measure"]): layer["value"]} if "value" in layer else {}
    return {
        **layer,
        "measure": run["measure"],
        "features": layer.get("n_features"),
        "EV": layer.get("explained_variance"),
        "inner EV": layer.get("inner_explained_variance"),
        "95 % of unique": interval_text(layer.get("low"), layer.get("high")),
        **value,
    }
