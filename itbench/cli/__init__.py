"""Command line `itbench`: one file a command. NumPy and torch are imported only inside the commands that need them."""

from __future__ import annotations

import click

from itbench import __version__
from itbench.cli.baselines import baselines
from itbench.cli.cache import cache
from itbench.cli.ceiling import ceiling
from itbench.cli.check import check
from itbench.cli.compare import compare
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
from itbench.cli.tune import tune


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="itbench")
def main() -> None:
    """Compare vision networks with recordings from the brain.

    \b
    Score models:
      itbench score -m pixels -m itbench-tiny          two models on synthetic-it, without a download
      itbench score -m densenet201 -b BENCHMARK        download recordings and weights, run, score
      itbench rescore itbench-tiny --metric pls        score by another metric, without running the model
      itbench baselines -b synthetic-it                score the baselines of a benchmark
      itbench run seeds --dry-run                      list the runs of a suite of published scores
      itbench tune cnn-2 --trials 20                   search the recipe of a trainable model

    \b
    Read scores:
      itbench leaderboard                              rank the models scored so far
      itbench compare itbench-tiny pixels              difference of two models, interval and p
      itbench explain itbench-tiny                     how a score was computed, step by step
      itbench diff itbench-tiny pixels                 which settings of two scores differ
      itbench plot itbench-tiny                        draw scores: layers, models, sites, images

    \b
    Add models, metrics and recordings:
      itbench models 'timm/*resnet*'                   list models by pattern
      itbench data pack mine --images DIR --responses R.npy --dims site,stimulus
      itbench new model my-model                       write a plugin from a template
      itbench check my-model.py                        test a plugin against the rules
    """


COMMANDS = (
    score,
    rescore,
    baselines,
    run,
    tune,
    explain,
    diff,
    leaderboard,
    compare,
    plot,
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
