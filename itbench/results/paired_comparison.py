"""Paired comparison of two scores: difference, interval and p on the same stimuli, sites and splits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions
from itbench.errors import BadOption, BadRecordings, BadScore
from itbench.results.score_command import score_command
from itbench.results.score_setup import RECORDED, Setup, name_of, refuse_unlike
from itbench.results.score_variables import (
    ceilings_of,
    drawn_text,
    draws_few_sites,
    draws_of,
    held_out_rows,
    is_comparison,
    measure_of,
)
from itbench.results.summary import summary
from itbench.statistics.bootstrap import percentile_interval, two_sided_p
from itbench.statistics.permutation import PermutationResult, benjamini_hochberg, permutation_test
from itbench.statistics.resampling import MEASURES
from itbench.util.arrays import Array
from itbench.util.progress import Reporter

SWAPS = 10_000
BELIEVED = 0.05  # the largest p of a difference that is called one


@dataclass(frozen=True)
class ComparedModel:
    """One of the two models of a paired comparison.

    Parameters
    ----------
    model, weights, metric, layer : str
    value : float
        Of the measure.
    standard_error : float
        Standard deviation of its draws.
    low, high : float, optional
        Its 95 % interval.
    sites_better : int, optional
        Sites at which it is better; None for a comparison of Grams.
    sites_better_significantly : int, optional
        Those of them that are significant by permutation at a false discovery rate of 5 % over all sites.
    """

    model: str
    weights: str
    metric: str
    layer: str
    value: float
    standard_error: float
    low: float | None
    high: float | None
    sites_better: int | None = None
    sites_better_significantly: int | None = None


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two scores of the same stimuli, sites and splits, by their paired draws.

    Parameters
    ----------
    difference : float
        The value of the first less that of the second.
    standard_error : float
        Standard deviation of the paired draws.
    low, high : float, optional
        Its 95 % interval.
    p : float
        Two-sided, of no difference; NaN where images are too few.
    """

    difference: float
    standard_error: float
    low: float | None
    high: float | None
    p: float

    @classmethod
    def of(cls, values: tuple[float, float], draws: tuple[Array, Array]) -> PairedDifference:
        """Return the difference of two values by their draws (draw,), which are of the same images and sites."""
        drawn = draws[0] - draws[1]
        low, high = map(_finite, percentile_interval(drawn))
        return cls(values[0] - values[1], float(np.nanstd(drawn)), low, high, two_sided_p(drawn))


@dataclass(frozen=True)
class PairedComparison:
    """Paired comparison of two models on the same stimuli, sites and splits.

    Parameters
    ----------
    benchmark, measure : str
    a, b : ComparedModel
    difference : float
        The value of `a` less that of `b`.
    standard_error : float
        Standard deviation of the paired draws.
    low, high : float, optional
        The 95 % interval of the difference, from the same draws.
    p : float
        Two-sided, of no difference on other images and sites of the kind; below 0.05 exactly where the interval
        excludes 0.
    drawn : str
        What was drawn, such as ``64 objects × 168 sites``.
    verdict : str
        In words; says where a difference is not to be believed.
    p_at_these_sites : float, optional
        Of a permutation of the images, or objects, between the models, with the sites fixed: says nothing of other
        sites. None for a comparison of Grams.
    margin, p_beyond_margin : float, optional
        A margin, and p of the hypothesis that the difference is beyond it (the larger of two one-sided tests: below
        0.05, the models are no more than the margin apart; Schuirmann 1987, J. Pharmacokinet. Biopharm. 15, 657–680).
    n_stimuli, n_sites, n_splits : int
        Held-out stimuli, scored sites, splits.
    departures : tuple of str
        Other items of the setup in which the two scores differ.
    p_is_bound : bool
        Whether `p` is the least that the number of draws can give: the true one is that or less.
    few_sites : bool
        Whether fewer than 20 sites were drawn: interval and p are then somewhat too sure.
    n_draws : int
        Draws of the interval and of p, which is at least 2 / (n_draws + 1).
    """

    benchmark: str
    measure: str
    a: ComparedModel
    b: ComparedModel
    difference: float
    standard_error: float
    low: float | None
    high: float | None
    p: float
    drawn: str
    verdict: str
    p_at_these_sites: float | None
    margin: float | None
    p_beyond_margin: float | None
    n_stimuli: int
    n_sites: int
    n_splits: int
    departures: tuple[str, ...] = ()
    few_sites: bool = False
    n_draws: int = 0
    p_is_bound: bool = False


