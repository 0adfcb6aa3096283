"""Commands that list: itbench models, itbench benchmarks, itbench metrics, itbench layers."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from itbench.cli import completion
from itbench.cli.options import Command, load_registry, with_format, with_plugins
from itbench.cli.output import is_coloured
from itbench.cli.tables import print_rows, print_text, rendered, text_width
from itbench.errors import BadOption, UnknownName

if TYPE_CHECKING:
    from itbench.models.model import Model
    from itbench.registry import MetricEntry, ModelEntry, Registry

SITES, CLASSES = 8, 2  # of an untrained model whose layers are listed
TRAINED = ("id", "model", "start", "benchmark", "split", "seed", "epochs", "inner EV", "MB", "written")


@click.command(cls=Command)
@click.argument("pattern", default="*", shell_complete=completion.models)
@click.option(
    "--trained", is_flag=True, help="List the weights trained on this computer instead: a row a split and seed."
)
@with_plugins
@with_format
def models(pattern: str, trained: bool, plugin_files: tuple[str, ...], form: str | None) -> None:
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
        print_rows(_trained(pattern), TRAINED, form, empty="No trained weights yet.")
        return
    registry = load_registry(plugin_files)
    rows = registry.model_rows(pattern)
    if not rows:
        near = UnknownName.of("model", pattern.strip("*?"), registry.models).known
        raise UnknownName(f"No model matches {pattern!r}.", known=near, todo="List all with: itbench models")
    print_rows(rows, ("model", "source", "layers", "weights", "description"), form)


@click.command(cls=Command)
@with_plugins
@with_format
def benchmarks(plugin_files: tuple[str, ...], form: str | None) -> None:
    """List the benchmarks and the state of their recordings.

    Column data: here (stored on this computer), made when needed, fetched when needed, or missing.

    \b
    Examples:
      itbench benchmarks
    """
    print_rows(
        load_registry(plugin_files).benchmark_rows(),
        ("benchmark", "region", "metric", "splits", "data", "description"),
        form,
    )


@click.command(cls=Command)
@click.argument("name", required=False, shell_complete=completion.metrics)
@with_plugins
@with_format
def metrics(name: str | None, plugin_files: tuple[str, ...], form: str | None) -> None:
    """List the metrics and what each is for.

    With NAME, show the options of that metric, with types and defaults. JSON and CSV have a row for each option.

    \b
    Examples:
      itbench metrics
      itbench metrics ridge
      itbench score -m pixels --metric ridge -o components=100 -o per_site=false
    """
    registry = load_registry(plugin_files)
    if name:
        _print_metric(registry.metric(name), form)
    elif form in ("json", "csv"):
        rows = [_typed(row, registry.metrics[row["metric"]], form) for row in registry.metric_rows()]
        print_rows(rows, ("metric", "option", "default", "help"), form)
    else:
        rows = [
            {
                "metric": entry.name,
                "purpose": _purpose(entry),
                "options": [field.name for field in fields(entry.readout)],
            }
            for entry in registry.metrics.values()
        ]
        print_rows(rows, ("metric", "purpose", "options"), form)
        print_text("\nOptions of one, with types and defaults: itbench metrics NAME", form)


def _typed(row: dict[str, Any], entry: MetricEntry, form: str) -> dict[str, Any]:
    """Return an option of a metric with its default as the number, truth value, list or null that JSON has."""
    default = {field.name: field.default for field in fields(entry.readout)}
    return {**row, "default": default[row["option"]]} if form == "json" and "option" in row else row


def _purpose(entry: MetricEntry) -> str:
    """Return what a metric is for: its description, else the first sentence of its class."""
    written = (entry.readout.__doc__ or "").strip().partition("\n\n")[0].partition(". ")[0]
    generated = written.startswith(f"{entry.readout.__name__}(")  # by dataclass
    return entry.description or ("" if generated else " ".join(written.split()).rstrip("."))


def _print_metric(entry: MetricEntry, form: str | None) -> None:
    """Print the options of a metric, with what it is for and its formula."""
    from itbench.metrics import options

    types = options.types(entry.readout)
    rows = [
        {"metric": entry.name, **option, "type": types[option["option"]]} for option in options.describe(entry.readout)
    ]
    if form in ("json", "csv"):
        rows = [_typed(row, entry, form) for row in rows]
        print_rows(rows, ("metric", "option", "type", "default", "help"), form)
        return
    print_text("\n\n".join(filter(None, [": ".join(filter(None, [entry.name, _purpose(entry)])), entry.formula])), form)
    click.echo()
    print_rows(rows, ("option", "type", "default", "help"), form, empty="It has no options.")


@click.command(cls=Command)
@click.argument("model", shell_complete=completion.models)
@click.option("--tree", is_flag=True, help="Show the layers as a tree of their dotted names.")
@click.option("--size", default=224, show_default=True, type=click.IntRange(1), help="Side of the input image, pixels.")
@with_plugins
@with_format
def layers(model: str, tree: bool, size: int, plugin_files: tuple[str, ...], form: str | None) -> None:
    """List the layers of MODEL, their shapes and the candidates.

    Candidates are the layers that itbench score reads by default. A trainable model is listed untrained, for 8 sites.

    \b
    Examples:
      itbench layers resnet50
      itbench layers resnet50 --tree
      itbench layers finetuned/itbench-tiny
      itbench score -m resnet50 -l layer3.5 -l layer4.0
    """
    import math

    import numpy as np

    from itbench.models.weights import Weights

    if tree and form:
        raise BadOption("A tree is for reading; it has no other format.", todo="Leave out --tree, or the format.")
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
    if tree:
        _print_tree(model, rows)
    else:
        print_rows(rows, ("layer", "shape", "features", "candidate"), form)


def _print_tree(model: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print layers below the modules that hold them, by their dotted names."""
    from rich.text import Text
    from rich.tree import Tree

    from itbench.util.tables import counted

    root = Tree(Text(model, "bold"))
    nodes: dict[str, Tree] = {"": root}
    for row in rows:
        parts = row["layer"].split(".")
        for depth, part in enumerate(parts, 1):
            parent, name = ".".join(parts[: depth - 1]), ".".join(parts[:depth])
            if name not in nodes:
                nodes[name] = nodes[parent].add(Text(part))
        shape, features = row["shape"], row["features"]
        size = "" if features is None else f"{features:,} features"
        about = " = ".join(filter(None, [shape if "×" in shape or not size else "", size]))
        label = Text(parts[-1]).append(f"  {about}", "dim").append("  candidate" * bool(row["candidate"]), "green")
        nodes[row["layer"]].label = label
    colour = is_coloured(sys.stdout)
    click.echo(rendered(root, text_width(10_000), colour), color=colour)
    click.echo(f"\n{counted(len(rows), 'layer')}, {sum(bool(row['candidate']) for row in rows)} of them candidates.")


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
