"""Evaluate a run: task → models → metric → score. Prints nothing, writes nothing but caches and trained weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.task import Task
from itbench.errors import BadOption, ItbenchWarning
from itbench.extraction.gram_cache import GramCache
from itbench.metrics.form import FrozenModels, Measured
from itbench.metrics.held_out import split_measure_draws
from itbench.results.score_variables import SHARED, has_partition, has_predictions, has_split_measure, predictions
from itbench.scoring.frozen_models import RunModels, Teacher, WatchedModels
from itbench.scoring.provenance import ScoredModel, score_attributes
from itbench.scoring.run import Metric, Run, TrainableRun
from itbench.statistics.bootstrap import bootstrap_draws
from itbench.statistics.jackknife import DRAWS, SEED
from itbench.statistics.noise_power import moments, noise_of_means
from itbench.statistics.reliability import has_repetitions, split_half
from itbench.training.per_split import SplitTrainer
from itbench.training.search_space import search_space
from itbench.training.trained_weights import TrainedStore
from itbench.training.tuning import Study, require_validation, tune
from itbench.util.arrays import Array
from itbench.util.progress import Reporter, StageTimer


def evaluate(run: Run, cache: GramCache, reporter: Reporter) -> xr.Dataset:
    """Evaluate a planned run and return its score.

    Returns
    -------
    Dataset
        Of a readout: ``explained_variance``, ``correlation``, ``alpha`` and ``inner_explained_variance`` (split,
        layer, site), the layer that each split chose on its training rows, the ``predictions`` (row, site) of held-out
        images at that layer, the ``ceiling`` (site) and the ``draws`` (measure, draw) of the headline's interval. A
        site that lacks a response or does not vary in some part of some split is NaN.
        Of a comparison: as `itbench.metrics.comparison.compare_layers` returns it.

    Raises
    ------
    BadRecordings, BadActivations, NoWeights, NoSpace, UnknownName
    """
    timer = StageTimer()
    with timer("data"):
        task = run.load_task(reporter)
    if isinstance(run, TrainableRun):
        return _evaluate_trainable(run, task, cache, timer, reporter)
    with timer("model"):
        models = RunModels(run, task, cache, reporter, timer)
    return evaluate_models(run.metric, models, task, ScoredModel.of(run, models.loaded), timer)


def tune_run(run: Run, trials: int, reporter: Reporter, splits: Sequence[str] = ()) -> Iterator[Study]:
    """Tune the recipe of a run's trainable model, as `itbench.training.tuning.tune` does.

    Raises
    ------
    BadOption, UnknownName
        Also for a model that is not trained on recordings.
    """
    if not isinstance(run, TrainableRun):
        raise BadOption(
            f"{run.about['model']} is not trained on recordings: there is nothing to tune.",
            todo="Name a model that has a recipe, such as cnn-2.",
        )
    require_validation(run.spec.recipe)
    search_space(run.spec.recipe)  # what cannot be searched is refused before anything is loaded
    task = run.load_task(reporter)
    teacher = Teacher(run.teacher, task, GramCache(), reporter) if run.teacher else None
    yield from tune(run.spec, task, run.settings, trials, reporter, splits=splits, teacher=teacher)


def evaluate_models(
    metric: Metric, models: FrozenModels, task: Task, scored: ScoredModel, timer: StageTimer
) -> xr.Dataset:
    """Evaluate loaded frozen models, or given Grams, by a metric and return the score, as `evaluate` does.

    Parameters
    ----------
    metric : Metric
    models : FrozenModels
    task : Task
    scored : ScoredModel
        What the score's attributes record of the models.
    timer : StageTimer
        Has timed what came before.
    """
    with timer("readout"):
        watched = WatchedModels(models, task)
        measured = metric.form.measure(metric.function, metric.name, watched, task)
    return finish_score(
        measured._replace(dataset=_with_dimensionality(measured.dataset, watched)), metric, task, scored, timer
    )


def _with_dimensionality(dataset: xr.Dataset, watched: WatchedModels) -> xr.Dataset:
    """Add the effective dimensionality of every layer whose Gram was read; NaN of a joint readout."""
    if not watched.dimensionality:  # activations were streamed
        return dataset
    values = [watched.dimensionality.get(str(layer), np.nan) for layer in dataset["layer"].values]
    return dataset.assign(effective_dimensionality=("layer", values))


def _evaluate_trainable(
    run: TrainableRun, task: Task, cache: GramCache, timer: StageTimer, reporter: Reporter
) -> xr.Dataset:
    """Evaluate a trainable model: every split by a model that saw its training rows alone."""
    metric = run.metric
    with timer("training and readout"):
        teacher = Teacher(run.teacher, task, cache, reporter) if run.teacher else None
        trainer = SplitTrainer(
            run.spec, task, run.settings, cache, TrainedStore(), reporter, metric.name, teacher, run.tuned
        )
        measured = metric.form.measure_trained(metric.function, metric.name, trainer, task)
    return finish_score(measured, metric, task, ScoredModel.of(run, trained=trainer.provenance), timer)


def finish_score(measured: Measured, metric: Metric, task: Task, scored: ScoredModel, timer: StageTimer) -> xr.Dataset:
    """Finish an evaluation: add ceiling, draws and provenance to the measured dataset; warn of remarks."""
    with timer("statistics"):
        dataset = with_uncertainty(measured.dataset, task, metric.function)
    _warn(f"{scored.model} on {task.benchmark.name}", measured.remarks)
    if lacking := inconclusive(task):
        warnings.warn(f"{task.benchmark.name} cannot tell {'; '.join(lacking)}.", ItbenchWarning, stacklevel=2)
    return dataset.assign_attrs(score_attributes(scored, metric, task, timer.seconds))


def _warn(title: str, remarks: Sequence[str]) -> None:
    if remarks:
        more = f" (and {len(remarks) - 1} more of the kind)" if len(remarks) > 1 else ""
        warnings.warn(f"{title}, {remarks[0]}{more}.", ItbenchWarning, stacklevel=3)


FEWEST_TEST, FEWEST_SITES, FEWEST_CLUSTERS = 10, 5, 20


def inconclusive(task: Task) -> list[str]:
    """Return what the scores of a task cannot tell: of small test sets, few sites, or responses without repetitions."""
    smallest = min(task.splits, key=lambda split: len(split.test), default=None)
    responses, n_sites = task.recordings.responses, int(task.scorable.sum())
    lacking = []
    if smallest and len(smallest.test) < FEWEST_TEST:
        lacking.append(f"how good a model is in a single split ({len(smallest.test)} test images in {smallest.name!r})")
    coordinate, _ = task.clusters
    if coordinate and task.n_clusters < FEWEST_CLUSTERS:
        lacking.append(f"how it would be with other values of {coordinate} ({task.n_clusters} here)")
    if responses is not None and n_sites < FEWEST_SITES:
        lacking.append(f"whether other sites of the area are alike ({n_sites} scored)")
    if responses is not None and not has_repetitions(responses, task.scorable):
        lacking.append("how much of the variance is noise (no two repetitions)")
    return lacking


def with_uncertainty(dataset: xr.Dataset, task: Task, metric: Any) -> xr.Dataset:
    """Add the noise ceiling of every site, and the draws of the headline's interval, to a measured dataset.

    Parameters
    ----------
    dataset : Dataset
        With ``predictions`` (row, site); any other is returned as it is.
    task : Task
    metric : object
        As for `held_out_ceilings`.

    Returns
    -------
    Dataset
        With ``ceiling`` (site), NaN where the recordings have no repetitions, ``ceiling_divisions`` (division, site)
        where the metric has several, and ``draws`` (measure, draw).
    """
    responses = task.recordings.responses
    if not has_predictions(dataset) or responses is None:
        return dataset
    ceilings = held_out_ceilings(task, metric)
    rows, splits = task.held_out
    noise = noise_of_means(moments(responses))[rows] if np.isfinite(ceilings).any() else None
    recorded, predicted, clusters = task.responses[rows], predictions(dataset), task.clusters[1][rows]
    draws = bootstrap_draws(recorded, predicted, clusters, splits, ceiling=ceilings, noise=noise, n=DRAWS, seed=SEED)
    if has_split_measure(dataset):
        scored = recorded[:, task.scorable], predicted[:, task.scorable]
        draws[metric.measure] = split_measure_draws(metric.compare, *scored, clusters, splits)
    if has_partition(dataset):
        dataset = _with_partition(dataset, draws["explained_variance"], recorded, clusters, splits)
    if len(ceilings) > 1:
        dataset = dataset.assign(ceiling_divisions=(("division", "site"), ceilings))
    return dataset.assign(
        ceiling=("site", ceilings.mean(axis=0)),
        draws=(("measure", "draw"), np.stack(list(draws.values())).astype(np.float32)),
    ).assign_coords(measure=list(draws))


def _with_partition(
    dataset: xr.Dataset, whole: Array, recorded: Array, clusters: NDArray[np.intp], splits: NDArray[np.intp]
) -> xr.Dataset:
    """Replace the predictions without each model, of several read together, by draws of the variance partition.

    Unique to a model is EV of all less EV without it; shared by two is EV of each alone less EV of both, summed.
    """
    rest = dataset["predictions_without"]
    without = [
        bootstrap_draws(recorded, values, clusters, splits, n=DRAWS, seed=SEED)["explained_variance"]
        for values in rest.values
    ]
    names, draws = [str(name) for name in rest["model"].values], [whole - one for one in without]
    if len(names) == 2:
        names, draws = [*names, SHARED], [*draws, without[0] + without[1] - whole]
    return (
        dataset.drop_vars(["predictions_without", "model"])
        .assign(partition_draws=(("partition", "draw"), np.stack(draws).astype(np.float32)))
        .assign_coords(partition=names)
    )


def held_out_ceilings(task: Task, metric: Any) -> NDArray[np.float64]:
    """Return the noise ceiling (division, site) of the held-out responses of a task, NaN without repetitions.

    Parameters
    ----------
    task : Task
    metric : object
        One with a ceiling of its own says it by ``ceiling(responses)``, of all responses, (site,) or (division, site).
    """
    responses, (rows, splits) = task.recordings.require_responses(), task.held_out
    if hasattr(metric, "ceiling"):
        ceilings = metric.ceiling(responses)
    else:
        ceilings = split_half(responses.isel(stimulus=rows), row_split=splits)
    return np.where(task.scorable, np.atleast_2d(ceilings), np.nan)