def compare_scores(
    a: xr.Dataset, b: xr.Dataset, responses: Array | None = None, margin: float | None = None
) -> PairedComparison:
    """Return the paired comparison of two scores of the same stimuli, sites and splits.

    Interval, standard error and p come from the paired draws of both scores, over images (in clusters, such as objects)
    and sites. Where both scores hold predictions, a permutation test adds what these very sites say
    (`permutation_test`), of all together and of each.

    Parameters
    ----------
    a, b : Dataset
        Scores.
    responses : array of shape (stimulus, site), optional
        Recorded means (`responses_of`); needed where the scores hold predictions.
    margin : float, optional
        The largest difference that does not matter: adds an equivalence test.

    Raises
    ------
    BadScore
        If their setups differ in what must agree, or they hold no predictions or draws.
    BadOption
        If the margin is not above 0.

    Examples
    --------
    >>> a, b = (itbench.score(name) for name in ("itbench-tiny", "pixels"))  # doctest: +SKIP
    >>> compare_scores(a, b, responses_of(a, load_plugins().benchmark("synthetic-it"))).p  # doctest: +SKIP
    """
    if margin is not None and not 0 < margin < math.inf:
        raise BadOption(f"The margin must be above 0, not {margin}.", known="It is in the unit of the measure.")
    refuse_unlike(a, b)
    measure = measure_of(a)
    first_draws, second_draws = (draws for score in (a, b) if (draws := draws_of(score)) is not None)
    swapped = None if is_comparison(a) or measure not in MEASURES else swap_predictions(a, b, responses, measure)
    first, second = _compared(a, swapped, 1), _compared(b, swapped, -1)
    found = PairedDifference.of((first.value, second.value), (first_draws, second_draws))
    beyond = None if margin is None else _p_beyond(first_draws - second_draws, margin)
    rows = held_out_rows(a)
    return PairedComparison(
        str(a.attrs["benchmark"]),
        measure,
        first,
        second,
        found.difference,
        found.standard_error,
        found.low,
        found.high,
        found.p,
        drawn_text(a),
        _verdict(first, second, found.p, margin, beyond),
        swapped.p if swapped else None,
        margin,
        beyond,
        int(a["group_size"].sum()) if rows is None else len(np.unique(rows[0])),
        int(a.attrs["n_sites_scored"]),
        a.sizes.get("split", 0),
        tuple(Setup.of(a).departures(Setup.of(b))),
        draws_few_sites(a),
        int(np.isfinite(first_draws - second_draws).sum()),
        bool(found.p <= 2 / (np.isfinite(first_draws - second_draws).sum() + 1)),
    )


def _verdict(a: ComparedModel, b: ComparedModel, p: float, margin: float | None, beyond: float | None) -> str:
    """Return in words what a paired comparison says."""
    within = f"they are no more than {margin:g} apart" if beyond is not None and beyond < BELIEVED else ""
    if not math.isfinite(p):
        return "There are too few images for an interval: the difference is not to be believed."
    if p < BELIEVED:
        better = "A is better than B" if a.value > b.value else "B is better than A"
        return f"{better}{', though ' + within if within else ''}."
    if within:
        return f"Not told apart, and {within}."
    unknown = f", nor shown to be within {margin:g} of each other" if margin is not None else ""
    return f"Not told apart{unknown}: on other images and sites, the order could be the other."


def _p_beyond(draws: Array, margin: float) -> float:
    """Return p of the hypothesis that the difference is beyond the margin, of two one-sided tests the larger."""
    return max(two_sided_p(draws - end) / 2 if inside else 1.0 for end, inside in _ends(draws, margin))


def _ends(draws: Array, margin: float) -> list[tuple[float, bool]]:
    middle = float(np.nanmedian(draws))
    return [(margin, middle < margin), (-margin, middle > -margin)]


def responses_of(score: xr.Dataset, benchmark: Benchmark, reporter: Reporter | None = None) -> Array:
    """Load the recorded responses (stimulus, site), means over repetitions, for the paired comparison of a score.

    Raises
    ------
    BadRecordings
        If the recordings of the benchmark are no longer those of the score.
    """
    return mean_over_repetitions(recordings_of(score, benchmark, reporter).require_responses())


def recordings_of(score: xr.Dataset, benchmark: Benchmark, reporter: Reporter | None = None) -> Recordings:
    """Load the recordings of a score's benchmark; raise BadRecordings if they are no longer those of the score."""
    recordings = benchmark.load(reporter)
    changed = Setup.of(score).changed_digests(recordings.digests, RECORDED)
    if changed:
        raise BadRecordings(
            f"{name_of(score)} was scored on other recordings than {recordings.name} holds now.",
            known=f"Digests: {'; '.join(changed)}.",
            todo=f"Score again: {score_command(score)}",
        )
    return recordings


def swap_predictions(a: xr.Dataset, b: xr.Dataset, responses: Array | None, measure: str) -> PermutationResult:
    """Return the permutation test of two scores' predictions for a paired comparison: of all sites, and of each."""
    if responses is None:
        raise BadScore(
            "The paired comparison of scores with predictions needs the recorded responses, and none were given.",
            todo="Pass responses_of(score, benchmark).",
        )
    return permutation_test(
        responses[a["row_stimulus"].values],
        (a["predictions"].values, b["predictions"].values),
        a["row_cluster"].values,
        a["row_split"].values,
        measure=measure,
        ceiling=ceilings_of(a),
        n=SWAPS,
    )


def _compared(score: xr.Dataset, swapped: PermutationResult | None, sign: int) -> ComparedModel:
    found, draws = summary(score), draws_of(score)
    error = np.nan if draws is None else float(np.nanstd(draws))
    better = None if swapped is None else sign * swapped.site_difference > 0
    return ComparedModel(
        found["model"],
        found["weights"],
        found["metric"],
        found["layer"],
        found["value"],
        error,
        _finite(found["low"]),
        _finite(found["high"]),
        None if better is None else int(better.sum()),
        None if swapped is None or better is None else int((better & benjamini_hochberg(swapped.site_p)).sum()),
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
