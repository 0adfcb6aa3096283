"""itbench cache: list and clear cached Grams and trained weights."""

from __future__ import annotations

import json

import click

from itbench.cli import completion
from itbench.cli.options import Command, Group, with_format, with_json
from itbench.cli.tables import print_rows
from itbench.errors import UnknownName


@click.group(cls=Group)
def cache() -> None:
    """List or clear the cache of Grams. It saves running a network twice.

    \b
    Examples:
      itbench cache list
      itbench cache clear -m resnet50
    """


@cache.command("list", cls=Command)
@with_format
def list_(form: str | None) -> None:
    """List the cached Grams.

    \b
    Examples:
      itbench cache list
    """
    from itbench.extraction.gram_cache import GramCache

    columns = ("model", "weights", "benchmark", "layer", "features", "stimuli", "MB", "written")
    rows = sorted(GramCache().entries(), key=lambda row: [str(row[key]) for key in columns[:3]])
    print_rows(rows, columns, form, empty="The cache is empty.")


@cache.command(cls=Command)
@click.option("-m", "--model", shell_complete=completion.models, help="Only of this model.")
@click.option("--trained", is_flag=True, help="Remove trained weights, and not Grams.")
@with_json
def clear(model: str | None, trained: bool, as_json: bool) -> None:
    """Remove cached Grams; they are computed again when needed.

    Trained weights stay. With --trained, only trained weights and checkpoints of unfinished trainings are removed.

    \b
    Examples:
      itbench cache clear
      itbench cache clear -m resnet50
      itbench cache clear --trained -m cnn-2
    """
    from itbench.extraction.gram_cache import GramCache
    from itbench.training.trained_weights import TrainedStore

    store: GramCache | TrainedStore = TrainedStore() if trained else GramCache()
    models = {entry["model"] for entry in store.entries() if "model" in entry}
    if model is not None and model not in models:
        listing = "itbench models --trained" if trained else "itbench cache list"
        raise UnknownName.of("model in the cache", model, models, todo=f"List the cache with: {listing}")
    count, size = store.clear(model)
    removed = {"files": count, "MB": round(size / 1e6, 1)}
    click.echo(json.dumps(removed) if as_json else f"Removed {count} files, {removed['MB']} MB.")
