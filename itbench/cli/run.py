"""itbench run: score every row of a suite and print the scores beside the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli import completion
from itbench.cli.options import KEPT, Command, check_folders, load_registry, with_format, with_plugins, with_results
from itbench.cli.output import print_json, say
from itbench.cli.run_options import with_recipe, with_scratch, with_settings
from itbench.cli.tables import print_rows, print_text
from itbench.errors import ItbenchError

if TYPE_CHECKING:
    from itbench.sweeps.estimate import Estimate
    from itbench.sweeps.runner import Outcome


@click.command(cls=Command, kept=KEPT)
@click.argument("suite", shell_complete=completion.suites)
@click.option(
    "-b",
    "--benchmark",
    default="",
    shell_complete=completion.benchmarks,
    help="Benchmark: a name, or the path of a YAML file.  [default: the suite's]",
)
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Only rows whose name matches, such as 'resnet50 *'. May be repeated.",
)
@click.option("--small", is_flag=True, help="Shorten training by the suite's own changes of the recipes.")
@click.option("--dry-run", is_flag=True, help="Only list the runs, downloads and disk space that would be needed.")
@click.option("--again", is_flag=True, help="Run rows again that have a score on the same recordings.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the table: markdown, CSV or JSON by its ending.  [default: print it]",
)
@with_recipe
@with_settings
@with_scratch
@with_results
@with_plugins
@with_format
def run(
    suite: str,
    benchmark: str,
    only: tuple[str, ...],
    small: bool,
    dry_run: bool,
    again: bool,
    output: Path | None,
    seed: int,
    recipe: tuple[str, ...],
    scratch: Path | None,
    results: Path | None,
    plugin_files: tuple[str, ...],
    form: str | None,
    **settings: Any,
) -> None:
    """Score every row of a SUITE, beside the published scores.

    SUITE is the name of a built-in suite or the path of a YAML file. Rows that have a score are not run again, so the
    same command resumes an interrupted run; a failed row does not stop the others. If the published explained variance
    lies outside the 95 % interval, the last column gives the side.

    \b
    Examples:
      itbench run seeds --dry-run
      itbench run suites/seeds.yaml -b BENCHMARK --output seeds.md
      itbench run seeds -b synthetic-it --only 'pixels *' --only 'cnn-*' --small
      itbench run seeds -b BENCHMARK --only '*-finetuned' --recipe epochs=10 --device cuda
    """
    from itbench.cli.output import TerminalReporter
    from itbench.extraction.forward import ExtractionSettings
    from itbench.extraction.gram_cache import GramCache
    from itbench.results.leaderboard_formats import form_of
    from itbench.sweeps.estimate import estimate
    from itbench.sweeps.runner import run_suite
    from itbench.sweeps.suite import Suite, find_suite, plan_suite
    from itbench.sweeps.table import render, table_row
    from itbench.util import folders
    from itbench.util.files import write_text

    asked, form = form, form_of(output, form)
    plan, folder = Suite.read(find_suite(suite)), results or folders.results()
    extraction = ExtractionSettings(**settings, scratch=scratch or folders.scratch())
    registry = load_registry(plugin_files)
    planned = plan_suite(
        registry, plan, benchmark, only=only, recipe=recipe, small=small, seed=seed, settings=extraction
    )
    if dry_run:
        _print_estimate(estimate(planned, folder, plan.images, again), extraction.device, asked)
        return
    check_folders(results, scratch, folders.trained(), *([output.absolute().parent] if output else []))
    comparable = plan.is_about(registry.benchmark(benchmark or plan.benchmark))
    outcomes: list[Outcome] = []
    for outcome in run_suite(planned, folder, GramCache(), TerminalReporter, again):
        say(_line(outcome, len(outcomes) + 1, len(planned)))
        outcomes.append(outcome)
    remark = "" if comparable else f"The published scores are on {plan.benchmark} and are not compared."
    table = render([table_row(outcome, comparable) for outcome in outcomes], form, remark)
    if output:
        write_text(output, table + "\n")
    else:
        print_text(table, asked)
    failed = sum(outcome.error is not None for outcome in outcomes)
    if failed:
        raise ItbenchError(f"{failed} of {len(outcomes)} rows failed; see above.")


def _line(outcome: Outcome, number: int, total: int) -> str:
    from itbench.results.summary import interval_text
    from itbench.sweeps.table import table_row

    row = table_row(outcome)
    if row["error"]:
        result = row["error"].splitlines()[0]
    elif row["explained_variance"] is None:
        result = "scored"
    else:
        result = f"EV {row['explained_variance']:.3f} ({interval_text(row['low'], row['high'])})"
    return f"{number}/{total} {outcome.row.name}: {result}{', scored before' if outcome.before else ''}"


def _print_estimate(found: Estimate, device: str, form: str | None) -> None:
    from itbench.models.zoo import multiplications_per_second
    from itbench.sweeps.estimate import TO_RUN

    seconds = found.multiplications / multiplications_per_second(device) if found.multiplications else 0.0
    if form == "json":
        about = {"rows": found.rows, "downloads": found.downloads, "seconds": seconds}
        print_json({**about, "unknown": found.unknown, "bytes": found.disk})
        return
    print_rows(found.rows, ("row", "model", "weights", "layers", "metric", "state"), form)
    if form == "csv":
        return
    if found.downloads:
        click.echo("\nDownloads:\n")
        print_rows(found.downloads, ("file", "MB"), form)
    to_run = sum(row["state"] == TO_RUN for row in found.rows)
    unknown = f", and {found.unknown} rows of unknown cost" if found.unknown else ""
    print_text(
        f"\n{to_run} of {len(found.rows)} rows to run. Networks: at most {_duration(seconds)} on this machine{unknown};"
        f" readouts take further time. Disk: about {found.disk / 1e9:.1f} GB, and files of unknown size.",
        form,
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{max(1, round(seconds / 60))} min"
