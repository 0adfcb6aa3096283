"""The measures of a score, of every draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.agreement import Array


@dataclass(frozen=True, eq=False)
class Resampled:
    """What a block of draws gives.

    Parameters
    ----------
    explained_variance, correlation : array of shape (draw, split, site)
        Of the pictures drawn.
    sites : int array of shape (draw, site)
        The sites drawn.
    ceiling : array of shape (division, site), optional
        In each division of the repetitions.
    """

    explained_variance: Array
    correlation: Array
    sites: NDArray[np.intp]
    ceiling: Array | None = None

    def at_sites(self, values: Array) -> Array:
        """Return values (draw, …, site) at the sites drawn."""
        index = self.sites.reshape(len(self.sites), *[1] * (values.ndim - 2), -1)
        return np.take_along_axis(values, np.broadcast_to(index, values.shape), axis=-1)


def _mean_ev(drawn: Resampled) -> Array:
    return mean(drawn.at_sites(drawn.explained_variance.mean(axis=1)))


def _mean_correlation(drawn: Resampled) -> Array:
    return mean(drawn.at_sites(drawn.correlation.mean(axis=1)))


def _corrected(drawn: Resampled) -> Array:
    """Mean over sites of explained variance over ceiling, where there is a ceiling."""
    assert drawn.ceiling is not None
    average = drawn.ceiling.mean(axis=0)
    ceiling = np.where(average > 0, average, np.nan)
    return mean(drawn.at_sites(drawn.explained_variance.mean(axis=1) / ceiling))


def _brainscore(drawn: Resampled) -> Array:
    """(r / ceiling)², of which r and ceiling are medians over sites, averaged (Schrimpf et al. 2018)."""
    assert drawn.ceiling is not None
    r = median(drawn.at_sites(drawn.correlation)).mean(axis=1)
    ceiling = median(drawn.ceiling[:, drawn.sites]).mean(axis=0)
    return np.square(r / np.where(ceiling > 0, ceiling, np.nan))


# By name: the draws of a measure, and whether it needs a ceiling.
MEASURES: dict[str, tuple[Callable[[Resampled], Array], bool]] = {
    "explained_variance": (_mean_ev, False),
    "correlation": (_mean_correlation, False),
    "explained_variance_corrected": (_corrected, True),
    "brainscore": (_brainscore, True),
}


def mean(values: Array) -> Array:
    """Return the mean over the last axis of what is finite; NaN where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(axis=-1)
    return np.where(count > 0, np.where(finite, values, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def median(values: Array) -> Array:
    """Return the median over the last axis of what is finite; NaN where nothing is."""
    ordered = np.sort(values, axis=-1)  # NaN comes last
    count = np.isfinite(ordered).sum(axis=-1)[..., None]
    middle = [np.take_along_axis(ordered, np.maximum(index, 0), axis=-1) for index in ((count - 1) // 2, count // 2)]
    return ((middle[0] + middle[1]) / 2)[..., 0]
