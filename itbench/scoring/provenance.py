"""What a score says of itself: the names it is found by, and all that produced it."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from itbench.data.responses import repetitions_per_stimulus
from itbench.errors import BadOption, UnknownName, Unreachable, readable
from itbench.extraction.loaded_model import LoadedModel
from itbench.results.score_file import FAILED, forget_failures
from itbench.results.score_file import provenance as provenance_of
from itbench.scoring.run import Entrant, Metric, Run
from itbench.scoring.task import Task
from itbench.util import environment
from itbench.util.checksum import digest
from itbench.util.files import write_text

ABOUT = ("layers", "device", "precision", "pool", "degrees")  # of a run, in provenance


@dataclass(frozen=True)
class ScoredModel:
    """What a score is of, apart from the task and the metric.

    Parameters
    ----------
    model, weights : str
        What a row of a leaderboard calls them.
    sources : sequence of mapping
        Of each model: ``model``, ``source``, ``weights`` (kind, file, seed, digest), ``device``, and the ``identity``
        on which its activations depend.
    asked : mapping
        What the user asked for beyond the defaults: layers, precision, pool, degrees, a file of weights. Scores that
        differ in it do not replace each other.
    about : mapping
        More that provenance shall say.
    """

    model: str
    weights: str
    sources: Sequence[Mapping[str, Any]] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run, staged: Sequence[LoadedModel] = (), learnt: Sequence[Mapping[str, Any]] = ()) -> ScoredModel:
        """Return the subject of a run; without `staged` or `learnt`, that of one that did not come so far."""
        if run.learns:
            sources = [_learner(run.entrants[0], learnt)] if learnt else []
        else:
            sources = [_source(entrant, one) for entrant, one in zip(run.entrants, staged, strict=False)]
        files = [source["weights"]["digest"] for source in sources if source["weights"]["kind"] == "file"]
        settings = run.settings
        asked: dict[str, Any] = {
            "layers": run.layers,
            "precision": settings.precision if settings.precision != "float32" else "",
            "pool": settings.pool if settings.pool != "none" else "",
            "degrees": settings.degrees or "",
            "weights": "+".join(files),
        }
        if run.learns:
            asked |= {"recipe": run.entrants[0].changes, "tuned": run.tuned}
        how = f"chosen on {run.layer_from}" if run.layer_from else "named" if run.layers else "candidates"
        about = {
            "layers": how,
            "device": "+".join(dict.fromkeys(source["device"] for source in sources)),
            "precision": settings.precision,
            "pool": settings.pool,
            "degrees": "+".join(filter(None, (source["identity"]["degrees"] for source in sources))),
        }
        return cls(run.about["model"], run.about["weights"], sources, asked, about)

    @classmethod
    def from_score(cls, score: xr.Dataset) -> ScoredModel:
        """Return the subject of a score that was written."""
        said = provenance_of(score)
        about = {key: said[key] for key in ABOUT}
        return cls(score.attrs["model"], score.attrs["weights"], said["sources"], said["asked"], about)


def _source(entrant: Entrant, staged: LoadedModel) -> dict[str, Any]:
    """Return what provenance says of a model."""
    return {
        "model": entrant.model.name,
        "source": entrant.model.source,
        "weights": {**_start(entrant), "digest": staged.model.identity["weights"]},
        "device": staged.model.device,
        "identity": dict(staged.identity),
    }


def _learner(entrant: Entrant, learnt: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what provenance says of a model that learnt, of its start and of every split's network."""
    assert entrant.recipe is not None
    file = {"digest": digest(entrant.weights.path.read_bytes())} if entrant.weights.path else {}
    splits = [{key: value for key, value in said.items() if key not in ("identity", "device")} for said in learnt]
    return {
        "model": entrant.model.name,
        "source": entrant.model.source or (entrant.core.source if entrant.core else ""),
        "core": entrant.core.name if entrant.core else "",
        "weights": {**_start(entrant), "digest": digest([said["weights"] for said in learnt]), **file},
        "recipe": entrant.recipe.as_dict(),
        "splits": splits,
        "device": learnt[0]["device"],
        "identity": dict(learnt[0]["identity"]),
    }


