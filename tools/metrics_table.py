"""Print the tables of every metric in docs/results.md: python -m tools.metrics_table WEIGHTS [--metric M]...

WEIGHTS is the file of an ImageNet-trained MobileNetV2. The recordings must have been packed and imported as in
docs/benchmarks.md. Scores go to a folder of their own and are not computed again. The first run takes an hour. A cell
is "refused" where a metric refuses the layers of a model, and a metric that refuses all three has no row.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import xarray as xr

from itbench import load_plugins
from itbench.data.benchmark import Benchmark
from itbench.errors import ItbenchError
from itbench.extraction.gram_cache import GramCache
from itbench.registry import Registry
from itbench.results.score_file import is_earlier, read_score, write_score
from itbench.results.summary import LABELS, summary
from itbench.scoring.evaluate import evaluate
from itbench.scoring.plan import plan_run
from itbench.scoring.provenance import ScoredModel, file_stem
from itbench.scoring.run import Run
from itbench.util import folders
from itbench.util.progress import SilentReporter
from itbench.util.tables import markdown

BENCHMARKS = ("cowley2023-v4", "synthetic-it", "kriegeskorte2008-it")
NETWORK = "mobilenetv2_100_same"
REFUSED = "refused"
OPTIONS = {("kriegeskorte2008-it", "mutual-knn"): {"distance": "correlation"}}  # of RDMs, their own distance
COLUMNS = ("metric", "measure", "MobileNetV2", "random weights", "pixels")


def subjects(weights: Path) -> dict[str, tuple[str, str]]:
    """Return model and weights of every column of the table of metrics."""
    return {
        "MobileNetV2": (NETWORK, str(weights)),
        "random weights": (NETWORK, "random"),
        "pixels": ("pixels", "pretrained"),
    }


def rows(
    registry: Registry, benchmark: str, metrics: Sequence[str], weights: Path, folder: Path
) -> Iterator[dict[str, str]]:
    """Yield a row of the table for every metric that a benchmark allows."""
    for metric in metrics:
        form = registry.metric(metric).form.name
        if form == "direct" or (_only_compares(registry.benchmark(benchmark)) and form != "comparison"):
            continue
        options = OPTIONS.get((benchmark, metric), {})
        cells = {
            column: cell(
                plan_run(registry, model, benchmark, metric=metric, metric_options=options, weights=which), folder
            )
            for column, (model, which) in subjects(weights).items()
        }
        measure = registry.metric(metric).measure
        if set(cells.values()) != {REFUSED}:
            name = " ".join([metric, *(f"-o {key}={value}" for key, value in options.items())])
            yield {"metric": f"`{name}`", "measure": LABELS.get(measure, measure), **cells}


def scored(run: Run, folder: Path) -> xr.Dataset:
    """Return the score of a run, read from the folder, or computed and written there if none is by these rules."""
    stem = file_stem(ScoredModel.of(run), run.metric, run.benchmark.name)
    kind = run.models[0].weights.kind
    path = folder / kind / f"{stem}.nc"
    if not path.exists() or is_earlier(read_score(path)):
        click.echo(f"{run.title} by {run.metric.name}", err=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = evaluate(run, GramCache(), SilentReporter())
        write_score(score, path.parent).rename(path)
    return read_score(path)


def cell(run: Run, folder: Path) -> str:
    """Return a cell of the table of metrics: the headline of a run's score with its interval, or that it is refused."""
    try:
        found = summary(scored(run, folder))
    except ItbenchError as error:
        click.echo(error, err=True)
        return REFUSED
    if found["low"] is None:
        return f"{found['value']:.3f}"
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _only_compares(benchmark: Benchmark) -> bool:
    return benchmark.splits.kind == "none"


@click.command(help=__doc__)
@click.argument("weights", type=click.Path(path_type=Path, exists=True))
@click.option("--benchmark", "benchmarks", multiple=True, default=BENCHMARKS)
@click.option("--metric", "metrics", multiple=True)
@click.option("--results", type=click.Path(path_type=Path), default=folders.results)
def main(weights: Path, benchmarks: Sequence[str], metrics: Sequence[str], results: Path) -> None:
    """Print the table of metrics for every benchmark."""
    registry = load_plugins()
    for benchmark in benchmarks:
        found = list(rows(registry, benchmark, metrics or sorted(registry.metrics), weights, results))
        click.echo(f"<!-- metrics {benchmark} -->\n{markdown(found, COLUMNS)}\n<!-- /metrics {benchmark} -->\n")


if __name__ == "__main__":
    main()
