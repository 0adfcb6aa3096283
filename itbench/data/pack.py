"""Pack your own recordings: images and responses from files of a lab, in several formats, checked and labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.images import ImageFiles, list_images
from itbench.data.labels import find_label_join, is_label_name, label_text, plain_header
from itbench.data.recordings import Recordings
from itbench.data.responses import DIMS, make_responses
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption, BadRecordings, ItbenchError, UnknownName
from itbench.util.tables import parse_column, read_csv

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


ID_COLUMNS = ("stimulus", "stimulusid", "imageid")  # headers of stimulus ids, letters and digits only


def pack_recordings(
    name: str,
    images: Path,
    responses: str,
    dims: Sequence[str] | None = None,
    *,
    stimuli: Path | None = None,
    region: str | None = None,
    window: tuple[float, float] | None = None,
) -> Recordings:
    """Pack images and responses from files of a lab into labelled recordings.

    Parameters
    ----------
    name : str
    images : Path
        Folder or zip of images of one size, ordered by the CSV's column that names them, otherwise by name (image2
        before image10).
    responses : str
        ``FILE.npy``, ``FILE.nc``, ``FILE.h5`` or ``FILE.mat``; ``FILE.h5:NAME`` picks one of several variables.
        Labels of the stimuli in it are joined with ids, file names or columns of the CSV.
    dims : sequence of {"site", "stimulus", "repetition"}, optional
        Order of the axes of the responses; a netCDF file may name them itself.
    stimuli : Path, optional
        CSV with one row per image; its columns become stimulus coordinates. Responses without labels are in its order.
    region : str, optional
    window : pair of float, optional
        ms after onset.

    Raises
    ------
    BadRecordings, BadOption
        For counts, shapes or labels that do not fit, with the numbers.
    """
    if window and not window[0] < window[1]:
        raise BadOption(f"The window {window[0]:g} to {window[1]:g} ms must start before it ends.")
    paired = _pair_images(images, stimuli)
    read = read_response_file(responses, dims)
    values = _order_axes(read.values, read.dims, n_images=len(paired.ids))
    values, rule = _pair_responses(values, read, paired)
    stimulus_set = StimulusSet(
        paired.ids, paired.files, {key: parse_column(paired.table[key]) for key in paired.columns}
    )
    about = {"region": region, "window": window, "images": images.name, "responses": Path(responses).name}
    about["joined"] = f"{paired.rule}; responses: {rule}"
    return Recordings(name, stimulus_set, make_responses(values, paired.ids, sites=read.labels.get("site")), about)


@dataclass(frozen=True, eq=False)
class _PairedImages:
    """Image files in the order of a CSV's rows, with its table, ids, columns of metadata, and what paired them."""

    files: ImageFiles
    ids: tuple[str, ...]
    table: dict[str, list[str]]
    columns: list[str]
    rule: str


def _pair_images(images: Path, stimuli: Path | None) -> _PairedImages:
    names, read = list_images(images)
    stems = tuple(Path(name).stem for name in names)
    if stimuli is None:
        return _PairedImages(ImageFiles.open(names, read), stems, {}, [], "images: in the order of their names")
    table = read_csv(stimuli)
    join = find_label_join(table, {f"the files in {images.name}": names}, stimuli.name)
    rows = len(next(iter(table.values())))
    if rows != len(names):
        raise BadRecordings(f"{rows} rows in the CSV, but {len(names)} images in {images}.")
    rule = f"{stimuli.name}: no column names the images, its rows are taken in the order of their names"
    if join:
        order = np.argsort(join.rows)
        names, rule = [names[row] for row in order], f"{stimuli.name}: {join.text}"
    label = join.column if join else ""
    ids = sorted((key for key in table if plain_header(key) in ID_COLUMNS), key=lambda key: (key == label, _rank(key)))
    columns = [key for key in table if key not in (*ids, label)]
    own = tuple(table[ids[0]]) if ids else tuple(Path(name).stem for name in names)
    return _PairedImages(ImageFiles.open(names, read), own, table, columns, rule)


def _rank(header: str) -> int:
    return ID_COLUMNS.index(plain_header(header))


def _pair_responses(
    values: NDArray[np.floating], read: ResponseFile, paired: _PairedImages
) -> tuple[NDArray[np.floating], str]:
    """Order responses (repetition, stimulus, site) as the images by the labels of their stimuli, and say how."""
    labels = read.labels.get("stimulus", {})
    targets: dict[str, Sequence[Any]] = {"the stimulus ids": paired.ids, "the image files": paired.files.names}
    for key, column in paired.table.items():
        if key in labels or is_label_name(key) or parse_column(column).dtype == object:
            targets[f"the column {key!r}"] = column
    join = find_label_join(labels, targets, "the responses", own=read.own)
    if join is None:
        order = "the rows of the CSV" if paired.table else "the names of the images"
        return values, f"no labels of stimuli, taken in the order of {order}"
    return values[:, join.rows], join.text


def _order_axes(values: NDArray[Any], dims: tuple[str, ...], *, n_images: int) -> NDArray[np.floating]:
    """Order the axes of responses to pack as (repetition, stimulus, site), and check them against the images."""
    for dim in dims:
        if dim not in DIMS:
            raise UnknownName.of("dimension", dim, DIMS, todo="Name them in order: --dims site,stimulus,repetition")
    if len(set(dims)) != len(dims) or not {"stimulus", "site"} <= set(dims):
        raise BadOption(
            f"--dims {','.join(dims)} must name stimulus and site once each, and repetition if there is one."
        )
    if values.ndim != len(dims) or values.dtype.kind not in "iufb":
        raise BadRecordings(
            f"Responses of shape {values.shape} and type {values.dtype} do not fit --dims {','.join(dims)}."
        )
    sizes = dict(zip(dims, values.shape, strict=True))
    if sizes["stimulus"] != n_images:
        here, fitting = dims.index("stimulus"), [axis for axis, size in enumerate(values.shape) if size == n_images]
        swapped = list(dims)
        for axis in fitting[:1]:
            swapped[here], swapped[axis] = dims[axis], dims[here]
        raise BadRecordings(
            f"{sizes['stimulus']} stimuli in the responses, but {n_images} images.",
            known=f"The responses have the shape {values.shape}, read as ({', '.join(dims)}).",
            todo=f"Axis {fitting[0]} has {n_images}; is it --dims {','.join(swapped)}?" if fitting else "",
        )
    if not values.size:
        raise BadRecordings(f"Responses of shape {values.shape} hold no number.")
    labelled = xr.DataArray(values, dims=dims)
    if "repetition" not in dims:
        labelled = labelled.expand_dims("repetition")
    ordered = labelled.transpose(*DIMS).values
    return ordered.astype(np.float32 if ordered.dtype == np.float32 else np.float64)
