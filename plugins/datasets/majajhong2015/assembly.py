"""Read Brain-Score's assembly of Majaj & Hong (2015): the responses of every repetition, joined with their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data import (
    RESERVED,
    ImageFiles,
    Recordings,
    Reporter,
    StimulusSet,
    array_blocks,
    list_images,
    make_responses,
    order_images,
    parse_column,
    read_csv,
    read_errors,
    repetitions_per_stimulus,
)
from itbench.errors import BadRecordings, UnknownName

VARIABLE = "dicarlo.MajajHong2015.public"
AXES = ("neuroid", "presentation", "time_bin")
NEEDED = {  # coordinates, by axis; others of the neuroids are kept too
    "neuroid": ("neuroid_id", "region", "animal"),
    "presentation": ("image_id", "repetition"),
    "time_bin": ("time_bin_start", "time_bin_end"),
}
COLUMNS = ("image_id", "filename", "object_name", "category_name")  # that the CSV must have
RENAMED = {"object_name": "object", "category_name": "category"}


def read_assembly(netcdf: Path, csv: Path, images: Path, region: str, reporter: Reporter) -> Recordings:
    """Read the responses of one region, with one row per image of the CSV.

    The values are read a block of chunks at a time into the array that is returned; there is no second copy of them.

    Parameters
    ----------
    netcdf : Path
        Holds the variable ``dicarlo.MajajHong2015.public`` (neuroid, presentation, time_bin) with flat coordinates.
    csv : Path
        One row per image, found by ``image_id``.
    images : Path
        Zip of the images that the CSV names, all of one size.
    region : str
        Such as ``IT``: of the coordinate ``region``.
    reporter : Reporter

    Returns
    -------
    Recordings
        ``majajhong2015-REGION``. Stimuli have the columns of the CSV as coordinates, sites those of the neuroids.
        Repetitions of an image are numbered by the order of the coordinate ``repetition``; NaN where an image has
        fewer than another.

    Raises
    ------
    DamagedFile
        If the netCDF file is none or truncated.
    BadRecordings, UnknownName
        If the three files do not fit one another, or one departs from that form; says where.
    """
    table = _table(csv)
    with read_errors(netcdf, "netCDF-4"), xr.open_dataset(netcdf, engine="h5netcdf", cache=False) as dataset:
        assembly = _assembly(dataset, netcdf)
        chosen = _chosen(_column(assembly, "region"), region, netcdf)
        rows = _rows(_column(assembly, "image_id"), table["image_id"], netcdf, csv)
        numbers = _ranks(rows, _column(assembly, "repetition"))
        values = np.full((numbers.max() + 1, len(table["image_id"]), int(chosen.sum())), np.nan, assembly.dtype)
        _fill(values, assembly, chosen, numbers, rows, reporter)
        sites = _sites(assembly, chosen)
        window = [float(_column(assembly, key)[0]) for key in NEEDED["time_bin"]]
    responses = make_responses(values, table["image_id"], sites=sites)
    names, read = list_images(images)
    files = ImageFiles.open(order_images(table["filename"], names, images), read)
    stimuli = StimulusSet(tuple(table["image_id"]), files, _metadata(table, sites))
    fewest, most = repetitions_per_stimulus(responses)
    about = {
        "region": region,
        "window": window,
        "animals": sorted(set(sites["animal"])),
        "counts": f"{len(rows)} presentations of {len(stimuli)} images, {fewest} to {most} repetitions",
    }
    return Recordings(f"majajhong2015-{region.lower()}", stimuli, responses, about)


def _table(csv: Path) -> dict[str, list[str]]:
    table = read_csv(csv)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise BadRecordings(f"{csv} lacks the columns {', '.join(missing)}.", known=f"It has: {', '.join(table)}.")
    ids = table["image_id"]
    if len(set(ids)) != len(ids):
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        raise BadRecordings(f"{csv} has {len(repeated)} image_id more than once: {', '.join(repeated[:5])}.")
    return table


def _assembly(dataset: xr.Dataset, path: Path) -> xr.DataArray:
    """Return the responses with their coordinates after checking that they have them."""
    if VARIABLE not in dataset:
        known = ", ".join(map(str, dataset.data_vars)) or "none"
        raise BadRecordings(f"{path} lacks the variable {VARIABLE}.", known=f"It has: {known}.")
    assembly = dataset[VARIABLE]
    if assembly.dims != AXES or assembly.dtype.kind != "f":
        found = f"the dimensions {', '.join(map(str, assembly.dims))} and the type {assembly.dtype}"
        raise BadRecordings(f"{path}: {VARIABLE} has {found}.", known=f"It must have {', '.join(AXES)} and floats.")
    if assembly.sizes["time_bin"] != 1:
        raise BadRecordings(
            f"{path} has {assembly.sizes['time_bin']} time bins, not 1.", known="Rates of one window can be read."
        )
    for axis, names in NEEDED.items():
        missing = [name for name in names if name not in dataset or dataset[name].dims != (axis,)]
        if missing:
            raise BadRecordings(f"{path} lacks the coordinates {', '.join(missing)} of the dimension {axis}.")
    return dataset.set_coords([str(name) for name in dataset.data_vars if name != VARIABLE])[VARIABLE]


def _column(assembly: xr.DataArray, name: str) -> NDArray[Any]:
    """Return a coordinate, text as text however the file stores it."""
    values = assembly[name].values
    if values.dtype.kind not in "SO":
        return values
    return np.array([item.decode() if isinstance(item, bytes) else str(item) for item in values], dtype=object)


def _chosen(regions: NDArray[Any], region: str, path: Path) -> NDArray[np.bool_]:
    if region not in regions:
        raise UnknownName.of("region", region, map(str, regions), where=f"{path}: ")
    return regions == region


def _rows(shown: NDArray[Any], ids: Sequence[str], netcdf: Path, csv: Path) -> NDArray[np.intp]:
    """Return the row in the CSV of the image of every presentation."""
    row_of = {name: row for row, name in enumerate(ids)}
    present = set(shown.tolist())
    for here, there, names in ((netcdf, csv, present - set(row_of)), (csv, netcdf, set(row_of) - present)):
        if names:
            raise BadRecordings(
                f"{len(names)} image_id of {here} are not in {there}: {', '.join(sorted(map(str, names))[:5])}.",
                known="The two must name the same images.",
            )
    return np.array([row_of[name] for name in shown.tolist()])


def _ranks(rows: NDArray[np.intp], repetitions: NDArray[Any]) -> NDArray[np.intp]:
    """Return, for every presentation, which of its image's repetitions it is, counted from 0."""
    order = np.lexsort((repetitions, rows))
    first = np.searchsorted(rows[order], rows[order])  # where the image's presentations begin
    ranks = np.empty(len(rows), np.intp)
    ranks[order] = np.arange(len(rows)) - first
    return ranks


