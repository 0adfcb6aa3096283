"""Add the noise ceiling of every site and the draws of intervals to a measured dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.task import Task
from itbench.results.score_variables import has_predictions, has_split_measure, in_each_split
from itbench.statistics.bootstrap import bootstrap_draws
from itbench.statistics.jackknife import DRAWS, SEED, jackknife_draws
from itbench.statistics.noise_ceiling import site_reliability


def with_uncertainty(dataset: xr.Dataset, task: Task, metric: Any) -> xr.Dataset:
    """Add the noise ceiling of every site, and the draws of the headline's interval, to a measured dataset.

    Parameters
    ----------
    dataset : Dataset
        With ``predictions`` (row, site); any other is returned as it is.
    task : Task
    metric : object
        One with a ceiling of its own says it by ``ceiling(responses)``, (site,) or (division, site).

    Returns
    -------
    Dataset
        With ``ceiling`` (site), NaN where the recordings have no repetitions, ``ceiling_divisions`` (division, site)
        where the metric has several, and ``draws`` (measure, draw).
    """
    responses = task.recordings.responses
    if not has_predictions(dataset) or responses is None:
        return dataset
    reliability = getattr(metric, "ceiling", site_reliability)
    ceilings = np.where(task.scorable, np.atleast_2d(reliability(responses)), np.nan)  # (division, site)
    rows, splits = dataset["row_stimulus"].values, dataset["row_split"].values
    draws = bootstrap_draws(
        task.responses[rows], dataset["predictions"].values, rows, splits, ceiling=ceilings, n=DRAWS, seed=SEED
    )
    if has_split_measure(dataset) and dataset.sizes["split"] > 1:
        draws[metric.measure] = _over_splits(in_each_split(dataset, "agreement").values)
    if len(ceilings) > 1:
        dataset = dataset.assign(ceiling_divisions=(("division", "site"), ceilings))
    return dataset.assign(
        ceiling=("site", ceilings.mean(axis=0)),
        draws=(("measure", "draw"), np.stack(list(draws.values())).astype(np.float32)),
    ).assign_coords(measure=list(draws))


def _over_splits(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return draws of a mean over splits, by leaving one split out at a time."""
    without = (values.sum() - values) / (len(values) - 1)
    return jackknife_draws(float(values.mean()), without, DRAWS, SEED)
