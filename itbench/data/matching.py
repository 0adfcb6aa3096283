"""Match recordings of means over repetitions with recordings of every repetition, by equality of the means alone.

Both are of one experiment, with other names and in another order: sites are matched first, then images. A match is
unique or there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.recordings import Recordings
from itbench.data.responses import DIMS, make_responses, mean_over_repetitions
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadRecordings
from itbench.util.arrays import Array

SAMPLE = 256  # images by which sites are matched
SHARED = 0.5  # of a site's values at least must be found in another for the two to match


@dataclass(frozen=True)
class MatchReport:
    """Counts of images and sites that were matched between two recordings.

    Parameters
    ----------
    images, sites : int
        With responses, in the averaged recordings.
    images_matched, sites_matched : int
        Of these, equal to exactly one of the repeated recordings that is equal to no other.
    images_ambiguous : int
        Equal to several, or to one that is equal to several; not matched.
    largest_difference : float
        Between the means of two matched images at any matched site.
    repetitions : bool
        Whether the repetitions replace the means: when all images and sites are matched.
    """

    images: int
    images_matched: int
    images_ambiguous: int
    sites: int
    sites_matched: int
    largest_difference: float
    repetitions: bool


def match_recordings(averaged: Recordings, repeated: Recordings) -> tuple[Recordings, MatchReport]:
    """Match averaged with repeated recordings, and copy ids, metadata and repetitions where their means are equal.

    Two means are equal if they differ by no more than float32 rounding can make of one sum over the repetitions: n u a
    for n repetitions of a site whose largest absolute response is a, with u = 2^-23.

    Parameters
    ----------
    averaged : Recordings
        Means over repetitions; images without responses are left unmatched.
    repeated : Recordings
        Every repetition.

    Returns
    -------
    Recordings
        The averaged ones, with the stimulus coordinate ``image_id`` (empty where nothing matched), the other
        coordinates of the matched images except ``object``, and every repetition if all images and sites are matched.
    MatchReport

    Raises
    ------
    BadRecordings
        If nothing matches, with the nearest.
    """
    ours, theirs = (mean_over_repetitions(one.require_responses()) for one in (averaged, repeated))
    rows = np.flatnonzero(np.isfinite(ours).all(axis=1))
    if not len(rows):
        raise BadRecordings(f"No image of {averaged.name} has a response at every site.")
    rounding = _rounding(repeated.require_responses())
    sites = _match_sites(ours[rows], theirs, rounding, (averaged.name, repeated.name))
    here = np.flatnonzero(sites >= 0)
    there = sites[here]
    a, b = ours[np.ix_(rows, here)], theirs[:, there]
    images, ambiguous = _match_images(a, b, rounding[there], (averaged.name, repeated.name))
    found = images >= 0
    report = MatchReport(
        images=len(rows),
        images_matched=int(found.sum()),
        images_ambiguous=ambiguous,
        sites=len(sites),
        sites_matched=len(here),
        largest_difference=float(np.abs(a[found] - b[images[found]]).max()),
        repetitions=bool(found.all() and len(here) == len(sites)),
    )
    return _linked(averaged, repeated, rows[found], images[found], sites if report.repetitions else None), report


def _rounding(responses: xr.DataArray) -> Array:
    """Return by how much rounding two matched means of a site may differ."""
    axes = ("repetition", "stimulus")
    largest = np.maximum(responses.max(axes).values, -responses.min(axes).values).astype(np.float64)
    return np.maximum(responses.sizes["repetition"] * np.finfo(np.float32).eps * largest, np.finfo(np.float32).tiny)


def _match_sites(ours: Array, theirs: Array, rounding: Array, names: tuple[str, str]) -> NDArray[np.intp]:
    """Return for each averaged site the repeated site that has its values, in any order of images; -1 for none."""
    sample = ours[:: max(1, len(ours) // SAMPLE)]
    shared = np.zeros((ours.shape[1], theirs.shape[1]))
    for site in np.flatnonzero(np.isfinite(theirs).all(axis=0)):
        values = np.concatenate([[-np.inf], np.sort(theirs[:, site]), [np.inf]])
        above = np.searchsorted(values, sample)
        distance = np.minimum(values[above] - sample, sample - values[above - 1])
        shared[:, site] = (distance <= rounding[site]).mean(axis=0)
    candidates = shared >= SHARED
    unique = candidates & (candidates.sum(axis=0) == 1) & (candidates.sum(axis=1) == 1)[:, None]
    if not unique.any():
        several = int((candidates.sum(axis=1) > 1).sum())
        raise BadRecordings(
            f"No site of {names[0]} can be matched with one of {names[1]}.",
            known=f"{several} of {len(shared)} are equal to several. The nearest two share {shared.max():.1%} of their "
            f"mean responses; at least {SHARED:.0%} are needed.",
        )
    return np.where(unique.any(axis=1), unique.argmax(axis=1), -1)


def _match_images(ours: Array, theirs: Array, rounding: Array, names: tuple[str, str]) -> tuple[NDArray[np.intp], int]:
    """Return for each averaged image the repeated image of equal means (-1 for none); count the ambiguous ones."""
    from sklearn.metrics import pairwise_distances  # takes a second to import

    distance = pairwise_distances(ours / rounding, theirs / rounding, metric="chebyshev")
    equal = distance <= 1
    unique = equal & (equal.sum(axis=0) == 1) & (equal.sum(axis=1) == 1)[:, None]
    matched = np.where(unique.any(axis=1), unique.argmax(axis=1), -1)
    ambiguous = int((equal.any(axis=1) & (matched < 0)).sum())
    if (matched < 0).all():
        raise BadRecordings(
            f"No image of {names[0]} can be matched with one of {names[1]}.",
            known=f"{ours.shape[1]} sites are matched; {ambiguous} of {len(ours)} images are equal to several. The "
            f"nearest two differ by {distance.min():.3g} times what rounding can do.",
        )
    return matched, ambiguous


def _linked(
    averaged: Recordings,
    repeated: Recordings,
    rows: NDArray[np.intp],
    images: NDArray[np.intp],
    sites: NDArray[np.intp] | None,
) -> Recordings:
    own, ids = averaged.stimuli.metadata, averaged.stimuli.ids
    columns = {"image_id": np.array(repeated.stimuli.ids, dtype=object), **repeated.stimuli.metadata}
    copied = {
        name: _copied(column[images], rows, own.get(name), len(ids))
        for name, column in columns.items()
        if name != "object" or name not in own
    }
    stimuli = StimulusSet(ids, averaged.stimuli.images, {**own, **copied})
    about = {
        **averaged.about,
        "linked": f"{len(rows)} images with {repeated.name}, by equality of their mean responses",
    }
    if sites is None:
        return replace(averaged, stimuli=stimuli, about=about, digests={})
    about["responses"] = f"every repetition, from {repeated.name}"
    responses = _repetitions(repeated.require_responses(), ids, rows, images, sites)
    return Recordings(averaged.name, stimuli, responses, about)


def _copied(values: NDArray[Any], rows: NDArray[np.intp], own: NDArray[Any] | None, n: int) -> NDArray[Any]:
    """Copy `values` of matched images into `rows` of a stimulus coordinate; others stay, or are empty or NaN."""
    numbers = values.dtype.kind in "biuf"
    if own is None or (own.dtype.kind in "biuf") != numbers:
        own = np.full(n, np.nan) if numbers else np.full(n, "", dtype=object)
    column = own.astype(np.float64 if numbers else object)
    column[rows] = values
    return column


def _repetitions(
    responses: xr.DataArray,
    ids: Sequence[str],
    rows: NDArray[np.intp],
    images: NDArray[np.intp],
    sites: NDArray[np.intp],
) -> xr.DataArray:
    every = responses.transpose(*DIMS).values
    values = np.full((len(every), len(ids), len(sites)), np.nan, every.dtype)
    for ours, theirs in zip(values, every, strict=True):
        ours[rows] = theirs[np.ix_(images, sites)]
    columns = {str(key): coord.values[sites] for key, coord in responses.coords.items() if coord.dims == ("site",)}
    return make_responses(values, ids, sites=columns)
