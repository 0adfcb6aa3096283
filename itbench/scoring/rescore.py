"""Another metric on the cached Grams of a score: no model is built, nothing is extracted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.data.task import Task
from itbench.errors import BadOption, BadRecordings, BadScore, UnknownName
from itbench.extraction.gram_cache import GramCache, single_layers, sum_grams
from itbench.gram import Gram
from itbench.models.layers import split_sum
from itbench.registry import Registry
from itbench.results.score_command import score_command
from itbench.results.score_file import provenance
from itbench.results.score_setup import Setup
from itbench.results.score_variables import model_layers
from itbench.scoring.evaluate import evaluate_models
from itbench.scoring.frozen_models import GivenGrams
from itbench.scoring.plan import check_several_models, make_metric
from itbench.scoring.provenance import ScoredModel
from itbench.scoring.run import Metric, Run
from itbench.util.progress import Reporter, StageTimer

KEPT = ("baseline",)  # of a score's attributes: what it is one of, by whatever metric


class Source(NamedTuple):
    """Model of a score to rescore, with the cache keys of its Grams.

    Parameters
    ----------
    model : str
    prefix : str
        Of its layers in the score: ``MODEL:`` where there are several models, else nothing.
    layers : tuple of str
        As the model calls them.
    key : mapping
        With ``layer``: the cache's key.
    """

    model: str
    prefix: str
    layers: tuple[str, ...]
    key: Mapping[str, Any]

    def parts(self, layer: str, cache: GramCache) -> tuple[str, ...]:
        """Return the layers whose cached Grams add up to that of a layer such as ``A+B`` of the model to rescore."""
        return split_sum(layer, _CachedLayers(self.key, cache))


@dataclass(frozen=True)
class _CachedLayers:
    key: Mapping[str, Any]
    cache: GramCache

    def __contains__(self, layer: object) -> bool:
        return {**self.key, "layer": layer} in self.cache


def plan_metric(
    registry: Registry, score: xr.Dataset, name: str | None = None, given: Mapping[str, Any] | None = None
) -> Metric:
    """Return the metric to rescore a score by: its own by default, with the options that it was given.

    Raises
    ------
    UnknownName, BadOption
        Also for a metric that needs the activations themselves, or one that cannot read several models at once.
    """
    record = provenance(score)
    own = record["options"]["given"] if name in (None, score.attrs["metric"]) else {}
    metric = make_metric(registry, name or score.attrs["metric"], {**own, **(given or {})})
    if Setup.of(score).trained:
        raise BadOption(
            f"{score.attrs['model']} is trained on recordings: every split has a network, and Grams, of its own.",
            todo=f"Score it again; what was trained is kept: {score_command(score, metric.name)}",
        )
    if not metric.form.reads_layers:
        raise BadOption(
            f"{score.attrs['model']} makes no predictions of its own.", todo="Choose another metric: itbench metrics"
        )
    if metric.form.streams:
        raise BadOption(
            f"{metric.name} needs the activations themselves, and what is cached are Grams.",
            todo=f"Run the model once more: {score_command(score, metric.name)}",
        )
    check_several_models(registry, metric, [source["model"] for source in record["sources"]])
    return metric


@dataclass(frozen=True, eq=False)
class Plan:
    """Plan to rescore a score: the score, the new metric and its benchmark.

    Parameters
    ----------
    score : Dataset
        As `itbench.scoring.evaluate.evaluate` returns it.
    metric : Metric
        As `plan_metric` returns it.
    benchmark : Benchmark
        That of the score.
    """

    score: xr.Dataset
    metric: Metric
    benchmark: Benchmark

    @property
    def title(self) -> str:
        """What a message calls it."""
        return f"{self.score.attrs['model']} on {self.benchmark.name}"


def rescore(plan: Plan, cache: GramCache, reporter: Reporter) -> xr.Dataset:
    """Rescore a score: measure its cached Grams by another metric or other options, without the model.

    Returns
    -------
    Dataset
        What `itbench.scoring.evaluate.evaluate` would give with this metric, to the last bit where
        it found all Grams cached.

    Raises
    ------
    BadScore
        If a Gram is not in the cache any more, or the score is of no model.
    BadRecordings
        If the recordings are not those of the score.
    """
    clock = StageTimer()
    with clock("data"):
        task = Run((), plan.benchmark, plan.metric).load_task(reporter)
        _check_recordings(plan.score, task)
    sources = sources_of(plan.score)
    _check_cache(plan.score, sources, cache)
    by_model = {source.model: [source.prefix + layer for layer in source.layers] for source in sources}
    grams = clock.each("grams", _grams(plan.score, sources, cache))
    scored = ScoredModel.from_score(plan.score)
    again = evaluate_models(plan.metric, GivenGrams(by_model, grams), task, scored, clock)
    return again.assign_attrs({key: plan.score.attrs[key] for key in KEPT if key in plan.score.attrs})


def sources_of(score: xr.Dataset) -> list[Source]:
    """Return the models of a score to rescore, with their layers and the cache keys of their Grams.

    Raises
    ------
    BadScore
        If it is of no model: of one animal's sites by another's, or of labels.
    """
    record = provenance(score)
    if not record["sources"]:
        raise BadScore(
            f"{score.attrs['model']} on {score.attrs['benchmark']} is of no model whose Grams were cached.",
            todo="Rescore one that itbench score wrote of a model.",
        )
    return [_source(source, model_layers(score), record) for source in record["sources"]]


def _source(about: Mapping[str, Any], layers: Sequence[str], record: Mapping[str, Any]) -> Source:
    prefix = f"{about['model']}:" if len(record["sources"]) > 1 else ""
    own = tuple(layer.removeprefix(prefix) for layer in layers if layer.startswith(prefix))
    return Source(about["model"], prefix, own, {**about["identity"], "stimuli": record["digests"]["stimuli"]})


def _check_recordings(score: xr.Dataset, task: Task) -> None:
    changed = Setup.of(score).changed_digests(task.recordings.digests)
    if changed:
        raise BadRecordings(
            f"The recordings of {task.benchmark.name} are not those that {score.attrs['model']} was scored on.",
            known=f"{'; '.join(changed)}.",
            todo=f"Score it on those that are here: {score_command(score)}",
        )


def _check_cache(score: xr.Dataset, sources: Sequence[Source], cache: GramCache) -> None:
    missing = [
        source.prefix + layer
        for source in sources
        for layer in single_layers(source.layers, partial(source.parts, cache=cache))
        if {**source.key, "layer": layer} not in cache
    ]
    if missing:
        raise _not_cached(score, missing)


def _grams(score: xr.Dataset, sources: Sequence[Source], cache: GramCache) -> Iterator[tuple[str, Gram]]:
    for source in sources:
        for layer, gram in sum_grams(
            source.layers, partial(_cached, score, source, cache), partial(source.parts, cache=cache)
        ):
            yield source.prefix + layer, gram


def _cached(score: xr.Dataset, source: Source, cache: GramCache, layers: Sequence[str]) -> Iterator[tuple[str, Gram]]:
    for layer in layers:
        gram = cache.read({**source.key, "layer": layer})
        if gram is None:  # it was damaged
            raise _not_cached(score, [layer])
        yield layer, gram


def cached_gram(score: xr.Dataset, layer: str, cache: GramCache) -> Gram:
    """Return the cached Gram of one layer that a score to rescore names.

    Raises
    ------
    UnknownName
    BadScore
        If the Gram is not in the cache any more, or the score is of no frozen model.
    """
    if Setup.of(score).trained:
        raise BadScore(
            f"{score.attrs['model']} is trained on recordings: every split has a network, and Grams, of its own.",
            todo="Choose the score of a model with fixed weights.",
        )
    for source in sources_of(score):
        own = layer.removeprefix(source.prefix)
        if layer == source.prefix + own and own in source.layers:
            only = [source._replace(layers=(own,))]
            _check_cache(score, only, cache)
            return next(gram for _, gram in _grams(score, only, cache))
    raise UnknownName.of(f"layer of {score.attrs['model']}", layer, model_layers(score))


def _not_cached(score: xr.Dataset, layers: Sequence[str]) -> BadScore:
    plural = "s" if len(layers) > 1 else ""
    return BadScore(
        f"{score.attrs['model']} on {score.attrs['benchmark']}: "
        f"no cached Gram{plural} of the layer{plural} {', '.join(layers)}.",
        todo=f"Make {'them' if plural else 'it'}: {score_command(score)}",
    )
