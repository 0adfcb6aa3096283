"""Recordings: a stimulus set with responses, or with dissimilarity matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.labels import find_label_join
from itbench.data.responses import DIMS, mean_over_repetitions, repetitions_per_stimulus
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadRecordings

IMAGE_DIMS = ("picture_y", "picture_x", "channel")
RDM_DIMS = ("subject", "stimulus", "other_stimulus")
RESERVED = frozenset({*DIMS, *IMAGE_DIMS, "responses", "pictures"})  # names that no coordinate may have
RDM_RESERVED = frozenset({*RDM_DIMS, "rdms"})  # nor these, where there are RDMs
ROUNDING = 1e-6  # of the largest dissimilarity: how far from symmetry, and the diagonal from 0


@dataclass(frozen=True, eq=False)
class Recordings:
    """Recordings of one experiment: a stimulus set, and the responses to it or dissimilarities (RDMs) of the stimuli.

    Parameters
    ----------
    name : str
    stimuli : StimulusSet
    responses : DataArray of dims (repetition, stimulus, site), optional
        Ordered as the stimuli by its coordinate ``stimulus``, if it has one. Coordinates of numbers along several of
        these dimensions, such as known expected responses (stimulus, site), are kept in a file.
    about : mapping
        ``region``, ``window`` (ms) and other metadata; of RDMs also their ``distance``.
    digests : mapping
        SHA-256 of ``stimuli``, ``responses`` (or of the RDMs) and ``content``; of a file only.
    rdms : DataArray of dims (subject, stimulus, other_stimulus), optional
        Symmetric, with 0 on the diagonal, and a coordinate ``subject``.

    Raises
    ------
    BadRecordings
        If the parts do not fit one another.
    """

    name: str
    stimuli: StimulusSet
    responses: xr.DataArray | None
    about: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    rdms: xr.DataArray | None = None

    def __post_init__(self) -> None:
        recorded, dims, what = self.responses, DIMS, "Responses"
        if self.rdms is not None:
            recorded, dims, what = self.rdms, RDM_DIMS, "RDMs"
        if recorded is None or (self.responses is not None and self.rdms is not None):
            raise BadRecordings(f"{self.name} must have either responses or RDMs.")
        if set(recorded.dims) != set(dims):
            raise BadRecordings(
                f"{what} have the dimensions {', '.join(map(str, recorded.dims))}, not {', '.join(dims)}."
            )
        for dim in set(dims) & {"stimulus", "other_stimulus"}:
            if recorded.sizes[dim] != len(self.stimuli):
                n, noun = recorded.sizes[dim], "RDMs" if self.rdms is not None else "responses"
                raise BadRecordings(f"{n} stimuli in the {noun}, but {len(self.stimuli)} images.")
        self._check_names()
        self._join_stimuli("responses" if self.rdms is None else "rdms", recorded)
        if self.rdms is not None:
            check_rdms(self.rdms)

    def require_responses(self) -> xr.DataArray:
        """Return the responses of the recordings.

        Raises
        ------
        BadRecordings
            If there are only RDMs.
        """
        if self.responses is None:
            raise BadRecordings(
                f"The recordings {self.name} hold dissimilarities of images, no responses of sites.",
                todo="Use a comparison: --metric rsa, cka, procrustes or reverse",
            )
        return self.responses

    def _join_stimuli(self, part: str, recorded: xr.DataArray) -> None:
        """Order responses or RDMs that name their stimuli as the stimulus set has them."""
        ids = list(self.stimuli.ids)
        joined = recorded
        for dim in ("stimulus", "other_stimulus"):
            labels = joined[dim].values.tolist() if dim in joined.coords else ids
            if labels != ids:
                join = find_label_join(
                    {dim: labels}, {"the stimulus ids": ids}, f"the {part} of {self.name}", own=(dim,)
                )
                ordered = joined if join is None else joined.isel({dim: join.rows})
                joined = ordered.assign_coords({dim: ids})
        object.__setattr__(self, part, joined)

    def _check_names(self) -> None:
        of_stimuli = set(self.stimuli.metadata)
        of_sites = {*self.site_coordinates(), *self.array_coordinates()} - {"site"}
        reserved = RESERVED if self.rdms is None else RESERVED | RDM_RESERVED
        unfit = {name for name in of_stimuli | of_sites if name in reserved or not name or "/" in name}
        if unfit:
            raise BadRecordings(f"Coordinates cannot be called {', '.join(map(repr, sorted(unfit)))} in a file.")
        if of_stimuli & of_sites:
            raise BadRecordings(
                f"Stimuli and responses both have a coordinate called {', '.join(sorted(of_stimuli & of_sites))}.",
                todo="Rename one of the two: a file has one variable of a name.",
            )

    def site_coordinates(self) -> dict[str, Any]:
        """Return the flat site coordinates of the recordings, as xarray takes them; none of RDMs."""
        if self.responses is None:
            return {}
        return {
            str(key): ("site", coord.values) for key, coord in self.responses.coords.items() if coord.dims == ("site",)
        }

    def array_coordinates(self) -> dict[str, Any]:
        """Return the coordinates of numbers along several dimensions of the responses, as xarray takes them."""
        if self.responses is None:
            return {}
        return {
            str(key): (tuple(map(str, coord.dims)), coord.values)
            for key, coord in self.responses.coords.items()
            if coord.ndim > 1 and coord.dtype.kind in "iuf"
        }


def describe_recordings(recordings: Recordings) -> dict[str, Any]:
    """Describe recordings: counts of images, sites and repetitions, coordinates, and digests."""
    stimuli = recordings.stimuli
    arrays = {name: " × ".join(dims) for name, (dims, _) in recordings.array_coordinates().items()}
    size = f"{len(stimuli)} of {stimuli.images.shape[1]} × {stimuli.images.shape[2]} pixels"
    return {
        "name": recordings.name,
        **{key: value for key, value in recordings.about.items() if value is not None},
        "images": "; ".join(filter(None, (size, recordings.about.get("pictures")))),
        **(
            _rdm_counts(recordings.rdms)
            if recordings.rdms is not None
            else _site_counts(recordings.require_responses())
        ),
        "stimulus_coordinates": {key: _distinct(column) for key, column in stimuli.metadata.items()},
        "site_coordinates": list(recordings.site_coordinates()),
        **({"array_coordinates": arrays} if arrays else {}),
        "digests": dict(recordings.digests),
    }


def _site_counts(responses: xr.DataArray) -> dict[str, Any]:
    values = mean_over_repetitions(responses)
    return {
        "sites": responses.sizes["site"],
        "repetitions": list(repetitions_per_stimulus(responses)),
        "sites_missing_a_stimulus": int(np.isnan(values).any(axis=0).sum()),
        "mean_response": round(float(np.nanmean(values)), 4),
    }


def _rdm_counts(rdms: xr.DataArray) -> dict[str, Any]:
    upper = np.triu_indices(rdms.sizes["stimulus"], 1)
    mean = [float(values[upper].mean()) for values in rdms.values]
    return {
        "subjects": [str(name) for name in rdms["subject"].values],
        "mean_dissimilarity": [round(value, 4) for value in mean],
    }


def _distinct(column: NDArray[Any]) -> str:
    values = sorted({value for value in column.tolist() if value == value and value != ""})  # NaN is not itself
    if len(values) <= 12:
        return ", ".join(map(str, values))
    return f"{len(values)} values from {values[0]} to {values[-1]}"


def check_rdms(rdms: xr.DataArray) -> None:
    """Refuse recorded RDMs that are not finite, not symmetric, or not 0 on the diagonal.

    Raises
    ------
    BadRecordings
        Naming the subject.
    """
    for subject, values in zip(rdms["subject"].values, rdms.transpose(*RDM_DIMS).values, strict=True):
        missing = int((~np.isfinite(values)).sum())
        slack = ROUNDING * np.abs(values).max(initial=0.0)
        if missing:
            wrong = f"holds {missing} values that are no numbers"
        elif (np.abs(values - values.T) > slack).any():
            wrong = "is not symmetric"
        elif (np.abs(np.diag(values)) > slack).any():
            wrong = "is not 0 on the diagonal"
        else:
            continue
        raise BadRecordings(f"The RDM of subject {subject} {wrong}.")
