"""Model × benchmark × metric → score. Prints nothing, writes nothing but cached Grams."""

from __future__ import annotations

import dataclasses
import json
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench import datasets, options, plugins, provenance
from itbench.agreement import correlation, explained_variance, refuse_impossible, varies
from itbench.cache import GramCache
from itbench.errors import BadOption, BadRecordings, ItbenchWarning, NoWeights
from itbench.extract import VERSION, ExtractionSettings, extract_grams
from itbench.files import digest
from itbench.gram import Gram
from itbench.protocols import Model, Readout, Reporter, Silence, Weights
from itbench.recordings import Recordings
from itbench.responses import mean_over_repetitions, repetitions_per_stimulus
from itbench.score import file_stem
from itbench.splits import Split

MEASURES = ("explained_variance", "correlation", "alpha", "inner_explained_variance")


def score_model(
    model: str,
    benchmark: str = "synthetic-it",
    *,
    metric: str | None = None,
    metric_options: Mapping[str, Any] | None = None,
    weights: str = "pretrained",
    seed: int = 0,
    layers: Sequence[str] = (),
    settings: ExtractionSettings | None = None,
    registry: plugins.Registry | None = None,
    cache: GramCache | None = None,
    reporter: Reporter | None = None,
) -> xr.Dataset:
    """Score one model on one benchmark.

    Parameters
    ----------
    model, benchmark : str
        Names of plugins; a benchmark may be the path of a YAML file.
    metric : str, optional
        Else the benchmark's own.
    metric_options : mapping, optional
        Options of the metric that depart from its defaults.
    weights : str
        ``pretrained``, ``random`` (from `seed`), or the path of a file.
    layers : sequence of str, optional
        Else the model's candidate layers.
    settings : ExtractionSettings, optional
    registry, cache, reporter : optional
        Else the plugins found, the cache folder, and silence.

    Returns
    -------
    Dataset
        ``explained_variance``, ``correlation``, ``alpha`` and ``inner_explained_variance`` (split, layer, site), the
        layer that each split chose on its training rows, and provenance.

    Examples
    --------
    >>> score = score_model("itbench-tiny", "synthetic-it")  # doctest: +SKIP
    >>> float(at_chosen_layer(score, "explained_variance").mean())  # doctest: +SKIP
    """
    clock = _Clock()
    registry, reporter, settings = registry or plugins.load(), reporter or Silence(), settings or ExtractionSettings()
    source, given = registry.model(model), dict(metric_options or {})
    bench = registry.benchmark(benchmark)
    measure = registry.metric(metric or bench.metric)
    readout = options.build(measure.readout, given)
    chosen_weights = _weights(source, weights, seed)
    with clock("data"):
        recordings = datasets.load(bench.data_source())
        responses = mean_over_repetitions(recordings.responses)
        splits = bench.splits.divide(len(recordings.stimuli), recordings.stimuli.metadata)
        scorable = _scorable(responses, splits)
    with clock("model"):
        network = source.factory(chosen_weights)
        network.place(settings.device, settings.precision)
    names = tuple(dict.fromkeys(layers or network.layers or source.layers))
    if not names:
        raise BadOption(
            f"The model {model!r} names no candidate layers.", todo=f"Choose some from: itbench layers {model}"
        )
    identity = {**network.identity, "plugin": digest(Path(source.file).read_bytes()), "extraction": VERSION}
    results = {name: np.full((len(splits), len(names), responses.shape[1]), np.nan) for name in MEASURES}
    widths, remarks = {}, []
    about = {"model": model, "weights": chosen_weights.label, "benchmark": bench.name}
    for layer, gram in clock.each(
        "activations", _grams(network, identity, recordings, names, settings, cache or GramCache(), about, reporter)
    ):
        widths[layer] = gram.n_features
        with clock("readout"):
            for number, split in enumerate(splits):
                measured, said = _measure(readout, gram, responses[:, scorable], split)
                for name, values in measured.items():
                    results[name][number, names.index(layer), scorable] = values
                remarks += [f"layer {layer}: {remark}" for remark in said]
    refuse_impossible(results["explained_variance"], results["correlation"])
    if remarks:
        more = f" (and {len(remarks) - 1} more of the kind)" if len(remarks) > 1 else ""
        warnings.warn(
            f"{model} on {bench.name}, {remarks[0]}{more}; widen it with -o alphas=low:high:count.",
            ItbenchWarning,
            stacklevel=2,
        )
    inner = np.nanmean(results["inner_explained_variance"][:, :, scorable], axis=2)
    departures = {
        **({"options": {key: options.text(getattr(readout, key)) for key in sorted(given)}} if given else {}),
        **({"layers": names} if layers else {}),
        **({"precision": settings.precision} if settings.precision != "float32" else {}),
        **({"weights": network.identity["weights"]} if chosen_weights.kind == "file" else {}),
    }
    attrs = {**about, "metric": measure.name}
    return xr.Dataset(
        {name: (("split", "layer", "site"), values) for name, values in results.items()},
        coords={
            "split": [split.name for split in splits],
            "layer": list(names),
            **{
                str(key): ("site", coord.values)
                for key, coord in recordings.responses.coords.items()
                if coord.dims == ("site",)
            },
            "n_features": ("layer", [widths[layer] for layer in names]),
            "chosen_layer": ("split", [names[index] for index in inner.argmax(axis=1)]),
            "n_train": ("split", [len(split.train) for split in splits]),
            "n_test": ("split", [len(split.test) for split in splits]),
        },
        attrs={
            **attrs,
            "region": bench.region or str(recordings.about.get("region") or ""),
            "n_sites": responses.shape[1],
            "n_sites_scored": int(scorable.sum()),
            "n_stimuli": len(recordings.stimuli),
            "file_stem": file_stem(attrs, departures),
            "provenance": json.dumps(
                {
                    "digests": {"weights": network.identity["weights"], **recordings.digests},
                    "model": {"identity": identity, "source": source.source},
                    "weights": {"kind": chosen_weights.kind, "file": chosen_weights.path and chosen_weights.path.name},
                    "seed": seed,
                    "splits": dataclasses.asdict(bench.splits),
                    "repetitions": repetitions_per_stimulus(recordings.responses),
                    "device": network.device,
                    "precision": settings.precision,
                    "layers": "named" if layers else "candidates",
                    "options": {
                        "given": {key: options.text(getattr(readout, key)) for key in sorted(given)},
                        "defaulted": {
                            item["option"]: item["default"]
                            for item in options.describe(type(readout))
                            if item["option"] not in given
                        },
                    },
                    "seconds": clock.seconds,
                    "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                    "versions": provenance.versions(),
                    "git": provenance.commit(),
                    "machine": provenance.machine(),
                },
                default=str,
            ),
        },
    )


