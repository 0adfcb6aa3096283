"""Read the course's file ``IT_data.h5``: images without their normalisation, objects and mean responses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from itbench.data import Recordings, Reporter, StimulusSet, make_responses, read_errors
from itbench.errors import BadRecordings

PARTS = {"train": ("train", 4), "val": ("test", 3), "test": ("unrecorded", 3)}  # of the file: our split, digits of ids
RECORDED = ("train", "val")
CACHE = {"rdcc_nbytes": 100 * 2**20, "rdcc_nslots": 100_003}  # chunks that span more images than one slice stay here


def read_course_file(path: Path, reporter: Reporter) -> Recordings:
    """Read ``IT_data.h5``, macaque IT of Majaj, Hong, Solomon & DiCarlo (2015) averaged over repetitions.

    Parameters
    ----------
    path : Path
        HDF5 with ``stimulus_*`` (stimulus, 3, y, x), ``object_*`` (stimulus,) and ``spikes_*`` (stimulus, site) of
        ``train`` and ``val``; ``test`` has no spikes.
    reporter : Reporter

    Returns
    -------
    Recordings
        With the stimulus coordinates ``split`` (``train``, ``test``, ``unrecorded``), ``part`` (the file's own word),
        ``object`` and, if all objects are known, ``category``. The responses to unrecorded images are NaN. The
        images stay in the file; they are uint8 if that is exact to rounding, else float32, as ``about`` says.

    Raises
    ------
    DamagedFile
        If it is no HDF5 or truncated.
    BadRecordings
        If it departs from that form; says where.
    """
    with read_errors(path, "HDF5"):
        file = h5py.File(path, "r", **CACHE)  # stays open: images are read in slices
        parts = _datasets(file, path)
        images = {f"stimulus_{part}": _images(parts, part, path) for part in PARTS}
        objects = {part: _objects(parts, part, path) for part in PARTS}
        spikes = _spikes(parts, path)
        seen = survey(images, path, reporter)
    reporter.note(f"images: {seen}")
    counts = {part: len(names) for part, names in objects.items()}
    ids = tuple(f"{part}-{number:0{PARTS[part][1]}d}" for part, n in counts.items() for number in range(n))
    stimuli = StimulusSet(ids, UndoneImages(tuple(images.values()), seen.exact), _metadata(objects))
    silent = np.full((counts["test"], spikes.shape[1]), np.nan, spikes.dtype)
    about = {
        "region": "IT",
        "window": [70.0, 170.0],
        "counts": ", ".join(f"{n} {part}" for part, n in counts.items()) + "; those of test without responses",
        "ids": "made up: part and number in the file",
        "responses": "averaged over repetitions",
        "pictures": str(seen),
        "unknown_objects": ", ".join(unknown_objects(chain(*objects.values()))) or None,
    }
    return Recordings("majaj-it", stimuli, make_responses(np.concatenate([spikes, silent]), ids), about)


def _metadata(objects: Mapping[str, Sequence[str]]) -> dict[str, NDArray[Any]]:
    """Return the stimulus coordinates of the parts, one after another; categories only if all objects are known."""
    rows = [(PARTS[part][0], part, name) for part, names in objects.items() for name in names]
    columns = dict(zip(("split", "part", "object"), zip(*rows, strict=True), strict=True))
    if not unknown_objects(columns["object"]):
        columns["category"] = tuple(CATEGORY_OF[name] for name in columns["object"])
    return {key: np.array(column, dtype=object) for key, column in columns.items()}


def _datasets(file: h5py.File, path: Path) -> dict[str, h5py.Dataset]:
    keys = [f"{what}_{part}" for what in ("stimulus", "object") for part in PARTS]
    keys += [f"spikes_{part}" for part in RECORDED]
    missing = [key for key in keys if not isinstance(file.get(key), h5py.Dataset)]
    if missing:
        raise BadRecordings(
            f"{path} lacks {', '.join(missing)}.",
            known=f"It holds: {', '.join(sorted(file)) or 'nothing'}.",
            todo="Is it the course's IT_data.h5?",
        )
    return {key: file[key] for key in keys}


def _images(parts: Mapping[str, h5py.Dataset], part: str, path: Path) -> h5py.Dataset:
    images, size = parts[f"stimulus_{part}"], parts["stimulus_train"].shape[2:]
    if images.ndim != 4 or images.shape[1:] != (3, *size) or not images.size:
        raise BadRecordings(
            f"{path}: stimulus_{part} has the shape {images.shape}.",
            known="It must be (stimulus, 3, y, x), with 3 colours and one size of image in all parts.",
        )
    if images.dtype not in (np.float32, np.float64):
        raise BadRecordings(f"{path}: stimulus_{part} is of type {images.dtype}, not float32 or float64.")
    return images


def _objects(parts: Mapping[str, h5py.Dataset], part: str, path: Path) -> list[str]:
    key, n = f"object_{part}", parts[f"stimulus_{part}"].shape[:1]
    if parts[key].shape != n:
        raise BadRecordings(f"{path}: {key} has the shape {parts[key].shape}, but there are {n[0]} images.")
    if h5py.check_string_dtype(parts[key].dtype) is None:
        raise BadRecordings(f"{path}: {key} is of type {parts[key].dtype}, not bytes.")
    return [name.decode("latin-1") for name in parts[key][:].tolist()]


def _spikes(parts: Mapping[str, h5py.Dataset], path: Path) -> NDArray[np.floating]:
    """Return the responses (stimulus, site) to the recorded parts, one after another."""
    found = []
    for part in RECORDED:
        key, n = f"spikes_{part}", parts[f"stimulus_{part}"].shape[0]
        sites = parts["spikes_train"].shape[-1:]
        if parts[key].shape != (n, *sites) or not parts[key].size:
            raise BadRecordings(
                f"{path}: {key} has the shape {parts[key].shape}.",
                known=f"It must be (stimulus, site) for {n} images, with the same sites in train and val.",
            )
        if parts[key].dtype.kind not in "iuf":
            raise BadRecordings(f"{path}: {key} is of type {parts[key].dtype}, not numbers.")
        values = parts[key][:]
        if not np.isfinite(values).all():
            raise BadRecordings(f"{path}: {key} holds {np.sum(~np.isfinite(values))} values that are no numbers.")
        found.append(values if values.dtype == np.float32 else values.astype(np.float64))
    return np.concatenate(found)


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of red, green and blue in 0…1
ROUNDING = 255 * 8 * 2**-24
"""How far from a whole number p may lie after (p / 255 - mean) / std in float32 and back, 1.2e-4.

With u = 2^-24, p / 255 is off by u at most, the difference by 2.1 u, its quotient by std times another 1.2 u: 3.3 u,
which is doubled for constants and products that were rounded in another order. Stored as float64, the same holds.
"""
FARTHEST_OUT = 255  # beyond 0…255, where resampled images overshoot: what lies farther out was never normalised so
BLOCK = 32  # images looked at at a time; in float64, 39 MB for 224 × 224


@dataclass(frozen=True)
class Survey:
    """What all values of some images have in common.

    Parameters
    ----------
    lowest, highest : float
        After undoing the normalisation.
    farthest : float
        The largest distance to a whole number.
    """

    lowest: float
    highest: float
    farthest: float

    @property
    def exact(self) -> bool:
        """Whether all were uint8 before they were normalised."""
        return self.farthest <= ROUNDING and self.lowest >= -ROUNDING and self.highest <= 255 + ROUNDING

    def __str__(self) -> str:
        if self.exact:
            return f"uint8, exact: no value was farther than {self.farthest:.1e} from a whole number"
        out = self.lowest < 0 or self.highest > 255
        clipped = f"; clipped from {self.lowest:.2f}…{self.highest:.2f}" if out else ""
        return f"float32, not rounded: values are up to {self.farthest:.3f} from a whole number{clipped}"


@dataclass(frozen=True, eq=False)
class UndoneImages:
    """Images (stimulus, y, x, 3) without their normalisation, read from several datasets (stimulus, 3, y, x) in turn.

    Parameters
    ----------
    parts : sequence of Dataset
    exact : bool
        Whether they are rounded to uint8; else they are float32, clipped to 0…255.
    """

    parts: tuple[h5py.Dataset, ...]
    exact: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all parts together."""
        _, channels, height, width = self.parts[0].shape
        return (sum(len(part) for part in self.parts), height, width, channels)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.shape[0])
        found, before = [], 0
        for part in self.parts:
            first, last = max(start - before, 0), min(stop - before, len(part))
            if first < last:
                found.append(self._stored(undone(part[first:last])))
            before += len(part)
        return np.concatenate(found)

    def _stored(self, images: NDArray[np.float64]) -> NDArray[Any]:
        if self.exact:
            return np.rint(images, out=images).astype(np.uint8)
        return np.clip(images, 0, 255, out=images).astype(np.float32)


