"""What is to be predicted: the recordings of a benchmark, their means, the splits, and the sites that can be scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions, varies
from itbench.data.splits import Split
from itbench.errors import BadOption, BadRecordings
from itbench.extraction.gram_cache import CachedGrams, GramCache
from itbench.extraction.loaded_model import LoadedModel, load_model
from itbench.gram import Gram
from itbench.metrics.neural_data import NeuralData
from itbench.scoring.run import Metric, Run
from itbench.util.arrays import Array
from itbench.util.progress import Reporter


@dataclass(frozen=True, eq=False)
class Task:
    """What a benchmark asks of a model.

    Parameters
    ----------
    benchmark : Benchmark
    recordings : Recordings
    responses : array of shape (stimulus, site)
        Means over repetitions; NaN where there was none.
    splits : list of Split
    scorable : bool array of shape (site,)
        Which sites have a response to every stimulus used, that varies in every part of every split.
    """

    benchmark: Benchmark
    recordings: Recordings
    responses: Array
    splits: Sequence[Split]
    scorable: NDArray[np.bool_]

    @classmethod
    def load(cls, benchmark: Benchmark, metric: Metric, reporter: Reporter) -> Task:
        """Load what a metric has to predict, or to compare with; some metrics bring splits of their own.

        Of recordings that hold dissimilarities only there are no sites and no splits.

        Raises
        ------
        BadRecordings, DamagedFile, Unreachable
        BadOption
            If the metric needs responses, and there are none.
        """
        recordings = benchmark.load(reporter)
        if recordings.responses is None:
            if metric.entry.form != "comparison":
                raise BadOption(
                    f"{benchmark.name} holds dissimilarities of images, no responses; {metric.name} needs responses.",
                    todo="Compare instead: --metric rsa or --metric cka",
                )
            return cls(benchmark, recordings, np.empty((len(recordings.stimuli), 0)), [], np.zeros(0, bool))
        responses = mean_over_repetitions(recordings.responses)
        divide = getattr(metric.function, "divide", benchmark.splits.divide)
        undivided = metric.entry.form == "comparison" and benchmark.splits.kind == "none"
        splits = [] if undivided else divide(len(recordings.stimuli), recordings.stimuli.metadata)
        return cls(benchmark, recordings, responses, splits, scorable_sites(responses, splits))

    @property
    def rows(self) -> NDArray[np.intp]:
        """The stimuli that some split uses; all where there are no splits."""
        parts = [part for split in self.splits for part in (split.train, split.test)]
        return np.unique(np.concatenate(parts)) if parts else np.arange(len(self.recordings.stimuli))

    def recorded(self) -> NeuralData:
        """Return the neural side of a comparison: the stimuli `rows`, every site that can be scored."""
        recordings = self.recordings
        sites = np.flatnonzero(self.scorable)
        responses = None if recordings.responses is None else recordings.responses.isel(site=sites)
        distance = str(recordings.about.get("distance") or "")
        return NeuralData(recordings.stimuli.ids, responses, recordings.rdms, distance).take(self.rows)


def scorable_sites(responses: Array, splits: Sequence[Split]) -> NDArray[np.bool_]:
    """Say which sites have a response to every stimulus used, that varies in every part of every split.

    Without splits all stimuli are used, as one part.

    Raises
    ------
    BadRecordings
        If none has.
    """
    parts = [rows for split in splits for rows in (split.train, split.test)] or [np.arange(len(responses))]
    scorable = np.all([varies(responses[rows]) for rows in parts], axis=0)
    if not scorable.any():
        missing = int(np.isnan(responses).any(axis=0).sum())
        raise BadRecordings(
            f"None of {responses.shape[1]} sites can be scored.",
            known=f"{missing} lack a response to some stimulus; the others do not vary within some split.",
        )
    return np.asarray(scorable)


def load_models(run: Run, task: Task) -> list[LoadedModel]:
    """Return every model of a run on its device, with the stimuli as it sees them and its layers."""
    bench, stimuli = run.benchmark, task.recordings.stimuli
    return [
        load_model(entrant, run.settings, stimuli, shown_by=bench.name, degrees=bench.degrees)
        for entrant in run.entrants
    ]


def layers_by_model(run: Run, staged: Sequence[LoadedModel]) -> dict[str, list[str]]:
    """Return the layers of every model, as a score calls them."""
    return {
        entrant.model.name: [run.layer_name(entrant, layer) for layer in one.layers]
        for entrant, one in zip(run.entrants, staged, strict=True)
    }


def grams_of(
    run: Run, staged: Sequence[LoadedModel], task: Task, cache: GramCache, reporter: Reporter
) -> Iterator[tuple[str, Gram]]:
    """Yield the Grams of all layers of all models, by the layer as a score calls it."""
    for entrant, one in zip(run.entrants, staged, strict=True):
        key = {**one.identity, "stimuli": task.recordings.digests["stimuli"]}
        about = {**run.about, "model": entrant.model.name, "weights": entrant.label}
        source = CachedGrams(one.model, one.stimuli, run.settings, key, cache, about, reporter)
        for layer, gram in source.grams(one.layers):
            yield run.layer_name(entrant, layer), gram
