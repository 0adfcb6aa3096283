"""Pack your own recordings: images and responses from files of a lab, checked and labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.images import ImageFiles, list_images
from itbench.data.labels import find_label_join, is_label_name, plain_header
from itbench.data.recordings import Recordings
from itbench.data.response_file import ResponseFile, read_response_file
from itbench.data.responses import DIMS, make_responses
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.util.tables import parse_column, read_csv

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