def _grams(
    model: Model,
    identity: Mapping[str, Any],
    recordings: Recordings,
    layers: Sequence[str],
    settings: ExtractionSettings,
    cache: GramCache,
    about: Mapping[str, str],
    reporter: Reporter,
) -> Iterator[tuple[str, Gram]]:
    """Yield each layer's Gram: first those in the cache, then, from one pass of the model, the others."""
    keys = {layer: {**identity, "stimuli": recordings.digests["stimuli"], "layer": layer} for layer in layers}
    missing = []
    for layer in layers:
        gram = cache.read(keys[layer])
        if gram is None:
            missing.append(layer)
        else:
            yield layer, gram
    if missing:
        for layer, gram in extract_grams(model, recordings.stimuli, missing, settings, reporter):
            cache.write(keys[layer], gram, **about, layer=layer)
            yield layer, gram


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


def _scorable(responses: NDArray[np.float64], splits: Sequence[Split]) -> NDArray[np.bool_]:
    """Say which sites have a response to every stimulus used, that varies in every part of every split."""
    parts = [rows for split in splits for rows in (split.train, split.test)]
    scorable = np.all([varies(responses[rows]) for rows in parts], axis=0)
    if not scorable.any():
        missing = int(np.isnan(responses).any(axis=0).sum())
        raise BadRecordings(
            f"None of {responses.shape[1]} sites can be scored.",
            known=f"{missing} lack a response to some stimulus; the others do not vary within some split.",
        )
    return np.asarray(scorable)


def _weights(source: plugins.ModelEntry, text: str, seed: int) -> Weights:
    if not source.weights:
        return Weights("none")
    weights = Weights.parse(text, seed)
    if weights.kind not in (*source.weights, "file"):
        raise NoWeights(
            f"{source.name} has no {weights.kind} weights of its own.",
            todo=f"Use --weights FILE{' or --weights random' if 'random' in source.weights else ''}.",
        )
    return weights


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
