"""How a number came about, step by step, recomputed from what a score holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr

from itbench.registry import MetricEntry, Registry
from itbench.results.explain.comparison import compared_images, comparison
from itbench.results.explain.inputs import has_learnt, layers_read, learning, made, shown
from itbench.results.explain.readout import agreement, layer_choice, own_measure, readout, splits, together
from itbench.results.explain.steps import Step, in_words
from itbench.results.explain.uncertainty import brainscore, ceiling, certainty, corrected, has_ceiling, sites_left_out
from itbench.results.summary import interval_text


def explain(score: xr.Dataset, registry: Registry) -> list[Step]:
    """Return the steps by which a score came about.

    Every number is computed from the score's arrays again.

    Parameters
    ----------
    score : Dataset
        As `itbench.scoring.evaluate.evaluate` returns it, of any form.
    registry : Registry
        Where the metric says what it does; one that is not there is named, no more.

    Returns
    -------
    list of Step
        In the order in which things were done.
    """
    entry = registry.metrics.get(score.attrs["metric"])
    parts = (_compared,) if "value" in score else (_learnt, _predicted, _corrected)
    steps = [step for part in parts for step in part(score, entry)]
    return [shown(score), *filter(None, [*steps, certainty(score), sites_left_out(score)]), made(score)]


def heading(score: xr.Dataset, steps: Sequence[Step]) -> str:
    """Return one line: what is explained, and the number that the steps lead to."""
    names, measure = score.attrs, score.attrs["measure"]
    numbers: dict[str, Any] = {name: value for step in reversed(steps) for name, value in step.numbers.items()}
    between = f" (95 %: {interval_text(numbers['low'], numbers['high'])})" if "low" in numbers else ""
    what = f"{names['model']} ({names['weights']}) on {names['benchmark']} by {names['metric']}"
    return f"{what}: {in_words(measure)} {numbers[measure]:.3f}{between}"


def _compared(score: xr.Dataset, entry: MetricEntry | None) -> Iterator[Step]:
    yield from (layers_read(score), compared_images(score), readout(score, entry), comparison(score))


def _learnt(score: xr.Dataset, entry: MetricEntry | None) -> Iterator[Step]:
    if not score["n_features"].values.any():  # predictions without error, that nothing was learnt for
        return
    if has_learnt(score):
        yield from (splits(score), learning(score))
    if score.attrs.get("beside"):  # its own predictions, which nothing was read out for
        yield readout(score, entry)
        return
    yield layers_read(score, streamed=entry is not None and entry.form == "channels")
    yield from (() if has_learnt(score) else (splits(score),))
    yield from (readout(score, entry), layer_choice(score))
    if "part" in score.coords:
        yield together(score)


def _predicted(score: xr.Dataset, entry: MetricEntry | None) -> Iterator[Step]:
    yield from (agreement(score, "explained_variance"), agreement(score, "correlation"))
    if "agreement" in score:
        yield own_measure(score)


def _corrected(score: xr.Dataset, entry: MetricEntry | None) -> Iterator[Step | None]:
    if "ceiling" in score:
        yield ceiling(score, entry is not None and hasattr(entry.readout, "ceiling"))
    if has_ceiling(score):
        yield from (corrected(score), brainscore(score))
