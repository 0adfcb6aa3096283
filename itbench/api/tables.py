"""models, metrics, benchmarks, datasets, ceiling, pack: what there is, and recordings of your own, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr
from numpy.typing import ArrayLike

from itbench.api.sources import Images, benchmark_of_objects
from itbench.data.benchmark import Benchmark
from itbench.data.catalog import list_datasets, new_recordings_path
from itbench.data.in_memory import recordings_in_memory
from itbench.data.pack import pack_recordings
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import write_recordings
from itbench.errors import BadOption
from itbench.plugins import load_plugins
from itbench.sweeps.ceiling_table import ceiling_rows
from itbench.util.progress import Reporter

if TYPE_CHECKING:
    import pandas as pd


def models(pattern: str = "*", *, plugins: Sequence[str | Path] = ()) -> pd.DataFrame:
    """Return the models whose name fits a pattern such as ``timm/*resnet*``, one row each."""
    return _frame(load_plugins(plugins).model_rows(pattern), "model")


def metrics(*, plugins: Sequence[str | Path] = ()) -> pd.DataFrame:
    """Return the metrics with their options, one row an option."""
    return _frame(load_plugins(plugins).metric_rows(), "metric")


def benchmarks(*, plugins: Sequence[str | Path] = ()) -> pd.DataFrame:
    """Return the benchmarks and the state of their recordings, one row each."""
    return _frame(load_plugins(plugins).benchmark_rows(), "benchmark")


def datasets(*, plugins: Sequence[str | Path] = ()) -> pd.DataFrame:
    """Return the data sets that can be fetched and the recordings on this computer, one row each."""
    return _frame(list_datasets(load_plugins(plugins).datasets), "name")


def ceiling(
    benchmark: str | Path | Benchmark | Recordings,
    methods: Sequence[str] = (),
    *,
    plugins: Sequence[str | Path] = (),
    reporter: Reporter | None = None,
) -> pd.DataFrame:
    """Return the noise ceiling of a benchmark or of recordings in memory, one row a method.

    Raises
    ------
    BadRecordings
        If the recordings hold means over repetitions only.
    """
    bench = benchmark_of_objects(load_plugins(plugins), benchmark, None, None, None, None, None)
    return _frame(ceiling_rows(bench, methods, reporter), "method")


def pack(
    name: str,
    images: Images,
    responses: str | Path | ArrayLike | xr.DataArray,
    *,
    dims: Sequence[str] | None = None,
    stimuli: str | Path | Mapping[str, ArrayLike] | None = None,
    region: str | None = None,
    window: tuple[float, float] | None = None,
    replace: bool = False,
    plugins: Sequence[str | Path] = (),
) -> Path:
    """Pack images and responses into a file of recordings in the data folder, and return its path.

    Parameters
    ----------
    name : str
        Of the recordings, by which benchmarks and commands find them.
    images : folder, zip, array or StimulusSet
    responses : file (``.npy``, ``.nc``, ``.h5``), array or DataArray
    dims : sequence of {"site", "stimulus", "repetition"}, optional
        Order of the axes of a file.
    stimuli : CSV file, or mapping of str to array of shape (stimulus,), optional
        Coordinates of the stimuli.
    region : str, optional
    window : pair of float, optional
        ms after onset.
    replace : bool
        Whether to replace recordings of that name.
    plugins : sequence of str or Path, optional

    Raises
    ------
    BadRecordings, BadOption, NoSpace
    """
    path = new_recordings_path(name, load_plugins(plugins).datasets, replace)
    if isinstance(responses, str | Path):
        if not isinstance(images, str | Path) or isinstance(stimuli, Mapping):
            raise BadOption("Responses in a file go with images in a folder or zip, and a CSV of stimuli.")
        folder, table = Path(images).expanduser(), stimuli and Path(stimuli).expanduser()
        packed = pack_recordings(
            name, folder, str(responses), dims, stimuli=table or None, region=region, window=window
        )
    else:
        if dims is not None or isinstance(stimuli, str | Path):
            raise BadOption("Arrays are (stimulus, site) or (repetition, stimulus, site), and stimuli a mapping.")
        packed = recordings_in_memory(images, responses, metadata=stimuli, name=name)
        packed = _about(packed, region, window)
    write_recordings(packed, path)
    return path


def _about(recordings: Recordings, region: str | None, window: tuple[float, float] | None) -> Recordings:
    if window and not window[0] < window[1]:
        raise BadOption(f"The window {window[0]:g} to {window[1]:g} ms must start before it ends.")
    return replace(recordings, about={**recordings.about, "region": region, "window": window})


def _frame(rows: Sequence[Mapping[str, Any]], index: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows)).set_index(index)
