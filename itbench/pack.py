"""Bring your own recordings: pictures and responses as labs keep them, checked and labelled."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.recordings import Recordings
from itbench.responses import DIMS, make_responses
from itbench.stimuli import StimulusSet

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
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
    """Label pictures and responses that lie in files of any lab.

    Parameters
    ----------
    name : str
    images : Path
        Folder or zip of pictures of one size. Ordered by the CSV's column ``filename``, or by name, numbers counted.
    responses : str
        ``FILE.npy``, ``FILE.nc`` or ``FILE.h5``; ``FILE.h5:NAME`` picks one of several variables.
    dims : sequence of {"site", "stimulus", "repetition"}, optional
        The order of the axes; a netCDF file may name them itself.
    stimuli : Path, optional
        CSV with one row per picture, in the order of the responses; its columns become stimulus coordinates.
    region : str, optional
    window : pair of float, optional
        ms after onset.

    Raises
    ------
    BadRecordings, BadOption
        For counts, shapes or orders that do not fit, with the numbers.
    """
    table = _read_csv(stimuli) if stimuli else {}
    pictures, ids = _pictures(images, table)
    values = _in_order(*_read_responses(responses, dims), n_pictures=len(ids))
    metadata = {key: _column(column) for key, column in table.items() if key not in ("filename", *ID_COLUMNS)}
    about = {"region": region, "window": window, "images": images.name, "responses": Path(responses).name}
    return Recordings(name, StimulusSet(ids, pictures, metadata), make_responses(values, ids), about)


@dataclass(frozen=True, eq=False)
class PictureFiles:
    """Pictures in files, decoded when a slice of them is asked for."""

    names: Sequence[str]
    read: Callable[[str], bytes]
    shape: tuple[int, int, int, int]

    @classmethod
    def open(cls, names: Sequence[str], read: Callable[[str], bytes]) -> PictureFiles:
        """Look at every file's size; all must be equal."""
        sizes = {name: _picture(name, read, decode=False).size for name in names}
        width, height = sizes[names[0]]
        for name, size in sizes.items():
            if size != (width, height):
                raise BadRecordings(
                    f"Pictures differ in size: {names[0]} is {width} × {height}, {name} is {size[0]} × {size[1]}.",
                    todo="Bring them to one size first, as they were shown.",
                )
        return cls(names, read, (len(names), height, width, 3))

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        return np.stack([np.asarray(_picture(name, self.read)) for name in self.names[rows]])


def _picture(name: str, read: Callable[[str], bytes], decode: bool = True) -> Any:
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(read(name)))
        return picture.convert("RGB") if decode else picture
    except (OSError, ValueError, SyntaxError) as error:
        raise BadRecordings(f"{name} cannot be read as a picture: {error}.") from error


def _pictures(images: Path, table: dict[str, list[str]]) -> tuple[PictureFiles, tuple[str, ...]]:
    names, read = _files(images)
    if not names:
        raise BadRecordings(f"No pictures in {images}.", known=f"Known endings: {', '.join(ENDINGS)}.")
    rows = len(next(iter(table.values()))) if table else len(names)
    if "filename" in table:
        names = _ordered(table["filename"], names, images)
    if rows != len(names):
        raise BadRecordings(f"{rows} rows in the CSV, but {len(names)} pictures in {images}.")
    column = next((key for key in ID_COLUMNS if key in table), None)
    ids = tuple(table[column]) if column else tuple(Path(name).stem for name in names)
    return PictureFiles.open(names, read), ids


def _files(images: Path) -> tuple[list[str], Callable[[str], bytes]]:
    """Return the pictures' names in natural order, and what reads one."""
    if images.is_dir():
        names = [str(path.relative_to(images)) for path in images.rglob("*") if path.suffix.lower() in ENDINGS]
        return sorted(names, key=_natural), lambda name: (images / name).read_bytes()
    if not zipfile.is_zipfile(images):
        raise BadRecordings(f"{images} is neither a folder nor a zip of pictures.")
    archive = zipfile.ZipFile(images)
    names = [name for name in archive.namelist() if name.lower().endswith(ENDINGS) and not name.startswith("__MACOSX/")]
    return sorted(names, key=_natural), archive.read


def _natural(name: str) -> list[tuple[bool, Any]]:
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