def _start(entrant: Entrant) -> dict[str, Any]:
    weights = entrant.weights
    return {"kind": weights.kind, "file": weights.path and weights.path.name, "seed": weights.seed}


def score_attributes(subject: ScoredModel, metric: Metric, task: Task, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the attributes of a score."""
    names = names_of(subject, metric, task.benchmark.name)
    return {
        **names,
        "region": task.benchmark.region or str(task.recordings.about.get("region") or ""),
        "n_sites": len(task.scorable),
        "n_sites_scored": int(task.scorable.sum()),
        "n_stimuli": len(task.recordings.stimuli),
        "measure": metric.entry.measure,
        "beside": task.benchmark.metric if metric.entry.form == "direct" else "",
        "file_stem": file_stem(subject, metric, task.benchmark.name),
        "provenance": json.dumps(_provenance(subject, metric, task, seconds), default=str, ensure_ascii=False),
    }


def names_of(subject: ScoredModel, metric: Metric, benchmark: str) -> dict[str, str]:
    """Return what a row of a leaderboard is called by."""
    return {"model": subject.model, "weights": subject.weights, "benchmark": benchmark, "metric": metric.name}


def file_stem(subject: ScoredModel, metric: Metric, benchmark: str) -> str:
    """Return the file name of a score, without ending; what departs from the defaults adds a short digest."""
    names = list(names_of(subject, metric, benchmark).values())
    clean = [re.sub(r"[^\w.+-]+", "_", name) for name in names]
    departures = {"names": names if names != clean else "", "options": metric.options_changed, **subject.asked}
    return "--".join([*clean, *([digest(departures)[:8]] if any(departures.values()) else [])])


def _provenance(subject: ScoredModel, metric: Metric, task: Task, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return all that produced a score: digests, options, versions, commit, machine, seconds of each stage."""
    weights = [source["weights"]["digest"] for source in subject.sources]
    recordings = task.recordings
    return {
        "digests": {"weights": "+".join(weights), **recordings.digests},
        "sources": list(subject.sources),
        "asked": dict(subject.asked),
        "splits": splits_of(metric, task),
        "repetitions": None if recordings.responses is None else repetitions_per_stimulus(recordings.responses),
        **subject.about,
        "options": {"given": metric.options_given, "defaulted": metric.options_defaulted},
        "seconds": dict(seconds),
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": environment.versions(),
        "git": environment.git_commit(),
        "machine": environment.machine(),
    }


def splits_of(metric: Metric, task: Task) -> dict[str, Any]:
    """Return how the stimuli are divided, as provenance says it."""
    if hasattr(metric.function, "divide"):
        return {"kind": f"of {metric.name}", "folds": len(task.splits)}
    return dataclasses.asdict(task.benchmark.splits)


MISTAKES = (UnknownName, BadOption, Unreachable)


def write_failure(folder: Path, stem: str, run: dict[str, str], error: Exception) -> None:
    """Keep on record that a run failed, so that a leaderboard can say so; a later score removes it."""
    forget_failures(folder, run)
    failed = next(iter(str(error).splitlines()), type(error).__name__)
    write_text(folder / f"{stem}{FAILED}", json.dumps({**run, "failed": failed}, ensure_ascii=False))


def keep_failure(folder: Path, run: Run, error: Exception) -> None:
    """Keep on record that a run failed, unless that says nothing about the model: a mistyped name, no network."""
    if not isinstance(error, MISTAKES):
        beside = {"beside": run.benchmark.metric} if run.metric.entry.form == "direct" else {}
        stem = file_stem(ScoredModel.of(run), run.metric, run.benchmark.name)
        write_failure(folder, stem, {**run.about, **beside}, readable(error))
