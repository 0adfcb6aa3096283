"""The paired comparison of two scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.data.responses import mean_over_repetitions
from itbench.errors import BadRecordings, BadScore
from itbench.results.comparable import departures, is_comparison, measure_of, name_of, refuse_unlike
from itbench.results.find import command_of
from itbench.results.score_file import provenance
from itbench.results.summary import ceilings_of, summary
from itbench.statistics.bootstrap import percentile_interval
from itbench.statistics.permutation import PermutationResult, benjamini_hochberg, permutation_test
from itbench.statistics.resampling import MEASURES
from itbench.util.arrays import Array
from itbench.util.progress import Reporter

PERMUTATION = "permutation of images"
NORMAL = "normal approximation"
SWAPS = 10_000


@dataclass(frozen=True)
class Standing:
    """How one of the two models stands.

    Parameters
    ----------
    model, weights, metric, layer : str
    value : float
        Of the measure.
    low, high : float, optional
        Its 95 % interval.
    sites_better : int, optional
        At how many sites it is better; None where sites have no value of their own.
    sites_better_significantly : int, optional
        Of those, with a false discovery rate of 5 % over all sites.
    """

    model: str
    weights: str
    metric: str
    layer: str
    value: float
    low: float | None
    high: float | None
    sites_better: int | None = None
    sites_better_significantly: int | None = None


@dataclass(frozen=True)
class PairedComparison:
    """Two models on the same images, sites and splits.

    Parameters
    ----------
    benchmark, measure : str
    a, b : Standing
    difference : float
        The value of `a` less that of `b`.
    low, high : float, optional
        The 95 % interval of the difference, of draws in pairs.
    p : float
        Two-sided, of no difference.
    test : str
        What gave p.
    n_stimuli, n_sites, n_splits : int
        Images tested, sites scored, splits.
    departures : tuple of str
        In what else the two scores differ.
    """

    benchmark: str
    measure: str
    a: Standing
    b: Standing
    difference: float
    low: float | None
    high: float | None
    p: float
    test: str
    n_stimuli: int
    n_sites: int
    n_splits: int
    departures: tuple[str, ...] = ()


def compare_scores(a: xr.Dataset, b: xr.Dataset, responses: Array | None = None) -> PairedComparison:
    """Compare two scores of the same images, sites and splits.

    The interval of the difference is that of draws in pairs, over images and sites as each score has them. Where both
    hold predictions of single images, p comes from `permutation_test`, which keeps the sites;
    else from the standard error of the paired draws, as if the difference were normal.

    Parameters
    ----------
    a, b : Dataset
        Scores.
    responses : array of shape (stimulus, site), optional
        Recorded means (`responses_of`); needed where the scores hold predictions.

    Raises
    ------
    BadScore
        If they are not comparable, or lack predictions or draws; says what differs and what to do.

    Examples
    --------
    >>> a, b = (score_model(name) for name in ("itbench-tiny", "pixels"))  # doctest: +SKIP
    >>> compare_scores(a, b, responses_of(a, load_plugins().benchmark("synthetic-it"))).p  # doctest: +SKIP
    """
    refuse_unlike(a, b)
    measure = measure_of(a)
    drawn = [score["draws"].sel(measure=measure).values.astype(np.float64) for score in (a, b)]
    difference = drawn[0] - drawn[1]
    swapped = None if is_comparison(a) or measure not in MEASURES else _swap(a, b, responses, measure)
    standing = [_standing(score, swapped, sign) for score, sign in ((a, 1), (b, -1))]
    value = standing[0].value - standing[1].value
    low, high = map(_finite, percentile_interval(difference))
    rows = a["row_stimulus"].values if "row_stimulus" in a else None
    return PairedComparison(
        str(a.attrs["benchmark"]),
        measure,
        standing[0],
        standing[1],
        value,
        low,
        high,
        swapped.p if swapped else normal_p(value, difference),
        PERMUTATION if swapped else NORMAL,
        int(a["group_size"].sum()) if rows is None else len(np.unique(rows)),
        int(a.attrs["n_sites_scored"]),
        a.sizes.get("split", 0),
        tuple(departures(a, b)),
    )


def responses_of(score: xr.Dataset, benchmark: Benchmark, reporter: Reporter | None = None) -> Array:
    """Load the recorded means (stimulus, site) that a score was made from.

    Raises
    ------
    BadRecordings
        If the recordings of the benchmark are no longer those of the score.
    """
    recordings = benchmark.load(reporter)
    digests = provenance(score)["digests"]
    for part in ("stimuli", "responses"):
        if recordings.digests[part] != digests[part]:
            raise BadRecordings(
                f"{name_of(score)} was scored on other recordings than {recordings.name} holds now.",
                known=f"The digest of its {part} is {digests[part][:8]}, that of the recordings "
                f"{recordings.digests[part][:8]}.",
                todo=f"Score again: {command_of(score)}",
            )
    return mean_over_repetitions(recordings.require_responses())


def normal_p(value: float, draws: Array) -> float:
    """Return the two-sided p of a value whose standard error is the spread of its draws (draw,)."""
    error = float(np.nanstd(draws))
    return math.erfc(abs(value) / error / math.sqrt(2)) if error > 0 else float(value == 0)


def _swap(a: xr.Dataset, b: xr.Dataset, responses: Array | None, measure: str) -> PermutationResult:
    if responses is None:
        raise BadScore(
            "Scores with predictions are compared by the responses that were recorded, and none were given.",
            todo="Pass responses_of(score, benchmark).",
        )
    stimulus = a["row_stimulus"].values
    return permutation_test(
        responses[stimulus],
        (a["predictions"].values, b["predictions"].values),
        stimulus,
        a["row_split"].values,
        measure=measure,
        ceiling=ceilings_of(a),
        n=SWAPS,
    )


def _standing(score: xr.Dataset, swapped: PermutationResult | None, sign: int) -> Standing:
    found = summary(score)
    better = None if swapped is None else sign * swapped.site_difference > 0
    return Standing(
        found["model"],
        found["weights"],
        found["metric"],
        found["layer"],
        found["value"],
        _finite(found["low"]),
        _finite(found["high"]),
        None if better is None else int(better.sum()),
        None if swapped is None or better is None else int((better & benjamini_hochberg(swapped.site_p)).sum()),
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
