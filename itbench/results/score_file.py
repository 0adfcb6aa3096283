"""Score file: a score as an xarray Dataset with its provenance, written to and read from one netCDF file."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from itbench.errors import BadScore, DamagedFile, ItbenchWarning
from itbench.results.score_variables import has_predictions
from itbench.util.checksum import PIECE, seal_file, seal_line, unseal
from itbench.util.files import kind_of_file, whole_file

FORMAT = "itbench score 1"
EDITION = 3  # of the rules by which a score is made: raised when the same run would give other numbers
BY_EARLIER_RULES = "scored by earlier rules"
MARKS = (b"itbench score", b"file_stem")  # one of which is in every score file, even in a damaged one
FAILED = ".failed.json"
HDF5 = (b"CLASS", b"NAME", b"REFERENCE_LIST", b"DIMENSION_LIST")
NETCDF = {*HDF5, b"_Netcdf4Dimid", b"_Netcdf4Coordinates", b"_FillValue", b"coordinates"}  # say nothing about values
NAMES = ("model", "weights", "benchmark", "metric")  # identify a row of a leaderboard


def provenance(score: xr.Dataset) -> dict[str, Any]:
    """Return the provenance stored in a score file: digests, splits, options, sources, versions, seconds."""
    return dict(json.loads(score.attrs["provenance"]))


def edition_of(score: xr.Dataset) -> int:
    """Return the edition of the rules by which a score file was made; 1 where it names none."""
    return int(score.attrs.get("edition", 1))


def is_earlier(score: xr.Dataset) -> bool:
    """Return whether a score file was made by earlier rules than those of `EDITION`: it is read, and never ranked."""
    return edition_of(score) < EDITION


def write_score(score: xr.Dataset, folder: Path) -> Path:
    """Write a score file into a folder, whole or not at all, and return its path.

    It replaces the file of the same model, weights, benchmark, metric and settings. The file is netCDF-4, followed by a
    line with its SHA-256, which readers of netCDF ignore.
    """
    path = folder / f"{score.attrs['file_stem']}.nc"
    with whole_file(path) as partial:
        packed = {"predictions": {"zlib": True, "shuffle": True}} if has_predictions(score) else {}
        score.assign_attrs(format=FORMAT).to_netcdf(partial, engine="h5netcdf", encoding=packed)
        seal_file(partial, seal_line)
    forget_failures(folder, score.attrs)
    return path


def read_score(path: Path, without: Collection[str] = ()) -> xr.Dataset:
    """Read a score file, optionally without some of its variables, which saves time.

    Raises
    ------
    BadScore
        If it is missing, or no score file of this version; says what it is.
    DamagedFile
        If it is truncated or was altered.
    """
    try:
        with path.open("rb") as file:  # of gigabytes of something else, only the ends
            ends = file.read(PIECE)
            file.seek(max(0, path.stat().st_size - PIECE))
            ends += file.read()
        if not any(mark in ends for mark in MARKS):
            raise _no_score(path, ends)
        sealed = path.read_bytes()
    except IsADirectoryError as error:
        raise _no_score(path, b"") from error
    except OSError as error:
        raise BadScore(
            f"No score file {path}: {error.strerror}.", todo="See what has been scored with: itbench leaderboard"
        ) from error
    content = unseal(sealed, seal_line)
    if content is None:  # before HDF5 sees it: a flipped bit can make HDF5 loop for ever
        raise DamagedFile(
            f"The score {path} is truncated or was altered since it was written; it is not used.",
            todo="Remove it and score again.",
        )
    score = _dataset(content, set(without))
    if score.attrs.pop("format", None) != FORMAT:
        raise BadScore(f"{path} is no score that this version of itbench reads.", todo="Score again with this version.")
    return score


def _dataset(content: bytes, without: Collection[str]) -> xr.Dataset:
    """Return the dataset in the bytes of a netCDF-4 file as `xarray.load_dataset` does, in a twentieth of its time.

    A file with anything that calls for decoding, such as dates, is left to xarray.
    """
    dimensions: dict[int, str] = {}
    found: dict[str, tuple[Any, Any]] = {}
    coordinates: set[str] = set()
    with h5py.File(h5py.h5f.open_file_image(content)) as file:
        for key in file.id:
            name, variable = key.decode(), h5py.h5d.open(file.id, key)
            marks: list[bytes] = []
            h5py.h5a.iterate(variable, lambda mark, *_, marks=marks: marks.append(mark))
            if not NETCDF.issuperset(marks):
                return xr.load_dataset(io.BytesIO(content), engine="h5netcdf", drop_variables=list(without))
            if b"CLASS" in marks:
                dimensions[int(_values(h5py.h5a.open(variable, b"_Netcdf4Dimid")))] = name
            if name in without or (b"CLASS" in marks and variable.dtype.byteorder == ">"):  # the latter has no values
                continue
            if b"coordinates" in marks:
                coordinates.update(str(_values(h5py.h5a.open(variable, b"coordinates"))).split())
            axes = b"_Netcdf4Coordinates"
            ids = _values(h5py.h5a.open(variable, axes)) if axes in marks else np.empty(0, int)
            found[name] = (ids, _values(variable))
        names: list[bytes] = []
        h5py.h5a.iterate(file.id, lambda name, *_: names.append(name))
        attrs = {
            name.decode(): _values(h5py.h5a.open(file.id, name)) for name in sorted(names) if name != b"_NCProperties"
        }
    variables = {name: ([dimensions[i] for i in ids], values) for name, (ids, values) in found.items()}
    of_file = str(attrs.pop("coordinates", "")).split()
    coordinates |= {*of_file, *dimensions.values()}
    return xr.Dataset(
        {name: one for name, one in variables.items() if name not in coordinates},
        {name: one for name, one in variables.items() if name in coordinates},
        {key: _scalar(value) for key, value in attrs.items()},
    )


def _scalar(values: Any) -> Any:
    """Return an attribute as xarray reads it: a text, a number, or an array of several."""
    return values if values.size != 1 else str(values.item()) if values.dtype.kind == "U" else values.ravel()[0]


def _values(stored: Any) -> Any:
    """Return the values of an HDF5 variable or attribute, texts as text."""
    values = np.empty(stored.shape, stored.dtype)
    if isinstance(stored, h5py.h5d.DatasetID):
        stored.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    else:
        stored.read(values)
    if values.dtype.kind == "O":
        return np.array([text.decode() for text in values.ravel()], str).reshape(values.shape)
    return values


def _no_score(path: Path, content: bytes) -> BadScore:
    """Return the error for a file that never was a score, and that nobody should remove for it."""
    kind = "recordings" if b"itbench recordings" in content else kind_of_file(path) or "of another kind"
    return BadScore(
        f"{path} is no score file: it is {kind}.", todo="See what has been scored with: itbench leaderboard"
    )


def scores_in(folder: Path, without: Collection[str] = ()) -> Iterator[tuple[Path, xr.Dataset]]:
    """Yield the path and the score of every score file in a folder, optionally without some of their variables.

    A file that is no score, or was damaged, is named in a warning and left out.
    """
    for path in sorted(folder.glob("*.nc")):
        try:
            yield path, read_score(path, without)
        except (DamagedFile, BadScore) as error:
            warnings.warn(f"{error.what} It is left out.", ItbenchWarning, stacklevel=2)


def failures(folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the records of failed runs beside the score files of a folder; warn of one that cannot be read."""
    for path in sorted(folder.glob(f"*{FAILED}")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            known = {key: record[key] for key in (*NAMES, "failed")}
            yield path, {**known, **{key: record.get(key, "") for key in ("beside", "date")}}  # new since a version
        except (OSError, ValueError, KeyError, TypeError):
            warnings.warn(f"The record {path} of a failure cannot be read; remove it.", ItbenchWarning, stacklevel=2)


def superseded(failure: Mapping[str, str], scores: Iterable[Mapping[str, str]]) -> bool:
    """Return whether one of the scores, each with the keys `NAMES` and ``date``, is of a failed run and not older.

    A failure or score without a date, as former versions wrote it, is taken as the older one.
    """
    dates = [score["date"] for score in scores if all(score[key] == failure[key] for key in NAMES)]
    return bool(dates) and (not failure["date"] or moment(failure["date"]) <= max(map(moment, dates)))


def moment(date: str) -> float:
    """Return the seconds since 1970 of a date in ISO form; 0 of none."""
    return datetime.fromisoformat(date).timestamp() if date else 0.0


def forget_failures(folder: Path, about: Mapping[str, Any]) -> None:
    """Remove from a folder of score files the failed runs of the same model, weights, benchmark and metric."""
    for path, record in failures(folder):
        if all(record[key] == about[key] for key in NAMES):
            path.unlink(missing_ok=True)
