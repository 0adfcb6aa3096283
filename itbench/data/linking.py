"""The course's mean responses found again among the public repetitions, so that they have a ceiling.

Two sets of recordings of one experiment, with other names and in another order, are laid over each other by equality of
their means alone: first site to site, then image to image. Nothing is matched by guess.
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

SAMPLE = 256  # images by which sites are compared
SHARED = 0.5  # of a site's values at least must be found in another for the two to be one


@dataclass(frozen=True)
class LinkReport:
    """What was found equal.

    Parameters
    ----------
    images, sites : int
        With responses, in the course's recordings.
    images_matched, sites_matched : int
        Of these, equal to exactly one of the public recordings that is equal to no other.
    images_ambiguous : int
        Equal to several, or to one that is equal to several; not matched.
    largest_difference : float
        Between the means of two matched images at any matched site.
    repetitions : bool
        Whether the public repetitions take the place of the means: when all images and sites are matched.
    """

    images: int
    images_matched: int
    images_ambiguous: int
    sites: int
    sites_matched: int
    largest_difference: float
    repetitions: bool


def link(course: Recordings, public: Recordings) -> tuple[Recordings, LinkReport]:
    """Give the course's recordings the ids, metadata and repetitions of the public ones where their means are equal.

    Two means are equal if they differ by no more than float32 rounding can make of one sum over the repetitions: n u a
    for n repetitions of a site whose largest absolute response is a, with u = 2^-23.

    Parameters
    ----------
    course : Recordings
        Means over repetitions; images without responses are left unmatched.
    public : Recordings
        All repetitions.

    Returns
    -------
    Recordings
        The course's, with the stimulus coordinate ``image_id`` (empty where nothing matched) and the other coordinates
        of the matched images but for ``object``; and with every repetition if all images and sites are matched.
    LinkReport

    Raises
    ------
    BadRecordings
        If nothing matches, with how near the nearest was.
    """
    ours, theirs = (mean_over_repetitions(one.require_responses()) for one in (course, public))
    rows = np.flatnonzero(np.isfinite(ours).all(axis=1))
    if not len(rows):
        raise BadRecordings(f"No image of {course.name} has a response at every site.")
    rounding = _rounding(public.require_responses())
    sites = _match_sites(ours[rows], theirs, rounding, (course.name, public.name))
    here = np.flatnonzero(sites >= 0)
    there = sites[here]
    a, b = ours[np.ix_(rows, here)], theirs[:, there]
    images, ambiguous = _match_images(a, b, rounding[there], (course.name, public.name))
    found = images >= 0
    report = LinkReport(
        images=len(rows),
        images_matched=int(found.sum()),
        images_ambiguous=ambiguous,
        sites=len(sites),
        sites_matched=len(here),
        largest_difference=float(np.abs(a[found] - b[images[found]]).max()),
        repetitions=bool(found.all() and len(here) == len(sites)),
    )
    return _linked(course, public, rows[found], images[found], sites if report.repetitions else None), report


def _rounding(responses: xr.DataArray) -> Array:
    """Return how far two means of one site may differ and still be equal."""
    axes = ("repetition", "stimulus")
    largest = np.maximum(responses.max(axes).values, -responses.min(axes).values).astype(np.float64)
    return np.maximum(responses.sizes["repetition"] * np.finfo(np.float32).eps * largest, np.finfo(np.float32).tiny)


def _match_sites(ours: Array, theirs: Array, rounding: Array, names: tuple[str, str]) -> NDArray[np.intp]:
    """Return for each of our sites the one of theirs that has its values, at whatever images; -1 for none."""
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
    """Return for each of our images the one of theirs with equal means, -1 for none; and how many were ambiguous."""
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
    course: Recordings,
    public: Recordings,
    rows: NDArray[np.intp],
    images: NDArray[np.intp],
    sites: NDArray[np.intp] | None,
) -> Recordings:
    """Return the course's recordings whose `rows` are the public `images`, and whose sites, if given, are `sites`."""
    own, ids = course.stimuli.metadata, course.stimuli.ids
    columns = {"image_id": np.array(public.stimuli.ids, dtype=object), **public.stimuli.metadata}
    copied = {
        name: _copied(column[images], rows, own.get(name), len(ids))
        for name, column in columns.items()
        if name != "object" or name not in own
    }
    stimuli = StimulusSet(ids, course.stimuli.images, {**own, **copied})
    about = {**course.about, "linked": f"{len(rows)} images with {public.name}, by equality of their mean responses"}
    if sites is None:
        return replace(course, stimuli=stimuli, about=about, digests={})
    about["responses"] = f"every repetition, from {public.name}"
    responses = _repetitions(public.require_responses(), ids, rows, images, sites)
    return Recordings(course.name, stimuli, responses, about)


def _copied(values: NDArray[Any], rows: NDArray[np.intp], own: NDArray[Any] | None, n: int) -> NDArray[Any]:
    """Return a stimulus coordinate with `values` in `rows`, elsewhere as it was, or else empty or NaN."""
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
    """Return the responses to `images` at `sites` in the order of `ids`, one repetition at a time."""
    every = responses.transpose(*DIMS).values
    values = np.full((len(every), len(ids), len(sites)), np.nan, every.dtype)
    for ours, theirs in zip(values, every, strict=True):
        ours[rows] = theirs[np.ix_(images, sites)]
    columns = {str(key): coord.values[sites] for key, coord in responses.coords.items() if coord.dims == ("site",)}
    return make_responses(values, ids, sites=columns)
