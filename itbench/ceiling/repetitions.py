"""Which stimuli a site saw how often, and whether that is enough to tell noise from signal."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.responses import DIMS

FEWEST = 3  # stimuli with repetitions: any two have a correlation of ±1
SHARE = 0.05  # of a site's stimuli at least must be repeated for these to speak for all


def count_repetitions(responses: xr.DataArray) -> NDArray[np.intp]:
    """Return how many repetitions (stimulus, site) there are; 0 for a stimulus that a site never saw."""
    return np.isfinite(responses.transpose(*DIMS).values).sum(axis=0)


def repeated_enough(count: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which sites have two repetitions of three stimuli and of one in twenty of those that they saw.

    Parameters
    ----------
    count : int array of shape (stimulus, site)

    Returns
    -------
    bool array of shape (site,)
    """
    repeated, seen = (count >= 2).sum(axis=0), (count >= 1).sum(axis=0)
    return np.asarray(repeated >= np.maximum(FEWEST, SHARE * seen))


def mean_inverse(count: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the mean of 1 / R over the stimuli (stimulus, site) that a site saw: 1 over the harmonic mean of R."""
    seen = (count >= 1).sum(axis=0)
    return np.where(count >= 1, 1.0 / np.maximum(count, 1), 0.0).sum(axis=0) / np.maximum(seen, 1)
