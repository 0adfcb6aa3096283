"""Commands that list: itbench models, itbench benchmarks, itbench metrics, itbench layers."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

import click

from itbench.cli.options import Command, load_registry, with_json, with_plugins
from itbench.cli.output import print_rows
from itbench.errors import BadOption

if TYPE_CHECKING:
    from itbench.models.model import Model
    from itbench.registry import ModelEntry, Registry

SITES, CLASSES = 8, 2  # of an untrained model whose layers are listed
TRAINED = ("id", "model", "start", "benchmark", "split", "seed", "epochs", "inner EV", "MB", "written")


@click.command(cls=Command)
@click.argument("pattern", default="*")
@click.option(
    "--trained", is_flag=True, help="List the weights trained on this computer instead: a row a split and seed."
)
@with_plugins
@with_json
def models(pattern: str, trained: bool, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the models whose name matches PATTERN (default: all).

    A name that ends in /* is a family of models; a pattern with its prefix lists its members.

    \b
    Examples:
      itbench models
      itbench models '*net*'
      itbench models 'timm/*resnet*'
      itbench models --plugin my_model.py
      itbench models --trained 'cnn-*'

    Trained weights lie in ITBENCH_TRAINED, by default the folder trained in ITBENCH_HOME. An interrupted training has a
    row (unfinished). To remove them: itbench cache clear --trained
    """
    if trained:
        print_rows(_trained(pattern), TRAINED, as_json, empty="No trained weights yet.")
        return
    registry = load_registry(plugin_files)
    rows = registry.model_rows(pattern)
    no_match = f"No model matches {pattern!r}. List all with: itbench models"
    print_rows(rows, ("model", "source", "layers", "weights", "description"), as_json, empty=no_match)


@click.command(cls=Command)
@with_plugins
@with_json
def benchmarks(plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the benchmarks and the state of their recordings.

    Column data: here (stored on this computer), made when needed, fetched when needed, or missing.

    \b
    Examples:
      itbench benchmarks
    """
    print_rows(
        load_registry(plugin_files).benchmark_rows(),
        ("benchmark", "region", "metric", "splits", "data", "description"),
        as_json,
    )


@click.command(cls=Command)
@with_plugins
@with_json
def metrics(plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the metrics with their options, defaults and help.

    \b
    Examples:
      itbench metrics
      itbench score -m pixels --metric ridge -o components=100 -o per_site=false
    """
    rows = load_registry(plugin_files).metric_rows()
    print_rows(rows, ("metric", "option", "default", "help"), as_json)


@click.command(cls=Command)
@click.argument("model")
@click.option("--size", default=224, show_default=True, type=click.IntRange(1), help="Side of the input image, pixels.")
@with_plugins
@with_json
def layers(model: str, size: int, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the layers of MODEL, their shapes and the candidates.

    Candidates are the layers that itbench score reads by default. A trainable model is listed untrained, for 8 sites.

    \b
    Examples:
      itbench layers resnet50
      itbench layers finetuned/itbench-tiny
      itbench score -m resnet50 -l layer3.5 -l layer4.0
    """
    import math

    import numpy as np

    from itbench.models.weights import Weights

    registry = load_registry(plugin_files)
    entry = registry.model(model)
    if entry.trainable:
        network = _untrained(registry, entry)
    else:
        network = entry.make(Weights("random" if "random" in entry.weights else "pretrained"))
    image = np.zeros((size, size, 3), np.uint8)
    candidates, shapes = set(network.layers or entry.layers), network.shapes(image)
    containers = network.probe(image).containers if hasattr(network, "probe") else {}
    first_of = {name: f" (first tensor of a {kind})" for name, kind in containers.items()}
    rows = [
        {
            "layer": name,
            "shape": shape if isinstance(shape, str) else " × ".join(map(str, shape)) + first_of.get(name, ""),
            "features": None if isinstance(shape, str) else math.prod(shape),
            "candidate": "yes" if name in candidates else "",
        }
        for name, shape in shapes.items()
    ]
    print_rows(rows, ("layer", "shape", "features", "candidate"), as_json)


def _untrained(registry: Registry, entry: ModelEntry) -> Model:
    from itbench.training.trainable_model import Previewable, offline_start, trainable_spec

    spec = trainable_spec(registry, entry, offline_start(registry, entry))
    trainable = spec.make()
    if not isinstance(trainable, Previewable):
        todo = f"Its score lists them: itbench score -m {entry.name} --metric ridge"
        raise BadOption(f"The layers of {entry.name} are known only after training.", todo=todo)
    return trainable.untrained(SITES, CLASSES, spec.recipe.members)


def _trained(pattern: str) -> list[dict[str, Any]]:
    from itbench.training.trained_weights import TrainedStore

    rows = [
        {
            **entry,
            "model": entry.get("model") or f"({entry['state']})",
            "inner EV": entry.get("inner_explained_variance"),
            "written": entry.get("date"),
        }
        for entry in TrainedStore().entries()
    ]
    rows = [row for row in rows if fnmatch.fnmatch(row["model"], pattern)]
    return sorted(
        rows, key=lambda row: [str(row.get(key, "")) for key in ("model", "benchmark", "seed", "split", "id")]
    )
