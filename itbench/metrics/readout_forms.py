"""The forms ``readout``, ``joint`` and ``direct``: predictions of responses, measured on held-out stimuli."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.gram import Gram
from itbench.metrics.form import Form, FrozenModels, Measured, TrainedModel, TrainedModels
from itbench.metrics.held_out import HeldOut, gather
from itbench.metrics.readout import (
    JointReadout,
    JointReadoutResult,
    Readout,
    ReadoutResult,
    takes_validation,
    validation_only,
)
from itbench.statistics.explained_variance import explained_variance
from itbench.util.arrays import Array

OUTPUT = "output"  # what a trained model's own predictions are called among the layers
FEWEST = 2  # validation rows that can choose a penalty: of one, nothing varies


class ReadoutForm(Form):
    """Form of a readout that predicts the responses from one layer at a time."""

    name = "readout"
    reads_one_layer = True
    teaches = True

    def measure(self, metric: Readout, name: str, models: FrozenModels, task: Task) -> Measured:
        """Readout form: measure frozen models layer after layer; one Gram is held at a time."""
        recorded = task.recorded
        read = (
            (layer, gram.n_features, [_read(metric, gram, recorded, split.train, split.test) for split in task.splits])
            for layer, gram in models.grams()
        )
        held_out = gather(task, read, getattr(metric, "compare", None))
        return Measured(held_out.dataset(_layers(models)), held_out.remarks)

    def measure_trained(self, metric: Readout, name: str, models: TrainedModels, task: Task) -> Measured:
        """Readout form: measure the layers of every split's trained model.

        The layer and its penalty are chosen by the validation rows, since the model was fitted to the responses of the
        others.
        """
        results: dict[str, list[ReadoutResult]] = {}
        widths: dict[str, int] = {}
        layers: Sequence[str] = ()
        remarks: dict[str, None] = {}
        for model in models.each_split():
            remarks |= dict.fromkeys(_chosen_by_fitted_rows(metric, name, model))
            for layer, gram in model.grams():
                results.setdefault(layer, []).append(_read_trained(metric, gram, model, task.recorded))
                widths[layer] = gram.n_features
            layers = model.layers
        held_out = HeldOut(task, getattr(metric, "compare", None))
        for layer, by_split in results.items():
            held_out.add(layer, widths[layer], by_split)
        return Measured(held_out.dataset(layers), [*remarks, *held_out.remarks])

    def teach(self, metric: Readout, grams: Mapping[str, Gram], recorded: Array, train: NDArray[np.integer]) -> Array:
        """Readout form: return the predictions of training rows by the layer that predicts them best."""
        inner = [_read(metric, gram, recorded, train, train[:0]).inner_predictions for gram in grams.values()]
        return max(inner, key=lambda predicted: explained_variance(recorded[train], predicted).mean())


class JointReadoutForm(Form):
    """Form of a readout that predicts the responses from all layers, of one model or several, together."""

    name = "joint"
    several_models = True
    teaches = True

    def measure(self, metric: JointReadout, name: str, models: FrozenModels, task: Task) -> Measured:
        """Joint readout form: measure frozen models by all layers, by each alone, and without each."""
        grams = _in_order(models.grams(), _layers(models))
        groups = _groups(models.layers_by_model)
        results = [_read_together(metric, grams, task.recorded, split, groups) for split in task.splits]
        return _measured_together(name, _layers(models), grams, groups, results, task)

    def measure_trained(self, metric: JointReadout, name: str, models: TrainedModels, task: Task) -> Measured:
        """Joint readout form: measure all layers of every split's trained model together.

        Their penalties and weights are chosen by the validation rows.
        """
        results: list[JointReadoutResult] = []
        grams: dict[str, Gram] = {}
        groups: Mapping[str, Collection[str]] = {}
        remarks: dict[str, None] = {}
        for model in models.each_split():
            remarks |= dict.fromkeys(_chosen_by_fitted_rows(metric, name, model))
            grams = _in_order(model.grams(), model.layers)
            groups = {layer: (layer,) for layer in grams} if len(grams) > 1 else {}
            chosen_by = _validation(metric, model)
            results.append(_read_together(metric, grams, task.recorded, model.split, groups, **chosen_by))
        measured = _measured_together(name, list(grams), grams, groups, results, task)
        return measured._replace(remarks=[*remarks, *measured.remarks])

    def teach(
        self, metric: JointReadout, grams: Mapping[str, Gram], recorded: Array, train: NDArray[np.integer]
    ) -> Array:
        """Joint readout form: return the predictions of training rows from one another."""
        return metric(grams, recorded[train], train, train[:0]).inner_predictions


class DirectForm(Form):
    """Form of the predictions that a trained model makes itself; no layer is read."""

    name = "direct"
    reads_layers = False

    def measure_trained(self, metric: Any, name: str, models: TrainedModels, task: Task) -> Measured:
        """Direct form: measure what every split's trained model predicts for its held-out stimuli."""
        results = [_own_predictions(model, task) for model in models.each_split()]
        held_out = HeldOut(task)
        held_out.add(OUTPUT, int(task.responses.shape[1]), results)
        return Measured(held_out.dataset([OUTPUT]), held_out.remarks)


