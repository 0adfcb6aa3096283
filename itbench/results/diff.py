"""Difference of two scores for `itbench diff`: the provenance items that differ, and the values measured."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.results.provenance_diff import DifferingItem, differing_items
from itbench.results.score_file import NAMES
from itbench.results.score_setup import Setup
from itbench.results.score_variables import (
    SITE_MEASURES,
    draws_of,
    interval_of,
    measure_of,
    measures_site_by_site,
    most_chosen_layer,
    pooled,
    value_at_layer,
)
from itbench.results.summary import LABELS, summary
from itbench.statistics.bootstrap import percentile_interval

WIDTH = 88  # columns of text
ROUNDING = 1e-4  # of a value: what kernels, devices and versions may change


@dataclass(frozen=True)
class ValueDifference:
    """Difference of the values of two scores.

    Parameters
    ----------
    measure : str
        The headline measure where both have the same, else explained variance.
    a, b, difference : float
        The difference is the first less the second.
    low, high : float, optional
        95 % interval of the difference; only of scores with paired draws.
    a_at_layer_of_b : float, optional
        Value of the first at the layer that the second chose most often.
    due_to_layer : float, optional
        The first less that.
    sites, sites_changed : int, optional
        Sites scored in both, and those among them whose explained variance differs by more than half the width of the
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


@dataclass(frozen=True)
class Difference:
    """Difference of two scores: provenance items and values.

    Parameters
    ----------
    a, b : str
        Model, weights, benchmark and metric of each.
    departures : tuple of DifferingItem
        The provenance items that differ, the most consequential first.
    numbers : ValueDifference, optional
        None where the two have no measure in common.
    """

    a: str
    b: str
    departures: tuple[DifferingItem, ...]
    numbers: ValueDifference | None

    @property
    def verdict(self) -> str:
        """One sentence on the difference: whether items differ that account for that of the values."""
        causes = sum(item.changes_numbers for item in self.departures)
        if self.numbers is None:
            return "The scores have no measure in common: their values cannot be compared."
        if causes:
            rest = len(self.departures) - causes
            others = f", and {rest} that {'do' if rest > 1 else 'does'} not" if rest else ""
            return (
                f"{causes} {'items differ that change' if causes > 1 else 'item differs that changes'} values{others}."
            )
        if abs(self.numbers.difference) <= ROUNDING:
            return "No item differs that changes values: they agree up to rounding."
        return "No recorded item differs that changes values, yet they differ: check versions, commit and machine."

    def __str__(self) -> str:
        return render(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the difference for JSON."""
        return {**asdict(self), "verdict": self.verdict}


def difference(a: xr.Dataset, b: xr.Dataset) -> Difference:
    """Return the difference of two scores: the provenance items that differ, and how far the values are apart.

    Parameters
    ----------
    a, b : Dataset
        As `itbench.results.score_file.read_score` returns them.
    """
    return Difference(_title(a), _title(b), tuple(differing_items(a, b)), value_difference(a, b))


def value_difference(a: xr.Dataset, b: xr.Dataset) -> ValueDifference | None:
    """Return the difference of the values of two scores; None where they have no measure in common."""
    measure = _common_measure(a, b)
    if measure is None:
        return None
    first, second = (_value(score, measure) for score in (a, b))
    low, high = _paired_interval(a, b, measure)
    layers = most_chosen_layer(a), most_chosen_layer(b)
    moved = value_at_layer(a, layers[1], measure) if layers[0] != layers[1] else None
    sites, changed = _sites(a, b)
    due = None if moved is None else first - moved
    return ValueDifference(measure, first, second, first - second, low, high, moved, due, sites, changed)


def render(found: Difference, width: int = WIDTH) -> str:
    """Return the difference of two scores as text of at most `width` columns."""

    def wrapped(text: str, rest: str) -> str:
        return textwrap.fill(text, width, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)

    lines = [f"A  {found.a}", f"B  {found.b}", "", found.verdict]
    for number, item in enumerate(found.departures, 1):
        lines += ["", wrapped(f"{number}. {item.text}", "   ")]
        lines += [wrapped(f"   {side}  {value}", "      ") for side, value in (("A", item.a), ("B", item.b))]
    if found.numbers:
        lines += ["", *(wrapped(line, "   ") for line in _value_sentences(found.numbers))]
    return "\n".join(lines)


def _title(score: xr.Dataset) -> str:
    model, weights, benchmark, metric = (score.attrs[key] for key in NAMES)
    return f"{model} ({weights}) on {benchmark} by {metric}"


def _value_sentences(found: ValueDifference) -> Iterator[str]:
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


def _common_measure(a: xr.Dataset, b: xr.Dataset) -> str | None:
    if measure_of(a) == measure_of(b):
        return measure_of(a)
    return SITE_MEASURES[0] if measures_site_by_site(a) and measures_site_by_site(b) else None


def _value(score: xr.Dataset, measure: str) -> float:
    figures = summary(score)
    return float(figures["value"] if measure == measure_of(score) else figures[measure])


def _paired_interval(a: xr.Dataset, b: xr.Dataset, measure: str) -> tuple[float | None, float | None]:
    first, second = draws_of(a, measure), draws_of(b, measure)
    if first is None or second is None or not Setup.of(a).is_paired(Setup.of(b)):
        return None, None
    return percentile_interval(first - second)


def _sites(a: xr.Dataset, b: xr.Dataset) -> tuple[int | None, int | None]:
    first, second = Setup.of(a), Setup.of(b)
    names = np.intersect1d(_scored(first), _scored(second))
    if first.digests.get("responses") != second.digests.get("responses") or not len(names):
        return None, None
    values = [pooled(score, SITE_MEASURES[0], chosen=True).sel(site=names).values for score in (a, b)]
    intervals = [interval_of(score, SITE_MEASURES[0]) for score in (a, b)]
    widths = [high - low for low, high in filter(None, intervals)]
    if len(widths) < len(intervals):
        return len(names), None
    return len(names), int((np.abs(values[0] - values[1]) > max(widths) / 2).sum())


def _scored(setup: Setup) -> NDArray[np.str_]:
    return np.array(setup.scored or [], str)
