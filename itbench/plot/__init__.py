"""Plots of scores as matplotlib figures: layers, models, sites, images, dissimilarities, training.

>>> import itbench  # doctest: +SKIP
>>> figure = itbench.plot.layers("trained.nc", "random.nc", style="paper")  # doctest: +SKIP
>>> itbench.plot.save(figure, "layers.pdf")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from itbench.errors import ItbenchError
from itbench.util.lazy import lazy_names

if TYPE_CHECKING:  # for editors and type checkers
    from itbench.plot.curves import layers as layers
    from itbench.plot.curves import time as time
    from itbench.plot.curves import training as training
    from itbench.plot.figure import save as save
    from itbench.plot.geometry import mds as mds
    from itbench.plot.geometry import rdms as rdms
    from itbench.plot.image_plots import montage as montage
    from itbench.plot.image_plots import predictions as predictions
    from itbench.plot.ranking import heatmap as heatmap
    from itbench.plot.ranking import models as models
    from itbench.plot.site_plots import ceiling as ceiling
    from itbench.plot.site_plots import penalties as penalties
    from itbench.plot.site_plots import scatter as scatter
    from itbench.plot.site_plots import sites as sites

KINDS = {  # of pictures: what each shows
    "layers": "a measure by layer, with intervals and the ceiling",
    "models": "models with intervals and the leaderboard's ranks",
    "sites": "distribution over sites, by region or animal",
    "scatter": "two models site by site, with the sites that differ",
    "ceiling": "histogram of ceilings, and EV against the ceiling",
    "predictions": "predicted against recorded responses, with images",
    "rdms": "dissimilarities of images in a layer and in the brain",
    "mds": "images in two dimensions, in a layer and in the brain",
    "penalties": "penalty of the readout at every site",
    "heatmap": "models × benchmarks",
    "time": "a measure over time windows",
    "training": "loss and validation score by epoch of a trained model",
    "montage": "images of a benchmark",
}
_FILES = {
    "curves": ("layers", "time", "training"),
    "figure": ("save",),
    "geometry": ("mds", "rdms"),
    "image_plots": ("montage", "predictions"),
    "ranking": ("heatmap", "models"),
    "site_plots": ("ceiling", "penalties", "scatter", "sites"),
}
_PUBLIC = {name: file for file, names in _FILES.items() for name in names}

__all__ = sorted(_PUBLIC)
_get, __dir__ = lazy_names(__name__, _PUBLIC)


def check_matplotlib() -> None:
    """Raise ItbenchError, with the command that installs it, where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ItbenchError("Plots need matplotlib, which is not installed.", todo="pip install 'itbench[plot]'")


def __getattr__(name: str) -> Any:
    """Import a plot when it is first used; refuse where matplotlib is not installed."""
    if name in _PUBLIC:
        check_matplotlib()
    return _get(name)
