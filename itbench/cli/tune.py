"""itbench tune: search the recipe of a trainable model, for each split on its training images only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli import completion
from itbench.cli.options import Command, load_registry, with_format, with_plugins
from itbench.cli.output import print_json
from itbench.cli.run_options import with_recipe, with_running, with_scratch
from itbench.cli.tables import print_rows, print_text

if TYPE_CHECKING:
    from itbench.training.optuna_study import Trial
    from itbench.training.tuning import Study


@click.command(cls=Command, kept="Finished trials are kept; the same command resumes the study.")
@click.argument("model", shell_complete=completion.trainables)
@click.option(
    "-b",
    "--benchmark",
    default="synthetic-it",
    show_default=True,
    shell_complete=completion.benchmarks,
    help="Benchmark: a name, or the path of a YAML file.",
)
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="Trials of each split.")
@click.option(
    "--split", "splits", multiple=True, help="Only this split, such as fold0. May be repeated.  [default: all]"
)
@with_recipe
@with_running
@with_scratch
@with_plugins
@with_format
def tune(
    model: str,
    benchmark: str,
    trials: int,
    splits: tuple[str, ...],
    scratch: Path | None,
    plugin_files: tuple[str, ...],
    form: str | None,
    recipe: tuple[str, ...],
    weights: str,
    seed: int,
    **settings: Any,
) -> None:
    """Search the best training recipe of a trainable MODEL.

    Every split has its own study, which uses only the split's training images; some of them are held out to judge the
    trials. The recipe's key tune names what is searched. The same command resumes an interrupted study, and more
    --trials continue it. Needs optuna: pip install 'itbench[tune]'

    \b
    Examples:
      itbench tune cnn-2 -b synthetic-it --trials 30
      itbench tune cnn-2 -b synthetic-it --trials 30 --split fold0 --recipe epochs=20
      itbench score -m cnn-2 -b synthetic-it --tuned
    """
    from itbench.cli.output import TerminalReporter
    from itbench.extraction.forward import ExtractionSettings
    from itbench.scoring.evaluate import tune_run
    from itbench.scoring.plan import plan_run
    from itbench.util import folders
    from itbench.util.files import check_writable

    check_writable(folders.studies())
    if scratch:
        check_writable(scratch)
    run = plan_run(
        load_registry(plugin_files),
        model,
        benchmark,
        metric="ridge",  # not used: any metric that suits every trainable model
        weights=weights,
        seed=seed,
        recipe=recipe,
        settings=ExtractionSettings(**settings, scratch=scratch or folders.scratch()),
    )
    studies = []
    for study in tune_run(run, trials, TerminalReporter(run.title), splits):
        studies.append(study)
        if form in (None, "markdown"):
            _print(study, form)
    if form == "json":
        print_json([_as_json(study) for study in studies])
    elif form == "csv":
        rows = [{"split": study.split, **_row(trial, study)} for study in studies for trial in study.trials]
        print_rows(rows, ["split", *_columns(studies[0])], form)


def _print(study: Study, form: str | None) -> None:
    click.echo(f"{study.split}\n")
    print_rows([_row(trial, study) for trial in study.trials], _columns(study), form)
    print_text(f"\nBest recipe: {study.best}\n", form)


def _columns(study: Study) -> list[str]:
    return ["trial", *study.trials[0].changes, study.judge.label, "epochs", "seconds", "state"]


def _row(trial: Trial, study: Study) -> dict[str, Any]:
    from itbench.training.tuning import value_text

    return {
        **{key: value_text(value) for key, value in trial.changes.items()},
        "trial": trial.number,
        study.judge.label: trial.value if trial.value is None else study.judge.sign * trial.value,
        "epochs": trial.epochs,
        "seconds": f"{trial.seconds:.1f}",
        "state": trial.error or trial.state,
    }


def _as_json(study: Study) -> dict[str, Any]:
    keys = ("number", "changes", "state", "epochs", "seconds", "error")
    trials = [
        {**{key: getattr(trial, key) for key in keys}, study.judge.key: _row(trial, study)[study.judge.label]}
        for trial in study.trials
    ]
    return {"split": study.split, "best": str(study.best), "trials": trials}
