"""itbench score: score models on benchmarks; write a score file each and print a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli import completion
from itbench.cli.options import (
    KEPT,
    Command,
    check_folders,
    load_registry,
    with_benchmarks,
    with_format,
    with_options,
    with_plugins,
    with_results,
)
from itbench.cli.run_options import with_recipe, with_running, with_scratch
from itbench.cli.scored_runs import Written, run_each

if TYPE_CHECKING:
    from itbench.scoring.run import Run

PREDICTIONS = ("predictions", "response_mean", "row_stimulus", "row_split", "row_cluster")


@click.command(cls=Command, kept=KEPT)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    required=True,
    shell_complete=completion.models,
    help="Model to score (list: itbench models). May be repeated.",
)
@with_benchmarks
@click.option(
    "--metric",
    shell_complete=completion.metrics,
    help="Metric (list: itbench metrics).  [default: the benchmark's]",
)
@with_options
@click.option(
    "-l",
    "--layer",
    "layers",
    multiple=True,
    shell_complete=completion.layers,
    help="Layer to score, a pattern such as 'blocks.*', or layers read together, A+B. May be repeated."
    "  [default: the model's candidates]",
)
@click.option(
    "--layer-from",
    metavar="BENCHMARK",
    shell_complete=completion.benchmarks,
    help="Score the layer that the same metric chose on this benchmark, from its score file.",
)
@with_running
@click.option(
    "--seeds",
    type=click.IntRange(2),
    metavar="N",
    help="Score with N seeds, --seed and those that follow: a score each, their mean, and an interval that has the"
    " spread between them.",
)
@click.option(
    "--keep-predictions/--no-predictions",
    "predictions",
    default=True,
    show_default=True,
    help="Store the predictions for held-out images in the score file; itbench compare needs them.",
)
@with_recipe
@click.option("--tuned", is_flag=True, help="Train each split by the best recipe that itbench tune found.")
@with_scratch
@with_results
@with_plugins
@with_format
def score(
    models: tuple[str, ...],
    benchmarks: tuple[str, ...],
    metric: str | None,
    option_texts: tuple[str, ...],
    layers: tuple[str, ...],
    layer_from: str | None,
    predictions: bool,
    recipe: tuple[str, ...],
    tuned: bool,
    weights: str,
    seed: int,
    seeds: int | None,
    scratch: Path | None,
    results: Path | None,
    plugin_files: tuple[str, ...],
    form: str | None,
    **settings: Any,
) -> None:
    """Score models on benchmarks.

    Every model is scored on every benchmark, and each score is written to a file in the results folder. Prints a row
    for each score; a single score also lists its layers. With --seeds, a row for the mean over seeds follows.

    \b
    Examples:
      itbench score --model densenet201 --benchmark BENCHMARK
      itbench score -m itbench-tiny
      itbench score -m resnet50 --weights random --seed 1 -b synthetic-it
      itbench score -m resnet50 --weights random --seeds 3
      itbench score -m densenet201 -b mine.yaml -l features.denseblock4 -o components=500
      itbench score -m vit_b_16 -l 'encoder.layers.*' --pool cls
      itbench score -m timm/resnet18 -l layer3+layer4
      itbench score -m itbench-tiny --metric stacked
      itbench score -m itbench-tiny+pixels
      itbench score -m itbench-tiny --metric cka -o estimator=biased
      itbench score -m cnn-2 --recipe epochs=20 --recipe lr=3e-4
      itbench score -m finetuned/itbench-tiny --metric ridge -l core.stage4
    """
    from itbench.cli.output import TerminalReporter
    from itbench.extraction.forward import ExtractionSettings
    from itbench.extraction.gram_cache import GramCache
    from itbench.metrics import options
    from itbench.results.score_file import write_score
    from itbench.scoring.evaluate import evaluate
    from itbench.scoring.layer_choice import with_layer_from
    from itbench.scoring.plan import plan_run, plan_seeds
    from itbench.scoring.provenance import keep_failure
    from itbench.scoring.trainable_run import TrainableRun
    from itbench.util import folders
    from itbench.util.files import check_writable

    check_folders(results, scratch)
    registry = load_registry(plugin_files)
    folder = results or folders.results()
    arguments: dict[str, Any] = {
        "metric": metric,
        "metric_options": options.pairs(option_texts),
        "weights": weights,
        "seed": seed,
        "layers": layers,
        "recipe": recipe,
        "tuned": tuned,
        "settings": ExtractionSettings(**settings, scratch=scratch or folders.scratch()),
    }
    pairs = dict.fromkeys((model, benchmark) for benchmark in benchmarks for model in models)
    if seeds is None:
        runs = [plan_run(registry, *pair, **arguments) for pair in pairs]
    else:
        runs = [run for pair in pairs for run in plan_seeds(registry, *pair, seeds, **arguments)]
    if any(isinstance(run, TrainableRun) for run in runs):
        check_writable(folders.trained())
    if layer_from:
        runs = [with_layer_from(run, layer_from, folder) for run in runs]

    def score_run(run: Run) -> Written:
        result = evaluate(run, GramCache(), TerminalReporter(run.title))
        stored = result if predictions else result.drop_vars(PREDICTIONS, errors="ignore")
        return stored, write_score(stored, folder)

    run_each(runs, score_run, form, lambda run, error: keep_failure(folder, run, error), over_seeds=bool(seeds))
