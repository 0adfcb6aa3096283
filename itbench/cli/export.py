"""itbench export: write trained networks to safetensors files with model cards."""

from __future__ import annotations

import re
from pathlib import Path

import click

from itbench.cli import completion
from itbench.cli.options import Command, load_registry, with_json, with_plugins, with_results
from itbench.cli.output import print_json


@click.command(cls=Command)
@click.argument("name", metavar="ID|MODEL[:WEIGHTS]", shell_complete=completion.trainables)
@click.option(
    "-b", "--benchmark", shell_complete=completion.benchmarks, help="Only networks trained on this benchmark."
)
@click.option("--split", help="Only the network of this split, such as fold0.  [default: all, a file each]")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; the model card is written beside it with the ending .md.  [default: MODEL.safetensors]",
)
@click.option("--replace", is_flag=True, help="Replace existing files.")
@with_results
@with_plugins
@with_json
def export(
    name: str,
    benchmark: str | None,
    split: str | None,
    output: Path | None,
    replace: bool,
    results: Path | None,
    plugin_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Export a network trained on recordings to a file. A model card is written beside it.

    ID is the id of trained weights (itbench models --trained), MODEL:WEIGHTS a scored model, such as cnn-2:trained-1.

    \b
    Examples:
      itbench export cnn-2 -b synthetic-it --split fold0 --output cnn.safetensors
      itbench export cnn-2:trained-1
      itbench export 3f9c0a1b2d4e

    In Python, itbench.load_trained("cnn.safetensors").predict(images) returns the predicted responses.
    """
    from itbench.training.export import export_trained
    from itbench.util.files import refuse_ending

    if output:
        refuse_ending(output, [".safetensors"])
    paths = export_trained(
        name,
        (output or Path(re.sub(r"[^\w.-]+", "_", name))).expanduser(),
        registry=load_registry(plugin_files),
        benchmark=benchmark,
        split=split,
        results=results,
        replace=replace,
    )
    if as_json:
        print_json([str(path) for path in paths])
    else:
        for path in paths:
            click.echo(f"Wrote {path}")
