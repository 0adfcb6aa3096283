"""Model × benchmark × metric → score. Prints nothing, writes nothing but cached Grams."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from itbench.errors import ItbenchWarning
from itbench.extraction.gram_cache import GramCache
from itbench.extraction.loaded_model import LoadedModel
from itbench.gram import Gram
from itbench.plugins import load_plugins
from itbench.registry import Registry
from itbench.results.score_variables import has_predictions, has_split_measure, in_each_split
from itbench.scoring.held_out import gather, read_each, read_together
from itbench.scoring.layer_comparison import compare_layers
from itbench.scoring.plan import plan_run
from itbench.scoring.provenance import ScoredModel, score_attributes
from itbench.scoring.run import Metric, Run
from itbench.scoring.single_features import read_channels
from itbench.scoring.task import Task, grams_of, layers_by_model, load_models
from itbench.scoring.trained_layers import predict_each_split, read_trained_layers, read_trained_layers_together
from itbench.statistics.bootstrap import bootstrap_draws
from itbench.statistics.jackknife import DRAWS, SEED, jackknife_draws
from itbench.statistics.noise_ceiling import site_reliability
from itbench.training.per_split import SplitTrainer
from itbench.training.trained_weights import TrainedStore
from itbench.util.arrays import Array
from itbench.util.progress import Reporter, SilentReporter, StageTimer


class Measured(NamedTuple):
    """What a metric says, and what the user should know about it."""

    dataset: xr.Dataset
    remarks: Sequence[str] = ()


def score_model(
    model: str,
    benchmark: str = "synthetic-it",
    *,
    registry: Registry | None = None,
    cache: GramCache | None = None,
    reporter: Reporter | None = None,
    **how: Any,
) -> xr.Dataset:
    """Score one model on one benchmark.

    Parameters
    ----------
    model, benchmark : str
        Names of plugins; a benchmark may be the path of a YAML file, and ``A+B`` is two models at once.
    registry, cache, reporter : optional
        Else the plugins found, the cache folder, and silence.
    **how
        Of `itbench.scoring.plan.plan_run`: ``metric``, ``metric_options``, ``weights`` (``pretrained``, ``random`` or
        the path of a file), ``seed``, ``layers``, ``settings`` (an `ExtractionSettings`).

    Returns
    -------
    Dataset
        As `evaluate` says.

    Examples
    --------
    >>> score = score_model("itbench-tiny", "synthetic-it", weights="random")  # doctest: +SKIP
    >>> score.explained_variance.mean(("split", "site"))  # doctest: +SKIP
    """
    run = plan_run(registry or load_plugins(), model, benchmark, **how)
    return evaluate(run, cache or GramCache(), reporter or SilentReporter())


def evaluate(run: Run, cache: GramCache, reporter: Reporter) -> xr.Dataset:
    """Score a planned run.

    Returns
    -------
    Dataset
        Of a readout: ``explained_variance``, ``correlation``, ``alpha`` and ``inner_explained_variance`` (split,
        layer, site), the layer that each split chose on its training rows, the ``predictions`` (row, site) of held-out
        images at that layer, the ``ceiling`` (site) and the ``draws`` (measure, draw) of the headline's interval. A
        site that lacks a response or does not vary in some part of some split is NaN.
        Of a comparison: as `itbench.scoring.layer_comparison.compare_layers` says.

    Raises
    ------
    BadRecordings, BadActivations, NoWeights, NoSpace, UnknownName
    """
    clock = StageTimer()
    with clock("data"):
        task = Task.load(run.benchmark, run.metric, reporter)
    if run.learns:
        return _evaluate_learner(run, task, cache, clock, reporter)
    with clock("model"):
        staged = load_models(run, task)
    subject = ScoredModel.of(run, staged)
    if run.metric.entry.form == "channels":
        with clock("readout"):
            measured = _measure_channels(run, staged[0], task, clock, reporter)
        return as_score(measured, run.metric, task, subject, clock)
    grams = clock.each("activations", grams_of(run, staged, task, cache, reporter))
    return score_grams(run.metric, grams, layers_by_model(run, staged), task, subject, clock)


def _evaluate_learner(run: Run, task: Task, cache: GramCache, clock: StageTimer, reporter: Reporter) -> xr.Dataset:
    """Score a model that learns: every split by a network that saw its training rows alone."""
    metric = run.metric
    with clock("learning and readout"):
        learner = SplitTrainer(run, task, cache, TrainedStore(), reporter)
        if metric.entry.form == "direct":
            heard = predict_each_split(learner, task)
        elif metric.entry.form == "joint":
            heard = read_trained_layers_together(learner, metric.function, metric.name, task, cache)
        else:
            heard = read_trained_layers(learner, metric.function, task, cache)
    whole = metric.name if metric.entry.form == "joint" else ""
    measured = Measured(heard.held_out.dataset(heard.layers, whole=whole), heard.held_out.remarks)
    return as_score(measured, metric, task, ScoredModel.of(run, learnt=heard.splits), clock)


def score_grams(
    metric: Metric,
    grams: Iterable[tuple[str, Gram]],
    by_model: Mapping[str, Sequence[str]],
    task: Task,
    subject: ScoredModel,
    clock: StageTimer,
) -> xr.Dataset:
    """Return the score of `subject`, whose Grams these are: as `evaluate` says.

    Parameters
    ----------
    metric, grams, by_model, task
        As `measure` takes them.
    subject : Subject
    clock : Clock
        Has timed what came before.
    """
    with clock("readout"):
        measured = measure(metric, grams, by_model, task)
    return as_score(measured, metric, task, subject, clock)


def as_score(measured: Measured, metric: Metric, task: Task, subject: ScoredModel, clock: StageTimer) -> xr.Dataset:
    """Return what was measured as a score: with ceiling, draws and provenance. Warns of the metric's remarks."""
    with clock("statistics"):
        dataset = with_statistics(measured.dataset, task, metric.function)
    _warn(f"{subject.model} on {task.benchmark.name}", measured.remarks)
    return dataset.assign_attrs(score_attributes(subject, metric, task, clock.seconds))


