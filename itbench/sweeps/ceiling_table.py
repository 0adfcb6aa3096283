"""Table of the noise ceiling of a benchmark, one row a method, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.benchmark import Benchmark
from itbench.data.groups import clusters_of
from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions
from itbench.errors import BadRecordings, UnknownName
from itbench.gram import Gram
from itbench.metrics.cka import centred_alignment
from itbench.metrics.rdm import rdm_of_gram
from itbench.metrics.rsa import compare_rdms
from itbench.statistics.bootstrap import bootstrap_draws, percentile_interval
from itbench.statistics.jackknife import SEED, jackknife_draws, jackknife_groups, kept_sites
from itbench.statistics.noise_ceiling import METHODS, RDM_METHODS, rdm_ceiling, site_reliability
from itbench.statistics.noise_power import moments, noise_of_means
from itbench.statistics.reliability import count_repetitions, halved_means, spearman_brown
from itbench.util.arrays import Array
from itbench.util.progress import Reporter

HALVINGS = 5  # of the repetitions, for a ceiling of a comparison
Clusters = NDArray[np.intp]


def ceiling_rows(
    benchmark: Benchmark, methods: Sequence[str] = (), reporter: Reporter | None = None
) -> list[dict[str, Any]]:
    """Return the noise ceiling of a benchmark's recordings, one row a method of estimating it.

    Parameters
    ----------
    benchmark : Benchmark
    methods : sequence of str
        Of sites: ``split-half``, ``variance``; of comparisons with them: ``cka``, ``rsa`` (correlation distances,
        Pearson); of dissimilarities: ``pearson``, ``spearman``, ``cosine``. All of them if there are none.
    reporter : Reporter, optional

    Returns
    -------
    list of dict
        With ``low`` and ``high``, the 95 % interval over images, in the clusters of the benchmark, and sites or
        subjects.

    Raises
    ------
    BadRecordings
        If the recordings hold means over repetitions only.
    UnknownName
        For an unknown method.
    """
    recordings = benchmark.load(reporter)
    n = len(recordings.stimuli)
    _, clusters = clusters_of(recordings.stimuli.metadata, np.arange(n), n, benchmark.cluster)
    known = RDM_METHODS if recordings.rdms is not None else (*METHODS, *COMPARISONS)
    for method in methods:
        if method not in known:
            raise UnknownName.of("method of a ceiling", method, known)
    if recordings.rdms is not None:
        return [_subject_row(recordings.rdms, method, clusters) for method in methods or known]
    responses = recordings.require_responses()
    if count_repetitions(responses).max() < 2:
        raise _no_repetitions(recordings, benchmark)
    row_of: dict[str, Callable[[xr.DataArray, str, Clusters], dict[str, Any]]] = {
        **dict.fromkeys(METHODS, _site_row),
        **dict.fromkeys(COMPARISONS, _comparison_row),
    }
    return [row_of[method](responses, method, clusters) for method in methods or known]


def _site_row(responses: xr.DataArray, method: str, clusters: Clusters) -> dict[str, Any]:
    reliability, means = site_reliability(responses, method), mean_over_repetitions(responses)
    found, known = reliability[np.isfinite(reliability)], np.isfinite(reliability) & np.isfinite(means).all(axis=0)
    noise = noise_of_means(moments(responses))[:, known]
    one_split = np.zeros(len(means), np.intp)
    draws = bootstrap_draws(
        means[:, known], means[:, known], clusters, one_split, ceiling=reliability[known], noise=noise
    )
    return {
        "method": method,
        "median": float(np.median(found)) if len(found) else None,
        **_ends(draws["ceiling"] if known.any() else np.empty(0)),
        "mean": float(np.mean(found)) if len(found) else None,
        "sites": len(reliability),
        "above 0": int((found > 0).sum()),
        "repetitions": _range(count_repetitions(responses)),
    }


def _comparison_row(responses: xr.DataArray, method: str, clusters: Clusters) -> dict[str, Any]:
    """Return the ceiling of a comparison: what the geometry without noise would score, √ of its reliability.

    The geometries of two halves of the repetitions are compared, and Spearman and Brown's formula gives the reliability
    of that of all.
    """
    compare, (halves, ratio) = COMPARISONS[method], halved_means(responses, HALVINGS)
    n_sites = halves.shape[-1]
    row: dict[str, Any] = {"method": method, "median": None, "low": None, "high": None, "mean": None}
    if kept := kept_sites(n_sites):
        groups = jackknife_groups(clusters, SEED)
        of_images = np.mean([compare(one, other, groups) for one, other in halves], axis=0)
        of_sites = [
            np.mean([compare(one[:, sites], other[:, sites], None)[0] for one, other in halves]) for sites in kept
        ]
        whole, *images = _root(spearman_brown(of_images, ratio))
        draws = jackknife_draws(whole, np.array(images), _root(spearman_brown(np.array(of_sites), ratio)))
        row |= {"mean": float(whole), **_ends(draws)}
    return {**row, "sites": n_sites, "above 0": None, "repetitions": _range(count_repetitions(responses))}


def _subject_row(rdms: xr.DataArray, method: str, clusters: Clusters) -> dict[str, Any]:
    values, (first, second) = rdms.values, np.triu_indices(rdms.shape[1], 1)
    groups, n = jackknife_groups(clusters, SEED), rdms.shape[0]

    def bounds(subjects: Array, kept: NDArray[np.bool_]) -> Array:
        pairs = kept[first] & kept[second]
        return np.array(rdm_ceiling(subjects[:, first[pairs], second[pairs]], method))

    whole = bounds(values, np.ones(len(groups), bool))
    images = np.array([bounds(values, groups != group) for group in np.unique(groups)])
    subjects = [bounds(np.delete(values, left, axis=0), groups >= 0) for left in range(n)] if n > 2 else []
    row: dict[str, Any] = {"method": method}
    for number, name in enumerate(("lower", "upper")):
        over = [one[number] for one in subjects]
        row[name] = float(whole[number])
        row |= _ends(jackknife_draws(whole[number], images[:, number], np.array(over)), f"{name} ")
    return {**row, "subjects": n}


def _cka(one: Array, other: Array, groups: Clusters | None) -> Array:
    return centred_alignment(one @ one.T, other @ other.T, "debiased", groups)


def _rsa(one: Array, other: Array, groups: Clusters | None) -> Array:
    first, second = (rdm_of_gram(Gram.from_features(side), "correlation") for side in (one, other))
    return compare_rdms(first, second, "pearson", groups)


COMPARISONS: dict[str, Callable[[Array, Array, Clusters | None], Array]] = {"cka": _cka, "rsa": _rsa}


def _root(reliability: Array) -> Array:
    return np.sign(reliability) * np.sqrt(np.abs(reliability))


def _ends(draws: Array, of: str = "") -> dict[str, float | None]:
    low, high = percentile_interval(draws)
    known = np.isfinite(low)
    return {f"{of}low": low if known else None, f"{of}high": high if known else None}


def _range(count: NDArray[np.intp]) -> list[int]:
    return sorted({int(count[count > 0].min()), int(count.max())})


def _no_repetitions(recordings: Recordings, benchmark: Benchmark) -> BadRecordings:
    todo = "Pack every repetition: itbench data pack … --dims site,stimulus,repetition"
    if benchmark.dataset and benchmark.dataset.repetitions:
        todo = f"Give them their repetitions with: itbench data link {recordings.name}"
    return BadRecordings(
        f"{recordings.name} holds means over repetitions: they do not tell noise from signal.", todo=todo
    )
