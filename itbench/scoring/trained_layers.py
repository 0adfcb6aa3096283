"""What a model that learns says of held-out images, split by split: by itself, or by a readout of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from itbench.data.splits import Split
from itbench.extraction.gram_cache import CachedGrams, GramCache
from itbench.gram import Gram
from itbench.metrics.protocols import JointReadoutResult, ReadoutResult
from itbench.scoring.held_out import HeldOut
from itbench.scoring.task import Task
from itbench.training.per_split import SplitTrainer, TrainedSplit

OUTPUT = "output"  # what its own predictions are called among the layers


class SplitReadouts(NamedTuple):
    """What was said of every split.

    Parameters
    ----------
    held_out : HeldOut
    layers : sequence of str
        In the order in which a score shall hold them.
    splits : list of mapping
        How each split's network came about, as provenance has it.
    """

    held_out: HeldOut
    layers: Sequence[str]
    splits: list[Mapping[str, Any]]


def predict_each_split(learner: SplitTrainer, task: Task) -> SplitReadouts:
    """Return what the model itself predicts of every split's held-out images."""
    splits: list[Mapping[str, Any]] = []
    readings = []
    for split in task.splits:
        learnt = learner.learn(split)
        readings.append(_own_reading(learnt, split, task))
        splits.append(learnt.said)
    held_out = HeldOut(task)
    held_out.add(OUTPUT, int(task.responses.shape[1]), readings)
    return SplitReadouts(held_out, [OUTPUT], splits)


def read_trained_layers(learner: SplitTrainer, readout: Any, task: Task, cache: GramCache) -> SplitReadouts:
    """Return what a readout says of the layers of every split's own network.

    The layer is chosen by the images that stopped the training, read out from the others, since of those the
    network has seen the responses.
    """
    splits: list[Mapping[str, Any]] = []
    readings: dict[str, list[ReadoutResult]] = {}
    widths: dict[str, int] = {}
    layers: Sequence[str] = ()
    for split in task.splits:
        learnt = learner.learn(split)
        for layer, gram in grams_of_trained(learner, learnt, cache):
            readings.setdefault(layer, []).append(_layer_reading(readout, gram, learnt, split, task))
            widths[layer] = gram.n_features
        layers = learnt.staged.layers
        splits.append(learnt.said)
    held_out = HeldOut(task, getattr(readout, "compare", None))
    for layer, own in readings.items():
        held_out.add(layer, widths[layer], own)
    return SplitReadouts(held_out, layers, splits)


def read_trained_layers_together(
    learner: SplitTrainer, readout: Any, name: str, task: Task, cache: GramCache
) -> SplitReadouts:
    """Return what a readout, `name`, says of all layers of every split's own network together."""
    splits: list[Mapping[str, Any]] = []
    readings: list[JointReadoutResult] = []
    widths: Mapping[str, int] = {}
    responses = task.responses[:, task.scorable]
    for split in task.splits:
        learnt = learner.learn(split)
        grams = dict(grams_of_trained(learner, learnt, cache))
        widths = {layer: gram.n_features for layer, gram in grams.items()}
        groups = [(layer,) for layer in grams] if len(grams) > 1 else []
        readings.append(readout(grams, responses[split.train], split.train, split.test, groups))
        splits.append(learnt.said)
    held_out = HeldOut(task)
    by_name = {layer: (layer,) for layer in widths} if len(widths) > 1 else {}
    held_out.add_joint(name, list(widths), widths, by_name, readings)
    return SplitReadouts(held_out, list(widths), splits)


def grams_of_trained(learner: SplitTrainer, learnt: TrainedSplit, cache: GramCache) -> Iterator[tuple[str, Gram]]:
    """Yield the Grams of the layers of one split's network, over all stimuli."""
    model, stimuli, layers, identity = learnt.staged
    key = {**identity, "trained": learnt.key, "stimuli": learner.task.recordings.digests["stimuli"]}
    source = CachedGrams(model, stimuli, learner.run.settings, key, cache, learner.run.about, learner.reporter)
    yield from source.grams(layers)


def _own_reading(learnt: TrainedSplit, split: Split, task: Task) -> ReadoutResult:
    stimuli = learnt.staged.stimuli
    inner = np.full((len(split.train), int(task.scorable.sum())), np.nan)
    if len(learnt.validation):
        rows = split.train[learnt.validation]
        inner[learnt.validation] = learnt.predictor.predict(stimuli.take(rows).images)[:, task.scorable]
    predictions = learnt.predictor.predict(stimuli.take(split.test).images)[:, task.scorable]
    no_penalty = np.full(inner.shape[1], np.nan)
    return ReadoutResult(np.asarray(predictions, np.float64), inner, no_penalty)


def _layer_reading(readout: Any, gram: Gram, learnt: TrainedSplit, split: Split, task: Task) -> ReadoutResult:
    responses = task.responses[:, task.scorable]
    said = readout(gram, responses[split.train], split.train, split.test)
    if not len(learnt.validation):
        return said
    kept, fit = split.train[learnt.validation], np.delete(split.train, learnt.validation)
    inner = np.full((len(split.train), responses.shape[1]), np.nan)
    inner[learnt.validation] = readout(gram, responses[fit], fit, kept).predictions
    return ReadoutResult(said.predictions, inner, said.alpha, said.remarks)
