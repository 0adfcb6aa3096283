"""A model before the splits of a benchmark: it is trained on each once, or its weights are found again."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.errors import UnknownName
from itbench.extraction.gram_cache import GramCache
from itbench.extraction.loaded_model import LoadedModel, at_model_degrees, place_model, require_layers
from itbench.gram import Gram
from itbench.models.protocols import Model
from itbench.models.recipe import Recipe
from itbench.scoring.run import Entrant, Run
from itbench.scoring.task import Task, grams_of, load_models
from itbench.statistics.explained_variance import explained_variance
from itbench.training.protocols import Predictor, Previewable, TrainableModel, Training
from itbench.training.study_files import best_changes, recipe_of
from itbench.training.trained_weights import TrainedStore
from itbench.training.training_set import TrainingSet
from itbench.util import environment
from itbench.util.arrays import Array
from itbench.util.checksum import digest
from itbench.util.progress import Reporter

VERSION = 1  # raise it when the same recipe and recordings would give other weights
BRIEF = ("epochs", "best_epoch", "inner_explained_variance", "inner_correlation", "inner_accuracy", "tuned")


class TrainedSplit(NamedTuple):
    """What came of one split.

    Parameters
    ----------
    predictor : Predictor
    staged : Staged
        The predictor as a model on its device, with its layers and its identity.
    validation : int array
        Of the split's training rows, by their place among them, those that were not learnt from.
    about : mapping
        How it came about.
    key : str
        Digest of all that made it.
    """

    predictor: Predictor
    staged: LoadedModel
    validation: NDArray[np.intp]
    about: Mapping[str, Any]
    key: str

    @property
    def said(self) -> dict[str, Any]:
        """How it came about, in brief, as the provenance of a score has it."""
        weights = self.staged.identity.get("weights", "")
        brief = {name: self.about[name] for name in BRIEF if name in self.about}
        shared = {name: value for name, value in self.staged.identity.items() if name != "weights"}
        return {
            "split": self.about["split"],
            "trained": self.key,
            "weights": weights,
            **brief,
            "device": self.staged.model.device,
            "identity": shared,
        }


class SplitTrainer:
    """A model that learns, before a benchmark.

    Parameters
    ----------
    run : Run
        Of one model, which learns.
    task : Task
    cache : GramCache
        Where the Grams of a teacher are kept.
    store : TrainedStore
        Where trained weights are kept, and found again.
    reporter : Reporter

    Raises
    ------
    UnknownName, BadOption, NoWeights
    """

    def __init__(self, run: Run, task: Task, cache: GramCache, store: TrainedStore, reporter: Reporter) -> None:
        (self.entrant,) = run.entrants
        self.run_recipe = recipe_of(run)
        self.run, self.task, self.cache, self.store, self.reporter = run, task, cache, store, reporter
        self._tuned = {  # of all splits, before the first is trained on
            split.name: self.run_recipe.with_values(best_changes(run, task, split))
            for split in (task.splits if run.tuned else ())
        }
        self._models: dict[str, TrainableModel] = {}
        bench, core = run.benchmark, self.entrant.core
        usual = self.entrant.model.degrees or (core.degrees if core else None)
        self.stimuli, self.how = at_model_degrees(
            task.recordings.stimuli, bench.degrees, run.settings.degrees, usual, bench.name
        )
        self._teacher: dict[str, Gram] = {}

    def learn(self, split: Split) -> TrainedSplit:
        """Return the predictor of a split, trained now or at an earlier time.

        Only its `TrainingSet` reaches it.
        """
        recipe, seed = self.recipe(split), self.entrant.weights.seed
        model, given = self._model(recipe), self._given(split, recipe)
        key = self._key(model, recipe, given)
        stored = self.store.read(key)
        if stored is None:
            settings, reporter = self.run.settings, _Titled(self.reporter, split.name)
            training = Training(
                recipe,
                seed,
                given.classes,
                given.teacher_predictions,
                settings.device,
                settings.memory,
                settings.scratch,
                self.store.checkpoint(key),
                reporter,
            )
            begun = time.time()
            predictor = model.fit(given.stimuli, given.responses, given.validation, training)
            account = {**predictor.account, "seconds": time.time() - begun}
            about = self._about(recipe, model, split, given, account)
            self.store.write(key, predictor.state, about)
        else:
            about = {**stored.about, "split": split.name}  # another benchmark may have trained it
            predictor = model.restore(stored.state, given.responses.shape[1], len(given.classes))
        staged = place_model(predictor, self.entrant, self.run.settings, self.stimuli, self.how)
        tuned = {"tuned": recipe.departures(self.run_recipe)} if self.run.tuned else {}
        return TrainedSplit(predictor, staged, given.validation, {**about, **tuned}, digest(key))

    def recipe(self, split: Split) -> Recipe:
        """Return the recipe of a split: the run's, or the best of the split's own study."""
        return self._tuned.get(split.name, self.run_recipe)

    def _model(self, recipe: Recipe) -> TrainableModel:
        options = digest(dict(recipe.options))
        if options not in self._models:
            made = make_trainable(replace(self.entrant, recipe=recipe))
            if self.entrant.layers and isinstance(made, Previewable):  # before hours of training
                require_layers(made.untrained(2, 2, recipe.members), self.entrant.layers, self.stimuli)
            self._models[options] = made
        return self._models[options]

    def _taught(self, split: Split) -> Array | None:
        """Return what the teacher predicts of the training rows from other training rows (train, site)."""
        teacher = self.run.teacher
        if teacher is None:
            return None
        if not self._teacher:
            staged = load_models(teacher, self.task)
            self._teacher = dict(grams_of(teacher, staged, self.task, self.cache, self.reporter))
        responses, readout = self.task.responses[:, self.task.scorable], teacher.metric.function
        recorded, rows = responses[split.train], (split.train, split.train[:0])
        if teacher.metric.entry.form == "joint":
            said = readout(self._teacher, recorded, *rows)
        else:  # the layer is chosen as in a score
            readings = [readout(gram, recorded, *rows) for gram in self._teacher.values()]
            said = max(readings, key=lambda own: explained_variance(recorded, own.inner_predictions).mean())
        taught = np.full((len(split.train), self.task.responses.shape[1]), np.nan)
        taught[:, self.task.scorable] = said.inner_predictions
        return taught

    def _given(self, split: Split, recipe: Recipe) -> TrainingSet:
        responses, seed = self.task.responses, self.entrant.weights.seed
        return TrainingSet.of(self.stimuli, responses, split, recipe, seed, self._taught(split))

    def _key(self, model: TrainableModel, recipe: Recipe, given: TrainingSet) -> dict[str, Any]:
        """Return all that the weights depend on; of responses and labels, those of the training rows alone."""
        how = {name: value for name, value in recipe.as_dict().items() if name not in ("tune", "core")}
        return {
            "training": VERSION,
            "model": self.entrant.model.name,
            "plugin": digest(Path(self.entrant.model.file).read_bytes()),
            "identity": dict(model.identity),
            "recipe": how,
            "seed": self.entrant.weights.seed,
            "stimuli": self.task.recordings.digests["stimuli"],
            "degrees": self.how,
            **given.digests,
        }

    def _sites(self) -> list[str]:
        """Return what the recordings call their sites."""
        coordinates = self.task.recordings.site_coordinates()
        name = next((name for name in ("site", "site_id", "neuroid_id") if name in coordinates), None)
        return [str(site) for site in (coordinates[name][1] if name else range(self.task.responses.shape[1]))]

    def _about(
        self,
        recipe: Recipe,
        model: TrainableModel,
        split: Split,
        given: TrainingSet,
        account: Mapping[str, Any],
    ) -> dict[str, Any]:
        ids = np.array(self.stimuli.ids)
        return {
            "model": self.entrant.model.name,
            "core": self.entrant.core.name if self.entrant.core else "",
            "start": self.entrant.weights.label,
            "weights": self.entrant.label,
            "benchmark": self.run.benchmark.name,
            "split": split.name,
            "seed": self.entrant.weights.seed,
            "recipe": recipe.as_dict(),
            "sites": self._sites(),
            "classes": list(given.classes),
            "n_train": len(given.responses),
            "n_validation": len(given.validation),
            "device": self.run.settings.device,
            **account,
            "stimuli": self.task.recordings.digests["stimuli"],
            "train_ids_digest": digest(ids[split.train].tolist()),
            "held_out": ids[split.test].tolist(),
            "identity": dict(model.identity),
            "degrees": self.how,
            "versions": environment.versions(),
            "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }


@dataclass(frozen=True)
class _Titled:
    """A reporter that says of which split it speaks."""

    reporter: Reporter
    title: str

    def note(self, message: str) -> None:
        self.reporter.note(f"{self.title}: {message}")

    def progress(self, description: str, total: int, unit: str, start: int = 0) -> Any:
        return self.reporter.progress(f"{self.title} {description}", total, unit, start)


def make_trainable(entrant: Entrant, core: Model | None = None) -> TrainableModel:
    """Return the model of an entrant that learns, with the options of its recipe.

    Parameters
    ----------
    entrant : Entrant
    core : Model, optional
        Its core, if that was made before.

    Raises
    ------
    UnknownName
        For an option that the system does not have.
    NoWeights
    """
    factory, recipe = entrant.model.factory, entrant.recipe
    assert recipe is not None
    known = list(inspect.signature(factory).parameters)[1:]
    for name in recipe.options:
        if name not in known:
            raise UnknownName.of(f"option of {entrant.model.name}", name, known)
    if entrant.core and core is None:
        core = entrant.core.factory(entrant.weights)
    return factory(core or entrant.weights, **recipe.options)
