"""Read and write recordings as one netCDF-4 file with digests of its parts."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.recordings import IMAGE_DIMS, RDM_DIMS, Recordings
from itbench.data.responses import DIMS, check_sites
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadRecordings, DamagedFile
from itbench.util.checksum import ArrayInBlocks, digest
from itbench.util.files import check_space, kind_of_file, whole_file


def read_recordings(path: Path) -> Recordings:
    """Read a recordings file and verify its digests; the images stay on disk.

    Raises
    ------
    DamagedFile
        If the file is truncated, or its content is not what its digests say.
    """
    try:
        file = h5py.File(path, "r")  # stays open: images are read in slices
        if file.attrs.get("format") == FORMAT:
            return _read(file, path)
    except FileNotFoundError as error:
        raise BadRecordings(
            f"No file of recordings {path}.", todo="List what there is with: itbench data list"
        ) from error
    except DamagedFile:
        raise
    except Exception as error:  # HDF5 and h5py say in many ways that a file is broken
        kind = kind_of_file(path)
        if kind and not kind.startswith(("empty", "an HDF5")):
            raise _no_recordings(path, kind) from error
        raise DamagedFile(_damage(path), known=f"It cannot be read: {error}.", todo=_mend(path)) from error
    raise _no_recordings(path, "another HDF5 or netCDF file")


def _no_recordings(path: Path, kind: str) -> BadRecordings:
    return BadRecordings(f"{path} is not a file of recordings: it is {kind}.", todo="Make one with: itbench data pack")


def _read(file: h5py.File, path: Path) -> Recordings:
    ids = tuple(file["stimulus"].asstr()[:])
    stimuli = StimulusSet(ids, file["pictures"], variables_along(file, "stimulus"))
    stored = {key: str(file.attrs[key]) for key in ("stimuli", "responses", "content")}
    if file_digests(file, stimuli) != stored:
        raise DamagedFile(_damage(path), known="Its content is not what its digest says.", todo=_mend(path))
    name, about = str(file.attrs["name"]), json.loads(file.attrs["about"])
    if "rdms" in file:
        subjects = variables_along(file, "subject")["subject"]
        rdms = xr.DataArray(file["rdms"][:], dims=RDM_DIMS, coords={"subject": subjects}, name="rdms")
        return Recordings(name, stimuli, None, about, stored, rdms)
    sites = {key: ("site", column) for key, column in variables_along(file, "site").items()}
    coords = {"stimulus": list(ids), **sites, **_arrays(file)}
    responses = xr.DataArray(file["responses"][:], dims=DIMS, coords=coords, name="responses")
    return Recordings(name, stimuli, responses, about, stored)


def _damage(path: Path) -> str:
    return f"The recordings {path} are truncated or were altered; they are not used."


def _mend(path: Path) -> str:
    return f"Remove the file and make it again: itbench data pack {path.stem} …"


OVERHEAD = 2048  # bytes a stimulus that coordinates and HDF5's own tables take, generously


def write_recordings(recordings: Recordings, path: Path) -> None:
    """Write a recordings file, completely or not at all, and refuse images and sites that it cannot hold.

    Raises
    ------
    BadRecordings
        For infinite or wholly missing sites, for images that occur twice, and for those that are neither uint8 nor
        float32 in 0…255.
    NoSpace
        If the disk is too full.
    """
    stimuli, recorded = recordings.stimuli, _response_variables(recordings)
    kind = stimuli.images[0:1].dtype
    size = sum(array.nbytes for _, array in recorded.values()) + math.prod(stimuli.images.shape) * kind.itemsize
    with whole_file(path) as partial:
        check_space(path.parent, size + size // 10 + OVERHEAD * (len(stimuli) + 64))
        xr.Dataset(_stimulus_variables(stimuli) | recorded).to_netcdf(partial, engine="h5netcdf")
        with h5netcdf.File(partial, "a") as file:
            for dim, length in zip(IMAGE_DIMS, stimuli.images.shape[1:], strict=True):
                file.dimensions[dim] = length
            chunk = (1, *stimuli.images.shape[1:])
            images = file.create_variable("pictures", ("stimulus", *IMAGE_DIMS), kind, chunks=chunk)
            for rows, block in stimuli.blocks():
                images[rows] = _check_images(block)
            about = {key: value for key, value in recordings.about.items() if value is not None}
            file.attrs.update(name=recordings.name, format=FORMAT, about=json.dumps(about, default=str))
        with h5py.File(partial, "r+") as file:
            written = StimulusSet(stimuli.ids, file["pictures"])
            _refuse_duplicates(written)
            file.attrs.update(file_digests(file, written))


def _stimulus_variables(stimuli: StimulusSet) -> dict[str, Any]:
    columns = {"stimulus": stimuli.ids, **stimuli.metadata}
    return {key: ("stimulus", _storable(column)) for key, column in columns.items()}


def _response_variables(recordings: Recordings) -> dict[str, Any]:
    """Return responses and site coordinates, or RDMs and subjects, as variables of a recordings file."""
    if recordings.rdms is not None:
        subjects = ("subject", _storable(recordings.rdms["subject"].values))
        return {"rdms": (RDM_DIMS, recordings.rdms.transpose(*RDM_DIMS).values), "subject": subjects}
    assert recordings.responses is not None
    check_sites(recordings.responses)
    sites = {key: (dim, _storable(values)) for key, (dim, values) in recordings.site_coordinates().items()}
    arrays = recordings.array_coordinates()
    return {"responses": (DIMS, recordings.responses.transpose(*DIMS).values), **sites, **arrays}


def _check_images(images: NDArray[Any]) -> NDArray[Any]:
    """Refuse images that are neither uint8 nor float32 in 0…255."""
    if images.dtype not in (np.uint8, np.float32):
        raise BadRecordings(f"Images of type {images.dtype}.", known="A file holds uint8, or float32 in 0…255.")
    if images.dtype == np.float32 and not (images.min() >= 0 and images.max() <= 255):  # also where one is NaN
        raise BadRecordings(f"Images go from {images.min():g} to {images.max():g}, not within 0…255.")
    return images


def _storable(column: Any) -> Any:
    array = np.asarray(column)
    return array if array.dtype.kind in "biuf" else np.array([str(item) for item in array], dtype=object)


def _refuse_duplicates(stimuli: StimulusSet) -> None:
    pairs = stimuli.duplicates()
    if pairs:
        shown = ", ".join(f"{a} = {b}" for a, b in pairs[:5])
        raise BadRecordings(
            f"{len(pairs)} images occur twice: {shown}.",
            known="An image in train and in test would be scored by heart.",
            todo="Average the responses to equal images and give each once.",
        )


FORMAT = "itbench recordings 1"


def file_digests(file: h5py.File, stimuli: StimulusSet) -> dict[str, str]:
    """Return the SHA-256 of a recordings file's images, of its responses or RDMs, and of its whole content."""
    only_rdms = "rdms" in file
    images, responses = stimuli.content_digest(), digest(_in_blocks(file["rdms" if only_rdms else "responses"]))
    columns = {key: variables_along(file, key) for key in ("stimulus", "subject" if only_rdms else "site")}
    flat = [part for key in columns for name, column in sorted(columns[key].items()) for part in (key, name, column)]
    flat += [part for name, (dims, array) in sorted(_arrays(file).items()) for part in (*dims, name, array)]
    content = digest(str(file.attrs["name"]), str(file.attrs["about"]), images, responses, *flat)
    return {"stimuli": images, "responses": responses, "content": content}