def _ordered(wanted: list[str], present: list[str], images: Path) -> list[str]:
    """Order files as the CSV does, and refuse any that one of the two lacks."""
    missing, surplus = sorted(set(wanted) - set(present)), sorted(set(present) - set(wanted))
    if missing or surplus or len(set(wanted)) != len(wanted):
        repeated = sorted({name for name in wanted if wanted.count(name) > 1})
        raise BadRecordings(
            f"The CSV and {images} do not name the same pictures.",
            known="; ".join(
                f"{len(names)} {what}: {', '.join(names[:5])}"
                for what, names in (("missing", missing), ("not in the CSV", surplus), ("twice in the CSV", repeated))
                if names
            ),
        )
    return wanted


def _read_csv(path: Path) -> dict[str, list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecordings(f"Cannot read {path}: {error}.") from error
    if not rows:
        raise BadRecordings(f"{path} has no rows below its header.")
    ragged = [number for number, row in enumerate(rows, 2) if None in row or None in row.values()]
    if ragged:
        raise BadRecordings(f"{path}: line {ragged[0]} has not as many fields as the header.")
    return {key: [row[key] for row in rows] for key in rows[0]}


def _column(texts: list[str]) -> NDArray[Any]:
    for kind in (int, float):
        try:
            return np.array([kind(text) for text in texts])
        except ValueError:
            continue
    return np.array(texts, dtype=object)


def _read_responses(source: str, dims: Sequence[str] | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the values and the names of their axes."""
    file, colon, variable = source.rpartition(":")
    path = Path(file) if colon and Path(file).suffix in (".h5", ".hdf5", ".nc") else Path(source)
    variable = variable if path != Path(source) else ""
    if not path.is_file():
        raise BadRecordings(f"No file of responses {path}.")
    try:
        if path.suffix == ".npy":
            values, own = np.load(path, allow_pickle=False), None
        elif path.suffix == ".nc":
            values, own = _from_netcdf(path, variable)
        elif path.suffix in (".h5", ".hdf5"):
            values, own = _from_hdf5(path, variable)
        else:
            raise BadRecordings(f"{path}: unknown ending {path.suffix!r}.", known="Known: .npy, .nc, .h5.")
    except (OSError, ValueError) as error:
        raise BadRecordings(f"{path} cannot be read: {error}.") from error
    names = tuple(dims) if dims else own
    if names is None:
        raise BadOption(f"{path} does not say what its axes are.", todo="Say it: --dims site,stimulus,repetition")
    return values, names


def _from_netcdf(path: Path, variable: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    with xr.open_dataset(path) as dataset:
        chosen = dataset[_choose(path, variable, [str(name) for name in dataset.data_vars])]
        return chosen.values, tuple(str(dim) for dim in chosen.dims)


def _from_hdf5(path: Path, variable: str) -> tuple[NDArray[Any], None]:
    import h5py

    with h5py.File(path, "r") as file:
        known: list[str] = []
        file.visititems(lambda name, item: known.append(name) if isinstance(item, h5py.Dataset) else None)
        return file[_choose(path, variable.lstrip("/"), known)][:], None


def _choose(path: Path, variable: str, known: list[str]) -> str:
    if variable in known:
        return variable
    if variable or len(known) != 1:
        raise UnknownName.of("variable", variable, known, where=f"{path}: ", todo=f"Name one: --responses {path}:NAME")
    return known[0]


def _in_order(values: NDArray[Any], dims: tuple[str, ...], *, n_pictures: int) -> NDArray[np.floating]:
    """Return responses as (repetition, stimulus, site) after checking them against the pictures."""
    for dim in dims:
        if dim not in DIMS:
            raise UnknownName.of("dimension", dim, DIMS)
    if len(set(dims)) != len(dims) or not {"stimulus", "site"} <= set(dims):
        raise BadOption(
            f"--dims {','.join(dims)} must name stimulus and site once each, and repetition if there is one."
        )
    if values.ndim != len(dims) or values.dtype.kind not in "iufb":
        raise BadRecordings(
            f"Responses of shape {values.shape} and type {values.dtype} do not fit --dims {','.join(dims)}."
        )
    sizes = dict(zip(dims, values.shape, strict=True))
    if sizes["stimulus"] != n_pictures:
        fitting = [str(axis) for axis, size in enumerate(values.shape) if size == n_pictures]
        raise BadRecordings(
            f"{sizes['stimulus']} stimuli in the responses, but {n_pictures} pictures.",
            known=f"The responses have the shape {values.shape}, read as ({', '.join(dims)}).",
            todo=f"Axis {fitting[0]} has {n_pictures}: give --dims in that order." if fitting else "",
        )
    labelled = xr.DataArray(values, dims=dims)
    if "repetition" not in dims:
        labelled = labelled.expand_dims("repetition")
    ordered = labelled.transpose(*DIMS).values
    return ordered if ordered.dtype.kind == "f" else ordered.astype(np.float64)
