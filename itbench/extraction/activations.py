"""Extract the raw activations of a model's layers on images or recordings to an HDF5 file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from itbench.data.catalog import installed_recordings, recordings_state
from itbench.data.fetch import load_recordings
from itbench.data.images import MixedSizeImages, open_images
from itbench.data.stimuli import Images, StimulusSet
from itbench.errors import BadActivations, BadOption, BadRecordings, UnknownName
from itbench.extraction.activations_file import PartialFile, partial_file
from itbench.extraction.activations_layout import Shapes, variable_names
from itbench.extraction.forward import (
    ExtractionSettings,
    TokenPool,
    batch_activations,
    plan_batches,
    prepared_batches,
    shape_of,
    token_pools,
)
from itbench.extraction.loaded_model import LoadedModel, load_model
from itbench.models.layers import Shapes as KnownShapes
from itbench.models.model import Model
from itbench.plugins import load_plugins
from itbench.registry import ModelSpec, Registry, weights_of
from itbench.util import code_versions
from itbench.util.checksum import canonical_json
from itbench.util.files import locked, refuse_ending
from itbench.util.progress import Reporter, SilentReporter

TOLERANCES = {"float32": 1e-3, "bfloat16": 3e-2}  # of a layer's largest value: another batch size moves less


def extract_activations(
    model: str,
    images: str | Path,
    output: str | Path,
    *,
    layers: Sequence[str] = (),
    weights: str = "pretrained",
    seed: int = 0,
    settings: ExtractionSettings | None = None,
    compress: bool = False,
    replace: bool = False,
    restart: bool = False,
    registry: Registry | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Extract the raw activations of a model's layers to an HDF5 file, and return its path.

    Parameters
    ----------
    model : str
        Name of a plugin.
    images : str or Path
        A benchmark, recordings, or a folder or zip of images, which may differ in size if the model resizes them.
    output : str or Path
        Of the file; ``OUTPUT.partial`` until it is complete. The same call again resumes an interrupted one.
    layers : sequence of str, optional
        Names and patterns such as ``blocks.*``; the model's candidates if empty.
    weights : str, optional
        ``pretrained``, ``random`` or the path of a file.
    seed : int, optional
        Of random weights.
    settings : ExtractionSettings, optional
        Device, precision, memory and pooling; its scratch folder is not used.
    compress : bool, optional
        Compress the finished file (gzip); it needs twice the space meanwhile.
    replace : bool, optional
        Replace an existing file.
    restart : bool, optional
        Remove what an interrupted call left.
    registry, reporter : optional
        By default the installed plugins, and no reports.

    Returns
    -------
    Path
        Of a netCDF-4 file: a float32 variable (stimulus, …) for every layer, called as the layer is (with ``:`` for
        ``/``), its axes in their logical order, channels first in convolutions; and ``stimulus``, the ids. A layer's
        attribute ``crc32`` is `zlib.crc32` of its values. The file's attributes have the provenance.

    Raises
    ------
    UnknownName, BadOption, NoWeights, BadRecordings, NoSpace
        Before any work, for unknown names and invalid settings.
    BadActivations
        For a NaN or an infinity, naming layer and image.

    Examples
    --------
    >>> import h5py, itbench
    >>> path = itbench.extract_activations("resnet50", "photos", "photos.h5", layers=["layer3"])  # doctest: +SKIP
    >>> h5py.File(path)["layer3"]  # doctest: +SKIP
    <HDF5 dataset "layer3": shape (320, 1024, 14, 14), type "<f4">
    """
    registry, reporter, settings = (
        registry or load_plugins(),
        reporter or SilentReporter(),
        settings or ExtractionSettings(),
    )
    entry, path = registry.model(model), Path(output).expanduser()
    if entry.trainable:
        raise BadOption(
            f"{model} is trained on recordings: its activations depend on the training images.",
            todo=f"Score its layers on a benchmark: itbench score -m {model} --metric ridge",
        )
    spec = ModelSpec(entry, weights_of(entry, weights, seed), tuple(layers))
    refuse_ending(path, (".h5", ".hdf5", ".nc"))
    with locked(path.with_name(f"{path.name}.lock"), f"{path} is being written"):
        _refuse_taken(path, replace)
        source = find_stimuli(str(images), registry, reporter)
        staged = load_model(spec, settings, source.stimuli, shown_by=source.name, degrees=source.degrees)
        plan = _plan(staged, settings)
        refuse_mixed_sizes(staged.model, source.stimuli.images, staged.layers, model)
        key = _key(staged, source, plan.shapes)
        about = {"model": model, "weights": spec.label, "images": source.name}
        ids = staged.stimuli.ids
        with partial_file(
            path, ids, plan.shapes, _attributes(about, key), key, compress=compress, restart=restart
        ) as file:
            _fill(file, staged, plan, reporter)
            file.finish()
    return path