def variables_along(file: h5py.File, dimension: str) -> dict[str, Any]:
    """Return the variables of a recordings file along one dimension, text decoded; without the stimulus ids."""
    scale = file[dimension].name
    columns = {}
    for name, variable in file.items():
        own = name == dimension != "stimulus"
        along = variable.ndim == 1 and variable.name != scale and _scales(file, variable) == [scale]
        if own or along:
            columns[name] = variable.asstr()[:] if h5py.check_string_dtype(variable.dtype) else variable[:]
    return columns


def _in_blocks(variable: h5py.Dataset) -> ArrayInBlocks:
    where = array_blocks(variable.shape, variable.dtype.itemsize)
    return ArrayInBlocks(variable.dtype, variable.shape, (variable[index] for index in where))


def _arrays(file: h5py.File) -> dict[str, Any]:
    """Return dimensions and values of the variables along several dimensions of responses, but for these."""
    names = {file[dim].name: dim for dim in DIMS if dim in file}
    scales = {name: _scales(file, file[name]) for name in file if name != "responses"}
    return {
        name: (tuple(names[scale] for scale in along), file[name][:])
        for name, along in scales.items()
        if len(along) > 1 and names.keys() >= set(along)
    }


def _scales(file: h5py.File, variable: h5py.Dataset) -> list[str]:
    """Return the names of the dimension scales of a variable."""
    references = variable.attrs.get("DIMENSION_LIST")
    return [] if references is None else [file[axis[0]].name for axis in references]


BYTES = 8 * 10**6  # of one block, unless a single chunk is larger


def array_blocks(
    shape: Sequence[int], itemsize: int, chunks: Sequence[int] | None = None, size: int = BYTES
) -> Iterator[tuple[slice, ...]]:
    """Yield the index of every block of an array in a recordings file, so that it is read a few MB at a time.

    Parameters
    ----------
    shape : sequence of int
    itemsize : int
        Bytes a value.
    chunks : sequence of int, optional
        Shape of the chunks; without, the array is contiguous, and so are the blocks, in C order.
    size : int
        Bytes that a block has at most, unless one chunk has more.
    """
    extent = list(chunks or [1] * len(shape))
    for axis in reversed(range(len(shape))):
        fitting = max(1, size // (math.prod(extent) * itemsize))
        extent[axis] = max(1, min(shape[axis], extent[axis] * fitting))
    starts = (range(0, length, step) for length, step in zip(shape, extent, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(at, min(at + step, n)) for at, step, n in zip(corner, extent, shape, strict=True))


@contextmanager
def read_errors(path: Path, kind: str) -> Iterator[None]:
    """Turn errors of HDF5 and netCDF into one that names the file: missing, damaged or not of its `kind`.

    Raises
    ------
    BadRecordings, DamagedFile
    """
    try:
        yield
    except FileNotFoundError as error:
        raise BadRecordings(f"No file {path}.") from error
    except (OSError, RuntimeError, ValueError, KeyError) as error:  # HDF5 says in many ways that a file is broken
        what = f"{path} cannot be read: it is truncated, altered or no {kind} file."
        raise DamagedFile(what, known=f"{error}.", todo="Fetch it again.") from error
