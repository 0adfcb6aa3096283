"""Write image folders and read activations files, for the tests of extraction."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from itbench import ExtractionSettings, load_plugins
from itbench.extraction.activations import extract_activations

ODD_MODELS = Path(__file__).with_name("odd_models.py")
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 40, 48, 3), dtype=np.uint8)


def write_images(folder, images, names=None):
    """Write images to a folder as p0.png, p1.png, … or under other names."""
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / (names[number] if names else f"p{number}.png"))
    return folder


def extracted(model, images, *layers, output="out.h5", batch_size=None, pool="none", **how):
    """Extract, and return all that the file holds."""
    settings = ExtractionSettings(batch_size=batch_size, pool=pool)
    odd = load_plugins([ODD_MODELS])
    path = extract_activations(model, images, output, layers=layers, settings=settings, registry=odd, **how)
    with h5py.File(path) as file:
        return {name: data[:] for name, data in file.items() if "layer" in data.attrs}


def without_date(path):
    """Return the bytes of a file but for its date."""
    with h5py.File(path) as file:
        return path.read_bytes().replace(file.attrs["date"].encode(), b"")


def zipped(folder):
    """Zip a folder of images."""
    with zipfile.ZipFile(f"{folder}.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return f"{folder}.zip"
