"""Terminal output of commands: print scores, tables, JSON, messages and progress bars."""

from __future__ import annotations

import codecs
import io
import json
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from itbench.errors import ItbenchError, ItbenchWarning, readable

FIRST_COLUMNS, LAST_COLUMNS = ("model", "weights", "benchmark", "metric", "layer"), ("sites", "seconds")
FIGURES = ("EV", "EV/ceiling", "correlation", "weight", "share", "unique", "95 % of unique", "inner EV")


if TYPE_CHECKING:
    import xarray as xr

Written = tuple["xr.Dataset", Path]  # a score, and the file that holds it


def say(message: str) -> None:
    """Print a message to stderr."""
    click.echo(message, err=True)


def show_warning(
    shown: set[str],
    message: Any,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: Any = None,
) -> None:
    """Print a warning to stderr, one of itbench once for a set of those `shown`, in place of `warnings.showwarning`."""
    if not issubclass(category, ItbenchWarning):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))
    elif str(message) not in shown:
        shown.add(str(message))
        say(f"Warning: {message}")


def print_json(value: Any) -> None:
    """Print a value as JSON to stdout, in ASCII where stdout cannot have every character."""
    every = codecs.lookup(sys.stdout.encoding or "utf-8").name.startswith("utf")
    click.echo(json.dumps(value, indent=2, ensure_ascii=not every, default=str))


PLAIN = {"–": "-", "—": "-", "−": "-", "×": "x", "·": "*", "…": "...", "→": "->", "≤": "<=", "≥": ">=", "≈": "~"}
PLAIN |= {"±": "+-", "‘": "'", "’": "'", "“": '"', "”": '"', "²": "^2", "ᵀ": "^T", "√": "sqrt ", "∞": "inf", "█": "#"}
ASCII = "itbench_ascii"


def legible_streams() -> None:
    """Make stdout and stderr replace characters that their encoding lacks by similar ones: ``-`` for ``–``."""
    codecs.register_error(ASCII, _plain)
    codecs.register(_own_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII if ascii_only else stream.encoding, errors=ASCII)


def _own_ascii(name: str) -> codecs.CodecInfo | None:
    """Return ASCII under a name of ours: click writes UTF-8 to a stream whose encoding is called ASCII."""
    if name != ASCII:
        return None
    usual = codecs.lookup("ascii")
    return codecs.CodecInfo(
        usual.encode, usual.decode, usual.streamreader, usual.streamwriter,
        usual.incrementalencoder, usual.incrementaldecoder, ASCII,
    )  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII in the place of the characters that could not be encoded, and where they end."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    parts = (PLAIN.get(one) or unicodedata.normalize("NFKD", one).encode("ascii", "ignore").decode() for one in lacking)
    return "".join(part or "?" for part in parts), error.end


def print_rows(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool, empty: str = "Nothing yet."
) -> None:
    """Print rows to the terminal as a markdown table or as JSON; `empty` is printed if there are none."""
    from itbench.util.tables import markdown

    if as_json:
        print_json([{key: row.get(key) for key in columns} for row in rows])
    else:
        click.echo(markdown(rows, columns) if rows else empty)


class Titled(Protocol):
    """Protocol of a run that a command does in turn: its title begins the messages printed of it."""

    @property
    def title(self) -> str: ...


Run = TypeVar("Run", bound=Titled)


def run_each(
    runs: Sequence[Run],
    do: Callable[[Run], Written],
    as_json: bool,
    failed: Callable[[Run, Exception], None] = lambda run, error: None,
    over_seeds: bool = False,
) -> None:
    """Execute runs one after another and print their scores; a failed run does not stop the others.

    With `over_seeds`, a row for the mean over scores that differ in their seed alone follows the others.

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
            say(f"Error: {run.title}: {readable(error)}")
    _print_scores(written, as_json, over_seeds)
    if len(written) < len(runs):
        raise ItbenchError(f"{len(runs) - len(written)} of {len(runs)} runs failed; see above.")


def _print_scores(written: Sequence[Written], as_json: bool, over_seeds: bool = False) -> None:
    """Print scores to stdout as a table or JSON, and their files and the seconds of each stage to stderr."""
    from itbench.results.score_file import provenance
    from itbench.results.summary import summary

    rows = [{**summary(score), "file": str(path)} for score, path in written]
    pooled = _over_seeds(written) if over_seeds else []
    rows += pooled
    if as_json:
        print_json(rows)
    elif rows:
        _print_figures([_row(row) for row in rows], FIRST_COLUMNS, LAST_COLUMNS)
        if len(rows) == 1 and len(rows[0]["layers"]) > 1:
            click.echo()
            parts = [
                *rows[0]["layers"],
                *({**model, "layer": _part(model["model"])} for model in rows[0]["models"]),
            ]
            _print_figures([_layer_row(part, rows[0]) for part in parts], ("layer", "features"))
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
            say(f"Warning: all {len(row['seeds'])} seeds of {row['model']} gave the same score: it does not use them.")
    return [{key: value for key, value in row.items() if key not in ("draws", "alike", "seed")} for row in pooled]


def _print_figures(rows: list[dict[str, Any]], first: Sequence[str], last: Sequence[str] = ()) -> None:
    from itbench.results.summary import LABELS

    headlines = (LABELS.get(row["measure"], row["measure"]) for row in rows)
    figures = dict.fromkeys((*headlines, "95 %", *FIGURES))
    present = [name for name in figures if any(row.get(name) not in (None, "") for row in rows)]
    print_rows(rows, (*first, *present, *last), False)


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


class TerminalReporter:
    """`Reporter` for the terminal: messages, and a progress bar with the rate and the time left."""

    def __init__(self, title: str) -> None:
        self.title = title

    def note(self, message: str) -> None:
        """Print a message to stderr."""
        say(f"{self.title}: {message}")

    @contextmanager
    def progress(self, description: str, total: int, unit: str, start: int = 0) -> Iterator[Callable[[int], None]]:
        """Show a progress bar in the terminal: `total` units, `start` of them done before; bytes as kB, MB or GB."""
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
