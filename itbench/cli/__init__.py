"""The command line: parse, call, print. Nothing heavy is imported before a command needs it."""

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
from itbench.cli.rescore import rescore
from itbench.cli.run import run
from itbench.cli.score import score
from itbench.cli.tune import tune


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="itbench")
def main() -> None:
    """Compare vision networks with recordings from the brain.

    \b
    itbench score --model densenet201 --benchmark BENCHMARK
                                                     fetch what is missing, run, score
    itbench score -m pixels -m itbench-tiny          two models on synthetic-it: no download
    itbench baselines -b synthetic-it                what every model is to be seen beside
    itbench run seeds --dry-run                      every row of published tables, ours beside them
    itbench tune cnn-2 --trials 20                   the recipe by which a model learns best
    itbench compare itbench-tiny:pretrained pixels   which is better, by how much, how surely
    itbench rescore itbench-tiny:random-0 --metric pls
                                                     another metric, without the model
    itbench explain itbench-tiny:pretrained          how the number came about
    itbench diff itbench-tiny:pretrained pixels      why two numbers differ
    itbench leaderboard                              what has been scored, as markdown
    itbench models 'timm/*resnet*'                   which networks there are
    itbench data pack mine --images DIR --responses R.npy --dims site,stimulus
                                                     bring recordings of your own
    itbench new model my-model                       a plugin to start from
    itbench check my-model.py                        whether it keeps the rules
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
