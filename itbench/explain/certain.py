"""How certain a number is, and which sites it does not speak of."""

from __future__ import annotations

import numpy as np
import xarray as xr

from itbench.bootstrap import interval
from itbench.explain.steps import Step, in_words, sentences

SHOWN = 8  # sites that a text names
PERCENTILES = "interval = 2.5th to 97.5th percentile of the draws"
JACKKNIFE = "draw = θ + Σ_g z_g √((G − 1) / G) (θ_(g) − mean over g of θ_(g))    z_g: standard normal"
OF_GROUPS = """
    Draws around the headline by the jackknife: as far spread as it changes when groups of pictures are left out. They
    speak of other pictures, not of other sites.
"""
OF_SPLITS = "Draws around the headline by the jackknife: as far spread as it changes when splits are left out."
OF_PICTURES_AND_SITES = """
    Each draw takes as many of the held-out pictures again, with replacement within their split, and as many of the
    sites, and measures anew. Readouts are not learnt anew, so it speaks of these readouts on other pictures and sites
    like these. Two scores on the same recordings and splits drew the same pictures and sites.
"""
UNSCORED = """
    A site is scored if it has a response to every picture that is used, and its responses are not all equal in any part
    of any split. Those that are not scored take no part in any mean:
"""


def certainty(score: xr.Dataset) -> Step | None:
    """Say what the interval of the headline is made of; None where there is none."""
    measure = score.attrs["measure"]
    if "draws" not in score or measure not in score["measure"].values:
        return None
    draws = score["draws"].sel(measure=measure).values
    low, high = interval(draws)
    text, drawn = (
        (OF_GROUPS, JACKKNIFE)
        if "value" in score
        else (OF_SPLITS, JACKKNIFE)
        if "agreement" in score
        else (OF_PICTURES_AND_SITES, "")
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
