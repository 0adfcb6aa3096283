"""Write files of the forms in which Majaj & Hong (2015) was published, of any size, with made-up responses."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from PIL import Image

from plugins.datasets.majaj_course.course_file import CATEGORY_OF

MEAN = np.array((0.485, 0.456, 0.406), np.float32)[:, None, None]
STD = np.array((0.229, 0.224, 0.225), np.float32)[:, None, None]
VARIABLE = "dicarlo.MajajHong2015.public"
NAMES = ("assy_dicarlo_MajajHong2015_public.nc", "stimulus_hvm-public.csv", "stimulus_hvm-public.zip")
POSE = ("s", "ty", "tz", "rxy", "rxz", "ryz")
COUNTS = {"train": 12, "val": 4, "test": 4}


@dataclass(frozen=True)
class Experiment:
    """Images of noise and responses of noise; everything follows from the seed.

    Every fifth image of an object has variation 0, the others 3, with `repetitions` of each. The course's file has
    the images in the order `shuffled`, and the IT sites in the order `course_sites`.
    """

    n: int = 20
    size: int = 16
    n_objects: int = 2
    neuroids: Mapping[str, int] = field(default_factory=lambda: {"IT": 6, "V4": 4})
    repetitions: Mapping[int, int] = field(default_factory=lambda: {0: 3, 3: 5})
    seed: int = 0

    @cached_property
    def ids(self) -> list[str]:
        return [hashlib.sha1(f"{self.seed} {row}".encode()).hexdigest() for row in range(self.n)]

    @cached_property
    def objects(self) -> list[str]:
        names = list(CATEGORY_OF)
        return [names[(row % self.n_objects) * len(names) // self.n_objects] for row in range(self.n)]

    @cached_property
    def variation(self) -> list[int]:
        return [0 if row // self.n_objects % 5 == 0 else 3 for row in range(self.n)]

    @cached_property
    def pose(self) -> NDArray[np.float64]:
        """Of each image, in the order of `POSE`."""
        return self.rng(1).uniform(-1, 1, (self.n, len(POSE)))

    @cached_property
    def regions(self) -> NDArray[Any]:
        """Of each neuroid; those of the two regions stand among each other."""
        return self.rng(2).permutation([region for region, count in self.neuroids.items() for _ in range(count)])

    @cached_property
    def shuffled(self) -> NDArray[np.intp]:
        return self.rng(3).permutation(self.n)

    @cached_property
    def course_sites(self) -> NDArray[np.intp]:
        """Neuroids of IT, in the order of the course's file."""
        return self.rng(4).permutation(np.flatnonzero(self.regions == "IT"))

    def rng(self, *what: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, *what))

    def image(self, row: int) -> NDArray[np.uint8]:
        """Return one image (y, x, 3)."""
        return self.rng(5, row).integers(0, 256, (self.size, self.size, 3), dtype=np.uint8)

    def responses(self, row: int) -> NDArray[np.float32]:
        """Return all responses (repetition, neuroid) to one image."""
        shape = (self.repetitions[self.variation[row]], len(self.regions))
        return self.rng(6, row).standard_normal(shape, dtype=np.float32)

    def course_rows(self, counts: Mapping[str, int] = COUNTS) -> dict[str, NDArray[np.intp]]:
        """Return the images of each part of the course's file."""
        return dict(zip(counts, np.split(self.shuffled, np.cumsum(list(counts.values()))[:-1]), strict=True))


def write_course_file(
    path: Path,
    made: Experiment,
    counts: Mapping[str, int] = COUNTS,
    size: int | None = None,
    dtype: Any = np.float32,
    **storage: Any,
) -> None:
    """Write ``IT_data.h5`` with images of `size` pixels, stored as h5py's `create_dataset` takes `storage`."""
    size = size or made.size
    with h5py.File(path, "w") as file:
        for part, rows in made.course_rows(counts).items():
            images = file.create_dataset(f"stimulus_{part}", (len(rows), 3, size, size), dtype, **storage)
            step = images.chunks[0] if images.chunks else 64
            for start in range(0, len(rows), step):
                block = [normalised(resized(made.image(row), size)) for row in rows[start : start + step]]
                images[start : start + step] = np.stack(block)
            file[f"object_{part}"] = np.array([made.objects[row].encode("latin-1") for row in rows])
            if part != "test":
                means = [made.responses(row)[:, made.course_sites].mean(axis=0) for row in rows]
                file[f"spikes_{part}"] = np.stack(means)


