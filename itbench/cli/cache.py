"""itbench cache: the Grams that are kept."""

from __future__ import annotations

import json

import click

from itbench.cli.options import Command, print_rows, with_json
from itbench.errors import UnknownName


@click.group()
def cache() -> None:
    """Grams kept from earlier runs, so that a network need not run twice.

    \b
    itbench cache list
    itbench cache clear -m resnet50
    """


@cache.command("list", cls=Command)
@with_json
def list_(as_json: bool) -> None:
    """List the Grams kept.

    \b
    itbench cache list
    """
    from itbench.extraction.gram_cache import GramCache

    columns = ("model", "weights", "benchmark", "layer", "features", "stimuli", "MB", "written")
    print_rows(list(GramCache().entries()), columns, as_json, empty="The cache is empty.")


@cache.command(cls=Command)
@click.option("-m", "--model", help="Only of this model.")
@click.option("--trained", is_flag=True, help="Remove trained weights, and not Grams.")
@with_json
def clear(model: str | None, trained: bool, as_json: bool) -> None:
    """Remove the Grams kept; they are made again when they are needed.

    Weights that were trained on recordings stay, unless --trained asks for them: then they alone go, and what is left
    of trainings that did not come to their end.

    \b
    itbench cache clear
    itbench cache clear -m resnet50
    itbench cache clear --trained -m cnn-2
    """
    from itbench.extraction.gram_cache import GramCache
    from itbench.training.trained_weights import TrainedStore

    store: GramCache | TrainedStore = TrainedStore() if trained else GramCache()
    kept = {entry["model"] for entry in store.entries() if "model" in entry}
    if model is not None and model not in kept:
        listing = "itbench models --trained" if trained else "itbench cache list"
        raise UnknownName.of("model in the cache", model, kept, todo=f"List what is kept with: {listing}")
    count, size = store.clear(model)
    removed = {"files": count, "MB": round(size / 1e6, 1)}
    click.echo(json.dumps(removed) if as_json else f"Removed {count} files, {removed['MB']} MB.")
