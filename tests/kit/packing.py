"""Write a lab's images, responses and CSV in the current folder, and run `itbench data pack` on them."""

from __future__ import annotations

import io
import itertools
import zipfile
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from click.testing import Result
from PIL import Image

from tests.kit.commands import run

N, SITES, REPETITIONS = 12, 3, 2
AXES = ("site", "stimulus", "repetition")
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 6, 8, 3), dtype=np.uint8)  # number i is image{i + 1}.png
VALUES = np.random.default_rng(1).standard_normal((SITES, N, REPETITIONS))
VALUES[0, 3, 1] = VALUES[2, 5, 1] = np.nan
OPTIONS = {"--images": "images", "--responses": "rates.npy", "--dims": "site,stimulus,repetition"}


def lay_out():
    """Write images, images.zip, rates.npy, and stimuli.csv in an order of its own."""
    Path("images").mkdir()
    with zipfile.ZipFile("images.zip", "w") as archive:
        for number, image in reversed(list(enumerate(PIXELS, 1))):
            Path(f"images/image{number}.png").write_bytes(png(image))
            archive.writestr(f"image{number}.png", png(image))
    np.save("rates.npy", VALUES)
    rows = [f"image{number}.png,{'ab'[number % 2]},{number / 2},{number}" for number in reversed(range(1, N + 1))]
    Path("stimuli.csv").write_text("\n".join(["filename,category,size,block", *rows]) + "\n")


def pack(name="mine", *flags, **changes) -> Result:
    """Run the command, with options changed or, if None, left out."""
    options = {**OPTIONS, **{f"--{key}": value for key, value in changes.items()}}
    given = [(key, value) for key, value in options.items() if value is not None]
    return run("data", "pack", name, *itertools.chain(*given), *flags)


def png(values):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "png")
    return buffer.getvalue()


def write_hdf5(values, *names):
    with h5py.File("rates.h5", "w") as file:
        for name in names:
            file[name] = values


def write_netcdf(values, axes, *names):
    xr.Dataset({name: (axes, values) for name in names}).to_netcdf("rates.nc", engine="h5netcdf")
