"""Explain how the value of a score was computed, step by step, from the arrays that the score holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr

from itbench.registry import MetricEntry, Registry
from itbench.results.explain.ceiling_and_interval import (
    explain_brainscore,
    explain_ceiling,
    explain_corrected,
    explain_interval,
    explain_unscored_sites,
    has_ceiling,
)
from itbench.results.explain.comparison import explain_compared_images, explain_comparison
from itbench.results.explain.inputs import explain_environment, explain_layers, explain_recordings_and_model
from itbench.results.explain.readout import (
    explain_contributions,
    explain_layer_choice,
    explain_metric,
    explain_site_measure,
    explain_split_measure,
)
from itbench.results.explain.steps import Step, in_words
from itbench.results.explain.training import explain_splits, explain_training
from itbench.results.score_file import BY_EARLIER_RULES, is_earlier
from itbench.results.score_setup import Setup
from itbench.results.score_variables import (
    SITE_MEASURES,
    ceiling_of,
    has_split_measure,
    is_comparison,
    is_joint_readout,
    measure_of,
)
from itbench.results.summary import interval_text


def explain(score: xr.Dataset, registry: Registry) -> list[Step]:
    """Explain a score: return all steps from recordings and model to its value, computed again from its arrays.

    Parameters
    ----------
    score : Dataset
        As `itbench.scoring.evaluate.evaluate` returns it, by any metric.
    registry : Registry
        For the description of the metric; without the metric, the step has its name only.

    Returns
    -------
    list of Step
        In the order of the computation.
    """
    entry = registry.metrics.get(score.attrs["metric"])
    parts = (_comparison,) if is_comparison(score) else (_training_and_readout, _predictions, _over_ceiling)
    steps = [step for part in parts for step in part(score, entry)]
    steps += [explain_interval(score), explain_unscored_sites(score)]
    return [explain_recordings_and_model(score), *filter(None, steps), explain_environment(score)]


def heading(score: xr.Dataset, steps: Sequence[Step]) -> str:
    """Return the heading of an explanation: model, benchmark, metric, value and 95 % interval."""
    names, measure = score.attrs, measure_of(score)
    numbers: dict[str, Any] = {name: value for step in reversed(steps) for name, value in step.numbers.items()}
    drawn: Any = next((step.numbers for step in steps if "draws" in step.numbers), None)  # a ceiling has low, high too
    between = f" (95 %: {interval_text(drawn['low'], drawn['high'])})" if drawn else ""
    what = f"{names['model']} ({names['weights']}) on {names['benchmark']} by {names['metric']}"
    rules = f", {BY_EARLIER_RULES}" if is_earlier(score) else ""
    return f"{what}: {in_words(measure)} {numbers[measure]:.3f}{between}{rules}"


def _comparison(score: xr.Dataset, entry: MetricEntry | None) -> Iterator[Step | None]:
    yield explain_layers(score, streamed=entry is not None and entry.form.streams)
    yield explain_compared_images(score)
    yield from (explain_metric(score, entry), explain_comparison(score))


def _training_and_readout(score: xr.Dataset, entry: MetricEntry | None) -> Iterator[Step | None]:
    if not score["n_features"].values.any():  # the ceiling baseline: predictions without error and without a readout
        return
    trained = Setup.of(score).trained
    if trained:
        yield from (explain_splits(score), explain_training(score))
    if score.attrs.get("beside"):  # the network's own predictions, without a readout
        yield explain_metric(score, entry)
        return
    yield explain_layers(score, streamed=entry is not None and entry.form.streams)
    yield from (() if trained else (explain_splits(score),))
    yield from (explain_metric(score, entry), explain_layer_choice(score))
    if is_joint_readout(score):
        yield explain_contributions(score)


def _predictions(score: xr.Dataset, entry: MetricEntry | None) -> Iterator[Step | None]:
    yield from (explain_site_measure(score, measure) for measure in SITE_MEASURES)
    if has_split_measure(score):
        yield explain_split_measure(score)


def _over_ceiling(score: xr.Dataset, entry: MetricEntry | None) -> Iterator[Step | None]:
    if ceiling_of(score) is not None:
        yield explain_ceiling(score, entry is not None and hasattr(entry.readout, "ceiling"))
    if has_ceiling(score):
        yield from (explain_corrected(score), explain_brainscore(score))
