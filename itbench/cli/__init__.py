"""Command line `itbench`: one file a command. NumPy and torch are imported only inside the commands that need them."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from itbench import __version__
from itbench.cli.baselines import baselines
from itbench.cli.cache import cache
from itbench.cli.ceiling import ceiling
from itbench.cli.check import check
from itbench.cli.cite import cite
from itbench.cli.compare import compare
from itbench.cli.completion import scored
from itbench.cli.data import data
from itbench.cli.diff import diff
from itbench.cli.explain import explain
from itbench.cli.export import export
from itbench.cli.extract import extract
from itbench.cli.leaderboard import leaderboard
from itbench.cli.lists import benchmarks, layers, metrics, models
from itbench.cli.new import new
from itbench.cli.options import Program
from itbench.cli.plot import plot
from itbench.cli.rescore import rescore
from itbench.cli.run import run
from itbench.cli.score import score
from itbench.cli.scores import scores
from itbench.cli.tables import text_width
from itbench.cli.tune import tune
from itbench.util import folders


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="itbench")
@click.pass_context
def main(context: click.Context) -> None:
    """Compare vision networks with recordings from the brain.

    \b
    Score models:
      itbench score -m pixels -m itbench-tiny    two models, nothing to download
      itbench score -m densenet201 -b BENCHMARK  fetch recordings and weights, run
      itbench rescore itbench-tiny --metric pls  by another metric, from the cache
      itbench baselines -b synthetic-it          score a benchmark's baselines
      itbench run seeds --dry-run                list the runs of a suite
      itbench tune cnn-2 --trials 20             search a recipe of training

    \b
    Read scores:
      itbench leaderboard                        rank the models scored so far
      itbench scores --output scores.parquet     write them to CSV, JSON or Parquet
      itbench plot itbench-tiny                  layers, models, sites or images
      itbench compare itbench-tiny pixels        their difference, interval and p
      itbench explain itbench-tiny               how a score was computed
      itbench diff itbench-tiny pixels           which settings differ
      itbench cite --output references.bib       BibTeX of all that they used

    \b
    Add models, metrics and recordings:
      itbench models 'timm/*resnet*'             list models by pattern
      itbench data pack mine --images DIR --responses R.npy --dims site,stimulus
      itbench new model my-model                 write a plugin from a template
      itbench check my-model.py                  test a plugin against the rules

    Completion of commands and names, log files and formats of tables: docs/terminal.md
    """
    if context.invoked_subcommand is None:
        click.echo(_welcome())


WIDTH = 80  # of what is printed without a terminal
FIRST_STEPS = {
    "itbench score -m pixels -m itbench-tiny": "score two models, nothing to download",
    "itbench leaderboard": "rank the models scored so far",
    "itbench compare itbench-tiny pixels": "their difference, interval and p",
    "itbench plot itbench-tiny": "every layer, as a picture",
}


def _welcome() -> str:
    """Return what a user can do next: without scores, how to get some; with scores, how to read them."""
    folder = folders.results()
    scores = scored(folder)
    count = sum(1 for _ in folder.glob("*.nc"))
    begin = "itbench compares vision networks with recordings from the brain. To begin:"
    if scores:
        begin = f"{count} score{'s' * (count > 1)} in {folder}. Next:"
    steps = _next_steps(scores, folder) if scores else FIRST_STEPS
    width, widest = max(map(len, steps)), max(map(len, steps.values()))
    if width + widest + 4 <= text_width(WIDTH):
        lines = [f"  {command.ljust(width)}  {purpose}" for command, purpose in steps.items()]
    else:  # a command stays in one piece
        lines = [line for command, purpose in steps.items() for line in (f"  {command}", f"      {purpose}")]
    return "\n".join([begin, "", *lines, "", "All commands: itbench --help"])


def _next_steps(scores: Sequence[dict[str, str]], folder: Path) -> dict[str, str]:
    """Return commands that read scores, with their purposes: of the benchmark and metric with the most of them."""
    (benchmark, metric), _ = Counter((score["benchmark"], score["metric"]) for score in scores).most_common(1)[0]
    here = [score for score in scores if (score["benchmark"], score["metric"]) == (benchmark, metric)]
    times = Counter(score["model"] for score in here)
    several = len({score["metric"] for score in scores if score["benchmark"] == benchmark}) > 1
    on = shlex.join(["-b", benchmark, *(["--metric", metric] if several else [])])
    names = [one["model"] if times[one["model"]] == 1 else f"{one['model']}:{one['weights']}" for one in here]
    first, *others = dict.fromkeys(map(shlex.quote, names))
    if others:
        next_step = {f"itbench compare {first} {others[0]} {on}": "difference of two models"}
    else:
        next_step = {f"itbench baselines -b {_benchmark(folder, benchmark)}": "score baselines beside it"}
    return {
        "itbench leaderboard": "rank them",
        **next_step,
        f"itbench plot {first} {on}": "draw it",
        f"itbench explain {first} {on}": "how a score was computed",
    }


def _benchmark(folder: Path, name: str) -> str:
    """Return what names the benchmark of scores to a command, quoted."""
    from itbench.results.score_command import benchmark_argument
    from itbench.results.score_file import scores_in

    of_it = (score for _, score in scores_in(folder, without=("predictions",)) if score.attrs["benchmark"] == name)
    return shlex.quote(next(map(benchmark_argument, of_it), name))


COMMANDS = (
    score,
    rescore,
    baselines,
    run,
    tune,
    explain,
    diff,
    leaderboard,
    scores,
    compare,
    plot,
    cite,
    ceiling,
    models,
    benchmarks,
    metrics,
    layers,
    data,
    cache,
    extract,
    export,
    new,
    check,
)
for command in COMMANDS:
    main.add_command(command)
