"""itbench score: model × benchmark → a score file each, and a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli.common import (
    Command,
    load_registry,
    print_rows,
    readable,
    say,
    with_json,
    with_plugins,
    with_results,
)
from itbench.cli.running import with_running
from itbench.errors import BadOption, ItbenchError, UnknownName, Unreachable

if TYPE_CHECKING:
    import xarray as xr

COLUMNS = ("model", "weights", "benchmark", "metric", "layer", "EV", "correlation", "sites", "seconds")
LAYER_COLUMNS = ("layer", "features", "EV", "correlation", "inner EV")
MISTAKES = (UnknownName, BadOption, Unreachable)  # of what was typed, or no network: nothing about the model


@click.command(cls=Command)
@click.option("-m", "--model", "models", multiple=True, required=True, help="A model; several are scored in turn.")
@click.option(
    "-b",
    "--benchmark",
    "benchmarks",
    multiple=True,
    default=("synthetic-it",),
    show_default=True,
    help="A benchmark's name, or the path of a YAML file.",
)
@click.option("--metric", help="A metric.  [default: the benchmark's]")
@click.option(
    "-o",
    "--option",
    "option_texts",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the metric, such as components=100.",
)
@click.option(
    "-l",
    "--layer",
    "layers",
    multiple=True,
    help="A layer to score, a pattern such as 'blocks.*', or a sum A+B.  [default: the model's candidates]",
)
@with_running
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for what does not fit.  [default: ITBENCH_SCRATCH]",
)
@with_results
@with_plugins
@with_json
def score(
    models: tuple[str, ...],
    benchmarks: tuple[str, ...],
    metric: str | None,
    option_texts: tuple[str, ...],
    layers: tuple[str, ...],
    weights: str,
    seed: int,
    scratch: Path | None,
    results: Path | None,
    plugin_files: tuple[str, ...],
    as_json: bool,
    **settings: Any,
) -> None:
    """Score models on benchmarks.

    Prints one line a run, and the layers of a run that is alone. Every score is written to the results folder.

    \b
    itbench score --model densenet201 --benchmark majaj-it
    itbench score -m itbench-tiny
    itbench score -m resnet50 --weights random --seed 1 -b synthetic-it
    itbench score -m densenet201 -b mine.yaml -l features.denseblock4 -o components=500
    itbench score -m vit_b_16 -l 'encoder.layers.*' --pool cls
    itbench score -m timm/resnet18 -l layer3+layer4
    """
    from itbench import folders, options
    from itbench.cache import GramCache
    from itbench.cli.report import TerminalReporter
    from itbench.evaluate import evaluate
    from itbench.extract import ExtractionSettings
    from itbench.leaderboard import write_failure
    from itbench.record import file_stem
    from itbench.run import plan_run
    from itbench.score import provenance, summary, write_score

    registry = load_registry(plugin_files)
    folder = results or folders.results()
    how: dict[str, Any] = {
        "metric": metric,
        "metric_options": options.pairs(option_texts),
        "weights": weights,
        "seed": seed,
        "layers": layers,
        "settings": ExtractionSettings(**settings, scratch=scratch or folders.scratch()),
    }
    pairs = dict.fromkeys((model, benchmark) for benchmark in benchmarks for model in models)
    runs = [plan_run(registry, model, benchmark, **how) for model, benchmark in pairs]
    finished: list[tuple[xr.Dataset, Path]] = []
    for run in runs:
        title = f"{run.model.name} on {run.benchmark.name}"
        try:
            result = evaluate(run, GramCache(), TerminalReporter(title))
        except Exception as error:  # a plugin may raise anything
            if not isinstance(error, MISTAKES):
                write_failure(folder, file_stem(run), run.about, readable(error))
            if len(runs) == 1 or click.get_current_context().meta.get("itbench.debug"):
                raise
            say(f"Error: {title}: {readable(error)}")
            continue
        finished.append((result, write_score(result, folder)))
    rows = [{**summary(result), "file": str(path)} for result, path in finished]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        print_rows([_row(row) for row in rows], COLUMNS, False)
        if len(rows) == 1 and len(rows[0]["layers"]) > 1:
            click.echo()
            print_rows([_layer_row(layer) for layer in rows[0]["layers"]], LAYER_COLUMNS, False)
    for result, path in finished:
        stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in provenance(result)["seconds"].items())
        say(f"{path} ({stages})")
    if len(finished) < len(runs):
        raise ItbenchError(f"{len(runs) - len(finished)} of {len(runs)} runs failed; see above.")


def _row(run: dict[str, Any]) -> dict[str, Any]:
    n, scored = run["n_sites"], run["n_sites_scored"]
    sites = str(n) if n == scored else f"{scored}/{n}"
    return {**run, "EV": run["explained_variance"], "sites": sites, "seconds": f"{run['seconds']:.1f}"}


def _layer_row(layer: dict[str, Any]) -> dict[str, Any]:
    return {
        **layer,
        "features": layer["n_features"],
        "EV": layer["explained_variance"],
        "inner EV": layer["inner_explained_variance"],
    }
