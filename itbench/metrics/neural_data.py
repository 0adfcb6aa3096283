"""The neural side of a comparison: responses of sites, or dissimilarities where a recording has only those."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.responses import mean_over_repetitions
from itbench.errors import BadRecordings
from itbench.gram import Gram
from itbench.util.arrays import Array

REST = 1e-10  # of the largest eigenvalue: what rounding leaves where there is nothing


@dataclass(frozen=True, eq=False)
class NeuralData:
    """Neural data for a comparison: responses to some images, or dissimilarities of these images.

    Parameters
    ----------
    stimulus_ids : tuple of str
    responses : DataArray of dims (repetition, stimulus, site), optional
        NaN where there was no repetition.
    rdms : DataArray of dims (subject, stimulus, other_stimulus), optional
        Representational dissimilarity matrices, of a recording that has only those.
    distance : str
        Of the RDMs, such as ``correlation``; empty if it is not known.

    Raises
    ------
    BadRecordings
        If a site has no response to some stimulus.
    """

    stimulus_ids: tuple[str, ...]
    responses: xr.DataArray | None = None
    rdms: xr.DataArray | None = None
    distance: str = ""

    def __post_init__(self) -> None:
        if (self.responses is None) == (self.rdms is None):
            raise ValueError("the neural side has either responses or RDMs")

    def __len__(self) -> int:
        return len(self.stimulus_ids)

    def take(self, rows: NDArray[np.integer]) -> NeuralData:
        """Return the neural data of the stimuli in `rows`, in that order."""
        return replace(
            self,
            stimulus_ids=tuple(self.stimulus_ids[row] for row in rows),
            responses=None if self.responses is None else self.responses.isel(stimulus=rows),
            rdms=None if self.rdms is None else self.rdms.isel(stimulus=rows, other_stimulus=rows),
        )

    @property
    def subjects(self) -> list[NeuralData]:
        """Neural data of each subject, where they are RDMs."""
        assert self.rdms is not None
        return [replace(self, rdms=self.rdms.isel(subject=[number])) for number in range(self.rdms.sizes["subject"])]

    def take_sites(self, sites: NDArray[np.integer]) -> NeuralData:
        """Return the neural data of some sites, where they are responses."""
        assert self.responses is not None
        return replace(self, responses=self.responses.isel(site=sites))

    @cached_property
    def means(self) -> Array | None:
        """Mean responses (stimulus, site) of the neural data; None where they are RDMs."""
        if self.responses is None:
            return None
        means = mean_over_repetitions(self.responses)
        missing = int(np.isnan(means).sum())
        if missing:
            raise BadRecordings(
                f"{missing} of {means.size} mean responses are missing.",
                known="Images are compared by their responses at all sites.",
                todo="Leave these sites, or these stimuli, out of the responses.",
            )
        return means

    @cached_property
    def mean_rdm(self) -> Array | None:
        """RDM of the neural data averaged over subjects (stimulus, stimulus); None where they are responses."""
        return None if self.rdms is None else self.rdms.values.mean(axis=0, dtype=np.float64)

    @cached_property
    def gram(self) -> Gram:
        """Gram of the neural data: of the mean responses, with sites as features.

        Of an RDM D it is −½ H D H, H the centring matrix: exactly the centred Gram of the patterns if D holds squared
        Euclidean distances. A correlation distance is one, of the patterns z-scored over n sites and divided by √(2n);
        so is a cosine distance, of the patterns divided by √2 of their length. Of other dissimilarities it is that of
        the nearest patterns there are (Torgerson 1952, Psychometrika 17, 401–419).
        """
        if self.mean_rdm is None:
            assert self.means is not None
            return Gram.from_features(self.means, self.stimulus_ids)
        return Gram(centred_from_distances(self.mean_rdm), np.zeros(len(self)), len(self), self.stimulus_ids)

    @cached_property
    def factor(self) -> Array:
        """Factor Y (stimulus, dimension) of the neural data's Gram Y Yᵀ: the mean responses, or fewer principal axes.

        Negative eigenvalues, of dissimilarities that no patterns can have, are taken as 0.
        """
        if self.means is not None and self.means.shape[1] <= len(self):
            return self.means
        values, vectors = np.linalg.eigh(self.gram.matrix)
        kept = values > REST * values[-1]
        return np.ascontiguousarray(vectors[:, kept] * np.sqrt(values[kept]))


def centred_from_distances(distances: Array) -> Array:
    """Return −½ H D H of squared distances D (stimulus, stimulus): the centred Gram of neural data that are RDMs."""
    rows = distances.mean(axis=0)
    return -0.5 * (distances - rows - rows[:, None] + rows.mean())
