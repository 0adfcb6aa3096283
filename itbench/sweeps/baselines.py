"""Baselines of a benchmark: pixels, Gabor filters, random weights, shuffles, object labels, animals, ceiling."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.groups import find_coordinate
from itbench.data.task import Task
from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.extraction.forward import ExtractionSettings
from itbench.extraction.gram_cache import GramCache
from itbench.gram import Gram
from itbench.metrics.form import Measured
from itbench.registry import Registry
from itbench.scoring.evaluate import evaluate, evaluate_models, finish_score, held_out_ceilings
from itbench.scoring.frozen_models import GivenGrams, RunModels
from itbench.scoring.plan import plan_run
from itbench.scoring.provenance import ScoredModel
from itbench.scoring.run import Metric, Run
from itbench.statistics.reliability import has_repetitions
from itbench.sweeps.animal_to_animal import LAYER, animals_of, read_other_animals
from itbench.sweeps.runner import find_existing_score
from itbench.util.progress import Reporter, StageTimer

TWIN = "itbench-tiny"  # whose random weights are a baseline where no model is named


def plan_baselines(
    registry: Registry,
    benchmark: str,
    reporter: Reporter,
    *,
    model: str | None = None,
    weights: str = "pretrained",
    seed: int = 0,
    metric: str | None = None,
    metric_options: Mapping[str, Any] | None = None,
    settings: ExtractionSettings | None = None,
) -> list[Baseline]:
    """Plan the baselines of a benchmark: look up their models and load the recordings; nothing is scored yet.

    - ``pixels`` and ``gabor``: the image itself, and a model of V1.
    - ``random``: `model` with random weights, by default itbench-tiny.
    - ``shuffled``: `model` with the given weights, by default the pixels, its images in another order than the
      responses: what a readout makes of no relation at all, 0 or less.
    - ``object-label``: a one-hot code of the object that an image shows: what is explained without vision.
    - ``animals``: each animal's sites from those of the others.
    - ``ceiling``: the reliability of every site, which a perfect model reaches.

    Parameters
    ----------
    registry, benchmark, reporter
    model : str, optional
        Whose random twin and whose shuffled images are scored.
    weights : str
        Of `model` when its images are shuffled.
    seed : int
        Of random weights and of the shuffle.
    metric, metric_options, settings
        As of `itbench.scoring.plan.plan_run`; precision and pool are those of `model` alone.

    Returns
    -------
    list of Baseline
        One of each kind.

    Raises
    ------
    UnknownName, BadOption, BadBenchmark, BadRecordings, NoWeights
    """
    settings = settings or ExtractionSettings()
    if model and registry.model(model).trainable:
        raise BadOption(
            f"{model} is trained on recordings; baselines are of models that are not.",
            todo="Leave --model out, or name one that it could be built on.",
        )
    plain = dataclasses.replace(settings, precision="float32", pool="none")

    def run_of(name: str, text: str, how: ExtractionSettings) -> Run:
        given = metric_options
        return plan_run(
            registry, name, benchmark, metric=metric, metric_options=given, weights=text, seed=seed, settings=how
        )

    pixels, gabor = (run_of(name, "pretrained", plain) for name in ("pixels", "gabor"))
    source = run_of(model, weights, settings) if model else pixels
    task = pixels.load_task(reporter)
    twin = registry.model(model or TWIN)
    none = "" if "random" in twin.weights else f"{twin.name} has no random weights"
    random = source if none else run_of(twin.name, "random", settings if model else plain)
    return [
        of_run("pixels", pixels, task),
        of_run("gabor", gabor, task),
        of_run("random", random, task, none),
        shuffled(source, task, seed),
        object_label(task, pixels.metric),
        animals(task, pixels.metric),
        ceiling(task, pixels.metric),
    ]


@dataclass(frozen=True, eq=False)
class Baseline:
    """Baseline of a benchmark that is still to be scored.

    Parameters
    ----------
    kind : str
        Such as ``pixels``; the attribute ``baseline`` of its score.
    task : Task
    metric : Metric
    subject : Subject
        What a row of a leaderboard calls it.
    measure : callable
        Takes a `GramCache` and a `Reporter` and returns the score.
    missing : str
        Why this benchmark or metric has no such baseline; empty if it has.
    """

    kind: str
    task: Task
    metric: Metric
    subject: ScoredModel
    measure: Callable[[GramCache, Reporter], xr.Dataset]
    missing: str = ""

    @property
    def title(self) -> str:
        """What a message calls it."""
        return f"{self.kind} on {self.task.benchmark.name}"

    def score(self, cache: GramCache, reporter: Reporter) -> xr.Dataset:
        """Return the score of the baseline, with the attribute ``baseline``."""
        return self.marked(self.measure(cache, reporter))

    def marked(self, score: xr.Dataset) -> xr.Dataset:
        """Return a score marked with the attribute ``baseline``."""
        return score.assign_attrs(baseline=self.kind)

    def find(self, folder: Path) -> tuple[xr.Dataset, Path] | None:
        """Return the existing score of the baseline in `folder` and its file, if its data are the same."""
        return find_existing_score(self.subject, self.metric, self.task, folder)


def of_run(kind: str, run: Run, task: Task, missing: str = "") -> Baseline:
    """Plan a baseline that is a model; `missing` says why it cannot be scored."""
    return Baseline(kind, task, run.metric, ScoredModel.of(run), lambda *args: evaluate(run, *args), missing)


def shuffled(run: Run, task: Task, seed: int) -> Baseline:
    """Plan the baseline ``shuffled``: a model whose images are permuted against the responses."""
    order = np.random.default_rng(seed).permutation(len(task.recordings.stimuli))
    plain = ScoredModel.of(run)
    asked = {**plain.asked, "shuffle": seed or ""}
    about = {**plain.about, "shuffled": {**run.about, "seed": seed}}
    subject = ScoredModel(f"{plain.model}-shuffled", plain.weights, (), asked, about)

    def measure(cache: GramCache, reporter: Reporter) -> xr.Dataset:
        timer = StageTimer()
        with timer("model"):
            models = RunModels(run, task, cache, reporter, timer)
        shuffled_grams = ((layer, _reordered(gram, order)) for layer, gram in models.grams())
        loaded = ScoredModel.of(run, models.loaded)
        final = dataclasses.replace(subject, asked={**loaded.asked, "shuffle": asked["shuffle"]})
        return evaluate_models(run.metric, GivenGrams(models.layers_by_model, shuffled_grams), task, final, timer)

    streams = run.metric.form.streams
    missing = f"{run.metric.name} reads activations, and what is shuffled are Grams" if streams else ""
    return Baseline("shuffled", task, run.metric, subject, measure, missing)


def _reordered(gram: Gram, order: NDArray[np.intp]) -> Gram:
    return dataclasses.replace(gram.take(order), stimulus_ids=gram.stimulus_ids)


def object_label(task: Task, metric: Metric) -> Baseline:
    """Plan the baseline ``object-label``: a one-hot code of the object that each stimulus shows, read as one layer."""
    stimuli = task.recordings.stimuli
    coordinate = find_coordinate(stimuli.metadata, "object")
    subject = ScoredModel("object-label", "none", about=OWN)

    def measure(cache: GramCache, reporter: Reporter) -> xr.Dataset:
        labels = np.asarray(stimuli.metadata[str(coordinate)]).astype(str)
        code = labels[:, None] == np.unique(labels)
        given = [(str(coordinate), Gram.from_features(code, stimuli.ids))]
        models = GivenGrams({subject.model: [str(coordinate)]}, given)
        return evaluate_models(metric, models, task, subject, StageTimer())

    return Baseline("object-label", task, metric, subject, measure, _why_no_object(task, metric, coordinate))


def _why_no_object(task: Task, metric: Metric, coordinate: str | None) -> str:
    if coordinate is None:
        return f"the stimuli of {task.recordings.name} have no coordinate 'object' or 'object_name'"
    if metric.form.streams:
        return f"{metric.name} reads activations, and a label has none"
    shown = np.asarray(task.recordings.stimuli.metadata[coordinate])[task.rows].astype(str)
    if len(set(shown)) in (1, len(shown)):
        return f"all images of {task.recordings.name} show one object, or each another"
    return ""


OWN = {"layers": "candidates", "device": "", "precision": "float32", "pool": "none", "degrees": ""}


def animals(task: Task, metric: Metric) -> Baseline:
    """Plan the baseline ``animals``: each animal's sites from those of the others."""

    def measure(cache: GramCache, reporter: Reporter) -> xr.Dataset:
        clock = StageTimer()
        with clock("readout"):
            held_out = read_other_animals(metric.function, task)
        return finish_score(Measured(held_out.dataset([LAYER]), held_out.remarks), metric, task, subject, clock)

    subject = ScoredModel("other-animals", "none", about=OWN)
    return Baseline("animals", task, metric, subject, measure, _why_no_animals(task, metric))


