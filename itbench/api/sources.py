"""Sources of the Python API: benchmarks, stimuli and models given by name or as objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr
from numpy.typing import ArrayLike

from itbench.data.benchmark import Benchmark
from itbench.data.in_memory import benchmark_in_memory, recordings_in_memory, stimuli_in_memory
from itbench.data.recordings import Recordings
from itbench.data.splits import SplitPlan
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption
from itbench.models.model import Model, is_function, model_from_object, object_name
from itbench.models.weights import Weights
from itbench.registry import ModelEntry, ModelSpec, Registry, weights_of
from itbench.util.progress import Reporter

Images = ArrayLike | str | Path | StimulusSet
SAMPLE = 2  # images from which the layers of a function are known


def benchmark_of_objects(
    registry: Registry,
    benchmark: str | Path | Benchmark | Recordings | None,
    images: Images | None,
    responses: ArrayLike | xr.DataArray | None,
    stimuli: Mapping[str, ArrayLike] | None,
    splits: Mapping[str, Any] | SplitPlan | None,
    metric: str | None,
) -> Benchmark:
    in_memory = isinstance(benchmark, Recordings) or images is not None or responses is not None
    if not in_memory:
        if stimuli is not None or splits is not None:
            raise BadOption("stimuli and splits belong to images and responses in memory; a benchmark has its own.")
        return named_benchmark(registry, "synthetic-it" if benchmark is None else benchmark)
    if isinstance(benchmark, Recordings):
        if images is not None or responses is not None or stimuli is not None:
            raise BadOption("Recordings hold images and responses already.", todo="Leave images and responses out.")
        recordings = _with_digests(benchmark)
    elif benchmark is not None or images is None or responses is None:
        raise BadOption(
            "Give a benchmark, or images and responses.",
            known="Images need responses, and neither goes with a benchmark.",
        )
    else:
        recordings = recordings_in_memory(images, responses, metadata=stimuli)
    usual = "ridge" if recordings.rdms is None else "rsa"
    return benchmark_in_memory(recordings, splits if recordings.rdms is None else {"kind": "none"}, metric or usual)


def named_benchmark(registry: Registry, benchmark: str | Path | Benchmark | Recordings) -> Benchmark:
    if isinstance(benchmark, Recordings):
        return benchmark_in_memory(_with_digests(benchmark))
    return benchmark if isinstance(benchmark, Benchmark) else registry.benchmark(str(benchmark))


def stimuli_of(registry: Registry, stimuli: Any, reporter: Reporter | None) -> StimulusSet:
    if isinstance(stimuli, str | Path) and Path(stimuli).expanduser().exists() and not str(stimuli).endswith(".yaml"):
        return stimuli_in_memory(stimuli)
    if isinstance(stimuli, str | Path | Benchmark | Recordings):
        return named_benchmark(registry, stimuli).load(reporter).stimuli
    return stimuli_in_memory(stimuli)


def model_entry(
    model: Any,
    bench: Benchmark,
    layers: Sequence[str],
    preprocess: Callable[[Any], Any] | None,
    name: str,
    reporter: Reporter | None,
) -> ModelEntry:
    sample = bench.load(reporter).stimuli.images[:SAMPLE] if is_function(model) else None
    made = model_from_object(model, layers=layers, preprocess=preprocess, images=sample)
    return _object_entry(made, name or object_name(model))


def _object_entry(model: Model, name: str) -> ModelEntry:
    return ModelEntry(name, lambda weights: model, tuple(model.layers), source="object", weights=())


def _with_digests(recordings: Recordings) -> Recordings:
    if recordings.digests or recordings.responses is None:
        return recordings
    made = recordings_in_memory(recordings.stimuli, recordings.responses.drop_vars("stimulus", errors="ignore"))
    return replace(recordings, digests=made.digests)


def model_spec(
    registry: Registry,
    model: Any,
    stimuli: StimulusSet,
    layers: Sequence[str],
    weights: str,
    seed: int,
    preprocess: Callable[[Any], Any] | None,
) -> ModelSpec:
    """Return the spec of a model given by name or as an object, for stimuli given to the Python API."""
    if isinstance(model, str):
        entry = registry.model(model)
        return ModelSpec(entry, weights_of(entry, weights, seed), tuple(layers))
    made = model_from_object(model, layers=layers, preprocess=preprocess, images=stimuli.images[:SAMPLE])
    return ModelSpec(_object_entry(made, object_name(model)), Weights("none"), tuple(layers))
