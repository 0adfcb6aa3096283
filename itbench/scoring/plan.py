"""Everything that a run names, looked up and validated before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from itbench.errors import BadOption, UnknownName
from itbench.extraction.forward import ExtractionSettings
from itbench.metrics import options
from itbench.models.weights import Weights
from itbench.registry import ModelEntry, Registry, weights_of
from itbench.scoring.run import Entrant, Metric, Run, starts_of


def plan_run(
    registry: Registry,
    model: str,
    benchmark: str,
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
    """Look everything up by name.

    Parameters
    ----------
    model : str
        A model, or several at once, ``A+B``, for a metric that reads them together: by default ``stacked``.
    weights : str
        Of all models that have any, or one for each: ``FILE+random``.
    layers : sequence of str
        Of several models: ``MODEL:LAYER``.
    recipe : sequence of str
        Changes of the recipe of a model that learns: ``KEY=VALUE``, or YAML files.
    tuned : bool
        Learn by the best recipe of each split's own study.

    Raises
    ------
    UnknownName, BadOption, BadBenchmark, NoWeights
        Before any work, for whatever does not exist or cannot be.
    """
    bench = registry.benchmark(benchmark)
    names = _model_names(registry, model)
    entries = [registry.model(name) for name in names]
    usual = "stacked" if len(names) > 1 else entries[0].metric or bench.metric
    chosen = make_metric(registry, metric or usual, metric_options)
    check_together(registry, chosen, names)
    how = settings or ExtractionSettings()
    if any(entry.learns for entry in entries):
        learner = make_learner(registry, entries, weights, seed, tuple(layers), recipe)
        about = teacher_of(learner)
        teacher = plan_run(registry, **about, benchmark=benchmark, settings=how) if about else None
        run = Run((learner,), bench, chosen, how, layer_from, teacher, tuned)
        check_learner(run)
        return run
    if recipe or tuned:
        raise BadOption(f"{model} learns nothing from recordings.", todo="Leave --recipe and --tuned out.")
    if chosen.entry.form == "direct":
        raise BadOption(f"{model} makes no predictions of its own.", todo=f"Read it out: --metric {bench.metric}")
    texts = _weight_texts(entries, weights)
    entrants = tuple(
        Entrant(entry, weights_of(entry, text, seed), own)
        for entry, text, own in zip(entries, texts, _layers_by_model(names, layers), strict=True)
    )
    return Run(entrants, bench, chosen, how, layer_from)


def make_metric(registry: Registry, name: str, given: Mapping[str, Any] | None = None) -> Metric:
    """Look up a metric and give it its options.

    Raises
    ------
    UnknownName, BadOption
    """
    entry, values = registry.metric(name), dict(given or {})
    return Metric(entry, options.build(entry.readout, values), values)


def check_together(registry: Registry, metric: Metric, models: Sequence[str]) -> None:
    """Refuse several models at once for a metric that reads them one by one.

    Raises
    ------
    BadOption
    """
    if len(models) > 1 and metric.entry.form != "joint":
        together = [entry.name for entry in registry.metrics.values() if entry.form == "joint"]
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
    """Return the text of the weights of each model."""
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
    """Return the layers named for each model, each once."""
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


TEACHER = ("model", "metric", "weights")  # what a recipe may say of it


def check_learner(run: Run) -> None:
    """Refuse metrics that a model cannot be judged by that has learnt from some of the images, and what cannot teach.

    Raises
    ------
    BadOption
    """
    name, form, teacher = run.about["model"], run.metric.entry.form, run.teacher
    if teacher and (teacher.learns or teacher.metric.entry.form not in ("readout", "joint")):
        raise BadOption(
            f"{teacher.title} by {teacher.metric.name} cannot teach.",
            known="A teacher is a model that does not learn, read out by a metric such as stacked or ridge.",
        )
    if form in ("comparison", "channels"):
        what = "compares all images" if form == "comparison" else "looks for single features"
        raise BadOption(
            f"{run.metric.name} {what}, and {name} has learnt from some of them.",
            todo="Judge it on held-out images: --metric direct, ridge, or predicted-rsa.",
        )
    if form == "direct" and run.layers:
        raise BadOption(f"{run.metric.name} reads no layers.", todo="Read one out: --metric ridge -l LAYER")
    recipe = run.entrants[0].recipe
    assert recipe is not None
    if form == "direct" and not (recipe.losses.get("responses") or recipe.losses.get("teacher")):
        raise BadOption(f"{name} does not learn to predict responses.", todo="Read a layer of it out: --metric ridge")


def make_learner(
    registry: Registry,
    entries: Sequence[ModelEntry],
    weights: str,
    seed: int,
    layers: tuple[str, ...],
    changes: Sequence[str],
) -> Entrant:
    """Return a model that learns, which is scored alone."""
    if len(entries) > 1:
        learners = ", ".join(entry.name for entry in entries if entry.learns)
        raise BadOption(f"{learners} learns from recordings, and is scored alone.", todo="Score the models one by one.")
    entry = entries[0]
    usual = entry.read_recipe()
    recipe = usual.changed(changes)
    core = registry.core(recipe.core) if recipe.core else None
    starts = starts_of(entry, core)
    if core is None and weights not in ("pretrained", *starts):
        raise BadOption(f"{entry.name} starts from {starts[0]} weights.", todo="Leave --weights out.")
    text = starts[0] if weights == "pretrained" and weights not in starts and starts[0] != "none" else weights
    given = weights_of(core, text, seed) if core else replace(Weights(starts[0]), seed=seed)
    return Entrant(entry, replace(given, seed=seed), layers, recipe, core, usual)


def start_at_hand(registry: Registry, entry: ModelEntry) -> str:
    """Return ``random`` where a model that learns can start from random weights, which take no network."""
    name = entry.read_recipe().core
    starts = starts_of(entry, registry.core(name) if name else None)
    return "random" if "random" in starts else "pretrained"


def teacher_of(learner: Entrant) -> dict[str, Any]:
    """Return what plans the run whose predictions a model learns from; nothing if its recipe has no teacher.

    Raises
    ------
    UnknownName, BadOption
    """
    recipe = learner.recipe
    if recipe is None or not recipe.losses.get("teacher"):
        return {}
    about = {"metric": "stacked", **recipe.teacher}
    for key in about:
        if key not in TEACHER:
            raise UnknownName.of("key of a recipe's teacher", key, TEACHER)
    if "model" not in about:
        raise BadOption("The recipe's teacher has no model.", todo="Such as --recipe teacher.model=itbench-tiny")
    return about
