"""Train a model anew in every split of a benchmark, or find the weights that were trained before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.extraction.forward import ExtractionSettings
from itbench.extraction.gram_cache import CachedGrams, GramCache
from itbench.extraction.loaded_model import LoadedModel, at_model_degrees, place_model, require_layers
from itbench.gram import Gram
from itbench.models.recipe import Recipe
from itbench.training.optuna_study import best_changes
from itbench.training.trainable_model import Predictor, Previewable, TrainableModel, TrainableSpec, Training
from itbench.training.trained_weights import TrainedStore
from itbench.training.training_set import TrainingSet
from itbench.util import code_versions
from itbench.util.checksum import digest
from itbench.util.progress import Reporter

VERSION = 1  # raise it when the same recipe and recordings would give other weights
BRIEF = ("epochs", "best_epoch", "inner_explained_variance", "inner_correlation", "inner_accuracy", "tuned")

TeacherPredictions = Callable[[Split], NDArray[np.float64]]  # of the training rows of a split (train, site)


@dataclass(frozen=True, eq=False)
class TrainedSplit:
    """The model that was trained on one split: its predictor, its layers, and how training went.

    Parameters
    ----------
    split : Split
    predictor : Predictor
    loaded : LoadedModel
        The predictor on its device, with its layers and its identity.
    validation : int array
        Places among the split's training rows that stopped the training and were not fitted.
    about : mapping
        What the file of trained weights says of the training.
    key : str
        Digest of all that the trained weights depend on.
    source : CachedGrams
    """

    split: Split
    predictor: Predictor
    loaded: LoadedModel
    validation: NDArray[np.intp]
    about: Mapping[str, Any]
    key: str
    source: CachedGrams

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of the split's trained model."""
        return self.loaded.layers

    def grams(self) -> Iterator[tuple[str, Gram]]:
        """Yield (layer, Gram) of the split's trained model over all stimuli, from the cache or a forward pass."""
        return self.source.grams(self.layers)

    def predict(self, rows: NDArray[np.integer]) -> NDArray[np.floating]:
        """Return the responses (row, site) that the split's trained model predicts for some stimuli."""
        return self.predictor.predict(self.loaded.stimuli.take(rows).images)

    @property
    def provenance(self) -> dict[str, Any]:
        """What a score's provenance records of the split's trained model."""
        brief = {name: self.about[name] for name in BRIEF if name in self.about}
        shared = {name: value for name, value in self.loaded.identity.items() if name != "weights"}
        return {
            "split": self.about["split"],
            "trained": self.key,
            "weights": self.loaded.identity.get("weights", ""),
            **brief,
            "device": self.loaded.model.device,
            "identity": shared,
        }


