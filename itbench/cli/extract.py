"""itbench extract: the activations themselves, for those who want more than their Grams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from itbench.cli.options import Command, load_registry, with_json, with_plugins, with_running


@click.command(cls=Command)
@click.argument("model")
@click.option(
    "--images",
    required=True,
    help="A benchmark, recordings (.h5), or a folder or zip of images; ./NAME is a folder in any case.",
)
@click.option(
    "-l",
    "--layer",
    "layers",
    multiple=True,
    help="A layer, or a pattern such as 'blocks.*'.  [default: the model's candidates]",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="HDF5 file to write; FILE.partial until it is whole.",
)
@with_running
@click.option("--compress", is_flag=True, help="Compress the file in the end; takes twice the space meanwhile.")
@click.option("--replace", is_flag=True, help="Put the file in the place of one that is there.")
@click.option("--restart", is_flag=True, help="Forget what a command that was broken off left.")
@with_plugins
@with_json
def extract(
    model: str,
    images: str,
    layers: tuple[str, ...],
    output: Path,
    weights: str,
    seed: int,
    compress: bool,
    replace: bool,
    restart: bool,
    plugin_files: tuple[str, ...],
    as_json: bool,
    **settings: Any,
) -> None:
    """Write the activations of MODEL to an HDF5 file.

    One float32 dataset (stimulus, …) a layer, called as the layer is, and the ids in `stimulus`. A command that was
    broken off, even killed, is gone on with by the same command again.

    \b
    itbench extract itbench-tiny --images synthetic-it --output tiny.h5
    itbench extract resnet50 --images photos.zip -l layer3 -l layer4 --output resnet50.h5
    itbench extract vit_b_16 --images photos -l 'encoder.layers.*' --pool cls --output vit.h5
    """
    from itbench.cli.output import TerminalReporter
    from itbench.extraction.activations import extract_activations
    from itbench.extraction.forward import ExtractionSettings

    path = extract_activations(
        model,
        images,
        output,
        layers=layers,
        weights=weights,
        seed=seed,
        settings=ExtractionSettings(**settings),
        compress=compress,
        replace=replace,
        restart=restart,
        registry=load_registry(plugin_files),
        reporter=TerminalReporter(f"{model} on {images}"),
    )
    written = _contents(path)
    if as_json:
        click.echo(json.dumps(written, indent=2, ensure_ascii=False))
    else:
        click.echo(f"Wrote {path} ({written['MB']} MB)")
        for layer in written["layers"]:
            click.echo(f"  {layer['layer']}: {' × '.join(map(str, layer['shape']))}")


def _contents(path: Path) -> dict[str, Any]:
    """Return what a file of activations holds."""
    import h5py

    with h5py.File(path, "r") as file:
        layers = [
            {"layer": data.attrs["layer"], "dataset": name, "shape": list(data.shape)}
            for name, data in file.items()
            if "layer" in data.attrs
        ]
        about = {name: file.attrs[name] for name in ("model", "weights", "images", "precision", "pool")}
    return {"file": str(path), "MB": round(path.stat().st_size / 1e6, 1), **about, "layers": layers}
