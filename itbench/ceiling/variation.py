"""What varies and what differs by rounding alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-12  # of the largest value: smaller differences are none


def rounding(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what rounding can make of a difference between the values (stimulus, site) of a site."""
    return ROUNDING * np.abs(values).max(axis=0)


def varies_where(used: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say at which sites the values (stimulus, site) that are `used` vary by more than rounding."""
    high = np.where(used, values, -np.inf).max(axis=0)
    low = np.where(used, values, np.inf).min(axis=0)
    return np.asarray(high - low > rounding(np.where(used, values, 0.0)))
