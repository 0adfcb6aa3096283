"""Why two numbers differ: what the scores do not have in common, and how far the numbers are apart."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.results.diff_items import Departure, departures
from itbench.results.score_file import NAMES, provenance
from itbench.results.summary import FIGURES, LABELS, at_chosen_layer, chosen_layers, summary
from itbench.statistics.bootstrap import percentile_interval

WIDTH = 88  # columns of text
ROUNDING = 1e-4  # of a number: what kernels, devices and versions may change


@dataclass(frozen=True)
class Difference:
    """Two scores, side by side.

    Parameters
    ----------
    a, b : str
        What each is of.
    departures : tuple of Departure
        What differs, the most consequential first.
    numbers : Numbers, optional
        How far they are apart, if they measured the same.
    """

    a: str
    b: str
    departures: tuple[Departure, ...]
    numbers: Numbers | None

    @property
    def verdict(self) -> str:
        """What to make of it, in a sentence."""
        causes = [departure for departure in self.departures if departure.changes_numbers]
        if self.numbers is None:
            return "They measured nothing in common: the numbers cannot be compared."
        apart = abs(self.numbers.difference) > ROUNDING
        if causes:
            return f"{_counted(len(causes))} that {'change' if len(causes) > 1 else 'changes'} numbers."
        if not apart:
            return "Nothing that changes numbers differs: they are the same up to rounding."
        return "Nothing that is on record changes numbers, and yet they differ: look at versions, commit and machine."

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "verdict": self.verdict}


def difference(a: xr.Dataset, b: xr.Dataset) -> Difference:
    """Say why the numbers of two scores differ.

    Parameters
    ----------
    a, b : Dataset
        As `itbench.results.score_file.read_score` returns them.
    """
    return Difference(_title(a), _title(b), tuple(departures(a, b)), numbers(a, b))


def render(found: Difference) -> str:
    """Return a difference as text of at most 88 columns."""
    lines = [f"A  {found.a}", f"B  {found.b}", "", found.verdict]
    for number, departure in enumerate(found.departures, 1):
        lines += ["", _wrap(f"{number}. {departure.text}", "", "   ")]
        lines += [
            _wrap(f"   {side}  {value}", "", "      ") for side, value in (("A", departure.a), ("B", departure.b))
        ]
    if found.numbers:
        lines += ["", *(_wrap(line, "", "   ") for line in _apart(found.numbers))]
    return "\n".join(lines)


def _title(score: xr.Dataset) -> str:
    model, weights, benchmark, metric = (score.attrs[key] for key in NAMES)
    return f"{model} ({weights}) on {benchmark} by {metric}"


def _apart(found: Numbers) -> Iterator[str]:
    """Yield sentences on how far the numbers are apart."""
    label = LABELS.get(found.measure, found.measure.replace("_", " "))
    yield f"{label}: A {found.a:.4f}, B {found.b:.4f}, A − B {found.difference:+.4f}."
    if found.low is not None:
        yield f"95 % interval of A − B, over the same images and sites: {found.low:+.4f} to {found.high:+.4f}."
    if found.due_to_layer is not None:
        rest = found.difference - found.due_to_layer
        yield f"At the layer that B chose, A has {found.a_at_layer_of_b:.4f}."
        yield f"So {found.due_to_layer:+.4f} of A − B is due to the layer, {rest:+.4f} to all else."
    if found.sites_changed is not None:
        where = f"at {found.sites_changed} of {found.sites} sites"
        yield f"EV differs by more than half the wider of the two intervals {where}."


def _counted(number: int) -> str:
    return "One thing differs" if number == 1 else f"{number} things differ"


def _wrap(text: str, first: str, rest: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


@dataclass(frozen=True)
class Numbers:
    """How far two numbers are apart.

    Parameters
    ----------
    measure : str
        What both measured: the headline where it is the same, else explained variance.
    a, b, difference : float
        The difference is the first less the second.
    low, high : float, optional
        95 % interval of the difference; only of scores whose draws are of the same images and sites.
    a_at_layer_of_b : float, optional
        What the first would be at the layer that the second chose most often.
    due_to_layer : float, optional
        The first less that.
    sites, sites_changed : int, optional
        Sites that both scored, and those among them whose explained variance differs by more than half the width of the
        wider of the two intervals of the mean.
    """

    measure: str
    a: float
    b: float
    difference: float
    low: float | None = None
    high: float | None = None
    a_at_layer_of_b: float | None = None
    due_to_layer: float | None = None
    sites: int | None = None
    sites_changed: int | None = None


def numbers(a: xr.Dataset, b: xr.Dataset) -> Numbers | None:
    """Return how far two scores are apart; None where they measured nothing in common."""
    measure = _common_measure(a, b)
    if measure is None:
        return None
    first, second = (_value(score, measure) for score in (a, b))
    low, high = _interval(a, b, measure)
    moved = _at_layer(a, next(iter(chosen_layers(b))), measure) if _choices_differ(a, b) else None
    sites, changed = _sites(a, b, measure)
    due = None if moved is None else first - moved
    return Numbers(measure, first, second, first - second, low, high, moved, due, sites, changed)


def paired(a: xr.Dataset, b: xr.Dataset, measure: str) -> bool:
    """Say whether the draws of two scores are of the same images and sites."""
    if any("draws" not in score or measure not in score["measure"].values for score in (a, b)):
        return False
    first, second = provenance(a), provenance(b)
    return (
        first["splits"] == second["splits"]
        and all(first["digests"].get(part) == second["digests"].get(part) for part in ("stimuli", "responses"))
        and a.sizes["draw"] == b.sizes["draw"]
        and np.array_equal(_scored(a), _scored(b))
        and ("value" in a) == ("value" in b)
    )


def _common_measure(a: xr.Dataset, b: xr.Dataset) -> str | None:
    if a.attrs["measure"] == b.attrs["measure"]:
        return str(a.attrs["measure"])
    return FIGURES[0] if all(FIGURES[0] in score for score in (a, b)) else None


def _value(score: xr.Dataset, measure: str) -> float:
    found = summary(score)
    return float(found["value"] if measure == score.attrs["measure"] else found[measure])


def _interval(a: xr.Dataset, b: xr.Dataset, measure: str) -> tuple[float | None, float | None]:
    if not paired(a, b, measure):
        return None, None
    return percentile_interval(a["draws"].sel(measure=measure).values - b["draws"].sel(measure=measure).values)


def _choices_differ(a: xr.Dataset, b: xr.Dataset) -> bool:
    return next(iter(chosen_layers(a))) != next(iter(chosen_layers(b)))


def _at_layer(score: xr.Dataset, layer: str, measure: str) -> float | None:
    """Return what a score is worth at one layer in all splits; None where that is not kept."""
    if layer not in score["layer"].values:
        return None
    if "value" in score:
        return float(score["value"].sel(layer=layer))
    name = measure if measure in FIGURES else "agreement" if "agreement" in score else None
    return float(np.nanmean(score[name].sel(layer=layer).mean("split", skipna=False))) if name else None


def _scored(score: xr.Dataset) -> NDArray[np.str_]:
    """Return the names of the sites that were scored; none of a comparison."""
    if "explained_variance" not in score:
        return np.array([], str)
    scored = np.isfinite(score["explained_variance"].values).all(axis=(0, 1))
    return np.asarray(score["site"].values[scored].astype(str))


def _sites(a: xr.Dataset, b: xr.Dataset, measure: str) -> tuple[int | None, int | None]:
    names = np.intersect1d(_scored(a), _scored(b))
    if provenance(a)["digests"].get("responses") != provenance(b)["digests"].get("responses") or not len(names):
        return None, None
    first, second = (at_chosen_layer(score, FIGURES[0]).sel(site=names).values for score in (a, b))
    widths = [_width(score) for score in (a, b)]
    if None in widths:
        return len(names), None
    half = max(width for width in widths if width is not None) / 2
    return len(names), int((np.abs(first - second) > half).sum())


def _width(score: xr.Dataset) -> float | None:
    """Return the width of the interval of the mean explained variance."""
    if "draws" not in score or FIGURES[0] not in score["measure"].values:
        return None
    low, high = percentile_interval(score["draws"].sel(measure=FIGURES[0]).values)
    return high - low
