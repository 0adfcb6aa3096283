"""Print scores, tables and progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from itbench.cli.options import print_rows, say
from itbench.errors import ItbenchError, readable

BEFORE, AFTER = ("model", "weights", "benchmark", "metric", "layer"), ("sites", "seconds")
FIGURES = ("EV", "EV/ceiling", "correlation", "weight", "share", "unique", "inner EV")


if TYPE_CHECKING:
    import xarray as xr

Written = tuple["xr.Dataset", Path]  # a score, and the file that holds it


class Titled(Protocol):
    """A run, by whatever it is called in messages."""

    @property
    def title(self) -> str: ...


Run = TypeVar("Run", bound=Titled)


def run_each(
    runs: Sequence[Run],
    do: Callable[[Run], Written],
    as_json: bool,
    failed: Callable[[Run, Exception], None] = lambda run, error: None,
) -> None:
    """Do one run after another and print their scores; one that fails does not stop the others.

    Raises
    ------
    ItbenchError
        At the end, if any failed.
    """
    written = []
    for run in runs:
        try:
            written.append(do(run))
        except Exception as error:  # a plugin may raise anything
            failed(run, error)
            if len(runs) == 1 or click.get_current_context().meta.get("itbench.debug"):
                raise
            say(f"Error: {run.title}: {readable(error)}")
    _print_scores(written, as_json)
    if len(written) < len(runs):
        raise ItbenchError(f"{len(runs) - len(written)} of {len(runs)} runs failed; see above.")


def _print_scores(written: Sequence[Written], as_json: bool) -> None:
    """Print scores as a table or as JSON; where each was written, and how long its stages took, to stderr."""
    from itbench.results.score_file import provenance
    from itbench.results.summary import summary

    rows = [{**summary(score), "file": str(path)} for score, path in written]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        _print([_row(row) for row in rows], BEFORE, AFTER)
        if len(rows) == 1 and len(rows[0]["layers"]) > 1:
            click.echo()
            parts = [
                *rows[0]["layers"],
                *({**model, "layer": f"all of {model['model']}"} for model in rows[0]["models"]),
            ]
            _print([_layer_row(part, rows[0]) for part in parts], ("layer", "features"))
            if rows[0]["regret"] is not None:
                say(f"Best on the held-out images: {rows[0]['oracle_layer']}; regret {rows[0]['regret']:.4f}.")
    for score, path in written:
        stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in provenance(score)["seconds"].items())
        say(f"{path} ({stages})")


def _print(rows: list[dict[str, Any]], before: Sequence[str], after: Sequence[str] = ()) -> None:
    """Print rows with the figures that any of them has."""
    from itbench.results.summary import LABELS

    headlines = (LABELS.get(row["measure"], row["measure"]) for row in rows)
    figures = dict.fromkeys((*headlines, "95 %", *FIGURES))
    shown = [name for name in figures if any(row.get(name) not in (None, "") for row in rows)]
    print_rows(rows, (*before, *shown, *after), False)


def _row(run: dict[str, Any]) -> dict[str, Any]:
    from itbench.results.summary import LABELS, interval_text, sites_text

    return {
        **run,
        "EV": run.get("explained_variance"),
        "EV/ceiling": run.get("explained_variance_corrected"),
        LABELS.get(run["measure"], run["measure"]): run["value"],
        "95 %": interval_text(run["low"], run["high"]),
        "sites": sites_text(run["n_sites"], run["n_sites_scored"]),
        "seconds": f"{run['seconds']:.1f}",
    }


def _layer_row(layer: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    from itbench.results.summary import LABELS

    own = {LABELS.get(run["measure"], run["measure"]): layer["value"]} if "value" in layer else {}
    return {
        **layer,
        "measure": run["measure"],
        "features": layer["n_features"],
        "EV": layer.get("explained_variance"),
        "inner EV": layer.get("inner_explained_variance"),
        **own,
    }


class TerminalReporter:
    """A `Reporter` with a progress bar that shows the rate and the time left."""

    def __init__(self, title: str) -> None:
        self.title = title

    def note(self, message: str) -> None:
        """Print a sentence about what happens next."""
        say(f"{self.title}: {message}")

    @contextmanager
    def progress(self, description: str, total: int, unit: str, start: int = 0) -> Iterator[Callable[[int], None]]:
        """Show a bar of `total` units, `start` of which were done before; bytes as kB, MB or GB."""
        from tqdm import tqdm

        with tqdm(
            total=total or None,
            initial=start,
            desc=f"{self.title} {description}",
            unit=unit if unit == "B" else f" {unit}",
            unit_scale=unit == "B",
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
            leave=False,
            dynamic_ncols=True,
            smoothing=0.1,
        ) as bar:
            yield lambda done: (bar.update(done), None)[1]
