"""itbench new: a plugin to start from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from itbench.cli.common import Command, load_registry, say
from itbench.errors import BadOption

SCORE = {
    "model": "itbench score --plugin {file} -m {name} --weights random",
    "metric": "itbench score --plugin {file} -m itbench-tiny --metric {name}",
    "benchmark": "itbench score -m itbench-tiny -b {file}",
}


@click.command(cls=Command)
@click.argument("kind", type=click.Choice(list(SCORE)))
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    default=".",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write it.  [default: here]",
)
def new(kind: str, name: str, folder: Path) -> None:
    """Write a model, a metric or a benchmark called NAME to start from: one file that works at once.

    \b
    itbench new model my-model
    itbench new metric my-metric --dir plugins
    itbench new benchmark my-benchmark
    """
    from itbench.templates import write_template

    known = getattr(load_registry(()), f"{kind}s")
    if name in known:
        raise BadOption(f"There is a {kind} called {name!r} already.", todo="Choose another name.")
    path = write_template(kind, name, folder)
    file = shlex.quote(str(path))
    say(f"Wrote {path}. Next:")
    click.echo(f"itbench check {file}\n{SCORE[kind].format(file=file, name=name)}")