def measure(
    metric: Metric, grams: Iterable[tuple[str, Gram]], by_model: Mapping[str, Sequence[str]], task: Task
) -> Measured:
    """Return what a metric says of the layers of a model, or of several.

    Parameters
    ----------
    metric : Metric
    grams : iterable of (layer, Gram)
        In any order.
    by_model : mapping of str to sequence of str
        The layers of each model, in the order in which the score shall hold them.
    task : Task
    """
    layers = [layer for own in by_model.values() for layer in own]
    if metric.entry.form == "comparison":
        compared = compare_layers(metric.function, grams, task.recorded(), layers)
        return Measured(compared, compared.attrs.pop("remarks").splitlines())
    if metric.entry.form == "joint":
        held_out = read_together(metric.function, metric.name, dict(grams), task, _groups(by_model))
        return Measured(held_out.dataset(layers, whole=metric.name), held_out.remarks)
    held_out = read_each(metric.function, grams, task)
    return Measured(held_out.dataset(layers), held_out.remarks)


def _measure_channels(run: Run, staged: LoadedModel, task: Task, clock: StageTimer, reporter: Reporter) -> Measured:
    """Return what a metric says that needs the activations themselves, which are streamed once more."""
    responses, readout = task.responses[:, task.scorable], run.metric.function
    model, stimuli, layers, _ = staged
    read = read_channels(model, stimuli, layers, run.settings, reporter, responses, task.splits, readout)
    held_out = gather(task, clock.each("activations", read))
    return Measured(held_out.dataset(layers), held_out.remarks)


def _groups(by_model: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the groups whose unique part is asked for: each layer, and of several models each model."""
    layers = [layer for own in by_model.values() for layer in own]
    groups: dict[str, Sequence[str]] = {layer: (layer,) for layer in layers} if len(layers) > 1 else {}
    return {**groups, **by_model} if len(by_model) > 1 else groups


def _warn(title: str, remarks: Sequence[str]) -> None:
    if remarks:
        more = f" (and {len(remarks) - 1} more of the kind)" if len(remarks) > 1 else ""
        warnings.warn(f"{title}, {remarks[0]}{more}.", ItbenchWarning, stacklevel=3)


def with_statistics(dataset: xr.Dataset, task: Task, metric: Any) -> xr.Dataset:
    """Add the ceiling and the draws to what a readout measured.

    Parameters
    ----------
    dataset : Dataset
        With ``predictions`` (row, site); any other is returned as it is.
    task : Task
    metric : object
        One with a ceiling of its own says it by ``ceiling(responses)``, (site,) or (division, site).

    Returns
    -------
    Dataset
        With ``ceiling`` (site), NaN where the recordings have no repetitions, ``ceiling_divisions`` (division, site)
        where the metric has several, and ``draws`` (measure, draw).
    """
    responses = task.recordings.responses
    if not has_predictions(dataset) or responses is None:
        return dataset
    reliability = getattr(metric, "ceiling", site_reliability)
    ceilings = np.where(task.scorable, np.atleast_2d(reliability(responses)), np.nan)  # (division, site)
    rows, splits = dataset["row_stimulus"].values, dataset["row_split"].values
    draws = bootstrap_draws(
        task.responses[rows], dataset["predictions"].values, rows, splits, ceiling=ceilings, n=DRAWS, seed=SEED
    )
    if has_split_measure(dataset) and dataset.sizes["split"] > 1:
        draws[metric.measure] = _over_splits(in_each_split(dataset, "agreement").values)
    if len(ceilings) > 1:
        dataset = dataset.assign(ceiling_divisions=(("division", "site"), ceilings))
    return dataset.assign(
        ceiling=("site", ceilings.mean(axis=0)),
        draws=(("measure", "draw"), np.stack(list(draws.values())).astype(np.float32)),
    ).assign_coords(measure=list(draws))


def _over_splits(values: Array) -> Array:
    """Return draws of a mean over splits, by leaving one split out at a time."""
    without = (values.sum() - values) / (len(values) - 1)
    return jackknife_draws(float(values.mean()), without, DRAWS, SEED)
