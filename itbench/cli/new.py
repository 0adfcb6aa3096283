"""itbench new: a plugin to start from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from itbench.cli.options import Command, load_registry, say
from itbench.errors import BadOption

SCORE = {
    "model": "itbench score --plugin {file} -m {name} --weights random",
    "trainable": "itbench score --plugin {file} -m {name} --weights random",
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
    """Write a model, a metric or a benchmark called NAME to start from, which works at once.

    A trainable is a model that learns from recordings: a plugin, and the recipe by which it learns beside it.

    \b
    itbench new model my-model
    itbench new trainable my-network
    itbench new metric my-metric --dir plugins
    itbench new benchmark my-benchmark
    """
    from itbench.check.templates import write_template

    what = "model" if kind == "trainable" else kind
    if name in getattr(load_registry(()), f"{what}s"):
        raise BadOption(f"There is a {what} called {name!r} already.", todo="Choose another name.")
    paths = write_template(kind, name, folder)
    file = shlex.quote(str(paths[0]))
    say(f"Wrote {' and '.join(map(str, paths))}. Next:")
    click.echo(f"itbench check {file}\n{SCORE[kind].format(file=file, name=name)}")