def undone(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return normalised images (stimulus, 3, y, x) as (stimulus, y, x, 3) in 0…255."""
    images = np.moveaxis(values, 1, 3) * np.array(STD)
    images += MEAN
    images *= 255
    return images


def survey(parts: Mapping[str, h5py.Dataset], path: Path, reporter: Reporter) -> Survey:
    """Look at every value of every image once.

    Raises
    ------
    BadRecordings
        If one is no number, or they cannot have been normalised with ImageNet's mean and standard deviation.
    """
    lowest, highest, farthest = np.inf, -np.inf, 0.0
    darkest = np.inf  # as stored
    with reporter.progress("images checked", sum(map(len, parts.values())), "images") as advance:
        for key, part in parts.items():
            for start in range(0, len(part), BLOCK):
                values = part[start : start + BLOCK]
                if not np.isfinite(values).all():
                    where = f"images {start} to {start + len(values) - 1}"
                    raise BadRecordings(f"{path}: {key} holds values that are no numbers, among {where}.")
                images = undone(values)
                darkest = min(darkest, float(values.min()))
                lowest, highest = min(lowest, float(images.min())), max(highest, float(images.max()))
                images -= np.rint(images)
                farthest = max(farthest, float(np.abs(images, out=images).max()))
                advance(len(values))
    if darkest >= 0 or lowest < -FARTHEST_OUT or highest > 255 + FARTHEST_OUT:
        raise BadRecordings(
            f"{path}: the images are not normalised with ImageNet's mean and standard deviation.",
            known=f"Their lowest value is {darkest:g}; undone, they would go from {lowest:.0f} to {highest:.0f}, "
            "not from 0 to 255.",
        )
    return Survey(lowest, highest, farthest)


OBJECTS = {
    "Animals": "bear ELEPHANT_M GORILLA LIONESS TURTLE_L blCow breed_pug hedgehog",
    "Boats": "BAHRAIN CGTG_L DTUG_L MQUEEN_L SISTER_L cruiser motoryacht support",
    "Cars": "Beetle alfa155 astra bmw325 bora_a celica clio z3",
    "Chairs": "_001 _004 _008 _010 _011 _014 _031 _033",
    "Faces": "face0001 face0002 face0003 face0004 face0005 face0006 face0007 face0008",
    "Fruits": "Apple_Fruit_obj Apricot_obj Peach_obj Pear_obj Strawberry_obj raspberry_obj walnut_obj watermelon_obj",
    "Planes": "_01_Airliner_2jetEngines _05_future _19_flyingBoat f16 junkers88 mig29 rdbarren sopwith",
    "Tables": "_08 _10 _11 _12 _18 _37 _38 _44",
}
CATEGORY_OF = {name: category for category, names in OBJECTS.items() for name in names.split()}


def unknown_objects(objects: Iterable[str]) -> list[str]:
    """Return the names that are none of the 64, sorted, each once."""
    return sorted(set(objects) - set(CATEGORY_OF))
