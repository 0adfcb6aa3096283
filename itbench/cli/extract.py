"""itbench extract: write a model's activations to an HDF5 file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from itbench.cli import completion
from itbench.cli.options import Command, load_registry, with_json, with_plugins
from itbench.cli.output import print_json
from itbench.cli.run_options import with_running


@click.command(cls=Command, kept="Activations of finished images are in {output}.partial; the same command resumes.")
@click.argument("model", shell_complete=completion.models)
@click.option(
    "--images",
    required=True,
    shell_complete=completion.images,
    help="Images to run: a benchmark's name, recordings (.h5), or a folder or zip of images (./NAME for a folder).",
)
@click.option(
    "-l",
    "--layer",
    "layers",
    multiple=True,
    shell_complete=completion.layers,
    help="Layer, or a pattern such as 'blocks.*'. May be repeated.  [default: the model's candidates]",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="HDF5 file to write; its name ends in .partial until it is complete.",
)
@with_running
@click.option("--compress", is_flag=True, help="Compress the file at the end; this takes twice the disk meanwhile.")
@click.option("--replace", is_flag=True, help="Replace an existing file.")
@click.option("--restart", is_flag=True, help="Start again instead of resuming an interrupted extraction.")
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

    The file holds a float32 dataset (stimulus, …) for each layer, with the layer's name, and the stimulus ids in
    `stimulus`. The same command resumes an interrupted extraction.

    \b
    Examples:
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
        print_json(written)
    else:
        click.echo(f"Wrote {path} ({written['MB']} MB)")
        for layer in written["layers"]:
            click.echo(f"  {layer['layer']}: {' × '.join(map(str, layer['shape']))}")


def _contents(path: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(path, "r") as file:
        layers = [
            {"layer": data.attrs["layer"], "dataset": name, "shape": list(data.shape)}
            for name, data in file.items()
            if "layer" in data.attrs
        ]
        about = {name: file.attrs[name] for name in ("model", "weights", "images", "precision", "pool")}
    return {"file": str(path), "MB": round(path.stat().st_size / 1e6, 1), **about, "layers": layers}
