"""Why two numbers differ: what the scores do not have in common, and how far the numbers are apart."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import xarray as xr

from itbench.difference.items import Departure, departures
from itbench.difference.numbers import Numbers, numbers
from itbench.score import NAMES
from itbench.summary import LABELS

__all__ = ["Departure", "Difference", "Numbers", "difference", "render"]

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
        As `itbench.score.read_score` returns them.
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
        yield f"95 % interval of A − B, over the same pictures and sites: {found.low:+.4f} to {found.high:+.4f}."
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
