"""Table of the noise ceiling of a benchmark, one row a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.errors import BadRecordings
from itbench.statistics.noise_ceiling import METHODS, RDM_METHODS, rdm_ceiling, site_reliability
from itbench.statistics.reliability import count_repetitions
from itbench.util.progress import Reporter


def ceiling_rows(
    benchmark: Benchmark, methods: Sequence[str] = (), reporter: Reporter | None = None
) -> list[dict[str, Any]]:
    """Return the noise ceiling of a benchmark's recordings, one row a method of estimating it.

    Parameters
    ----------
    benchmark : Benchmark
    methods : sequence of str
        Of sites: ``split-half``, ``variance``; of dissimilarities: ``pearson``, ``spearman``, ``cosine``. All of them
        if there are none.
    reporter : Reporter, optional

    Raises
    ------
    BadRecordings
        If the recordings hold means over repetitions only.
    """
    recordings = benchmark.load(reporter)
    if recordings.rdms is not None:
        return _subject_rows(recordings.rdms, methods)
    responses = recordings.require_responses()
    if count_repetitions(responses).max() < 2:
        raise _no_repetitions(recordings.name, benchmark)
    return _site_rows(responses, methods)


def _site_rows(responses: xr.DataArray, methods: Sequence[str]) -> list[dict[str, Any]]:
    count, rows = count_repetitions(responses), []
    for method in methods or METHODS:
        reliability = site_reliability(responses, method)
        found = reliability[np.isfinite(reliability)]
        rows.append(
            {
                "method": method,
                "median": float(np.median(found)) if len(found) else None,
                "mean": float(np.mean(found)) if len(found) else None,
                "sites": len(reliability),
                "above 0": int((found > 0).sum()),
                "repetitions": sorted({int(count[count > 0].min()), int(count.max())}),
            }
        )
    return rows


def _subject_rows(rdms: xr.DataArray, methods: Sequence[str]) -> list[dict[str, Any]]:
    above = np.triu_indices(rdms.shape[1], 1)
    pairs = rdms.values[:, above[0], above[1]]
    bounds = {method: rdm_ceiling(pairs, method) for method in methods or RDM_METHODS}
    return [{"method": method, **found._asdict(), "subjects": len(pairs)} for method, found in bounds.items()]


def _no_repetitions(name: str, benchmark: Benchmark) -> BadRecordings:
    todo = "Pack every repetition: itbench data pack … --dims site,stimulus,repetition"
    if benchmark.dataset and benchmark.dataset.repetitions:
        todo = f"Give them their repetitions with: itbench data link {name}"
    return BadRecordings(f"{name} holds means over repetitions: they do not tell noise from signal.", todo=todo)
