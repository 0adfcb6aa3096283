"""Plots look as their small pictures in `tests/plot/baseline`; ITBENCH_BASELINE=write makes these anew."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import itbench

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = 6  # root mean square over pixels and channels, of 255: other versions place text otherwise
DPI = 64


def with_one_gap(score):
    broken = score.copy(deep=True)
    broken["explained_variance"].loc[{"layer": "early"}] = np.nan
    return broken


PICTURES = {
    "layers": lambda good, poor, toy, **how: itbench.plot.layers(with_one_gap(good), poor, **how),
    "models": lambda good, poor, toy, **how: itbench.plot.models(good, poor, **how),
    "heatmap": lambda good, poor, toy, **how: itbench.plot.heatmap(good, poor, poor.assign_attrs(benchmark="b"), **how),
    "sites": lambda good, poor, toy, **how: itbench.plot.sites(good, poor, **how),
    "scatter": lambda good, poor, toy, **how: itbench.plot.scatter(good, poor, benchmark=toy, **how),
    "ceiling": lambda good, poor, toy, **how: itbench.plot.ceiling(good, **how),
    "predictions": lambda good, poor, toy, **how: itbench.plot.predictions(good, benchmark=toy, **how),
    "montage": lambda good, poor, toy, **how: itbench.plot.montage(toy, n=12, **how),
}


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), float)


def distance(one, other):
    """Return the root mean square difference of two pictures; that of black and white if their sizes differ."""
    return float(np.sqrt(np.mean((one - other) ** 2))) if one.shape == other.shape else 255.0


@pytest.mark.parametrize("kind", PICTURES)
def test_a_plot_looks_as_before(kind, good, poor, recordings, tmp_path):
    figure = PICTURES[kind](good, poor, recordings, style="paper", size=(89, 75))
    figure.set_dpi(DPI)
    path = BASELINE / f"{kind}.png"
    if os.environ.get("ITBENCH_BASELINE") == "write":
        itbench.plot.save(figure, path)
    assert path.stat().st_size < 20_000
    assert distance(pixels(itbench.plot.save(figure, tmp_path / "now.png")), pixels(path)) < TOLERANCE


def test_pictures_of_different_values_are_further_apart_than_the_tolerance(good, poor, make, tmp_path):
    for name, scores in (("one", (good, poor)), ("other", (poor, good))):
        figure = itbench.plot.layers(*scores, style="paper", size=(89, 75))
        figure.set_dpi(DPI)
        itbench.plot.save(figure, tmp_path / f"{name}.png")
    assert distance(pixels(tmp_path / "one.png"), pixels(tmp_path / "other.png")) > TOLERANCE
