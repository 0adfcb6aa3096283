"""Pack your own recordings: images and responses from files of a lab, checked and labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.images import ImageFiles, list_images, order_images
from itbench.data.recordings import Recordings
from itbench.data.responses import DIMS, make_responses
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.util.tables import parse_column, read_csv

Labels = dict[str, dict[str, list[Any]]]  # by axis, by name
ID_COLUMNS = ("stimulus", "stimulus_id", "image_id")


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
        Folder or zip of images of one size, ordered by the CSV's column ``filename``, otherwise by name (image2 before
        image10).
    responses : str
        ``FILE.npy``, ``FILE.nc`` or ``FILE.h5``; ``FILE.h5:NAME`` picks one of several variables.
    dims : sequence of {"site", "stimulus", "repetition"}, optional
        Order of the axes of the responses; a netCDF file may name them itself.
    stimuli : Path, optional
        CSV with one row per image, in the order of the responses; its columns become stimulus coordinates.
    region : str, optional
    window : pair of float, optional
        ms after onset.

    Raises
    ------
    BadRecordings, BadOption
        For counts, shapes or orders that do not fit, with the numbers.
    """
    if window and not window[0] < window[1]:
        raise BadOption(f"The window {window[0]:g} to {window[1]:g} ms must start before it ends.")
    table = read_csv(stimuli) if stimuli else {}
    files, ids = _image_files(images, table)
    values, axes, labels = _read_responses(responses, dims)
    values = _order_axes(values, axes, n_images=len(ids))
    _refuse_other_order(labels.get("stimulus", {}), ids)
    metadata = {key: parse_column(column) for key, column in table.items() if key not in ("filename", *ID_COLUMNS)}
    about = {"region": region, "window": window, "images": images.name, "responses": Path(responses).name}
    return Recordings(
        name, StimulusSet(ids, files, metadata), make_responses(values, ids, sites=labels.get("site")), about
    )


def _image_files(images: Path, table: dict[str, list[str]]) -> tuple[ImageFiles, tuple[str, ...]]:
    names, read = list_images(images)
    rows = len(next(iter(table.values()))) if table else len(names)
    if "filename" in table:
        names = order_images(table["filename"], names, images)
    if rows != len(names):
        raise BadRecordings(f"{rows} rows in the CSV, but {len(names)} images in {images}.")
    column = next((key for key in ID_COLUMNS if key in table), None)
    ids = tuple(table[column]) if column else tuple(Path(name).stem for name in names)
    return ImageFiles.open(names, read), ids


def _read_responses(source: str, dims: Sequence[str] | None) -> tuple[NDArray[Any], tuple[str, ...], Labels]:
    """Read the responses to pack: values, names of their axes, and the labels that the file has along each axis."""
    file, colon, variable = source.rpartition(":")
    path = Path(file) if colon and Path(file).suffix in (".h5", ".hdf5", ".nc") else Path(source)
    variable = variable if path != Path(source) else ""
    if not path.is_file():
        raise BadRecordings(f"No file of responses {path}.")
    values: NDArray[Any]
    own: tuple[str, ...] | None
    along: list[dict[str, list[Any]]] = []
    try:
        if path.suffix == ".npy":
            values, own = np.lib.format.open_memmap(path, mode="r"), None
        elif path.suffix == ".nc":
            values, own, along = _from_netcdf(path, variable)
        elif path.suffix in (".h5", ".hdf5"):
            values, own = _from_hdf5(path, variable)
        else:
            raise BadRecordings(f"{path}: unknown ending {path.suffix!r}.", known="Known: .npy, .nc, .h5.")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BadRecordings(f"{path} cannot be read: {error}.") from error
    names = tuple(dims) if dims else own
    if names is None:
        raise BadOption(f"{path} does not name its axes.", todo="Name them: --dims site,stimulus,repetition")
    if own and set(own) <= set(DIMS) and names != own:
        raise BadOption(f"{path} says that its axes are {','.join(own)}, not {','.join(names)}.", todo="Omit --dims.")
    labels = dict(zip(names, along, strict=True)) if len(along) == len(names) else {}
    return values, names, labels


def _from_netcdf(path: Path, variable: str) -> tuple[NDArray[Any], tuple[str, ...], list[dict[str, list[Any]]]]:
    """Read responses to pack from netCDF: values, dimensions, and the flat coordinates of each dimension."""
    with xr.open_dataset(path) as dataset:
        chosen = dataset[_choose(path, variable, [str(name) for name in dataset.data_vars])]
        along = [
            {str(key): coord.values.tolist() for key, coord in chosen.coords.items() if coord.dims == (dim,)}
            for dim in chosen.dims
        ]
        return chosen.values, tuple(str(dim) for dim in chosen.dims), along


def _refuse_other_order(labels: dict[str, list[Any]], ids: tuple[str, ...]) -> None:
    """Refuse to pack responses that name the stimuli in another order than the images."""
    for key in ID_COLUMNS:
        named = [str(label) for label in labels.get(key, ())]
        if set(named) == set(ids) and tuple(named) != ids:
            row = next(row for row, (label, name) in enumerate(zip(named, ids, strict=True)) if label != name)
            raise BadRecordings(
                f"Image {row} is {ids[row]}, but response {row} belongs to {named[row]}.",
                known="The responses name the same images in another order.",
                todo="Give the order with a CSV: --stimuli FILE with the column filename.",
            )


def _from_hdf5(path: Path, variable: str) -> tuple[NDArray[Any], None]:
    import h5py

    with h5py.File(path, "r") as file:
        known: list[str] = []
        file.visititems(lambda name, item: known.append(name) if isinstance(item, h5py.Dataset) else None)
        return file[_choose(path, variable.lstrip("/"), known)][:], None


def _choose(path: Path, variable: str, known: list[str]) -> str:
    if variable and variable not in known:
        raise UnknownName.of("variable", variable, known, where=f"{path}: ")
    if not variable and len(known) != 1:
        raise BadOption(
            f"{path} holds {len(known)} variables: {', '.join(known)}.", todo=f"Name one: --responses {path}:NAME"
        )
    return variable or known[0]


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
