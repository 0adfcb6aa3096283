"""The ceiling of every site, and scores corrected by it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.ceiling.halves import split_half
from itbench.ceiling.power import variance_reliability
from itbench.errors import UnknownName

Array = NDArray[np.float64]
METHODS: dict[str, Callable[[xr.DataArray, int, int], Array]] = {
    "split-half": lambda responses, splits, seed: split_half(responses, splits=splits, seed=seed),
    "variance": lambda responses, splits, seed: variance_reliability(responses),
}


def site_reliability(responses: xr.DataArray, method: str = "split-half", splits: int = 100, seed: int = 0) -> Array:
    """Return the reliability of the mean over repetitions: the explained variance that a perfect model reaches.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition.
    method : {"split-half", "variance"}
        `split_half` or `variance_reliability`.
    splits, seed : int
        Of random halves.

    Returns
    -------
    array of shape (site,)
        As estimated, never clipped: 0 or less is noise alone. NaN where (nearly) all stimuli have fewer than two
        repetitions, or the mean does not vary.

    Raises
    ------
    UnknownName
        If there is no such method.
    """
    if method not in METHODS:
        raise UnknownName.of("method of a ceiling", method, METHODS)
    return METHODS[method](responses, splits, seed)


def corrected(ev: Array, ceiling: Array) -> Array:
    """Return explained variance over the ceiling of its site: of what can be explained, the share that is.

    Parameters
    ----------
    ev : array of shape (…, site)
    ceiling : array of shape (site,)
        NaN where there is none.

    Returns
    -------
    array of shape (…, site)
        Never clipped: above 1 where a ceiling is estimated too low. NaN where the ceiling is not above 0.
    """
    positive = ceiling > 0
    return np.where(positive, ev / np.where(positive, ceiling, 1.0), np.nan)