def _layers(models: FrozenModels) -> list[str]:
    return [layer for layers in models.layers_by_model.values() for layer in layers]


def _in_order(grams: Iterable[tuple[str, Gram]], layers: Sequence[str]) -> dict[str, Gram]:
    """Return the Grams in the order of the layers: those of a cache come first, which neighbours must not depend on."""
    found = dict(grams)
    return {layer: found[layer] for layer in layers}


def _read(
    readout: Readout, gram: Gram, recorded: Array, train: NDArray[np.integer], test: NDArray[np.integer]
) -> ReadoutResult:
    return readout(gram, recorded[train], train, test)


def _read_trained(readout: Readout, gram: Gram, model: TrainedModel, recorded: Array) -> ReadoutResult:
    train, validation = model.split.train, model.validation
    if chosen_by := _validation(readout, model):
        result = readout(gram, recorded[train], train, model.split.test, **chosen_by)
        return replace(result, inner_predictions=validation_only(result.inner_predictions, validation))
    result = _read(readout, gram, recorded, train, model.split.test)
    if len(validation) < FEWEST:
        return result
    inner = np.full((len(train), recorded.shape[1]), np.nan)
    inner[validation] = _read(readout, gram, recorded, np.delete(train, validation), train[validation]).predictions
    return replace(result, inner_predictions=inner)


def _validation(readout: Any, model: TrainedModel) -> dict[str, Any]:
    """Return the argument by which the validation rows of a trained model choose penalties; none where they cannot."""
    able = len(model.validation) >= FEWEST and takes_validation(readout)
    return {"validation": model.validation} if able else {}


def _chosen_by_fitted_rows(readout: Any, name: str, model: TrainedModel) -> list[str]:
    """Say that a readout chooses by rows that the trained model was fitted to, which look too predictable."""
    if _validation(readout, model):
        return []
    what = "what it chooses, such as a penalty, is chosen by images that the network was fitted to, and may be too weak"
    why = f"takes no argument validation (docs/plugins.md): {what}" if len(model.validation) >= FEWEST else ""
    return [f"{name} {why}" if why else f"{name}: without a validation set (--recipe validation=0.1), {what}"]


def _read_together(
    readout: JointReadout,
    grams: Mapping[str, Gram],
    recorded: Array,
    split: Split,
    groups: Mapping[str, Collection[str]],
    **chosen_by: Any,
) -> JointReadoutResult:
    result = readout(grams, recorded[split.train], split.train, split.test, list(groups.values()), **chosen_by)
    inner = validation_only(result.inner_predictions, chosen_by.get("validation"))
    return replace(result, inner_predictions=inner)


def _measured_together(
    name: str,
    layers: Sequence[str],
    grams: Mapping[str, Gram],
    groups: Mapping[str, Collection[str]],
    results: Sequence[JointReadoutResult],
    task: Task,
) -> Measured:
    held_out = HeldOut(task)
    widths = {layer: gram.n_features for layer, gram in grams.items()}
    held_out.add_joint(name, list(grams), widths, groups, results)
    return Measured(held_out.dataset(layers, whole=name), held_out.remarks)


def _groups(layers_by_model: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    layers = [layer for own in layers_by_model.values() for layer in own]
    groups: dict[str, Sequence[str]] = {layer: (layer,) for layer in layers} if len(layers) > 1 else {}
    return {**groups, **layers_by_model} if len(layers_by_model) > 1 else groups


def _own_predictions(model: TrainedModel, task: Task) -> ReadoutResult:
    train, validation = model.split.train, model.validation
    inner = np.full((len(train), int(task.scorable.sum())), np.nan)
    if len(validation):
        inner[validation] = model.predict(train[validation])[:, task.scorable]
    predictions = model.predict(model.split.test)[:, task.scorable]
    no_penalty = np.full(inner.shape[1], np.nan)
    return ReadoutResult(np.asarray(predictions, np.float64), inner, no_penalty)
