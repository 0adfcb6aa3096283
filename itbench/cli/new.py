"""itbench new: write a plugin from a template."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from itbench.cli.options import Command, load_registry
from itbench.cli.output import say
from itbench.errors import BadOption

SCORE = {
    "model": "itbench score --plugin {file} -m {name} --weights random",
    "trainable": "itbench score --plugin {file} -m {name} --weights random",
    "metric": "itbench score --plugin {file} -m itbench-tiny --metric {name}",
    "dataset": "itbench score --plugin {file} -m itbench-tiny -b {last}",
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
    help="Folder to write to.  [default: the current folder]",
)
def new(kind: str, name: str, folder: Path) -> None:
    """Write a plugin called NAME from a template. It works unchanged.

    A trainable is a model that is trained on recordings: a plugin file, and its recipe in a YAML file beside it. A
    dataset is recordings that the plugin downloads or simulates: a plugin file, and a benchmark on them beside it.

    \b
    Examples:
      itbench new model my-model
      itbench new trainable my-network
      itbench new metric my-metric --dir plugins
      itbench new dataset my-recordings
      itbench new benchmark my-benchmark
    """
    from itbench.check.templates import write_template

    registry = load_registry(())
    registered_kind = "model" if kind == "trainable" else kind
    if name in getattr(registry, f"{registered_kind}s") or (kind == "dataset" and name in registry.benchmarks):
        raise BadOption(f"A {registered_kind} called {name!r} exists already.", todo="Choose another name.")
    paths = write_template(kind, name, folder)
    file, last = (shlex.quote(str(path)) for path in (paths[0], paths[-1]))
    say(f"Wrote {' and '.join(map(str, paths))}. Next:")
    click.echo(f"itbench check {file}\n{SCORE[kind].format(file=file, last=last, name=name)}")
