"""Paired comparison of two scores: difference, interval and p on the same stimuli, sites and splits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.data.responses import mean_over_repetitions
from itbench.errors import BadRecordings, BadScore
from itbench.results.score_command import score_command
from itbench.results.score_setup import RECORDED, Setup, name_of, refuse_unlike
from itbench.results.score_variables import ceilings_of, draws_of, held_out_rows, is_comparison, measure_of
from itbench.results.summary import summary
from itbench.statistics.bootstrap import percentile_interval
from itbench.statistics.permutation import PermutationResult, benjamini_hochberg, permutation_test
from itbench.statistics.resampling import MEASURES
from itbench.util.arrays import Array
from itbench.util.progress import Reporter

PERMUTATION = "permutation of images"
NORMAL = "normal approximation"
SWAPS = 10_000


@dataclass(frozen=True)
class ComparedModel:
    """One of the two models of a paired comparison.

    Parameters
    ----------
    model, weights, metric, layer : str
    value : float
        Of the measure.
    low, high : float, optional
        Its 95 % interval.
    sites_better : int, optional
        Sites at which it is better; None for a comparison of Grams.
    sites_better_significantly : int, optional
        Those of them that are significant at a false discovery rate of 5 % over all sites.
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
    """Paired comparison of two models on the same stimuli, sites and splits.

    Parameters
    ----------
    benchmark, measure : str
    a, b : ComparedModel
    difference : float
        The value of `a` less that of `b`.
    low, high : float, optional
        The 95 % interval of the difference, from paired draws.
    p : float
        Two-sided, of no difference.
    test : str
        Name of the test that gave p.
    n_stimuli, n_sites, n_splits : int
        Held-out stimuli, scored sites, splits.
    departures : tuple of str
        Other items of the setup in which the two scores differ.
    """

    benchmark: str
    measure: str
    a: ComparedModel
    b: ComparedModel
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
    """Return the paired comparison of two scores of the same stimuli, sites and splits.

    The interval of the difference comes from paired draws over stimuli and sites. Where both scores hold predictions,
    p comes from swapping them between the models (`permutation_test`), with the sites fixed; else from the standard
    error of the paired draws, as if the difference were normal.

    Parameters
    ----------
    a, b : Dataset
        Scores.
    responses : array of shape (stimulus, site), optional
        Recorded means (`responses_of`); needed where the scores hold predictions.

    Raises
    ------
    BadScore
        If their setups differ in what must agree, or they hold no predictions or draws.

    Examples
    --------
    >>> a, b = (itbench.score(name) for name in ("itbench-tiny", "pixels"))  # doctest: +SKIP
    >>> compare_scores(a, b, responses_of(a, load_plugins().benchmark("synthetic-it"))).p  # doctest: +SKIP
    """
    refuse_unlike(a, b)
    measure = measure_of(a)
    drawn = [draws for score in (a, b) if (draws := draws_of(score)) is not None]
    difference = drawn[0] - drawn[1]
    swapped = None if is_comparison(a) or measure not in MEASURES else _swap(a, b, responses, measure)
    first, second = _compared(a, swapped, 1), _compared(b, swapped, -1)
    value = first.value - second.value
    low, high = map(_finite, percentile_interval(difference))
    rows = held_out_rows(a)
    return PairedComparison(
        str(a.attrs["benchmark"]),
        measure,
        first,
        second,
        value,
        low,
        high,
        swapped.p if swapped else normal_p(value, difference),
        PERMUTATION if swapped else NORMAL,
        int(a["group_size"].sum()) if rows is None else len(np.unique(rows[0])),
        int(a.attrs["n_sites_scored"]),
        a.sizes.get("split", 0),
        tuple(Setup.of(a).departures(Setup.of(b))),
    )


def responses_of(score: xr.Dataset, benchmark: Benchmark, reporter: Reporter | None = None) -> Array:
    """Load the recorded responses (stimulus, site), means over repetitions, for the paired comparison of a score.

    Raises
    ------
    BadRecordings
        If the recordings of the benchmark are no longer those of the score.
    """
    recordings = benchmark.load(reporter)
    changed = Setup.of(score).changed_digests(recordings.digests, RECORDED)
    if changed:
        raise BadRecordings(
            f"{name_of(score)} was scored on other recordings than {recordings.name} holds now.",
            known=f"Digests: {'; '.join(changed)}.",
            todo=f"Score again: {score_command(score)}",
        )
    return mean_over_repetitions(recordings.require_responses())


def normal_p(value: float, draws: Array) -> float:
    """Return the two-sided p of a paired difference whose standard error is the spread of its draws (draw,)."""
    error = float(np.nanstd(draws))
    return math.erfc(abs(value) / error / math.sqrt(2)) if error > 0 else float(value == 0)


def _swap(a: xr.Dataset, b: xr.Dataset, responses: Array | None, measure: str) -> PermutationResult:
    if responses is None:
        raise BadScore(
            "The paired comparison of scores with predictions needs the recorded responses, and none were given.",
            todo="Pass responses_of(score, benchmark).",
        )
    stimulus, split = a["row_stimulus"].values, a["row_split"].values
    return permutation_test(
        responses[stimulus],
        (a["predictions"].values, b["predictions"].values),
        stimulus,
        split,
        measure=measure,
        ceiling=ceilings_of(a),
        n=SWAPS,
    )


def _compared(score: xr.Dataset, swapped: PermutationResult | None, sign: int) -> ComparedModel:
    found = summary(score)
    better = None if swapped is None else sign * swapped.site_difference > 0
    return ComparedModel(
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
