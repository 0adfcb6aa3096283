"""Files of tuning studies: the trials of each split, and the best recipe changes that a tuned score uses."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from itbench.data.splits import Split
from itbench.errors import BadOption
from itbench.models.recipe import Recipe
from itbench.scoring.run import Run
from itbench.scoring.task import Task
from itbench.util import folders
from itbench.util.checksum import digest
from itbench.util.files import write_text


@dataclass(frozen=True)
class StudyFiles:
    """Where the study of one split lies.

    Parameters
    ----------
    trials : Path
        The journal of its trials, as optuna has it.
    best : Path
        The best changes of the recipe, as YAML.
    """

    trials: Path
    best: Path

    @classmethod
    def of(cls, run: Run, task: Task, split: Split) -> StudyFiles:
        """Return the files of a run's study; their name holds a digest of all that it is a study of.

        Of the responses, those of the split's training images alone take part.
        """
        (entrant,) = run.entrants
        study = {
            "model": entrant.model.name,
            "plugin": digest(Path(entrant.model.file).read_bytes()),
            "core": entrant.core.name if entrant.core else "",
            "weights": digest(entrant.weights.path.read_bytes()) if entrant.weights.path else entrant.weights.label,
            "seed": entrant.weights.seed,
            "recipe": recipe_of(run).as_dict(),
            "degrees": run.settings.degrees,
            "benchmark": run.benchmark.name,
            "stimuli": task.recordings.digests["stimuli"],
        }
        content = digest(study, split.train, task.responses[split.train])
        name = re.sub(r"[^\w.+-]+", "_", f"{entrant.model.name}--{run.benchmark.name}--{split.name}--{content[:12]}")
        return cls(folders.studies() / f"{name}.journal", folders.studies() / f"{name}.yaml")


def recipe_of(run: Run) -> Recipe:
    """Return the recipe by which a run's model learns.

    Raises
    ------
    BadOption
        If it does not learn.
    """
    recipe = run.entrants[0].recipe
    if recipe is None:
        raise BadOption(
            f"{run.about['model']} learns nothing from recordings: there is nothing to tune.",
            todo="Name a model that has a recipe, such as cnn-2.",
        )
    return recipe


def write_best(files: StudyFiles, changes: Mapping[str, Any], said: Sequence[str]) -> None:
    """Write the best changes of a recipe, below lines that say what they are; ``--recipe FILE`` takes them too."""
    lines = [f"# {line}" for line in said]
    write_text(files.best, "\n".join([*lines, yaml.safe_dump(dict(changes), sort_keys=False)]))


def best_changes(run: Run, task: Task, split: Split) -> dict[str, Any]:
    """Return the changes of the recipe that the study of a split found best.

    Raises
    ------
    BadOption
        If there is none, with the command that makes it.
    """
    path = StudyFiles.of(run, task, split).best
    if not path.exists():
        raise BadOption(
            f"{run.title} has not been tuned on {split.name} from this recipe, these weights and this seed.",
            known=f"The best recipe would be {path}.",
            todo=f"Tune it first: {tune_command(run)}",
        )
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def tune_command(run: Run) -> str:
    """Return the command that tunes a run on every split."""
    (entrant,) = run.entrants
    bench, weights = run.benchmark, entrant.weights
    words = ["itbench", "tune", entrant.model.name, "-b", bench.name if bench.plugin else str(bench.file)]
    if entrant.core and weights.kind in ("random", "file"):
        words += ["--weights", str(weights.path or weights.kind)]
    words += ["--seed", str(weights.seed)] if weights.seed else []
    words += ["--degrees", str(run.settings.degrees)] if run.settings.degrees else []
    for key, value in entrant.changes.items():
        words += ["--recipe", f"{key}={json.dumps(value)}"]
    return shlex.join(words)
