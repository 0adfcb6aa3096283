"""Benchmark: metadata in one YAML file that names recordings, splits, time window and metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itbench.data.catalog import Dataset, Datasets, recordings_state
from itbench.data.splits import SplitPlan
from itbench.errors import BadBenchmark
from itbench.util.schema import Check, check_mapping, read_yaml, sentence

if TYPE_CHECKING:
    from itbench.data.recordings import Recordings
    from itbench.util.progress import Reporter

REQUIRED = ("name", "data")


@dataclass(frozen=True)
class Benchmark:
    """Benchmark as its YAML file describes it: recordings, splits and default metric.

    Parameters
    ----------
    name : str
    data : str
        Name or path of packed recordings, or the name of a registered data set. A path is relative to the file.
    splits : SplitPlan
        Kind ``none`` suffices for comparisons, which compare all images.
    description, region, citation, licence : str, optional
    bibtex : str, optional
        BibTeX entries, or keys of entries in ``references.bib`` beside the file, apart from those of the data set.
    window : pair of float, optional
        Start and end of the counting window, ms after onset.
    degrees : float, optional
        Width of the images on the screen, degrees of visual angle.
    metric : str, optional
        Name of the default metric.
    cluster : str, optional
        Stimulus coordinate whose images are drawn together for intervals; ``none`` draws each image by itself. By
        default the ``object``, where stimuli have one (`itbench.data.groups.clusters_of`).
    file : Path
        The YAML file.
    plugin : str
        File of the plugin that registered it; empty if its own file was named.
    datasets : mapping of str to Dataset
        The registered data sets, from which `data` is fetched where it is not in the data folder.
    recordings : Recordings, optional
        Recordings in memory, in place of `data`.
    """

    name: str
    data: str
    splits: SplitPlan
    description: str = ""
    region: str = ""
    window: tuple[float, float] | None = None
    degrees: float | None = None
    metric: str = "ridge"
    cluster: str = ""
    citation: str = ""
    licence: str = ""
    bibtex: str = ""
    file: Path = field(default=Path(), compare=False)
    plugin: str = field(default="", compare=False)
    datasets: Datasets = field(default_factory=dict, compare=False, repr=False)
    recordings: Recordings | None = field(default=None, compare=False, repr=False)

    @classmethod
    def read(cls, path: Path) -> Benchmark:
        """Read a benchmark from its YAML file, checking every key.

        Raises
        ------
        BadBenchmark, UnknownName
            Naming the file, the key and the known keys.
        """
        where = f"{path}: "
        content = {"name": path.stem, **read_yaml(path, "benchmark", BadBenchmark, CHECKS)}
        values = check_mapping(content, CHECKS, "benchmark", BadBenchmark, where=where, required=REQUIRED)
        splits = SplitPlan.parse(values.pop("splits", {"kind": "none"}), where, path.parent)
        return cls(splits=splits, file=path, **values)

    def data_source(self) -> str:
        """Return the benchmark's `data`; a path becomes relative to the benchmark's file."""
        if self.data.endswith((".h5", ".hdf5", ".nc")):
            return str(self.file.parent / Path(self.data).expanduser())
        return self.data

    @property
    def dataset(self) -> Dataset | None:
        """Registered data set that the benchmark's key ``data`` names, if there is one."""
        return self.datasets.get(self.data)

    def state(self) -> str:
        """Return the state of the benchmark's recordings, such as ``here`` or ``fetched when needed``."""
        if self.recordings is not None:
            return "here"
        return recordings_state(self.data_source(), self.datasets)

    def load(self, reporter: Reporter | None = None) -> Recordings:
        """Load the recordings of the benchmark; fetch its data set if it is not in the data folder.

        Raises
        ------
        UnknownName, DamagedFile, Unreachable, NoSpace
            As `itbench.data.fetch.load_recordings`.
        """
        if self.recordings is not None:
            return self.recordings
        from itbench.data.fetch import load_recordings  # takes xarray and HDF5

        return load_recordings(self.data_source(), self.datasets, reporter)


def _window(value: Any) -> tuple[float, float]:
    if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] < value[1]):
        raise ValueError("[start, end] in ms")
    return float(value[0]), float(value[1])


def _degrees(value: Any) -> float:
    if not (_is_number(value) and value > 0):
        raise ValueError("a positive number")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


CHECKS: Mapping[str, Check] = {
    **dict.fromkeys(("name", "data", "description", "region", "metric", "cluster"), sentence),
    **dict.fromkeys(("citation", "licence", "bibtex"), sentence),
    "window": _window,
    "degrees": _degrees,
    "splits": lambda value: value,  # checked by SplitPlan
}
