"""itbench models, benchmarks, metrics, layers: what there is."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

import click

from itbench.cli.options import Command, load_registry, print_rows, with_json, with_plugins
from itbench.errors import BadOption

if TYPE_CHECKING:
    from itbench.models.protocols import Model
    from itbench.registry import ModelEntry, Registry

SITES, CLASSES = 8, 2  # of models that learn, for a list of their layers
TRAINED = ("id", "model", "start", "benchmark", "split", "seed", "epochs", "inner EV", "MB", "written")


@click.command(cls=Command)
@click.argument("pattern", default="*")
@click.option("--trained", is_flag=True, help="What was trained on recordings here: a row for each split and seed.")
@with_plugins
@with_json
def models(pattern: str, trained: bool, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the models, or those whose name fits PATTERN.

    A row that ends in /* stands for a family, whose members are searched with its prefix.

    \b
    itbench models
    itbench models '*net*'
    itbench models 'timm/*resnet*'
    itbench models --plugin my_model.py
    itbench models --trained 'cnn-*'

    Trained weights are kept in ITBENCH_TRAINED, else in the folder trained below ITBENCH_HOME. A training that has not
    come to its end has a row (unfinished). To remove them: itbench cache clear --trained
    """
    if trained:
        print_rows(_trained(pattern), TRAINED, as_json, empty="Nothing was trained yet.")
        return
    registry = load_registry(plugin_files)
    rows = [
        {
            "model": entry.name,
            "source": entry.source,
            "layers": len(entry.layers) or None,
            "weights": list(entry.weights),
            "description": entry.description if entry.name in registry.models else "",
        }
        for entry in registry.find_models(pattern)
    ]
    nothing = f"No model fits {pattern!r}. List all with: itbench models"
    print_rows(rows, ("model", "source", "layers", "weights", "description"), as_json, empty=nothing)


@click.command(cls=Command)
@with_plugins
@with_json
def benchmarks(plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the benchmarks, and whether their recordings are here.

    \b
    itbench benchmarks
    """
    rows = [
        {
            "benchmark": bench.name,
            "region": bench.region,
            "metric": bench.metric,
            "splits": bench.splits.kind,
            "data": bench.state(),
            "description": bench.description,
        }
        for bench in load_registry(plugin_files).benchmarks.values()
    ]
    print_rows(rows, ("benchmark", "region", "metric", "splits", "data", "description"), as_json)


@click.command(cls=Command)
@with_plugins
@with_json
def metrics(plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the metrics and their options.

    \b
    itbench metrics
    itbench score -m pixels --metric ridge -o components=100 -o per_site=false
    """
    from itbench.metrics import options

    rows = [
        {"metric": entry.name, **option}
        for entry in load_registry(plugin_files).metrics.values()
        for option in options.describe(entry.readout) or [{}]
    ]
    print_rows(rows, ("metric", "option", "default", "help"), as_json)


@click.command(cls=Command)
@click.argument("model")
@click.option("--size", default=224, show_default=True, type=click.IntRange(1), help="Of the image put in, pixels.")
@with_plugins
@with_json
def layers(model: str, size: int, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the layers of MODEL, their shapes, and which are scored unless others are named.

    A model that learns from recordings is shown as it is before, for 8 sites.

    \b
    itbench layers resnet50
    itbench layers finetuned/itbench-tiny
    itbench score -m resnet50 -l layer3.5 -l layer4.0
    """
    import math

    import numpy as np

    from itbench.models.weights import Weights

    registry = load_registry(plugin_files)
    entry = registry.model(model)
    if entry.learns:
        network = _before_learning(registry, entry)
    else:
        network = entry.factory(Weights("random" if "random" in entry.weights else "pretrained"))
    candidates = set(network.layers or entry.layers)
    rows = [
        {
            "layer": name,
            "shape": shape if isinstance(shape, str) else " × ".join(map(str, shape)),
            "features": None if isinstance(shape, str) else math.prod(shape),
            "candidate": "yes" if name in candidates else "",
        }
        for name, shape in network.shapes(np.zeros((size, size, 3), np.uint8)).items()
    ]
    print_rows(rows, ("layer", "shape", "features", "candidate"), as_json)


def _before_learning(registry: Registry, entry: ModelEntry) -> Model:
    """Return a model that learns from recordings as it is before, for some sites."""
    from itbench.scoring.plan import make_learner, start_at_hand
    from itbench.training.per_split import make_trainable
    from itbench.training.protocols import Previewable

    learner = make_learner(registry, [entry], start_at_hand(registry, entry), 0, (), ())
    made = make_trainable(learner)
    if not isinstance(made, Previewable):
        todo = f"Its score lists them: itbench score -m {entry.name} --metric ridge"
        raise BadOption(f"The layers of {entry.name} are known once it has learnt.", todo=todo)
    return made.untrained(SITES, CLASSES, learner.recipe.members if learner.recipe else 1)


def _trained(pattern: str) -> list[dict[str, Any]]:
    """Return a row for each file of trained weights; of one that is damaged or unfinished the model is not known."""
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
