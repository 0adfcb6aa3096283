"""Baselines that are recordings: other animals, and repetitions of the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.animals import LAYER, animals_of, read_other_animals
from itbench.baselines.baseline import Baseline
from itbench.cache import GramCache
from itbench.ceiling import count_repetitions, repeated_enough, site_reliability
from itbench.clock import Clock
from itbench.errors import BadRecordings, UnknownName
from itbench.evaluate import Measured, as_score
from itbench.protocols import Reporter
from itbench.record import Subject
from itbench.run import Metric
from itbench.task import Task

OWN = {"layers": "candidates", "device": "", "precision": "float32", "pool": "none", "degrees": ""}
Array = NDArray[np.float64]


def animals(task: Task, metric: Metric) -> Baseline:
    """Plan the score of each animal's sites by those of the others."""

    def measure(cache: GramCache, reporter: Reporter) -> xr.Dataset:
        clock = Clock()
        with clock("readout"):
            held_out = read_other_animals(metric.function, task)
        return as_score(Measured(held_out.dataset([LAYER]), held_out.remarks), metric, task, subject, clock)

    subject = Subject("other-animals", "none", about=OWN)
    return Baseline("animals", task, metric, subject, measure, _why_no_animals(task, metric))


def _why_no_animals(task: Task, metric: Metric) -> str:
    if metric.entry.form != "readout":
        return f"{metric.name} is no readout of a single layer, as which other animals are read"
    try:
        animals_of(task)
    except (UnknownName, BadRecordings) as error:
        return error.what.rstrip(".")
    return ""


def ceiling(task: Task, metric: Metric) -> Baseline:
    """Plan the score of predictions without error, judged by noisy responses."""

    def measure(cache: GramCache, reporter: Reporter) -> xr.Dataset:
        clock = Clock()
        with clock("statistics"):
            dataset = _perfect(task, getattr(metric.function, "ceiling", site_reliability))
        return as_score(Measured(dataset), metric, task, subject, clock)

    subject = Subject("ceiling", "none", about=OWN)
    return Baseline("ceiling", task, metric, subject, measure, _why_no_ceiling(task, metric))


def _why_no_ceiling(task: Task, metric: Metric) -> str:
    responses = task.recordings.responses
    if metric.entry.form == "comparison" or hasattr(metric.function, "compare"):
        return f"repetitions say how well sites can be predicted, not what {metric.name} can reach"
    if responses is None or not repeated_enough(count_repetitions(responses))[task.scorable].any():
        return f"{task.recordings.name} holds means over repetitions"
    return ""


def _perfect(task: Task, reliability: Callable[[xr.DataArray], Array]) -> xr.Dataset:
    """Return what predictions free of error reach: the reliability r of a site, and a correlation of √r.

    A site whose reliability is estimated below 0 has a correlation of 0.
    """
    assert task.recordings.responses is not None
    divisions = np.atleast_2d(reliability(task.recordings.responses))  # of the repetitions; (division, site)
    ceiling = np.where(task.scorable, divisions.mean(axis=0), np.nan)
    values = {
        "explained_variance": ceiling,
        "correlation": np.sqrt(np.maximum(ceiling, 0.0)),
        "alpha": np.full_like(ceiling, np.nan),
        "inner_explained_variance": ceiling,
    }
    return xr.Dataset(
        {
            **{name: (("split", "layer", "site"), each[None, None]) for name, each in values.items()},
            "ceiling": ("site", ceiling),
        },
        coords={
            "split": ["all"],
            "layer": ["repetitions"],
            **task.recordings.site_coordinates(),
            "n_features": ("layer", [0]),
            "chosen_layer": ("split", ["repetitions"]),
            "n_train": ("split", [0]),
            "n_test": ("split", [len(task.rows)]),
        },
    )