def normalised(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return an image (y, x, 3) as torchvision's ToTensor and Normalize do."""
    return (image.transpose(2, 0, 1).astype(np.float32) / 255 - MEAN) / STD


def resized(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if image.shape[0] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def write_public(folder: Path, made: Experiment, **encoding: Any) -> tuple[Path, Path, Path]:
    """Write the three files of Brain-Score's public assembly; `encoding` is xarray's, of the responses."""
    folder.mkdir(parents=True, exist_ok=True)
    netcdf, table, images = (folder / name for name in NAMES)
    assembly(made).to_netcdf(netcdf, engine="h5netcdf", encoding={VARIABLE: encoding})
    write_rows(table, rows_of(made))
    with zipfile.ZipFile(images, "w") as archive:
        for row, name in enumerate(made.ids):
            archive.writestr(f"{name}.png", png(made.image(row)))
    return netcdf, table, images


def rewrite(netcdf: Path, made: Experiment, change: Callable[[xr.Dataset], xr.Dataset]) -> None:
    """Write the netCDF file anew with something changed."""
    change(assembly(made)).to_netcdf(netcdf, engine="h5netcdf")


def assembly(made: Experiment) -> xr.Dataset:
    """Return the responses (neuroid, presentation, time_bin) with flat coordinates, presentations in no order."""
    shown = [(row, repetition) for row in range(made.n) for repetition in range(made.repetitions[made.variation[row]])]
    order = made.rng(7).permutation(len(shown))
    values = np.empty((len(made.regions), len(shown), 1), np.float32)
    values[:, np.argsort(order), 0] = np.concatenate([made.responses(row) for row in range(made.n)]).T
    shown = [shown[index] for index in order]
    numbers = np.arange(len(made.regions))
    animal, arr = np.where(numbers % 2, "Tito", "Chabo"), np.array(["A", "M", "P"])[numbers % 3]
    neuroid_id = [f"{a}_L_{b}_{k // 10}_{k % 10}" for a, b, k in zip(animal, arr, numbers, strict=True)]
    of_neuroids = {
        "neuroid_id": neuroid_id,
        "arr": arr,
        "col": numbers % 10,
        "row": numbers // 10,
        "hemisphere": np.where(numbers % 4, "L", "R"),
        "region": made.regions,
        "subregion": np.where(made.regions == "IT", "cIT", "V4"),
        "animal": animal,
        "x": numbers / 10,
        "y": -numbers / 10,
    }
    of_presentations = {
        "image_id": [made.ids[row] for row, _ in shown],
        "repetition": [repetition for _, repetition in shown],
        "object_name": [made.objects[row] for row, _ in shown],
    }
    return xr.Dataset(
        {VARIABLE: (("neuroid", "presentation", "time_bin"), values)},
        {
            **{key: ("neuroid", np.asarray(column)) for key, column in of_neuroids.items()},
            **{key: ("presentation", np.asarray(column)) for key, column in of_presentations.items()},
            "time_bin_start": ("time_bin", [70]),
            "time_bin_end": ("time_bin", [170]),
        },
    )


def rows_of(made: Experiment) -> list[dict[str, Any]]:
    """Return the rows of the CSV."""
    return [
        {
            "image_id": name,
            "filename": f"{name}.png",
            "object_name": made.objects[row],
            "category_name": CATEGORY_OF[made.objects[row]],
            "variation": made.variation[row],
            **dict(zip(POSE, made.pose[row].round(6), strict=True)),
            "background_id": f"{row:08x}z",
        }
        for row, name in enumerate(made.ids)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png", compress_level=1)
    return buffer.getvalue()
