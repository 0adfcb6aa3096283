"""Whether two scores can be compared at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr

from itbench.errors import BadScore
from itbench.results.find import command_of
from itbench.results.score_file import provenance


def refuse_unlike(a: xr.Dataset, b: xr.Dataset) -> None:
    """Raise if two scores are not of the same images, sites and splits, or do not measure the same.

    Raises
    ------
    BadScore
        Saying what differs; or which score lacks what a comparison needs, and the command that makes it anew.
    """
    for score in (a, b):
        lacking = _lacking(score)
        if lacking:
            raise BadScore(
                f"The score of {name_of(score)} holds no {lacking}.", todo=f"Make it anew: {command_of(score)}"
            )
    for what, seen in _differing(a, b):
        raise BadScore(
            f"{name_of(a)} and {name_of(b)} cannot be compared: their {what} differ.",
            known=f"{seen}.",
            todo=f"Score both alike: {command_of(a)}\n                  {command_of(b)}",
        )


def departures(a: xr.Dataset, b: xr.Dataset) -> list[str]:
    """Return what else differs between two scores that can be compared: the metric, its options, the precision, …"""
    said = [_settings(score) for score in (a, b)]
    keys = [key for key in said[0] if key in said[1]]  # other metrics have other options
    return [f"{key}: {said[0][key]} against {said[1][key]}" for key in keys if said[0][key] != said[1][key]]


def name_of(score: xr.Dataset) -> str:
    """Return a name that says which model, and with which weights."""
    return f"{score.attrs['model']}:{score.attrs['weights']}"


def measure_of(score: xr.Dataset) -> str:
    """Return the headline measure of a score."""
    return str(score.attrs.get("measure", "explained_variance"))


def is_comparison(score: xr.Dataset) -> bool:
    """Say whether a score compares representations, without predicting any response."""
    return "value" in score


def _differing(a: xr.Dataset, b: xr.Dataset) -> Iterator[tuple[str, str]]:
    """Yield what must not differ and does: its name, and what either score has."""
    for what, of in _MUST_AGREE.items():
        (key_a, shown_a), (key_b, shown_b) = of(a), of(b)
        if key_a != key_b:
            yield what, f"{shown_a} against {shown_b}"


def _digest(score: xr.Dataset, part: str) -> tuple[str, str]:
    digest = provenance(score)["digests"][part]
    return digest, digest[:8]


def _sites(score: xr.Dataset) -> tuple[Any, str]:
    return score["site"].values.tolist() if "site" in score.coords else None, f"{score.attrs['n_sites']} sites"


def _scored(score: xr.Dataset) -> tuple[Any, str]:
    n = score.attrs["n_sites_scored"]
    scored = np.isfinite(score["predictions"].values).all(axis=0).tolist() if "predictions" in score else n
    return scored, f"{n} sites"


def _splits(score: xr.Dataset) -> tuple[Any, str]:
    rows = [score[name].values.tolist() for name in ("row_stimulus", "row_split") if name in score]
    shown = " ".join(f"{key}={value}" for key, value in provenance(score)["splits"].items() if value is not None)
    return rows or score["chosen_layer"].size, shown


# By name, what two scores must have in common: a key that is equal, and what a message shows of it.
_MUST_AGREE: dict[str, Callable[[xr.Dataset], tuple[Any, str]]] = {
    "measures": lambda score: (measure_of(score), measure_of(score)),
    "stimuli": lambda score: _digest(score, "stimuli"),
    "responses": lambda score: _digest(score, "responses"),
    "sites": _sites,
    "sites that can be scored": _scored,
    "splits": _splits,
    "numbers of draws": lambda score: (score.sizes["draw"], f"{score.sizes['draw']} draws"),
}


def _lacking(score: xr.Dataset) -> str:
    if not is_comparison(score) and "predictions" not in score:
        return "predictions"
    return "" if "draws" in score and measure_of(score) in score["measure"].values else f"draws of {measure_of(score)}"


def _settings(score: xr.Dataset) -> dict[str, str]:
    about = provenance(score)
    options = about["options"]
    of_run = {key: str(about.get(key, "")) for key in ("layers", "precision", "pool", "degrees")}
    return {"metric": str(score.attrs["metric"]), **of_run, **options["defaulted"], **options["given"]}
