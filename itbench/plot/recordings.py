"""Recordings, RDMs, time window and training histories that a score was made from, for plots of more than it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.api.sources import named_benchmark
from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption, BadScore, DamagedFile, NoWeights, UnknownName
from itbench.extraction.gram_cache import GramCache
from itbench.metrics.comparison import aligned
from itbench.metrics.neural_data import NeuralData
from itbench.metrics.rdm import rdm_of_gram, rdm_of_neural_data
from itbench.plugins import load_plugins
from itbench.results.find import benchmark_of
from itbench.results.paired_comparison import recordings_of
from itbench.results.score_command import score_command
from itbench.results.score_file import provenance
from itbench.results.score_setup import Setup, name_of
from itbench.results.score_variables import model_layers, most_chosen_layer
from itbench.scoring.rescore import cached_gram
from itbench.training.trained_weights import ENDING, read_about
from itbench.util import folders
from itbench.util.arrays import Array

Source = str | Path | Benchmark | Recordings  # of recordings
Plugins = Sequence[str | Path]
GROUPS = ("category", "object")  # stimulus coordinates that colour and order images unless another is named
MOST_GROUPS = 12  # that colours and markers can show


def benchmark_of_score(score: xr.Dataset, benchmark: Source | None, plugins: Plugins) -> Benchmark:
    """Return the benchmark of a score: the registered one of its name, or the one that is given."""
    registry = load_plugins(plugins)
    return benchmark_of(registry, score, None if benchmark is None else named_benchmark(registry, benchmark))


def recordings_of_score(score: xr.Dataset, benchmark: Source | None = None, plugins: Plugins = ()) -> Recordings:
    """Return the recordings that a score was made from.

    Raises
    ------
    BadRecordings
        If those of the benchmark are others by now.
    """
    return recordings_of(score, benchmark_of_score(score, benchmark, plugins))


def rdms_of_score(
    score: xr.Dataset, layer: str, distance: str, recordings: Recordings, cache: GramCache
) -> tuple[str, str, Array, Array]:
    """Return layer and distance, and the RDMs (stimulus, stimulus) of the layer and of the brain.

    Parameters
    ----------
    score : Dataset
    layer : str
        By default the one chosen most often.
    distance : str
        By default that of the score's metric, else of the recorded RDMs, else ``correlation``.
    recordings : Recordings
    cache : GramCache

    Raises
    ------
    BadScore
        If the Gram of the layer is not cached.
    """
    if not layer and (layer := most_chosen_layer(score)) not in model_layers(score):
        raise BadOption(
            f"The score of {name_of(score)} reads all layers together, as {layer}; which one shall be shown?",
            known=f"Layers: {', '.join(model_layers(score))}.",
            todo="Name one with --layer.",
        )
    used = Setup.of(score).options
    own = {**used["defaulted"], **used["given"]}.get("distance", "")
    distance = distance or own or str(recordings.about.get("distance") or "correlation")
    stimuli = recordings.stimuli
    recorded = NeuralData(stimuli.ids, recordings.responses, recordings.rdms, str(recordings.about.get("distance", "")))
    gram = aligned(cached_gram(score, layer, cache), recorded)
    return layer, distance, rdm_of_gram(gram, distance), rdm_of_neural_data(recorded, distance)


def groups_of(stimuli: StimulusSet, by: str = "", most: int | None = None) -> tuple[str, list[str]]:
    """Return a stimulus coordinate and its value for each image; empty where none has few enough values.

    Parameters
    ----------
    stimuli : StimulusSet
    by : str
        The coordinate; by default the category or object, if it has 2 to 12 values.
    most : int, optional
        Values that a plot can show.

    Raises
    ------
    UnknownName
    BadOption
        If the coordinate has more values.
    """
    if by and by not in stimuli.metadata:
        raise UnknownName.of("stimulus coordinate", by, stimuli.metadata)
    for name in (by,) if by else GROUPS:
        values = [str(value) for value in stimuli.metadata.get(name, ())]
        if by and most is not None and len(set(values)) > most:
            raise BadOption(f"{by} has {len(set(values))} values; this plot shows {most} at most.")
        if values and (by or 1 < len(set(values)) <= MOST_GROUPS):
            return name, values
    return "", []


class Training(NamedTuple):
    """Training history of one split: epochs with their losses and scores, and the best epoch, counted from 1."""

    epochs: list[Mapping[str, Any]]
    best: int


def trainings(score: xr.Dataset) -> dict[str, Training]:
    """Return the training history of every split of a trained model's score, and of each member of an ensemble.

    Raises
    ------
    BadScore
        If the score is of no trained model, or the file of its trained weights is not there any more.
    """
    trained = [source for source in provenance(score).get("sources", ()) if "recipe" in source]
    if not trained:
        raise BadScore(
            f"{name_of(score)} was not trained on recordings: it has no training history.",
            todo="Choose the score of a trained model, such as cnn-2.",
        )
    found: dict[str, Training] = {}
    for split in trained[0]["splits"]:
        path = folders.trained() / f"{split['trained']}{ENDING}"
        try:
            about = read_about(path)
        except (NoWeights, DamagedFile) as error:
            raise BadScore(
                f"The training history of {name_of(score)} is kept with its trained weights, which are not in {path}.",
                known=error.what,
                todo=f"Train it again: {score_command(score)}",
            ) from error
        if not about.get("history") or "best_epoch" not in about:
            raise BadScore(
                f"The training of {name_of(score)} recorded no history: the model does not report its epochs."
            )
        history, best = about["history"], about["best_epoch"]
        if isinstance(best, list):  # of an ensemble
            members = {
                f"{split['split']}, member {i + 1}": Training(*one)
                for i, one in enumerate(zip(history, best, strict=True))
            }
            found |= members
        else:
            found[str(split["split"])] = Training(history, best)
    return found


def window_of(score: xr.Dataset, benchmark: Source | None, plugins: Plugins) -> tuple[float, float]:
    """Return the time window of a score's responses, ms after onset.

    The score records it; for one of a former version, its benchmark or recordings say it.

    Raises
    ------
    BadOption
        If none does.
    """
    window = provenance(score).get("window")
    if window is None:
        bench = benchmark_of_score(score, benchmark, plugins)
        window = recordings_of(score, bench).about.get("window") if bench.window is None else bench.window
    if window is None:
        raise BadOption(
            f"The score of {name_of(score)} on {score.attrs['benchmark']} names no time window.",
            known="A plot over time needs the window of every score, in ms after onset.",
            todo="Add a line to the benchmark's YAML file, such as window: [70, 170], and score again.",
        )
    start, end = np.asarray(window, dtype=float).tolist()
    return start, end


def thumbnails(stimuli: StimulusSet, rows: NDArray[np.integer], *, largest: int = 96) -> list[NDArray[np.uint8]]:
    """Return small images (y, x, 3) of some stimuli, no larger than they are shown."""
    made = []
    for row in rows:
        image = np.asarray(stimuli.images[int(row) : int(row) + 1])[0]
        step = max(1, int(np.ceil(max(image.shape[:2]) / largest)))
        made.append(np.clip(np.round(image[::step, ::step]), 0, 255).astype(np.uint8))
    return made
