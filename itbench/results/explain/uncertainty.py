"""What noise in the recordings allows: ceilings, and scores corrected by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from itbench.results.explain.steps import Step, counted, in_words, sentences
from itbench.results.score_file import provenance
from itbench.results.summary import at_chosen_layer, ceilings_of, in_each_split
from itbench.statistics.bootstrap import percentile_interval
from itbench.statistics.brainscore import brainscore_ratio

RELIABILITY = """
    Recordings are noisy: the reliability of the mean over repetitions is the explained variance that a perfect model
    would reach.
"""
RANDOM_HALVES = """
    Averaged over 100 random halvings; where the number of repetitions is odd, the factor 2 grows with what is left out.
"""
ABOVE = """
    it exceeds 1: reliability and explained variance are estimates from a limited number of repetitions and images,
    and where the one comes out too low or the other too high, their ratio passes 1. That is chance, not a model better
    than the recordings.
"""
RATIO_TEXT = """
    Of what can be explained at a site, the share that is; then the mean over sites. Nothing is clipped.
"""
BRAINSCORE = """
    The same in the formula of Brain-Score's code, from medians over sites. To be laid beside its numbers, splits,
    readout and ceiling must be its own too: those of the metrics brainscore-pls and brainscore-ridge.
"""
HALVES = """\
reliability = 2 r / (1 + r)
r: correlation of the means of two random halves of the repetitions"""
SHARE = "corrected = mean over sites of EV / reliability"
RATIO = "score = (r / ceiling)²\nr: median over sites, mean over splits; ceiling: median over sites of reliability"


def ceiling(score: xr.Dataset, own: bool) -> Step:
    """Say what a perfect model would reach; `own` if the metric brings a ceiling of its own."""
    values = score["ceiling"].values
    found = values[np.isfinite(values)]
    fewest, most = provenance(score)["repetitions"]
    if not len(found):
        text = (
            f"There is none: every image has {_times(fewest, most)} of every site, so noise and signal cannot be told"
            " apart. No score can be corrected for noise."
        )
        return Step("Ceiling", text)
    how = "It is the metric's own: see what it says of itself." if own else RANDOM_HALVES
    text = sentences(RELIABILITY, how, f"It is known at {counted(len(found), 'site')}.")
    numbers = {"ceiling": float(np.median(found)), "ceiling_mean": float(found.mean())}
    return Step("Ceiling", text, "" if own else HALVES, {"n_sites": len(found), **numbers})


def corrected(score: xr.Dataset) -> Step:
    """Say what share of the explainable variance was explained."""
    ev, reliability = at_chosen_layer(score, "explained_variance").values, score["ceiling"].values
    usable = np.isfinite(ev) & (reliability > 0)
    ratio = ev[usable] / reliability[usable]
    noise = int((np.isfinite(ev) & (reliability <= 0)).sum())
    above = int((ratio > 1).sum())
    text = sentences(
        RATIO_TEXT,
        f"{counted(noise, 'site')} with a reliability of 0 or less {_is(noise)} left out." if noise else "",
        f"At {counted(above, 'site')} {ABOVE}" if above else "",
    )
    mean = float(ratio.mean()) if len(ratio) else None
    numbers = {"n_sites": len(ratio), "n_sites_above_1": above, "explained_variance_corrected": mean}
    return Step("Explained variance over the ceiling", text, SHARE, numbers)


def brainscore(score: xr.Dataset) -> Step | None:
    """Say how Brain-Score's own ratio comes about; None where the median ceiling is not above 0."""
    ceilings, r = ceilings_of(score), in_each_split(score, "correlation").values
    ratio = np.nan if ceilings is None else brainscore_ratio(r, ceilings)
    if ceilings is None or not np.isfinite(ratio):
        return None
    numbers = {"r_median": _middle(r), "ceiling_median": _middle(ceilings), "brainscore": ratio}
    return Step("Brain-Score's ratio", sentences(BRAINSCORE), RATIO, numbers)


def _middle(values: Any) -> float:
    """Return the median over sites, averaged over splits or divisions."""
    return float(np.nanmedian(values, axis=1).mean())


def has_ceiling(score: xr.Dataset) -> bool:
    """Say whether any site has a ceiling."""
    return "ceiling" in score and bool(np.isfinite(score["ceiling"].values).any())


def _times(fewest: int, most: int) -> str:
    return "one response" if most <= 1 else f"{fewest} to {most} responses"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


SHOWN = 8  # sites that a text names
PERCENTILES = "interval = 2.5th to 97.5th percentile of the draws"
JACKKNIFE = "draw = θ + Σ_g z_g √((G − 1) / G) (θ_(g) − mean over g of θ_(g))    z_g: standard normal"
OF_GROUPS = """
    Draws around the headline by the jackknife: as far spread as it changes when groups of images are left out. They
    speak of other images, not of other sites.
"""
OF_SPLITS = "Draws around the headline by the jackknife: as far spread as it changes when splits are left out."
OF_IMAGES_AND_SITES = """
    Each draw takes as many of the held-out images again, with replacement within their split, and as many of the
    sites, and measures anew. Readouts are not learnt anew, so it speaks of these readouts on other images and sites
    like these. Two scores on the same recordings and splits drew the same images and sites.
"""
UNSCORED = """
    A site is scored if it has a response to every image that is used, and its responses are not all equal in any part
    of any split. Those that are not scored take no part in any mean:
"""


def certainty(score: xr.Dataset) -> Step | None:
    """Say what the interval of the headline is made of; None where there is none."""
    measure = score.attrs["measure"]
    if "draws" not in score or measure not in score["measure"].values:
        return None
    draws = score["draws"].sel(measure=measure).values
    low, high = percentile_interval(draws)
    text, drawn = (
        (OF_GROUPS, JACKKNIFE)
        if "value" in score
        else (OF_SPLITS, JACKKNIFE)
        if "agreement" in score
        else (OF_IMAGES_AND_SITES, "")
    )
    formula = "\n".join(filter(None, (drawn, PERCENTILES)))
    numbers = {"draws": len(draws), "low": low, "high": high}
    return Step(f"The interval of {in_words(measure)}", sentences(text), formula, numbers)


def sites_left_out(score: xr.Dataset) -> Step | None:
    """Name the sites that are not scored; None if all are."""
    if "explained_variance" not in score:
        return None
    unscored = np.isnan(score["explained_variance"].values).any(axis=(0, 1))
    names = [str(name) for name in score["site"].values[unscored]]
    if not names:
        return None
    more = f", … ({len(names)} in all)" if len(names) > SHOWN else ""
    text = sentences(UNSCORED, f"{', '.join(names[:SHOWN])}{more}.")
    numbers = {"n_sites": len(unscored), "n_sites_scored": len(unscored) - len(names)}
    return Step("Sites that are not scored", text, numbers=numbers)