def _why_no_animals(task: Task, metric: Metric) -> str:
    if not metric.form.reads_one_layer:
        return f"{metric.name} is no readout of a single layer, as which other animals are read"
    try:
        animals_of(task)
    except (UnknownName, BadRecordings) as error:
        return error.what.rstrip(".")
    return ""


def ceiling(task: Task, metric: Metric) -> Baseline:
    """Plan the baseline ``ceiling``: predictions without error, measured on noisy responses."""

    def measure(cache: GramCache, reporter: Reporter) -> xr.Dataset:
        clock = StageTimer()
        with clock("statistics"):
            dataset = _perfect(task, metric)
        return finish_score(Measured(dataset), metric, task, subject, clock)

    subject = ScoredModel("ceiling", "none", about=OWN)
    return Baseline("ceiling", task, metric, subject, measure, _why_no_ceiling(task, metric))


def _why_no_ceiling(task: Task, metric: Metric) -> str:
    responses, tested = task.recordings.responses, task.held_out[0] if task.splits else task.rows
    if not metric.form.needs_responses or hasattr(metric.function, "compare"):
        return f"repetitions say how well sites can be predicted, not what {metric.name} can reach"
    if responses is None or not has_repetitions(responses.isel(stimulus=tested), task.scorable):
        return f"{task.recordings.name} holds means over repetitions"
    return ""


def _perfect(task: Task, metric: Metric) -> xr.Dataset:
    """Return what the baseline ``ceiling`` reaches: the reliability r of a site, and a correlation of √r.

    A site whose reliability is estimated below 0 has a correlation of 0.
    """
    ceiling = held_out_ceilings(task, metric.function).mean(axis=0)
    values = {
        "explained_variance": ceiling,
        "correlation": np.sqrt(np.maximum(ceiling, 0.0)),
        "alpha": np.full_like(ceiling, np.nan),
        "inner_explained_variance": ceiling,
    }
    return xr.Dataset(
        {
            **{name: (("split", "layer", "site"), each[None, None]) for name, each in values.items()},
            "ceiling": ("site", ceiling),
        },
        coords={
            "split": ["all"],
            "layer": ["repetitions"],
            **task.recordings.site_coordinates(),
            "n_features": ("layer", [0]),
            "chosen_layer": ("split", ["repetitions"]),
            "n_train": ("split", [0]),
            "n_test": ("split", [len(np.unique(task.held_out[0]))]),
        },
    )
