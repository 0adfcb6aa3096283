"""Stimulus sets, recordings and benchmarks made of arrays in memory, without a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from itbench.data.benchmark import Benchmark
from itbench.data.images import MixedSizeImages, open_images
from itbench.data.labels import find_label_join, is_label_name, label_text
from itbench.data.recordings import Recordings
from itbench.data.responses import DIMS, check_sites, make_responses
from itbench.data.splits import SplitPlan
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.util.checksum import digest

FOLDS = SplitPlan("kfold", 5)  # of recordings that name no splits


def stimuli_in_memory(
    images: ArrayLike | str | Path | StimulusSet,
    metadata: Mapping[str, ArrayLike] | None = None,
    ids: Sequence[str] | None = None,
) -> StimulusSet:
    """Return a stimulus set of an array of images in memory, or of the images in a folder or zip.

    Parameters
    ----------
    images : array of shape (stimulus, y, x, 3) or (stimulus, 3, y, x), path, or StimulusSet
        RGB, uint8; or floats, in [0, 1] if none is above 1, else in 0…255.
    metadata : mapping of str to array of shape (stimulus,), optional
        Flat coordinates, such as ``category`` or ``split``. Images in files come in the order of the column that names
        them, if one does.
    ids : sequence of str, optional
        Stimulus ids; numbered, or the names of the files, without.

    Raises
    ------
    BadRecordings
        For arrays of another shape or range.
    """
    given = {} if metadata is None else dict(metadata.items())
    columns = {str(key): np.asarray(column) for key, column in given.items()}
    if isinstance(images, StimulusSet):
        if columns:
            raise BadOption(
                "A stimulus set has metadata of its own.", todo="Give the images, or make the set with them."
            )
        return images
    if isinstance(images, str | Path):
        stimuli, _ = open_images(Path(images).expanduser())
        pixels: Any = stimuli.images
        if isinstance(pixels, MixedSizeImages):
            raise BadRecordings(f"The images in {images} differ in size.", todo="Bring them to one size first.")
        labels = {key: column.tolist() for key, column in columns.items()}
        indices = [index for column in given.values() if (index := _text_index(column))]
        labels |= {"index": indices[0]} if indices else {}
        join = find_label_join(labels, {"the image files": pixels.names}, "the metadata", own=("index",))
        if join:
            stimuli = stimuli.take(np.argsort(join.rows))
            pixels = stimuli.images
        ids = ids or stimuli.ids
    else:
        pixels = _as_bytes(np.asarray(images))
    names = tuple(map(str, ids)) if ids is not None else tuple(f"stimulus{row:05d}" for row in range(pixels.shape[0]))
    return StimulusSet(names, pixels, columns)


def recordings_in_memory(
    images: ArrayLike | str | Path | StimulusSet,
    responses: ArrayLike | xr.DataArray,
    *,
    metadata: Mapping[str, ArrayLike] | None = None,
    name: str = "arrays",
) -> Recordings:
    """Return recordings of images and responses in memory, with the digests that a file of them would have.

    Parameters
    ----------
    images
        As of `stimuli_in_memory`.
    responses : array of shape (stimulus, site) or (repetition, stimulus, site), DataArray or DataFrame
        NaN where there was no repetition. The dimensions of a DataArray are called so, in any order; a DataFrame is
        (stimulus, site). Their labels of stimuli are joined with the names of the files, the stimulus ids, or a column
        of `metadata` that names the images, where there are any.
    metadata
        As of `stimuli_in_memory`.
    name : str

    Raises
    ------
    BadRecordings
        For numbers of stimuli that do not fit, and for labels that name other stimuli.
    """
    recorded = _from_pandas(responses)
    labels = _stimulus_labels(recorded)
    named = isinstance(images, str | Path | StimulusSet)
    stimuli = stimuli_in_memory(images, metadata)
    targets: dict[str, Sequence[Any]] = {"the stimulus ids": stimuli.ids} if named else {}
    targets |= {
        f"the column {key!r}": column.tolist() for key, column in stimuli.metadata.items() if is_label_name(key)
    }
    join = find_label_join(labels, targets, "the responses", own=("stimulus",)) if targets else None
    if join:
        recorded = recorded.isel(stimulus=join.rows)
    if not named and "stimulus" in labels:
        ids = [label_text(label) for label in recorded["stimulus"].values.tolist()]
        stimuli = StimulusSet(tuple(ids), stimuli.images, stimuli.metadata)
    array = _labelled(recorded, stimuli.ids)
    check_sites(array)
    pixels, values = stimuli.content_digest(), digest(array.values)
    columns = [part for key, column in sorted(stimuli.metadata.items()) for part in (key, np.asarray(column))]
    content = digest(name, pixels, values, *columns)
    about = {"joined": f"responses: {join.text}"} if join else {}
    return Recordings(name, stimuli, array, about, digests={"stimuli": pixels, "responses": values, "content": content})


def benchmark_in_memory(
    recordings: Recordings, splits: SplitPlan | Mapping[str, Any] | None = None, metric: str = "ridge"
) -> Benchmark:
    """Return a benchmark of recordings in memory: five shuffled folds unless `splits` says otherwise.

    Raises
    ------
    BadBenchmark, UnknownName
        For splits that are none.
    """
    plan = FOLDS if splits is None else splits if isinstance(splits, SplitPlan) else SplitPlan.parse(dict(splits), "")
    return Benchmark(recordings.name, recordings.name, plan, metric=metric, recordings=recordings)


def _as_bytes(images: NDArray[Any]) -> NDArray[Any]:
    if images.ndim == 4 and images.shape[-1] == 3 and images.shape[1] == 3:
        raise BadRecordings(
            f"Images of shape {images.shape}: either axis of 3 may be the colours.", todo="Give larger images."
        )
    if images.ndim == 4 and images.shape[-1] != 3 and images.shape[1] == 3:
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or images.shape[-1] != 3 or not images.size:
        raise BadRecordings(
            f"Images of shape {images.shape}.", known="They must be (stimulus, y, x, 3) or (stimulus, 3, y, x), in RGB."
        )
    if images.dtype == np.uint8:
        return images
    low, high = float(images.min()), float(images.max())
    if images.dtype.kind not in "iuf" or not (low >= 0 and high <= 255):
        raise BadRecordings(
            f"Images of type {images.dtype}, from {low:g} to {high:g}.",
            known="They must be uint8, or numbers in [0, 1] or in 0…255.",
            todo="Give the images themselves, not normalised ones: preprocessing belongs to the model.",
        )
    if images.dtype.kind == "f" and high <= 1:
        images = images * np.float32(255)
    rounded = np.rint(images)
    return rounded.astype(np.uint8) if np.allclose(images, rounded, rtol=0, atol=1e-3) else images.astype(np.float32)


def _from_pandas(responses: Any) -> Any:
    """Return a pandas table of responses as a DataArray (stimulus, site), all else as it is."""
    import pandas as pd

    if not isinstance(responses, pd.DataFrame):
        return responses
    array = xr.DataArray(responses.to_numpy(), dims=("stimulus", "site"))
    index = _text_index(responses)
    return array.assign_coords(stimulus=index) if index else array


def _text_index(table: Any) -> list[Any] | None:
    """Return the index of a pandas table or column if it is text."""
    import pandas as pd

    if isinstance(table, pd.Series | pd.DataFrame) and not pd.api.types.is_numeric_dtype(table.index):
        return list(map(str, table.index))
    return None


def _stimulus_labels(responses: Any) -> dict[str, list[Any]]:
    if not isinstance(responses, xr.DataArray):
        return {}
    return {str(key): coord.values.tolist() for key, coord in responses.coords.items() if coord.dims == ("stimulus",)}


def _labelled(responses: Any, ids: Sequence[str]) -> xr.DataArray:
    if not isinstance(responses, xr.DataArray):
        values = np.asarray(responses, dtype=None if np.asarray(responses).dtype.kind == "f" else np.float64)
        if values.ndim not in (2, 3) or values.shape[-2] != len(ids):
            raise BadRecordings(
                f"Responses of shape {values.shape} to {len(ids)} images.",
                known="They must be (stimulus, site) or (repetition, stimulus, site).",
            )
        return make_responses(values, ids)
    for dim in map(str, responses.dims):
        if dim not in DIMS:
            raise UnknownName.of("dimension", dim, DIMS, todo="Rename it: responses.rename({...})")
    if not {"stimulus", "site"} <= set(responses.dims) or responses.sizes["stimulus"] != len(ids):
        raise BadOption(f"Responses of dimensions {dict(responses.sizes)} do not fit {len(ids)} images.")
    whole = responses if "repetition" in responses.dims else responses.expand_dims("repetition")
    sites = {str(key): coord.values for key, coord in responses.coords.items() if coord.dims == ("site",)}
    return make_responses(whole.transpose(*DIMS).values, ids, sites=sites)
