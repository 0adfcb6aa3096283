"""Layout of an activations file: its variables, axes and chunks in HDF5, created before the first activations.

The file is netCDF-4: every layer is a float32 variable (stimulus, …) with the layer's axes in their logical order, and
``stimulus`` holds the ids. Any HDF5 or netCDF reader opens it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from itbench.errors import BadOption

FORMAT = "itbench activations 1"
FLOAT = np.dtype("<f4")
CHUNK_BYTES = 2**20  # of a compressed layer, about; chunks hold whole images
OVERHEAD = 2048  # bytes a stimulus or variable for ids and HDF5's tables, generously
BLOCK_BYTES = 64 * 2**20  # read at once when a file is compressed
TAKEN = ("stimulus", ".")  # names that no layer can have: that of the ids and those that HDF5 reserves

Shapes = Mapping[str, tuple[int, ...]]  # of every layer's activations, without the batch


def create_layout(
    path: Path,
    ids: Sequence[str],
    shapes: Shapes,
    attributes: Mapping[str, Any],
    *,
    compress: bool = False,
) -> None:
    """Create the layout of an activations file: one variable for every layer, not yet filled.

    Parameters
    ----------
    path : Path
    ids : sequence of str
        Of the stimuli.
    shapes : mapping of str to tuple of int
    attributes : mapping
        Of the file.
    compress : bool
        Chunks of whole images, compressed (gzip, shuffled bytes); else each layer is contiguous, at an offset that is
        fixed from now on.

    Raises
    ------
    BadOption
        If two layers would have the same name in the file.
    """
    variables = variable_names(shapes)
    with h5netcdf.File(path, "w") as file:
        file.attrs.update(format=FORMAT, **attributes)
        file.dimensions["stimulus"] = len(ids)
        file.create_variable("stimulus", ("stimulus",), h5py.string_dtype(), data=np.array(ids, dtype=object))
        for layer, shape in shapes.items():
            axes = [_axis(variables[layer], number) for number in range(1, len(shape) + 1)]
            file.dimensions.update(dict(zip(axes, shape, strict=True)))
            storage = _compressed(len(ids), shape) if compress else {"dcpl": _contiguous()}
            variable = file.create_variable(variables[layer], ("stimulus", *axes), FLOAT, **storage)
            variable.attrs.update(layer=layer, crc32=np.uint32(0))


def compressed_copy(source: Path, target: Path, ids: Sequence[str], shapes: Shapes) -> None:
    """Copy an activations file into one whose layout is compressed."""
    with h5netcdf.File(source, "r") as file:
        attributes = {name: value for name, value in file.attrs.items() if name != "format"}
    create_layout(target, ids, shapes, attributes, compress=True)
    with h5py.File(source, "r") as plain, h5py.File(target, "r+") as file:
        for name in variable_names(shapes).values():
            chunk = file[name].chunks
            step = chunk[0] * max(1, BLOCK_BYTES // (math.prod(chunk) * FLOAT.itemsize))
            for start in range(0, len(ids), step):
                file[name][start : start + step] = plain[name][start : start + step]


def variable_names(shapes: Shapes) -> dict[str, str]:
    """Return the variable name of every layer in the layout: the layer's, with ``:`` for ``/``, which HDF5 reserves.

    Raises
    ------
    BadOption
        If a name would occur twice.
    """
    owners = dict.fromkeys(TAKEN, "")
    names = {}
    for layer, shape in shapes.items():
        name = names[layer] = layer.replace("/", ":")
        for used in (name, *(_axis(name, number) for number in range(1, len(shape) + 1))):
            if used in owners:
                raise BadOption(
                    f"The layer {layer!r} cannot be written: a file has {used!r} only once"
                    + (f", and the layer {owners[used]!r} takes it." if owners[used] else " and needs it for itself."),
                    todo="Write them to two files." if owners[used] else "Give the layer another name.",
                )
            owners[used] = layer
    return names


def layout_bytes(n_stimuli: int, shapes: Shapes) -> int:
    """Return the largest size in bytes of an activations file whose layout is not compressed."""
    values = n_stimuli * sum(math.prod(shape) for shape in shapes.values())
    return values * FLOAT.itemsize + OVERHEAD * (n_stimuli + 8 * len(shapes) + 64)


def layer_offsets(file: h5py.File, shapes: Shapes) -> dict[str, int]:
    """Return the offset in bytes of every layer's activations in a contiguous layout; 0 for a layer of no features."""
    return {layer: file[name].id.get_offset() or 0 for layer, name in variable_names(shapes).items()}


def _axis(variable: str, number: int) -> str:
    return f"{variable} axis {number}"


def _contiguous() -> Any:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.CONTIGUOUS)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return plan


def _compressed(n_stimuli: int, shape: tuple[int, ...]) -> dict[str, Any]:
    images = max(1, min(n_stimuli, CHUNK_BYTES // max(1, math.prod(shape) * FLOAT.itemsize)))
    return {"chunks": (images, *shape), "compression": "gzip", "compression_opts": 1, "shuffle": True}