class _Plan(NamedTuple):
    batch_size: int
    pools: Mapping[str, TokenPool]
    shapes: Shapes
    known: KnownShapes


def _plan(staged: LoadedModel, settings: ExtractionSettings) -> _Plan:
    model, stimuli, layers, _ = staged
    known = model.shapes(stimuli.images[0:1][0])
    batch_size, _ = plan_batches(model, known, layers, len(stimuli), settings)
    pools = token_pools(settings.pool, layers, known, model)
    return _Plan(batch_size, pools, {layer: shape_of(layer, known, pools) for layer in layers}, known)


def _fill(file: PartialFile, staged: LoadedModel, plan: _Plan, reporter: Reporter) -> None:
    """Extract the missing activations; a thread writes one batch during the next."""
    model, stimuli, layers, _ = staged
    ids = stimuli.ids
    done = file.progress.done
    if done:
        reporter.note(f"resuming after {done} of {len(stimuli)} images")
        _refuse_other_activations(file, staged, plan)
    writing: Future[None] | None = None
    before: Mapping[str, Any] = {}
    with (
        ThreadPoolExecutor(1, "write") as writer,
        reporter.progress("images", len(stimuli), "images", done) as advance,
    ):
        for rows, batch in prepared_batches(model, stimuli, plan.batch_size, done):
            activations = batch_activations(model, batch, layers, plan.known, ids[rows])
            _refuse_same_memory(before, activations)
            before = activations
            pooled = {layer: plan.pools[layer](a) if layer in plan.pools else a for layer, a in activations.items()}
            if writing:
                writing.result()
            writing = writer.submit(file.put, rows, pooled)
            if rows.start == done:
                writing.result()  # the second batch shows whether the model overwrites this one
            advance(rows.stop - rows.start)
        if writing:
            writing.result()


def _refuse_other_activations(file: PartialFile, staged: LoadedModel, plan: _Plan) -> None:
    """Refuse to resume a file whose first and last images have other activations than the model gives now."""
    rows = np.unique([0, file.progress.done - 1])
    few = staged.stimuli.take(rows)
    batch = staged.model.prepare(few.images[0 : len(rows)])
    given = batch_activations(staged.model, batch, staged.layers, plan.known, few.ids)
    with h5py.File(file.partial, "r") as written:
        for layer, name in variable_names(plan.shapes).items():
            values = plan.pools[layer](given[layer]) if layer in plan.pools else given[layer]
            tolerance = TOLERANCES[staged.identity["precision"]] * np.abs(values).max(initial=0.0)
            if not np.allclose(written[name][rows], values, rtol=0, atol=tolerance):
                raise BadOption(
                    f"{file.partial} was started with another model: it has other activations in layer {layer!r}.",
                    known=f"Compared were the images {' and '.join(few.ids)}.",
                    todo="Start again with --restart.",
                )


