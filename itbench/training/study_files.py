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

from itbench.data.benchmark import Benchmark
from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.errors import BadOption
from itbench.extraction.forward import ExtractionSettings
from itbench.training.trainable_spec import TrainableSpec
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
    def of(cls, spec: TrainableSpec, task: Task, settings: ExtractionSettings, split: Split) -> StudyFiles:
        """Return the files of a split's tuning study; their name holds a digest of all that is tuned.

        Of the responses, those of the split's training images alone take part.
        """
        weights, bench = spec.weights, task.benchmark
        study = {
            "model": spec.name,
            "plugin": spec.entry.plugin_digest,
            "core": spec.core.name if spec.core else "",
            "weights": digest(weights.path.read_bytes()) if weights.path else weights.label,
            "seed": weights.seed,
            "recipe": spec.recipe.as_dict(),
            "degrees": settings.degrees,
            "benchmark": bench.name,
            "stimuli": task.recordings.digests["stimuli"],
        }
        content = digest(study, split.train, task.responses[split.train])
        name = re.sub(r"[^\w.+-]+", "_", f"{spec.name}--{bench.name}--{split.name}--{content[:12]}")
        return cls(folders.studies() / f"{name}.journal", folders.studies() / f"{name}.yaml")


def write_best(files: StudyFiles, changes: Mapping[str, Any], said: Sequence[str]) -> None:
    """Write the file of a tuning study's best recipe changes, which ``--recipe FILE`` takes too."""
    lines = [f"# {line}" for line in said]
    write_text(files.best, "\n".join([*lines, yaml.safe_dump(dict(changes), sort_keys=False)]))


def best_changes(spec: TrainableSpec, task: Task, settings: ExtractionSettings, split: Split) -> dict[str, Any]:
    """Read the best recipe changes from the files of a split's tuning study.

    Raises
    ------
    BadOption
        If the split was not tuned, with the command that tunes it.
    """
    path = StudyFiles.of(spec, task, settings, split).best
    if not path.exists():
        raise BadOption(
            f"{spec.name} on {task.benchmark.name} has not been tuned on {split.name} from this recipe, these weights "
            "and this seed.",
            known=f"The best recipe would be {path}.",
            todo=f"Tune it first: {tune_command(spec, task.benchmark, settings)}",
        )
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def tune_command(spec: TrainableSpec, benchmark: Benchmark, settings: ExtractionSettings) -> str:
    """Return the ``itbench tune`` command that writes the study files of every split."""
    weights = spec.weights
    words = ["itbench", "tune", spec.name, "-b", benchmark.name if benchmark.plugin else str(benchmark.file)]
    if spec.core and weights.kind in ("random", "file"):
        words += ["--weights", str(weights.path or weights.kind)]
    words += ["--seed", str(weights.seed)] if weights.seed else []
    words += ["--degrees", str(settings.degrees)] if settings.degrees else []
    for key, value in spec.changes.items():
        words += ["--recipe", f"{key}={json.dumps(value)}"]
    return shlex.join(words)