def _fill(
    values: NDArray[np.floating],
    assembly: xr.DataArray,
    chosen: NDArray[np.bool_],
    numbers: NDArray[np.intp],
    rows: NDArray[np.intp],
    reporter: Reporter,
) -> None:
    """Put every value of the chosen neuroids where it belongs: (repetition, stimulus, site)."""
    site_of = np.cumsum(chosen) - 1
    chunks = assembly.encoding.get("chunksizes")
    with reporter.progress("responses", assembly.size * assembly.dtype.itemsize, "B") as advance:
        for neuroids, shown, _ in array_blocks(assembly.shape, assembly.dtype.itemsize, chunks):
            kept = np.flatnonzero(chosen[neuroids])
            if len(kept):
                block = assembly[neuroids, shown, 0].values
                sites = slice(site_of[neuroids][kept[0]], site_of[neuroids][kept[-1]] + 1)
                values[numbers[shown], rows[shown], sites] = block[kept].T
            advance((neuroids.stop - neuroids.start) * (shown.stop - shown.start) * assembly.dtype.itemsize)


def _sites(assembly: xr.DataArray, chosen: NDArray[np.bool_]) -> dict[str, list[Any]]:
    """Return the coordinates of the chosen neuroids, their ids as ``site``."""
    names = [str(key) for key, coord in assembly.coords.items() if coord.dims == ("neuroid",)]
    columns = {name: _column(assembly, name)[chosen].tolist() for name in names}
    return {"site": columns.pop("neuroid_id"), **columns}


def _metadata(table: Mapping[str, Sequence[str]], sites: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the columns of the CSV that a file can hold beside the sites' own."""
    columns = {RENAMED.get(name, name): column for name, column in table.items()}
    unfit = {"image_id", "filename", *RESERVED, *sites}
    return {name: parse_column(column) for name, column in columns.items() if name not in unfit and "/" not in name}
