"""Explain the noise ceiling, the score over the ceiling, the 95 % interval, and the sites that are not scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from itbench.results.explain.steps import Step, Value, in_words, sentences
from itbench.results.score_file import provenance
from itbench.results.score_variables import (
    ceiling_of,
    ceilings_of,
    drawn_text,
    draws_few_sites,
    draws_of,
    has_split_measure,
    in_each_split,
    interval_of,
    is_comparison,
    measure_of,
    pooled,
    scored_sites,
    site_names,
)
from itbench.statistics.bootstrap import percentile_interval
from itbench.statistics.brainscore import brainscore_ratio
from itbench.statistics.noise_ceiling import ceiling_corrected
from itbench.util.tables import counted

RELIABILITY = """
    Recordings are noisy: the reliability of the mean over repetitions is the explained variance that a perfect model
    would reach.
"""
RANDOM_HALVES = """
    Of the held-out images, centred within each split as explained variance is. Averaged over 100 random halvings; with
    an odd number of repetitions, the factor 2 is larger, as one is left out.
"""
ABOVE = """
    it exceeds the reliability: both are estimates from a limited number of repetitions and images, and their ratio can
    exceed 1 by chance. That does not mean that the model is better than the recordings.
"""
RATIO_TEXT = """
    The share of the explainable variance that is explained: a ratio of sums over all sites with an estimate of both,
    also those whose reliability comes out at 0 or less. Nothing is clipped.
"""
BRAINSCORE = """
    The same by the formula of Brain-Score's code, from medians over sites. Only with Brain-Score's splits, readout and
    ceiling, those of the metrics brainscore-pls and brainscore-ridge, is it comparable with its numbers.
"""
HALVES = """\
reliability = 2 r / (1 + r)
r: correlation of the means of two random halves of the repetitions"""
SHARE = "corrected = Σ EV / Σ reliability    over sites"
RATIO = """\
score = (r / ceiling)², with the sign of r
r: median over sites, mean over splits; ceiling: median over sites of reliability"""


def explain_ceiling(score: xr.Dataset, of_metric: bool) -> Step:
    """Explain the noise ceiling, from halves of the repetitions or by a formula `of_metric`."""
    values = score["ceiling"].values
    found = values[np.isfinite(values)]
    fewest, most = provenance(score)["repetitions"]
    if not len(found):
        text = (
            f"There is none: every image has {_times(fewest, most)} of every site, so noise and signal cannot be told"
            " apart. No score can be corrected for noise."
        )
        return Step("Ceiling", text)
    how = "It is the metric's own: see its description." if of_metric else RANDOM_HALVES
    text = sentences(RELIABILITY, how, f"{counted(len(found), 'site')} {_has(len(found))} a ceiling.")
    low, high = interval_of(score, "ceiling") or (np.nan, np.nan)
    interval = {"low": low, "high": high} if low <= high else {}
    numbers = {"ceiling": float(np.median(found)), **interval, "ceiling_mean": float(found.mean())}
    return Step("Ceiling", text, "" if of_metric else HALVES, {"n_sites": len(found), **numbers})


def explain_corrected(score: xr.Dataset) -> Step:
    """Explain the explained variance over the noise ceiling."""
    ev, reliability = pooled(score, "explained_variance", chosen=True).values, score["ceiling"].values
    both = np.isfinite(ev) & np.isfinite(reliability)
    noise, above = int((both & (reliability <= 0)).sum()), int((both & (reliability > 0) & (ev > reliability)).sum())
    text = sentences(
        RATIO_TEXT,
        f"{counted(noise, 'site')} {_has(noise)} a reliability of 0 or less." if noise else "",
        f"At {counted(above, 'site')} {ABOVE}" if above else "",
    )
    ratio = float(ceiling_corrected(ev, reliability))
    mean = ratio if np.isfinite(ratio) else None
    numbers = {"n_sites": int(both.sum()), "n_sites_above_1": above, "explained_variance_corrected": mean}
    return Step("Explained variance over the ceiling", text, SHARE, numbers)


def explain_brainscore(score: xr.Dataset) -> Step | None:
    """Explain Brain-Score's ratio of r and noise ceiling; None where the median ceiling is not above 0."""
    ceilings, r = ceilings_of(score), in_each_split(score, "correlation").values
    ratio = np.nan if ceilings is None else brainscore_ratio(r, ceilings)
    if ceilings is None or not np.isfinite(ratio):
        return None
    numbers = {"r_median": _middle(r), "ceiling_median": _middle(ceilings), "brainscore": ratio}
    return Step("Brain-Score's ratio", sentences(BRAINSCORE), RATIO, numbers)