def _refuse_same_memory(before: Mapping[str, Any], activations: Mapping[str, Any]) -> None:
    for layer, values in activations.items():
        if layer in before and np.may_share_memory(before[layer], values):
            raise BadActivations(
                f"Layer {layer!r} gave two batches in the same memory: one would overwrite the other.",
                todo="Let the model return copies; test it with: itbench check MODEL",
            )


def _key(staged: LoadedModel, source: StimulusSource, shapes: Shapes) -> dict[str, Any]:
    """Return the key of the file."""
    key = {**staged.identity, "device": staged.model.device, "stimuli": source.digest, "layers": dict(shapes)}
    return json.loads(canonical_json(key))


def _attributes(about: Mapping[str, str], key: Mapping[str, Any]) -> dict[str, str]:
    """Return the provenance of the file."""
    plain = {name: str(value) for name, value in key.items() if name not in ("layers", "weights", "stimuli")}
    return {
        **plain,
        **about,
        "weights_digest": key["weights"],
        "stimuli_digest": key["stimuli"],
        "versions": json.dumps(code_versions.package_versions()),
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _refuse_taken(path: Path, replace: bool) -> None:
    if path.is_dir():
        raise BadOption(f"{path} is a folder.", todo="Name a file in it, such as activations.h5.")
    if path.exists() and not replace:
        raise BadOption(f"There is a file {path} already.", todo="Choose another name, or add --replace.")


@dataclass(frozen=True, eq=False)
class StimulusSource:
    """Stimuli to extract activations on, with the name of their benchmark, recordings or folder.

    Parameters
    ----------
    name : str
    stimuli : StimulusSet
    digest : str
        SHA-256 of ids and pixels; of images in files, of ids and files.
    degrees : float, optional
        Width of the images on the screen, degrees of visual angle.
    """

    name: str
    stimuli: StimulusSet
    digest: str
    degrees: float | None = None


def find_stimuli(images: str, registry: Registry, reporter: Reporter) -> StimulusSource:
    """Find the stimuli to extract activations on: of a benchmark, recordings, or a folder or zip of images.

    Parameters
    ----------
    images : str
        A benchmark or its YAML file, recordings or their HDF5 file, or a folder or zip of images. Names have
        priority over paths: ``./NAME`` is always a folder.
    registry : Registry
    reporter : Reporter
        Reports recordings that are drawn or downloaded.

    Raises
    ------
    UnknownName
        If nothing has that name.
    BadRecordings, DamagedFile, Unreachable
        If it cannot be read or downloaded.
    """
    if images in registry.benchmarks or images.endswith((".yaml", ".yml")):
        benchmark = registry.benchmark(images)
        recordings = benchmark.load(reporter)
        return StimulusSource(benchmark.name, recordings.stimuli, recordings.digests["stimuli"], benchmark.degrees)
    if recordings_state(images, registry.datasets) != "missing":
        recordings = load_recordings(images, registry.datasets, reporter)
        return StimulusSource(recordings.name, recordings.stimuli, recordings.digests["stimuli"])
    path = Path(images).expanduser()
    if path.exists():
        return StimulusSource(path.resolve().name, *open_images(path))
    known = {*registry.benchmarks, *installed_recordings()}
    todo = "Name one of these, or the path of recordings (.h5), or of a folder or zip of images."
    raise UnknownName.of("images", images, known, todo=todo)


def refuse_mixed_sizes(model: Model, images: Images, layers: Sequence[str], called: str) -> None:
    """Refuse to extract activations on images of several sizes that the model does not resize to one.

    Raises
    ------
    BadRecordings
        Naming two images of different size.
    """
    if not isinstance(images, MixedSizeImages):
        return
    two = images.most_different()
    try:
        model.activations(model.prepare(two[:]), layers)
    except Exception as error:  # a model may raise what it likes
        (a, b), ((y, x), (v, u)) = two.names, two.sizes
        raise BadRecordings(
            f"Images differ in size: {a} is {x} × {y}, {b} is {u} × {v}.",
            known=f"{called} does not resize them to one: {error}",
            todo="Resize the images to one size first.",
        ) from error
