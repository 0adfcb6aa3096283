"""itbench run: every row of a suite, and our numbers beside the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli.options import (
    Command,
    load_registry,
    print_rows,
    say,
    with_json,
    with_plugins,
    with_recipe,
    with_results,
    with_scratch,
    with_settings,
)
from itbench.errors import ItbenchError

if TYPE_CHECKING:
    from itbench.sweeps.estimate import Estimate
    from itbench.sweeps.runner import Outcome


@click.command(cls=Command)
@click.argument("suite")
@click.option("-b", "--benchmark", default="", help="Its name, or the path of a YAML file.  [default: the suite's]")
@click.option("--only", multiple=True, metavar="PATTERN", help="Only rows of such names, such as 'resnet50 *'.")
@click.option("--small", is_flag=True, help="A short run: change the recipes as the suite says.")
@click.option("--dry-run", is_flag=True, help="Say what would be run, fetched and kept, and do nothing of it.")
@click.option("--again", is_flag=True, help="Also run rows that were scored before on the same recordings.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the table to this file: markdown, CSV or JSON, as its ending says.",
)
@with_recipe
@with_settings
@with_scratch
@with_results
@with_plugins
@with_json
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
    as_json: bool,
    **settings: Any,
) -> None:
    """Run every row of a SUITE and print our numbers beside those that were published.

    A suite is a YAML file, or the name of one of the project's own. Rows that were scored before are not run again, so
    a run that was broken off goes on; a row that fails stops no other. Where our 95 % interval does not hold the
    published explained variance, the last column says on which side it lies.

    \b
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

    form = form_of(output, "json" if as_json else None)
    read, folder = Suite.read(find_suite(suite)), results or folders.results()
    how = ExtractionSettings(**settings, scratch=scratch or folders.scratch())
    registry = load_registry(plugin_files)
    planned = plan_suite(registry, read, benchmark, only=only, recipe=recipe, small=small, seed=seed, settings=how)
    if dry_run:
        _print_estimate(estimate(planned, folder, read.images, again), how.device, as_json)
        return
    comparable = read.is_about(registry.benchmark(benchmark or read.benchmark))
    outcomes: list[Outcome] = []
    for outcome in run_suite(planned, folder, GramCache(), TerminalReporter, again):
        say(_line(outcome, len(outcomes) + 1, len(planned)))
        outcomes.append(outcome)
    remark = "" if comparable else f"The published numbers are of {read.benchmark}: they are shown, not compared."
    table = render([table_row(outcome, comparable) for outcome in outcomes], form, remark)
    if output:
        write_text(output, table + "\n")
    else:
        click.echo(table)
    failed = sum(outcome.error is not None for outcome in outcomes)
    if failed:
        raise ItbenchError(f"{failed} of {len(outcomes)} rows failed; see above.")


def _line(outcome: Outcome, number: int, total: int) -> str:
    """Return what came of a row in one line."""
    from itbench.results.summary import interval_text
    from itbench.sweeps.table import table_row

    row = table_row(outcome)
    if row["error"]:
        said = row["error"].splitlines()[0]
    elif row["explained_variance"] is None:
        said = "scored"
    else:
        said = f"EV {row['explained_variance']:.3f} ({interval_text(row['low'], row['high'])})"
    return f"{number}/{total} {outcome.row.name}: {said}{', scored before' if outcome.before else ''}"


def _print_estimate(found: Estimate, device: str, as_json: bool) -> None:
    """Print what a suite would do."""
    from itbench.models.costs import multiplications_per_second
    from itbench.sweeps.estimate import TO_RUN

    seconds = found.multiplications / multiplications_per_second(device) if found.multiplications else 0.0
    if as_json:
        about = {"rows": found.rows, "downloads": found.downloads, "seconds": seconds}
        click.echo(json.dumps({**about, "unknown": found.unknown, "bytes": found.disk}, indent=2, ensure_ascii=False))
        return
    print_rows(found.rows, ("row", "model", "weights", "layers", "metric", "state"), False)
    if found.downloads:
        click.echo("\nTo fetch:\n")
        print_rows(found.downloads, ("file", "MB"), False)
    to_run = sum(row["state"] == TO_RUN for row in found.rows)
    unknown = f", and {found.unknown} rows whose network's cost is not known" if found.unknown else ""
    click.echo(
        f"\n{to_run} of {len(found.rows)} rows to run. Networks: at most {_duration(seconds)} on this machine{unknown};"
        f" readouts come on top. Disk: about {found.disk / 1e9:.1f} GB, beside files whose size is not known."
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{max(1, round(seconds / 60))} min"