def _middle(values: Any) -> float:
    return float(np.nanmedian(values, axis=1).mean())


def has_ceiling(score: xr.Dataset) -> bool:
    """Return whether any site has a noise ceiling to explain."""
    ceiling = ceiling_of(score)
    return ceiling is not None and bool(np.isfinite(ceiling).any())


def _times(fewest: int, most: int) -> str:
    return "one response" if most <= 1 else f"{fewest} to {most} responses"


def _has(number: int) -> str:
    return "has" if number == 1 else "have"


LISTED = 8  # sites that a text names
PERCENTILES = "interval = 2.5th to 97.5th percentile of the draws"
JACKKNIFE = """\
draw = θ + Σ_f √(ν / χ²_ν) Σ_g z_g √((G − 1) / G) (θ_(g) − mean over g of θ_(g)),  ν = G − 1
f: images, then sites; z_g: standard normal; θ_(g): the headline without group g"""
LEFT_OUT = """
    Draws around the headline by the jackknife: their spread is that of the headline when groups of images, and then
    groups of sites or subjects, are left out. The interval is over other images and other sites of the same kind.
"""
RESAMPLED = """
    Each draw resamples the held-out images and the sites, with replacement, and measures again; the ceiling too is that
    of the images drawn. Images of one object are drawn together, where the recordings name objects: errors are alike
    for them. Draws of ratios of variances come out a little low, so they are shifted until their median is the
    headline. Readouts are not fitted again: the interval is over other images and sites of the same kind, with these
    readouts.
"""
TOO_NARROW = """
    There are few sites to draw from: in simulations with 10, such intervals held the truth in about 90 % of cases where
    images were many, and not in 95 %.
"""
PAIRED = "Two scores on the same recordings and splits have the same images and sites in each draw."
UNSCORED = """
    A site is scored if it has a response to every image that is used, and its responses are not all equal in any part
    of any split. Those that are not scored take no part in any mean:
"""


def explain_interval(score: xr.Dataset) -> Step | None:
    """Explain the draws of the headline's 95 % interval; None where there are none."""
    measure, draws = measure_of(score), draws_of(score)
    if draws is None:
        return None
    low, high = percentile_interval(draws)
    left_out = is_comparison(score) or has_split_measure(score)
    formula = "\n".join(filter(None, (JACKKNIFE if left_out else "", PERCENTILES)))
    numbers: dict[str, Value] = {"draws": len(draws), "drawn": drawn_text(score), "low": low, "high": high}
    text = sentences(LEFT_OUT if left_out else RESAMPLED, TOO_NARROW if draws_few_sites(score) else "", PAIRED)
    return Step(f"The interval of {in_words(measure)}", text, formula, numbers)


def explain_unscored_sites(score: xr.Dataset) -> Step | None:
    """Explain which sites are not scored, and therefore in no mean and no interval; None if all are scored."""
    scored, sites = scored_sites(score), site_names(score)
    if scored is None or sites is None:
        return None
    names = [name for name, is_scored in zip(sites, scored, strict=True) if not is_scored]
    if not names:
        return None
    more = f", … ({len(names)} in all)" if len(names) > LISTED else ""
    text = sentences(UNSCORED, f"{', '.join(names[:LISTED])}{more}.")
    numbers = {"n_sites": len(sites), "n_sites_scored": len(sites) - len(names)}
    return Step("Sites that are not scored", text, numbers=numbers)
