"""itbench models, benchmarks, metrics, layers: what there is."""

from __future__ import annotations

import click

from itbench.cli.common import Command, load_registry, print_rows, with_json, with_plugins


@click.command(cls=Command)
@click.argument("pattern", default="*")
@with_plugins
@with_json
def models(pattern: str, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the models, or those whose name fits PATTERN.

    A row that ends in /* stands for a family, whose members are searched with its prefix.

    \b
    itbench models
    itbench models '*net*'
    itbench models 'timm/*resnet*'
    itbench models --plugin my_model.py
    """
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
    from itbench import datasets

    rows = [
        {
            "benchmark": bench.name,
            "region": bench.region,
            "metric": bench.metric,
            "splits": bench.splits.kind,
            "data": datasets.state(bench.data_source()),
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
    from itbench import options

    rows = [
        {"metric": entry.name, **option}
        for entry in load_registry(plugin_files).metrics.values()
        for option in options.describe(entry.readout) or [{}]
    ]
    print_rows(rows, ("metric", "option", "default", "help"), as_json)


@click.command(cls=Command)
@click.argument("model")
@click.option("--size", default=224, show_default=True, type=click.IntRange(1), help="Of the picture put in, pixels.")
@with_plugins
@with_json
def layers(model: str, size: int, plugin_files: tuple[str, ...], as_json: bool) -> None:
    """List the layers of MODEL, their shapes, and which are scored unless others are named.

    \b
    itbench layers resnet50
    itbench score -m resnet50 -l layer3.5 -l layer4.0
    """
    import math

    import numpy as np

    from itbench.protocols import Weights

    entry = load_registry(plugin_files).model(model)
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
