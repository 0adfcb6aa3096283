"""Responses as labelled arrays (repetition, stimulus, site): checks, means over repetitions, missing values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.errors import BadRecordings
from itbench.util.arrays import Array

DIMS = ("repetition", "stimulus", "site")


def make_responses(
    values: NDArray[np.floating],
    stimulus_ids: Sequence[str],
    *,
    sites: Mapping[str, Sequence[Any]] | None = None,
    **attrs: Any,
) -> xr.DataArray:
    """Label an array of responses with stimulus ids and site coordinates.

    Parameters
    ----------
    values : array of shape (repetition, stimulus, site) or (stimulus, site)
        Firing rates or counts; NaN where there was no repetition.
    stimulus_ids : sequence of str
        One per stimulus.
    sites : mapping of str to sequence, optional
        Flat site coordinates; ``site`` is numbered if it is not among them.
    **attrs
        Such as ``region`` and ``window`` (ms).
    """
    array = np.asarray(values)
    array = array[None] if array.ndim == 2 else array
    coords: dict[str, Any] = {name: ("site", list(column)) for name, column in (sites or {}).items()}
    coords.setdefault("site", [f"site{number:03d}" for number in range(array.shape[2])])
    coords["stimulus"] = list(stimulus_ids)
    return xr.DataArray(array, dims=DIMS, coords=coords, name="responses", attrs=attrs)


def mean_over_repetitions(responses: xr.DataArray) -> Array:
    """Return the mean responses (stimulus, site) over repetitions; missing repetitions (NaN) are skipped.

    A stimulus without any repetition at a site stays NaN.
    """
    repetitions = responses.transpose(*DIMS).values
    total, count = np.zeros(repetitions.shape[1:]), np.zeros(repetitions.shape[1:], np.intp)
    for values in repetitions:  # one at a time: there may be many
        present = np.isfinite(values)
        total += np.where(present, values, 0.0)
        count += present
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def repetitions_per_stimulus(responses: xr.DataArray) -> tuple[int, int]:
    """Return the smallest and the largest number of repetitions of the responses to any stimulus at any site."""
    count = np.isfinite(responses.transpose(*DIMS).values).sum(axis=0)
    return int(count.min()), int(count.max())


def varies(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return for every site whether its responses (stimulus, site) are all finite and not all equal."""
    low, high = values.min(axis=0), values.max(axis=0)  # NaN if any value is
    return np.isfinite(low) & np.isfinite(high) & (high > low)


def check_sites(responses: xr.DataArray) -> None:
    """Refuse infinite responses, and sites whose responses are all missing."""
    values = responses.transpose(*DIMS).values
    names = [str(name) for name in responses["site"].values]
    if np.isinf(values).any():
        bad = [names[i] for i in np.flatnonzero(np.isinf(values).any(axis=(0, 1)))]
        raise BadRecordings(f"Infinite responses at {len(bad)} of {len(names)} sites: {', '.join(bad[:5])}.")
    silent = [names[i] for i in np.flatnonzero(np.isnan(values).all(axis=(0, 1)))]
    if silent:
        raise BadRecordings(
            f"{len(silent)} of {len(names)} sites hold no number at all (all NaN): {', '.join(silent[:5])}.",
            todo="Leave these sites out of the responses.",
        )
