"""Frozen models of a run over the stimuli of its benchmark: their Grams, or streamed activations; as a teacher too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.errors import ItbenchError
from itbench.extraction.forward import forward_pass
from itbench.extraction.gram_cache import CachedGrams, GramCache, single_layers
from itbench.extraction.gram_reducer import PANEL_BYTES, GramReducer
from itbench.extraction.loaded_model import LoadedModel, load_model
from itbench.gram import Gram
from itbench.metrics.form import FrozenModels, WrappedModels
from itbench.metrics.kernel import effective_dimensionality
from itbench.models.layers import split_sum
from itbench.scoring.run import Run
from itbench.util.progress import Reporter, SilentReporter, StageTimer


class RunModels:
    """Loaded frozen models of a run, which give a metric their Grams or stream their activations.

    Parameters
    ----------
    run : Run
    task : Task
    cache : GramCache
    reporter : Reporter
    timer : StageTimer, optional
        Counts forward passes as the stage ``activations``.

    Raises
    ------
    NoWeights, UnknownName, BadOption
    """

    def __init__(
        self, run: Run, task: Task, cache: GramCache, reporter: Reporter, timer: StageTimer | None = None
    ) -> None:
        self.run, self.task, self.cache, self.reporter = run, task, cache, reporter
        self.timer = timer or StageTimer()
        stimuli, bench = task.recordings.stimuli, run.benchmark
        self.loaded: list[LoadedModel] = [
            load_model(spec, run.settings, stimuli, shown_by=bench.name, degrees=bench.degrees) for spec in run.models
        ]

    @property
    def layers_by_model(self) -> dict[str, list[str]]:
        """Layers of every frozen model of the run, by the names that a score has for them."""
        return {
            spec.name: [self.run.layer_name(spec, layer) for layer in loaded.layers]
            for spec, loaded in zip(self.run.models, self.loaded, strict=True)
        }

    def grams(self) -> Iterator[tuple[str, Gram]]:
        """Yield (layer, Gram) of all frozen models of the run, by the names that a score has for the layers."""
        return self.timer.each("activations", self._grams())

    def _grams(self) -> Iterator[tuple[str, Gram]]:
        for spec, loaded in zip(self.run.models, self.loaded, strict=True):
            key = {**loaded.identity, "stimuli": self.task.recordings.digests["stimuli"]}
            about = {**self.run.about, "model": spec.name, "weights": spec.label}
            settings = self.run.settings
            source = CachedGrams(loaded.model, loaded.stimuli, settings, key, self.cache, about, self.reporter)
            for layer, gram in source.grams(loaded.layers):
                yield self.run.layer_name(spec, layer), gram

    def stream(self, beside: int, widest: int | None = None) -> AbstractContextManager[GramReducer]:
        """Stream activations of the run's one frozen model; `beside` is the memory needed beside two panels."""
        model, stimuli, layers, _ = self.loaded[0]
        singles = single_layers(layers, self.parts)
        return forward_pass(model, stimuli, singles, self.run.settings, self.reporter, beside + 2 * PANEL_BYTES, widest)

    def parts(self, layer: str) -> Sequence[str]:
        """Return the layers whose features a layer ``A+B`` puts side by side."""
        return self.loaded[0].parts(layer)


class WatchedModels(WrappedModels):
    """Frozen models whose Grams are watched: the effective dimensionality of every layer over the images scored.

    Parameters
    ----------
    models : FrozenModels
    task : Task

    Attributes
    ----------
    dimensionality : dict of str to float
        By layer, of the Grams that were read so far.
    """

    def __init__(self, models: FrozenModels, task: Task) -> None:
        super().__init__(models)
        self.task, self.dimensionality = task, dict[str, float]()

    def grams(self) -> Iterator[tuple[str, Gram]]:
        """Yield the Grams of the frozen models."""
        for layer, gram in self.models.grams():
            scored = gram.matrix if len(self.task.rows) == len(gram) else gram.take(self.task.rows).matrix
            self.dimensionality[layer] = effective_dimensionality(scored)
            yield layer, gram


class GivenGrams:
    """Frozen models of which only Grams are left, such as cached or permuted ones.

    Parameters
    ----------
    layers_by_model : mapping of str to sequence of str
    given : iterable of (layer, Gram)
        In any order.
    """

    def __init__(self, layers_by_model: Mapping[str, Sequence[str]], given: Iterable[tuple[str, Gram]]) -> None:
        self.layers_by_model, self._given = layers_by_model, given
        self.reporter: Reporter = SilentReporter()

    def grams(self) -> Iterator[tuple[str, Gram]]:
        """Yield the given Grams."""
        return iter(self._given)

    def stream(self, beside: int, widest: int | None = None) -> AbstractContextManager[GramReducer]:
        """Refuse to stream activations of frozen models of which only Grams are left."""
        raise ItbenchError("A metric that needs the activations themselves cannot read given Grams.")

    def parts(self, layer: str) -> Sequence[str]:
        """Return the layers whose features a layer ``A+B`` puts side by side."""
        return split_sum(layer)


class Teacher:
    """Predictions of a teacher run for the training rows of a split, from the other training rows.

    Parameters
    ----------
    run : Run
        Of a frozen model, by a metric that can teach.
    task : Task
    cache : GramCache
    reporter : Reporter
    """

    def __init__(self, run: Run, task: Task, cache: GramCache, reporter: Reporter) -> None:
        self.run, self.task, self.cache, self.reporter = run, task, cache, reporter
        self._grams: dict[str, Gram] = {}

    def __call__(self, split: Split) -> NDArray:
        """Return the teacher's predictions (train, site) for the training rows of a split; NaN at unscorable sites."""
        if not self._grams:
            models = RunModels(self.run, self.task, self.cache, self.reporter)
            grams = dict(models.grams())  # those of the cache first
            self._grams = {layer: grams[layer] for layers in models.layers_by_model.values() for layer in layers}
        metric = self.run.metric
        return self.task.at_all_sites(metric.form.teach(metric.function, self._grams, self.task.recorded, split.train))
