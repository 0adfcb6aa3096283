"""itbench baselines: score the baselines of a benchmark."""

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
from itbench.cli.output import say
from itbench.cli.run_options import with_running, with_scratch
from itbench.cli.scored_runs import Written, run_each
from itbench.errors import BadOption

if TYPE_CHECKING:
    from itbench.sweeps.baselines import Baseline


@click.command(cls=Command, kept=KEPT)
@with_benchmarks
@click.option(
    "-m",
    "--model",
    shell_complete=completion.models,
    help="Model to score with random weights and with shuffled images.  [default: itbench-tiny and pixels]",
)
@click.option("--metric", shell_complete=completion.metrics, help="Metric to score by.  [default: the benchmark's]")
@with_options
@click.option("--again", is_flag=True, help="Score baselines again that have a score on the same recordings.")
@with_running
@with_scratch
@with_results
@with_plugins
@with_format
def baselines(
    benchmarks: tuple[str, ...],
    model: str | None,
    metric: str | None,
    option_texts: tuple[str, ...],
    again: bool,
    weights: str,
    seed: int,
    scratch: Path | None,
    results: Path | None,
    plugin_files: tuple[str, ...],
    form: str | None,
    **settings: Any,
) -> None:
    """Score the baselines of a benchmark.

    Baselines: the pixels; Gabor filters; a model with random weights; a model whose images are shuffled against the
    responses, which explains nothing; a one-hot code of the object in each image, if the stimuli have the coordinate;
    the recordings of other animals, if there are several; and the noise ceiling, if there are repetitions. Their
    scores go to the same folder and leaderboard as those of models.

    --weights are the weights of the model whose images are shuffled; --seed sets the random weights and the shuffle.

    \b
    Examples:
      itbench baselines -b synthetic-it
      itbench baselines -b BENCHMARK -m resnet50
      itbench baselines -b mine.yaml --metric rsa --again
    """
    from itbench.cli.output import TerminalReporter
    from itbench.extraction.forward import ExtractionSettings
    from itbench.extraction.gram_cache import GramCache
    from itbench.metrics import options
    from itbench.results.score_file import write_score
    from itbench.sweeps.baselines import plan_baselines
    from itbench.util import folders

    if weights != "pretrained" and not model:
        raise BadOption(f"--weights {weights} needs a model.", todo="Name one with --model.")
    check_folders(results, scratch)
    registry, folder = load_registry(plugin_files), results or folders.results()
    arguments: dict[str, Any] = {
        "model": model,
        "weights": weights,
        "seed": seed,
        "metric": metric,
        "metric_options": options.pairs(option_texts),
        "settings": ExtractionSettings(**settings, scratch=scratch or folders.scratch()),
    }
    planned = [
        baseline
        for name in benchmarks
        for baseline in plan_baselines(registry, name, TerminalReporter(name), **arguments)
    ]

    def score_baseline(baseline: Baseline) -> Written:
        found = None if again else baseline.find(folder)
        if found and found[0].attrs.get("baseline") == baseline.kind:
            say(f"{baseline.title}: scored before")
            return found
        score = baseline.marked(found[0]) if found else baseline.score(GramCache(), TerminalReporter(baseline.title))
        return score, write_score(score, folder)

    for baseline in planned:
        if baseline.missing:
            say(f"{baseline.title}: left out: {baseline.missing}")
    run_each([baseline for baseline in planned if not baseline.missing], score_baseline, form)
