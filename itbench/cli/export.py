"""itbench export: what was trained, as files that others can use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from itbench.cli.options import Command, load_registry, with_json, with_plugins, with_results


@click.command(cls=Command)
@click.argument("name", metavar="ID|MODEL[:WEIGHTS]")
@click.option("-b", "--benchmark", help="Only what was trained on this one.")
@click.option("--split", help="Only of this split.  [default: all, each in a file of its own]")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; a model card with the ending .md comes with it.  [default: MODEL.safetensors]",
)
@click.option("--replace", is_flag=True, help="Put the files in the place of others.")
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
    """Write a network that was trained on recordings to a file, with a model card.

    \b
    itbench export cnn-2 -b synthetic-it --split fold0 --output cnn.safetensors
    itbench export cnn-2:trained-1
    itbench export 3f9c0a1b2d4e

    In Python, itbench.load_trained("cnn.safetensors").predict(images) gives the responses that it predicts.
    """
    from itbench.training.export import export_trained

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
        click.echo(json.dumps([str(path) for path in paths], indent=2, ensure_ascii=False))
    else:
        for path in paths:
            click.echo(f"Wrote {path}")
