"""itbench check: test a plugin against the rules for models, metrics and benchmarks."""

from __future__ import annotations

from dataclasses import asdict

import click

from itbench.cli import completion
from itbench.cli.options import Command, with_format, with_plugins
from itbench.cli.output import print_json
from itbench.cli.tables import print_rows
from itbench.errors import ItbenchError


@click.command(cls=Command)
@click.argument("target", metavar="NAME|FILE", shell_complete=completion.targets)
@click.option(
    "--kind",
    type=click.Choice(["model", "metric", "benchmark"]),
    help="Kind of plugin, if NAME is the name of several.",
)
@click.option(
    "--weights",
    shell_complete=completion.weights,
    help="Weights of the model: pretrained, random, or the path of a file.  [default: random if the model has them]",
)
@click.option(
    "-l",
    "--layer",
    "layers",
    multiple=True,
    help="Layer to check, or a pattern such as 'blocks.*'. May be repeated.  [default: the model's candidates]",
)
@with_plugins
@with_format
def check(
    target: str,
    kind: str | None,
    weights: str | None,
    layers: tuple[str, ...],
    plugin_files: tuple[str, ...],
    form: str | None,
) -> None:
    """Test a model, metric or benchmark against the plugin rules.

    NAME is a registered model, metric or benchmark. FILE is a plugin file (.py), all of whose entries are checked, or a
    benchmark file (.yaml). Every rule passes, fails, gives a warning for the author, or is skipped with the reason.
    Nothing is downloaded. Exits 1 if a rule fails.

    \b
    Examples:
      itbench check resnet50
      itbench check my_model.py
      itbench check mine.yaml --json
    """
    from itbench.check.targets import check_targets, find_targets

    reports = []
    for report in check_targets(find_targets(target, plugin_files, kind), weights, layers):
        reports.append(report)
        if form in (None, "markdown"):
            about = f", weights {report.weights}" if report.weights else ""
            click.echo(f"{report.kind} {report.name}{about}\n")
            print_rows([asdict(finding) for finding in report.findings], ("check", "result", "seen"), form)
            click.echo()
    if form == "json":
        print_json([asdict(report) for report in reports])
    elif form == "csv":
        rows = [{**asdict(report), **asdict(finding)} for report in reports for finding in report.findings]
        print_rows(rows, ("kind", "name", "weights", "check", "result", "seen"), form)
    failed = [f"{report.kind} {report.name}: {', '.join(report.failed)}" for report in reports if report.failed]
    if failed:
        raise ItbenchError(f"Failed: {'; '.join(failed)}.")
