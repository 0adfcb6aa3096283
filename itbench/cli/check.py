"""itbench check: whether a plugin does what scores rely on."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from itbench.cli.options import Command, print_rows, with_json, with_plugins
from itbench.errors import ItbenchError


@click.command(cls=Command)
@click.argument("target", metavar="NAME|FILE")
@click.option("--kind", type=click.Choice(["model", "metric", "benchmark"]), help="Of a NAME that several have.")
@click.option(
    "--weights", help="pretrained, random, or the path of a file.  [default: random where the model has them]"
)
@click.option("-l", "--layer", "layers", multiple=True, help="A layer to look at.  [default: the model's candidates]")
@with_plugins
@with_json
def check(
    target: str,
    kind: str | None,
    weights: str | None,
    layers: tuple[str, ...],
    plugin_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check that a model, a metric or a benchmark does what scores rely on.

    NAME is one of them, FILE a plugin (.py; all that it registers is checked) or a benchmark (.yaml). Each rule passes,
    fails, or is skipped with the reason; a warning is something that the author should know. Nothing is fetched.

    \b
    itbench check resnet50
    itbench check my_model.py
    itbench check mine.yaml --json
    """
    from itbench.check.targets import check_targets, find_targets

    reports = []
    for report in check_targets(find_targets(target, plugin_files, kind), weights, layers):
        reports.append(report)
        if not as_json:
            about = f", weights {report.weights}" if report.weights else ""
            click.echo(f"{report.kind} {report.name}{about}\n")
            print_rows([asdict(finding) for finding in report.findings], ("check", "result", "seen"), False)
            click.echo()
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports], indent=2, ensure_ascii=False))
    failed = [f"{report.kind} {report.name}: {', '.join(report.failed)}" for report in reports if report.failed]
    if failed:
        raise ItbenchError(f"Failed: {'; '.join(failed)}.")
