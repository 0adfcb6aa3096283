"""Model × benchmark × metric → score. Prints nothing, writes nothing but cached Grams."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench import datasets, plugins
from itbench.agreement import correlation, explained_variance, refuse_impossible, varies
from itbench.cache import GramCache
from itbench.errors import BadRecordings, ItbenchWarning
from itbench.gram import Gram
from itbench.grams import GramSource
from itbench.protocols import Readout, Reporter, Silence
from itbench.record import provenance_of, score_attributes
from itbench.responses import mean_over_repetitions
from itbench.run import Run, plan_run, stage
from itbench.splits import Split

MEASURES = ("explained_variance", "correlation", "alpha", "inner_explained_variance")


def score_model(
    model: str,
    benchmark: str = "synthetic-it",
    *,
    registry: plugins.Registry | None = None,
    cache: GramCache | None = None,
    reporter: Reporter | None = None,
    **how: Any,
) -> xr.Dataset:
    """Score one model on one benchmark.

    Parameters
    ----------
    model, benchmark : str
        Names of plugins; a benchmark may be the path of a YAML file.
    registry, cache, reporter : optional
        Else the plugins found, the cache folder, and silence.
    **how
        Of `itbench.run.plan_run`: ``metric``, ``metric_options``, ``weights`` (``pretrained``, ``random`` or the path
        of a file), ``seed``, ``layers``, ``settings`` (an `ExtractionSettings`).

    Returns
    -------
    Dataset
        As `evaluate` says.

    Examples
    --------
    >>> score = score_model("itbench-tiny", "synthetic-it", weights="random")  # doctest: +SKIP
    >>> score.explained_variance.mean(("split", "site"))  # doctest: +SKIP
    """
    run = plan_run(registry or plugins.load(), model, benchmark, **how)
    return evaluate(run, cache or GramCache(), reporter or Silence())


def evaluate(run: Run, cache: GramCache, reporter: Reporter) -> xr.Dataset:
    """Score a planned run.

    Returns
    -------
    Dataset
        ``explained_variance``, ``correlation``, ``alpha`` and ``inner_explained_variance`` (split, layer, site), the
        layer that each split chose on its training rows, and provenance. A site that lacks a response or does not vary
        in some part of some split is NaN.

    Raises
    ------
    BadRecordings, BadActivations, NoWeights, NoSpace, UnknownName
    """
    clock = _Clock()
    with clock("data"):
        recordings = datasets.load(run.benchmark.data_source(), reporter)
        responses = mean_over_repetitions(recordings.responses)
        splits = run.benchmark.splits.divide(len(recordings.stimuli), recordings.stimuli.metadata)
        scorable = scorable_sites(responses, splits)
    with clock("model"):
        bench = run.benchmark
        model, stimuli, layers, identity = stage(
            run.model,
            run.weights,
            run.settings,
            recordings.stimuli,
            run.layers,
            shown_by=bench.name,
            degrees=bench.degrees,
        )
    results = {name: np.full((len(splits), len(layers), responses.shape[1]), np.nan) for name in MEASURES}
    widths: dict[str, int] = {}
    remarks: list[str] = []
    key = {**identity, "stimuli": recordings.digests["stimuli"]}
    grams = GramSource(model, stimuli, run.settings, key, cache, run.about, reporter).grams(layers)
    for layer, gram in clock.each("activations", grams):
        widths[layer] = gram.n_features
        with clock("readout"):
            for number, split in enumerate(splits):
                measured, said = _measure(run.readout, gram, responses[:, scorable], split)
                for name, values in measured.items():
                    results[name][number, layers.index(layer), scorable] = values
                remarks += [f"layer {layer}: {remark}" for remark in said]
    refuse_impossible(results["explained_variance"], results["correlation"])
    _warn(run, remarks)
    inner = results["inner_explained_variance"][:, :, scorable].mean(axis=2)
    return xr.Dataset(
        {name: (("split", "layer", "site"), values) for name, values in results.items()},
        coords={
            "split": [split.name for split in splits],
            "layer": list(layers),
            **recordings.site_coordinates(),
            "n_features": ("layer", [widths[layer] for layer in layers]),
            "chosen_layer": ("split", [layers[index] for index in inner.argmax(axis=1)]),
            "n_train": ("split", [len(split.train) for split in splits]),
            "n_test": ("split", [len(split.test) for split in splits]),
        },
        attrs=score_attributes(
            run, recordings, model, scorable, provenance_of(run, recordings, model, identity, clock.seconds)
        ),
    )


def _measure(
    readout: Readout, gram: Gram, responses: NDArray[np.float64], split: Split
) -> tuple[dict[str, NDArray[np.float64]], tuple[str, ...]]:
    """Return every measure per site of one layer in one split, and the readout's remarks."""
    train, test = responses[split.train], responses[split.test]
    reading = readout(gram, train, split.train, split.test)
    measured = {
        "explained_variance": explained_variance(test, reading.predictions),
        "correlation": correlation(test, reading.predictions),
        "alpha": reading.alpha,
        "inner_explained_variance": explained_variance(train, reading.inner_predictions),
    }
    return measured, reading.remarks


def scorable_sites(responses: NDArray[np.float64], splits: Sequence[Split]) -> NDArray[np.bool_]:
    """Say which sites have a response to every stimulus used, that varies in every part of every split.

    Raises
    ------
    BadRecordings
        If none has.
    """
    parts = [rows for split in splits for rows in (split.train, split.test)]
    scorable = np.all([varies(responses[rows]) for rows in parts], axis=0)
    if not scorable.any():
        missing = int(np.isnan(responses).any(axis=0).sum())
        raise BadRecordings(
            f"None of {responses.shape[1]} sites can be scored.",
            known=f"{missing} lack a response to some stimulus; the others do not vary within some split.",
        )
    return np.asarray(scorable)


def _warn(run: Run, remarks: Sequence[str]) -> None:
    if remarks:
        more = f" (and {len(remarks) - 1} more of the kind)" if len(remarks) > 1 else ""
        message = f"{run.model.name} on {run.benchmark.name}, {remarks[0]}{more}."
        warnings.warn(message, ItbenchWarning, stacklevel=3)


class _Clock:
    """Adds up the seconds of named stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - start, 3)

    def each(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        """Pass the items on, timing how long each takes to come."""
        while True:
            with self(stage):
                item = next(items, None)
            if item is None:
                return
            yield item
