"""Noise ceiling: the best score that the noise in the responses allows, from repetitions or from several subjects."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr

from itbench.errors import BadRecordings, UnknownName
from itbench.statistics.noise_power import variance_reliability
from itbench.statistics.reliability import split_half
from itbench.util.arrays import Array

METHODS: dict[str, Callable[[xr.DataArray, int, int], Array]] = {
    "split-half": lambda responses, splits, seed: split_half(responses, splits=splits, seed=seed),
    "variance": lambda responses, splits, seed: variance_reliability(responses),
}


def site_reliability(responses: xr.DataArray, method: str = "split-half", splits: int = 100, seed: int = 0) -> Array:
    """Return the noise ceiling of explained variance for every site: the reliability of its mean over repetitions.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition.
    method : {"split-half", "variance"}
        `split_half` or `variance_reliability`.
    splits, seed : int
        Number and seed of the random halves.

    Returns
    -------
    array of shape (site,)
        Never clipped: 0 or less is noise alone. NaN where (nearly) all stimuli have fewer than two repetitions, or the
        mean does not vary.

    Raises
    ------
    UnknownName
        If there is no such method.
    """
    if method not in METHODS:
        raise UnknownName.of("method of a ceiling", method, METHODS)
    return METHODS[method](responses, splits, seed)


def ceiling_corrected(ev: Array, ceiling: Array) -> Array:
    """Return explained variance over the noise ceiling: Σ EV / Σ ceiling over sites, the share of what is explainable.

    A ratio of sums, since a ratio of each site has no mean: its ceiling is an estimate that may come out near 0.

    Parameters
    ----------
    ev : array of shape (…, site)
        NaN where a site is not scored.
    ceiling : array of shape (site,), or (…, site)
        NaN where there is none.

    Returns
    -------
    array of shape (…)
        Over all sites with both, those with a ceiling of 0 or less too. Never clipped: above 1 where ceilings are
        estimated too low. NaN where Σ ceiling is not above 0, or no site has both.

    Examples
    --------
    >>> ceiling_corrected(np.array([0.4, 0.4, 0.05]), np.array([0.8, 0.8, 0.01])).round(3)
    np.float64(0.528)
    """
    both = np.isfinite(ev) & np.isfinite(ceiling)
    above, below = (np.where(both, values, 0.0).sum(axis=-1) for values in (ev, ceiling))
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)[()]


class Bounds(NamedTuple):
    """Lower and upper bound of a noise ceiling."""

    lower: float
    upper: float


def rdm_ceiling(rdms: Array, method: str = "pearson", compare: Callable[[Array, Array], float] | None = None) -> Bounds:
    """Return the lower and upper noise ceiling of RDMs of several subjects: bounds on the best model's score.

    Upper: each subject is compared with the mean of all subjects, itself included; no model is closer to these
    subjects. Lower: each is compared with the mean of the others, which is a possible model. Both are averaged over
    subjects.

    Parameters
    ----------
    rdms : array of shape (subject, pair)
        Dissimilarities of at least two subjects.
    method : {"pearson", "spearman", "cosine"}
        The comparison, and how each subject's dissimilarities are scaled before they are averaged, so that the upper
        bound is one: they are standardised, ranked, or divided by their norm.
    compare : callable, optional
        Another comparison, of two arrays (pair,). For one by ranks, such as Kendall's τ, `method` is ``spearman``: the
        upper bound is then approximate.

    Returns
    -------
    Bounds

    Raises
    ------
    BadRecordings
        For fewer than two subjects, and for one whose dissimilarities are missing in part, or all equal.
    UnknownName
        For an unknown method.

    References
    ----------
    Nili, Wingfield, Walther, Su, Marslen-Wilson & Kriegeskorte (2014), A toolbox for representational similarity
    analysis, PLoS Comput. Biol. 10, e1003553.
    """
    if method not in RDM_METHODS:
        raise UnknownName.of("method of a ceiling of RDMs", method, RDM_METHODS)
    _check(rdms)
    pooled, own_compare = RDM_METHODS[method]
    compare = compare or own_compare
    alike = pooled(rdms)
    total = alike.sum(axis=0)
    lower = [compare(total - own, rdm) for own, rdm in zip(alike, rdms, strict=True)]
    upper = [compare(total, rdm) for rdm in rdms]
    return Bounds(float(np.mean(lower)), float(np.mean(upper)))


def _check(rdms: Array) -> None:
    if len(rdms) < 2:
        raise BadRecordings(
            f"Dissimilarities of {len(rdms)} subject have no ceiling.", known="A ceiling needs at least two subjects."
        )
    for number, rdm in enumerate(rdms):
        if not np.isfinite(rdm).all() or rdm.min() == rdm.max():
            raise BadRecordings(f"The dissimilarities of subject {number} are missing in part, or all equal.")


def _unit(rdms: Array) -> Array:
    return rdms / np.linalg.norm(rdms, axis=-1, keepdims=True)


def _standardised(rdms: Array) -> Array:
    return _unit(rdms - rdms.mean(axis=-1, keepdims=True))


def _ranked(rdms: Array) -> Array:
    from scipy.stats import rankdata  # takes a while to import

    return np.asarray(rankdata(rdms, axis=-1))


def _pearson(one: Array, other: Array) -> float:
    return float(_standardised(one) @ _standardised(other))


def _spearman(one: Array, other: Array) -> float:
    return _pearson(_ranked(one), _ranked(other))


def _cosine(one: Array, other: Array) -> float:
    return float(_unit(one) @ _unit(other))


RDM_METHODS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], float]]] = {
    "pearson": (_standardised, _pearson),
    "spearman": (_ranked, _spearman),
    "cosine": (_unit, _cosine),
}
