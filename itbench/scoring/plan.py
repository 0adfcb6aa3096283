"""Plan a run: look up models, benchmark and metric by name, fix its layer, and refuse what cannot be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from itbench.data.benchmark import Benchmark
from itbench.errors import BadOption, BadScore, UnknownName
from itbench.extraction.forward import ExtractionSettings
from itbench.metrics import options
from itbench.registry import ModelEntry, ModelSpec, Registry, weights_of
from itbench.results.score_command import command_line
from itbench.results.score_file import scores_in
from itbench.results.score_variables import most_chosen_layer
from itbench.scoring.run import Metric, Run, TrainableRun
from itbench.training.trainable_model import TrainableSpec, trainable_spec

TEACHER = ("model", "metric", "weights")  # what a recipe may name of a teacher


def plan_run(
    registry: Registry,
    model: str | ModelEntry,
    benchmark: str | Benchmark,
    *,
    metric: str | None = None,
    metric_options: Mapping[str, Any] | None = None,
    weights: str = "pretrained",
    seed: int = 0,
    layers: Sequence[str] = (),
    settings: ExtractionSettings | None = None,
    layer_from: str = "",
    recipe: Sequence[str] = (),
    tuned: bool = False,
) -> Run:
    """Plan a run: look up models, benchmark and metric by name, or take them as they are.

    Parameters
    ----------
    registry : Registry
    model : str or ModelEntry
        A model, or several at once, ``A+B``, for a metric that reads them together: by default ``stacked``.
    benchmark : str or Benchmark
    weights : str
        Of all models that have any, or one for each: ``FILE+random``.
    layers : sequence of str
        Of several models: ``MODEL:LAYER``.
    recipe : sequence of str
        Changes of the recipe of a trainable model: ``KEY=VALUE``, or YAML files.
    tuned : bool
        Train by the best recipe of each split's own study.

    Raises
    ------
    UnknownName, BadOption, BadBenchmark, NoWeights
        Before any work, for whatever does not exist or cannot be.
    """
    bench = registry.benchmark(benchmark) if isinstance(benchmark, str) else benchmark
    names = _model_names(registry, model) if isinstance(model, str) else [model.name]
    entries = [registry.model(name) for name in names] if isinstance(model, str) else [model]
    usual = "stacked" if len(names) > 1 else entries[0].metric or bench.metric
    chosen = make_metric(registry, metric or usual, metric_options)
    check_several_models(registry, chosen, names)
    how = settings or ExtractionSettings()
    if any(entry.trainable for entry in entries):
        spec = _only_trainable(registry, entries, weights, seed, layers, recipe)
        about = _teacher_names(spec)
        teacher = plan_run(registry, **about, benchmark=bench, settings=how) if about else None
        run = TrainableRun((spec,), bench, chosen, how, layer_from, teacher, tuned)
        _check_trainable(run)
        return run
    if recipe or tuned:
        raise BadOption(f"{'+'.join(names)} is not trained on recordings.", todo="Leave --recipe and --tuned out.")
    if not chosen.form.reads_layers:
        raise BadOption(
            f"{'+'.join(names)} makes no predictions of its own.", todo=f"Read it out: --metric {bench.metric}"
        )
    texts = _weight_texts(entries, weights)
    specs = tuple(
        ModelSpec(entry, weights_of(entry, text, seed), own)
        for entry, text, own in zip(entries, texts, _layers_by_model(names, layers), strict=True)
    )
    return Run(specs, bench, chosen, how, layer_from)


def plan_seeds(
    registry: Registry, model: str | ModelEntry, benchmark: str | Benchmark, seeds: int, *, seed: int = 0, **how: Any
) -> list[Run]:
    """Plan runs of the same model by several seeds of its random weights or its training.

    Parameters
    ----------
    registry, model, benchmark
        As of `plan_run`.
    seeds : int
        Number of runs, two at least. Seeds follow one another from `seed`; those of ensembles are as far apart as these
        have members, so that no two share a network.
    seed : int
    **how
        Further arguments of `plan_run`.

    Raises
    ------
    BadOption
        If the seed changes nothing, and as `plan_run` does.
    """
    first = plan_run(registry, model, benchmark, seed=seed, **how)
    if seeds < 2:
        raise BadOption(f"{seeds} seeds have no spread.", todo="Use two at least, better three or more.")
    can_be_random = any("random" in spec.entry.weights for spec in first.models)
    if not first.seeded:
        raise BadOption(
            f"Seeds change nothing of {first.about['model']}.",
            known="It is not trained on the recordings, and has no random weights.",
            todo=f"Leave --seeds out{', or use --weights random' if can_be_random else ''}.",
        )
    step = first.spec.recipe.members if isinstance(first, TrainableRun) else 1
    more = [plan_run(registry, model, benchmark, seed=seed + step * number, **how) for number in range(1, seeds)]
    return [first, *more]


def make_metric(registry: Registry, name: str, given: Mapping[str, Any] | None = None) -> Metric:
    """Plan the metric of a run: look it up and set its options.

    Raises
    ------
    UnknownName, BadOption
    """
    entry, values = registry.metric(name), dict(given or {})
    return Metric(entry, options.build(entry.readout, values), values)


def check_several_models(registry: Registry, metric: Metric, models: Sequence[str]) -> None:
    """Refuse to plan a run of several models by a metric that reads them one by one.

    Raises
    ------
    BadOption
    """
    if len(models) > 1 and not metric.form.several_models:
        together = [entry.name for entry in registry.metrics.values() if entry.form.several_models]
        raise BadOption(
            f"{metric.name} reads one layer of one model at a time, not {'+'.join(models)}.",
            todo=f"Leave --metric out, or choose one of {', '.join(sorted(together))}.",
        )


def _model_names(registry: Registry, text: str) -> list[str]:
    if text in registry.models or "+" not in text:
        return [text]
    names = text.split("+")
    if len(set(names)) < len(names):
        raise BadOption(f"{text} names a model twice.", todo="Name each model once.")
    return names


def _weight_texts(entries: Sequence[ModelEntry], text: str) -> list[str]:
    parts = text.split("+") if len(entries) > 1 else [text]
    if len(parts) == len(entries):
        return parts
    with_weights = [entry.name for entry in entries if entry.weights]
    if len(parts) > 1 or (text not in ("pretrained", "random") and len(with_weights) > 1):
        raise BadOption(
            f"{' and '.join(with_weights)} cannot all have the weights {text}.",
            todo="Name those of each model, in order: --weights FILE+random",
        )
    return [text if entry.weights else "pretrained" for entry in entries]


def _layers_by_model(names: Sequence[str], layers: Sequence[str]) -> list[tuple[str, ...]]:
    layers = list(dict.fromkeys(layers))
    if len(names) == 1:
        return [tuple(layers)]
    own: dict[str, list[str]] = {name: [] for name in names}
    for layer in layers:
        name, colon, rest = layer.partition(":")
        if not colon or name not in own:
            raise UnknownName.of(
                "model before the layer", name if colon else layer, names, todo="Of several models: -l MODEL:LAYER"
            )
        own[name].append(rest)
    return [tuple(own[name]) for name in names]


def _only_trainable(
    registry: Registry,
    entries: Sequence[ModelEntry],
    weights: str,
    seed: int,
    layers: Sequence[str],
    changes: Sequence[str],
) -> TrainableSpec:
    if len(entries) > 1:
        trainable = ", ".join(entry.name for entry in entries if entry.trainable)
        raise BadOption(
            f"{trainable} is trained on recordings, and is scored alone.", todo="Score the models one by one."
        )
    return trainable_spec(registry, entries[0], weights, seed, layers, changes)


def _check_trainable(run: TrainableRun) -> None:
    name, metric, teacher = run.spec.name, run.metric, run.teacher
    if teacher and (isinstance(teacher, TrainableRun) or not teacher.metric.form.teaches):
        raise BadOption(
            f"{teacher.title} by {teacher.metric.name} cannot teach.",
            known="A teacher is a frozen model, read out by a metric such as stacked or ridge.",
        )
    if metric.form.refuses_trained:
        raise BadOption(
            f"{metric.name} {metric.form.refuses_trained}, and {name} was trained on some of them.",
            todo="Judge it on held-out images: --metric direct, ridge, or predicted-rsa.",
        )
    if not metric.form.reads_layers and run.layers:
        raise BadOption(f"{metric.name} reads no layers.", todo="Read one out: --metric ridge -l LAYER")
    if not metric.form.reads_layers and not run.spec.predicts_responses:
        raise BadOption(f"{name} is not trained to predict responses.", todo="Read a layer of it out: --metric ridge")


def _teacher_names(spec: TrainableSpec) -> dict[str, Any]:
    """Return the arguments of `plan_run` for the teacher that the planned recipe names."""
    recipe = spec.recipe
    if not recipe.losses.get("teacher"):
        return {}
    about = {"metric": "stacked", **recipe.teacher}
    for key in about:
        if key not in TEACHER:
            raise UnknownName.of("key of a recipe's teacher", key, TEACHER)
    if "model" not in about:
        raise BadOption("The recipe's teacher has no model.", todo="Such as --recipe teacher.model=itbench-tiny")
    return about


def with_layer_from(run: Run, benchmark: str, folder: Path) -> Run:
    """Choose the layer of a run by another benchmark: the one that the same model and metric chose there most often.

    Parameters
    ----------
    run : Run
        Of one model, no layer named.
    benchmark : str
        Name of a benchmark that was scored into `folder`.
    folder : Path

    Raises
    ------
    BadOption, BadScore
        If layers are named too, or if there is no score, or several, to take the layer from.
    """
    if not run.metric.form.reads_layers:
        todo = "Read one out: --metric ridge --layer-from BENCHMARK"
        raise BadOption(f"{run.metric.name} reads no layers.", todo=todo)
    if len(run.models) > 1 or run.layers:
        raise BadOption(
            "--layer-from takes the layer of one model, and no --layer.", todo="Leave out one of the two options."
        )
    about = {**run.about, "benchmark": benchmark}
    found = (score for _, score in scores_in(folder) if all(score.attrs[key] == about[key] for key in about))
    layers = {most_chosen_layer(score) for score in found}
    if len(layers) != 1:
        outcome = f"chose {' and '.join(sorted(layers))}" if layers else "has no score"
        command = command_line("score", {"-m": [about["model"]], "-b": [benchmark], "--metric": [about["metric"]]})
        raise BadScore(
            f"{about['model']} ({about['weights']}) {outcome} by {about['metric']} on {benchmark}.",
            known=f"Looked for in {folder}.",
            todo="Name it with --layer" if layers else f"Score it there first: {command}",
        )
    return replace(run, models=(replace(run.models[0], layers=tuple(layers)),), layer_from=benchmark)