class SplitTrainer:
    """Trains a trainable model on each split of a task, or restores the weights that were trained before.

    Parameters
    ----------
    spec : TrainableSpec
    task : Task
    settings : ExtractionSettings
        Device, memory, scratch folder and visual angle.
    cache : GramCache
    store : TrainedStore
        Where trained weights are kept, and found again.
    reporter : Reporter
    metric : str, optional
        Name of the metric, for the listing of the cache.
    teacher : callable, optional
        Split to the teacher's predictions (train, site) of its training rows.
    tuned : bool
        Whether each split uses the best recipe of its own tuning study.

    Raises
    ------
    UnknownName, BadOption, NoWeights
    """

    def __init__(
        self,
        spec: TrainableSpec,
        task: Task,
        settings: ExtractionSettings,
        cache: GramCache,
        store: TrainedStore,
        reporter: Reporter,
        metric: str = "",
        teacher: TeacherPredictions | None = None,
        tuned: bool = False,
    ) -> None:
        self.spec, self.task, self.settings = spec, task, settings
        self.cache, self.store, self.reporter = cache, store, reporter
        self.metric, self.teacher, self.tuned = metric, teacher, tuned
        self.provenance: list[dict[str, Any]] = []
        """What a score's provenance records of each split that was trained so far."""
        self._tuned = {  # of all splits, before the first is trained on
            split.name: spec.recipe.with_values(best_changes(spec, task, settings, split))
            for split in (task.splits if tuned else ())
        }
        self._models: dict[str, TrainableModel] = {}
        bench = task.benchmark
        usual = spec.entry.degrees or (spec.core.degrees if spec.core else None)
        self.stimuli, self.degrees = at_model_degrees(
            task.recordings.stimuli, bench.degrees, settings.degrees, usual, bench.name
        )

    def each_split(self) -> Iterator[TrainedSplit]:
        """Train on every split of the task, one after another, and yield its trained model."""
        for split in self.task.splits:
            trained = self.train(split)
            self.provenance.append(trained.provenance)
            yield trained

    def train(self, split: Split) -> TrainedSplit:
        """Train on one split, or restore its trained weights; only its `TrainingSet` reaches the model."""
        recipe, seed = self.recipe(split), self.spec.weights.seed
        model, rows = self._model(recipe), self._training_set(split, recipe)
        key = self._key(model, recipe, rows)
        stored = self.store.read(key)
        if stored is None:
            training = Training(
                recipe,
                seed,
                rows.classes,
                rows.teacher_predictions,
                self.settings.device,
                self.settings.memory,
                self.settings.scratch,
                self.store.checkpoint(key),
                _SplitReporter(self.reporter, split.name),
            )
            begun = time.time()
            predictor = model.fit(rows.stimuli, rows.responses, rows.validation, training)
            account = {**predictor.account, "seconds": time.time() - begun}
            about = self._about(recipe, model, split, rows, account)
            self.store.write(key, predictor.state, about)
        else:
            about = {**stored.about, "split": split.name}  # another benchmark may have trained it
            predictor = model.restore(stored.state, rows.responses.shape[1], len(rows.classes))
        loaded = place_model(predictor, self.spec, self.settings, self.stimuli, self.degrees)
        changes = {"tuned": recipe.departures(self.spec.recipe)} if self.tuned else {}
        name = digest(key)
        source = self._gram_source(loaded, name)
        return TrainedSplit(split, predictor, loaded, rows.validation, {**about, **changes}, name, source)

    def recipe(self, split: Split) -> Recipe:
        """Return the recipe of a split: the run's, or the best of the split's own tuning study."""
        return self._tuned.get(split.name, self.spec.recipe)

    def _model(self, recipe: Recipe) -> TrainableModel:
        options = digest(dict(recipe.options))
        if options not in self._models:
            made = replace(self.spec, recipe=recipe).make()
            if self.spec.layers and isinstance(made, Previewable):  # before hours of training
                require_layers(made.untrained(2, 2, recipe.members), self.spec.layers, self.stimuli)
            self._models[options] = made
        return self._models[options]

    def _training_set(self, split: Split, recipe: Recipe) -> TrainingSet:
        taught = self.teacher(split) if self.teacher else None
        return TrainingSet.of(self.stimuli, self.task.responses, split, recipe, self.spec.weights.seed, taught)

    def _gram_source(self, loaded: LoadedModel, trained: str) -> CachedGrams:
        stimuli = self.task.recordings.digests["stimuli"]
        key = {**loaded.identity, "trained": trained, "stimuli": stimuli}
        names = {"benchmark": self.task.benchmark.name, "metric": self.metric}
        about = {"model": self.spec.name, "weights": self.spec.label, **names}
        return CachedGrams(loaded.model, loaded.stimuli, self.settings, key, self.cache, about, self.reporter)

    def _key(self, model: TrainableModel, recipe: Recipe, rows: TrainingSet) -> dict[str, Any]:
        """Return the key of a split's trained weights: all that they depend on, of its training rows alone."""
        how = {name: value for name, value in recipe.as_dict().items() if name not in ("tune", "core")}
        return {
            "training": VERSION,
            "model": self.spec.name,
            "plugin": self.spec.entry.plugin_digest,
            "identity": dict(model.identity),
            "recipe": how,
            "seed": self.spec.weights.seed,
            "stimuli": self.task.recordings.digests["stimuli"],
            "degrees": self.degrees,
            **rows.digests,
        }

    def _site_names(self) -> list[str]:
        coordinates = self.task.recordings.site_coordinates()
        name = next((name for name in ("site", "site_id", "neuroid_id") if name in coordinates), None)
        return [str(site) for site in (coordinates[name][1] if name else range(self.task.responses.shape[1]))]

    def _about(
        self, recipe: Recipe, model: TrainableModel, split: Split, rows: TrainingSet, account: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what the file of a split's trained weights says of the training."""
        ids = np.array(self.stimuli.ids)
        return {
            "model": self.spec.name,
            "core": self.spec.core.name if self.spec.core else "",
            "start": self.spec.weights.label,
            "weights": self.spec.label,
            "benchmark": self.task.benchmark.name,
            "split": split.name,
            "seed": self.spec.weights.seed,
            "recipe": recipe.as_dict(),
            "sites": self._site_names(),
            "classes": list(rows.classes),
            "n_train": len(rows.responses),
            "n_validation": len(rows.validation),
            "device": self.settings.device,
            **account,
            "stimuli": self.task.recordings.digests["stimuli"],
            "train_ids_digest": digest(ids[split.train].tolist()),
            "held_out": ids[split.test].tolist(),
            "identity": dict(model.identity),
            "degrees": self.degrees,
            "versions": code_versions.package_versions(),
            "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }


@dataclass(frozen=True)
class _SplitReporter:
    reporter: Reporter
    title: str

    def note(self, message: str) -> None:
        self.reporter.note(f"{self.title}: {message}")

    def progress(self, description: str, total: int, unit: str, start: int = 0) -> Any:
        return self.reporter.progress(f"{self.title} {description}", total, unit, start)
