"""itbench cache: the Grams that are kept."""

from __future__ import annotations

import click

from itbench.cli.common import Command, print_rows, with_json


@click.group()
def cache() -> None:
    """Grams kept from earlier runs, so that a network need not run twice."""


@cache.command("list", cls=Command)
@with_json
def list_(as_json: bool) -> None:
    """List the Grams kept."""
    from itbench.cache import GramCache

    columns = ("model", "weights", "benchmark", "layer", "features", "stimuli", "MB", "written")
    print_rows(list(GramCache().entries()), columns, as_json, empty="The cache is empty.")


@cache.command(cls=Command)
@click.option("-m", "--model", help="Only of this model.")
def clear(model: str | None) -> None:
    """Remove the Grams kept; they are made again when they are needed."""
    from itbench.cache import GramCache

    count, size = GramCache().clear(model)
    click.echo(f"Removed {count} files, {size / 1e6:.1f} MB.")
