"""Where pictures come from: a benchmark, recordings, or pictures in a folder or zip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from itbench import datasets
from itbench.activations.photos import open_photos
from itbench.errors import UnknownName
from itbench.plugins import Registry
from itbench.protocols import Reporter
from itbench.stimuli import StimulusSet


@dataclass(frozen=True, eq=False)
class Source:
    """Stimuli and where they come from.

    Parameters
    ----------
    name : str
    stimuli : StimulusSet
    digest : str
        SHA-256 of ids and pixels; of pictures in files, of ids and files.
    degrees : float, optional
        Width of the pictures on the screen, degrees of visual angle.
    """

    name: str
    stimuli: StimulusSet
    digest: str
    degrees: float | None = None


def find_stimuli(images: str, registry: Registry, reporter: Reporter) -> Source:
    """Return the stimuli that `images` names.

    Parameters
    ----------
    images : str
        A benchmark or its YAML file, recordings or their HDF5 file, or a folder or zip of pictures. Names go before
        paths: ``./NAME`` is a folder in any case.
    registry : Registry
    reporter : Reporter
        Told of recordings that are made or fetched.

    Raises
    ------
    UnknownName
        If there is nothing of that name.
    BadRecordings, DamagedFile, Unreachable
        If there is, and it cannot be had.
    """
    if images in registry.benchmarks or images.endswith((".yaml", ".yml")):
        benchmark = registry.benchmark(images)
        recordings = datasets.load(benchmark.data_source(), reporter)
        return Source(benchmark.name, recordings.stimuli, recordings.digests["stimuli"], benchmark.degrees)
    if datasets.state(images) != "missing":
        recordings = datasets.load(images, reporter)
        return Source(recordings.name, recordings.stimuli, recordings.digests["stimuli"])
    path = Path(images).expanduser()
    if path.exists():
        return Source(path.resolve().name, *open_photos(path))
    known = {*registry.benchmarks, *datasets.installed()}
    todo = "Name one of these, or the path of recordings (.h5), or of a folder or zip of pictures."
    raise UnknownName.of("pictures", images, known, todo=todo)
