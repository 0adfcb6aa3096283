"""Read a lab's file of responses (npy, netCDF, HDF5, MATLAB): values, names of axes, and labels along each axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.labels import is_label_name, label_text
from itbench.data.responses import DIMS
from itbench.errors import BadOption, BadRecordings, ItbenchError, UnknownName

ENDINGS = (".npy", ".nc", ".h5", ".hdf5", ".mat")
MATLAB_NUMBERS = (
    "double",
    "single",
    "logical",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)

Columns = dict[str, list[Any]]  # by name, one value a row


@dataclass(frozen=True, eq=False)
class ResponseFile:
    """Responses as a lab's file holds them: values, names of their axes, and the labels along each.

    Parameters
    ----------
    values : array
    dims : tuple of str
        Of the axes, in order.
    labels : mapping of str to columns
        By axis; text and numbers that the file has one of for every row.
    own : tuple of str
        Names that the file itself gives its axes.
    """

    values: NDArray[Any]
    dims: tuple[str, ...]
    labels: Mapping[str, Columns] = field(default_factory=dict)
    own: tuple[str, ...] = ()


def read_response_file(source: str, dims: Sequence[str] | None) -> ResponseFile:
    """Read a file of responses, ``FILE`` or ``FILE:VARIABLE``, whose axes the file or `dims` names.

    A variable that MATLAB wrote has the axes in MATLAB's order, which HDF5 stores reversed.

    Raises
    ------
    BadRecordings, BadOption, UnknownName
        If it cannot be read, or what its axes are is not known.
    """
    file, colon, variable = source.rpartition(":")
    path = Path(file) if colon and Path(file).suffix in ENDINGS[1:] else Path(source)
    variable = variable if path != Path(source) else ""
    if not path.is_file():
        raise BadRecordings(f"No file of responses {path}.")
    try:
        values, own, along = _read(path, variable)
    except ItbenchError:
        raise
    except Exception as error:  # readers of these formats raise what they like
        raise BadRecordings(f"{path} cannot be read: {error}.") from error
    names = tuple(dims) if dims else own
    if names is None:
        raise BadOption(f"{path} does not name its axes.", todo="Name them: --dims site,stimulus,repetition")
    if own and set(own) <= set(DIMS) and names != own:
        raise BadOption(f"{path} says that its axes are {','.join(own)}, not {','.join(names)}.", todo="Omit --dims.")
    if own:
        along = {names[own.index(dim)]: columns for dim, columns in along.items()} if len(names) == len(own) else {}
    elif "stimulus" in names and len(names) == values.ndim:  # labels beside the variable, one for every stimulus
        size = values.shape[names.index("stimulus")]
        along = {"stimulus": {key: column for key, column in along.get("", {}).items() if len(column) == size}}
    return ResponseFile(values, names, along, own or ())


def _read(path: Path, variable: str) -> tuple[NDArray[Any], tuple[str, ...] | None, dict[str, Columns]]:
    """Return values, names of their axes where the file has them, and labels by axis; those of no axis under ''."""
    if path.suffix == ".npy":
        return np.lib.format.open_memmap(path, mode="r"), None, {}
    if path.suffix == ".nc":
        return _from_netcdf(path, variable)
    if path.suffix == ".mat" and not h5py.is_hdf5(path):
        return _from_old_matlab(path, variable)
    if path.suffix in ENDINGS:
        return _from_hdf5(path, variable)
    raise BadRecordings(f"{path}: unknown ending {path.suffix!r}.", known="Known: .npy, .nc, .h5, .mat.")


def _from_netcdf(path: Path, variable: str) -> tuple[NDArray[Any], tuple[str, ...], dict[str, Columns]]:
    with xr.open_dataset(path) as dataset:
        arrays = [str(name) for name, array in dataset.data_vars.items() if array.ndim > 1]
        name = _choose(
            path, variable, arrays if not variable and len(arrays) == 1 else list(map(str, dataset.data_vars))
        )
        chosen = dataset[name]
        along: dict[str, Columns] = {str(dim): {} for dim in chosen.dims}
        for key, column in dataset.variables.items():
            coordinate = key in dataset.coords or is_label_name(str(key))
            if coordinate and key != name and len(column.dims) == 1 and column.dims[0] in chosen.dims:
                along[str(column.dims[0])][str(key)] = _decoded(column.values)
        return chosen.values, tuple(map(str, chosen.dims)), along


def _from_hdf5(path: Path, variable: str) -> tuple[NDArray[Any], None, dict[str, Columns]]:
    with h5py.File(path, "r") as file:
        found: dict[str, h5py.Dataset] = {}
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        found = {name: item for name, item in found.items() if not name.startswith("#")}  # #refs# of MATLAB
        labels = {name: column for name, item in found.items() if (column := _label_column(file, name, item))}
        name = _choose(path, variable.lstrip("/"), [key for key in found if variable or key not in labels])
        beside = {
            key.rpartition("/")[2]: column
            for key, column in labels.items()
            if key.rpartition("/")[0] in (name.rpartition("/")[0], "")
        }
        kind = found[name].attrs.get("MATLAB_class")
        if kind is None:
            return found[name][:], None, {"": beside}
        if label_text(kind) not in MATLAB_NUMBERS or "MATLAB_empty" in found[name].attrs:
            raise BadRecordings(f"{path}: {name} is no array of numbers but MATLAB's {label_text(kind)}.")
        return found[name][:].T, None, {"": beside}


def _from_old_matlab(path: Path, variable: str) -> tuple[NDArray[Any], None, dict[str, Columns]]:
    from scipy.io import loadmat

    found = {name: item for name, item in loadmat(path).items() if not name.startswith("__")}
    labels = {name: column for name, item in found.items() if (column := _cells_of_text(item))}
    name = _choose(path, variable, [key for key in found if variable or key not in labels])
    values = found[name]
    return values.toarray() if hasattr(values, "toarray") else values, None, {"": labels}  # sparse matrices


def _cells_of_text(item: Any) -> list[str] | None:
    """Return the texts of a variable of an older MATLAB file: cells of text, or rows of letters."""
    cells = [np.squeeze(cell) for cell in item.ravel()] if getattr(item, "dtype", np.dtype(int)).kind in "OU" else []
    return [str(cell).rstrip() for cell in cells] if all(cell.dtype.kind == "U" for cell in cells) else None


def _label_column(file: h5py.File, name: str, item: h5py.Dataset) -> list[Any] | None:
    """Return the labels in an HDF5 variable: text, cells or rows of letters of MATLAB, or numbers that are named so."""
    kind = label_text(item.attrs.get("MATLAB_class", ""))
    if kind == "char" and item.ndim == 2:
        return ["".join(map(chr, letters)).rstrip() for letters in item[:].T]
    if item.size != max(item.shape, default=0):
        return None
    if h5py.check_ref_dtype(item.dtype) and kind == "cell":
        cells = [file[cell] for cell in item[:].ravel()]
        text = all(label_text(cell.attrs.get("MATLAB_class", "")) == "char" for cell in cells)
        return ["".join(map(chr, cell[:].ravel())) for cell in cells] if text else None
    named = item.dtype.kind in "iu" and is_label_name(name.rpartition("/")[2])
    if h5py.check_string_dtype(item.dtype) or named:
        return _decoded(item[:].ravel())
    return None


def _decoded(values: NDArray[Any]) -> list[Any]:
    return [label_text(item) if isinstance(item, bytes) else item for item in values.tolist()]


def _choose(path: Path, variable: str, known: list[str]) -> str:
    if variable and variable not in known:
        raise UnknownName.of("variable", variable, known, where=f"{path}: ")
    if not variable and len(known) != 1:
        raise BadOption(
            f"{path} holds {len(known)} variables: {', '.join(known)}.", todo=f"Name one: --responses {path}:NAME"
        )
    return variable or known[0]
