"""Provenance of a score: the names it is found by, and everything that produced it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.data.responses import repetitions_per_stimulus
from itbench.data.task import Task
from itbench.errors import BadOption, UnknownName, Unreachable, readable
from itbench.extraction.loaded_model import LoadedModel
from itbench.registry import ModelSpec
from itbench.results.score_file import EDITION, FAILED, forget_failures
from itbench.results.score_file import provenance as provenance_of
from itbench.scoring.run import Metric, Run, TrainableRun
from itbench.training.trainable_model import TrainableSpec
from itbench.util import code_versions
from itbench.util.checksum import digest
from itbench.util.files import check_file_name, write_text
from itbench.util.folders import checkout

ABOUT = ("layers", "device", "precision", "pool", "degrees")  # of a run, in provenance


@dataclass(frozen=True)
class ScoredModel:
    """Model, weights and layers that a score's provenance records.

    Parameters
    ----------
    model, weights : str
        What a row of a leaderboard calls them.
    sources : sequence of mapping
        Of each model: ``model``, ``source``, ``weights`` (kind, file, seed, digest), ``device``, and the ``identity``
        on which its activations depend.
    asked : mapping
        What the user set apart from the defaults: layers, precision, pool, degrees, a file of weights. Scores that
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
    def of(cls, run: Run, loaded: Sequence[LoadedModel] = (), trained: Sequence[Mapping[str, Any]] = ()) -> ScoredModel:
        """Return the models' part of a score's provenance; without models, of a run that failed before."""
        if isinstance(run, TrainableRun):
            sources = [_trained_source(run.spec, trained)] if trained else []
        else:
            sources = [_source(spec, one) for spec, one in zip(run.models, loaded, strict=False)]
        files = [source["weights"]["digest"] for source in sources if source["weights"]["kind"] == "file"]
        settings = run.settings
        asked: dict[str, Any] = {
            "layers": run.layers,
            "precision": settings.precision if settings.precision != "float32" else "",
            "pool": settings.pool if settings.pool != "none" else "",
            "degrees": settings.degrees or "",
            "weights": "+".join(files),
        }
        if isinstance(run, TrainableRun):
            asked |= {"recipe": run.spec.changes, "tuned": run.tuned}
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
        """Return the models' part of the provenance of an existing score."""
        record = provenance_of(score)
        about = {key: record[key] for key in ABOUT}
        return cls(score.attrs["model"], score.attrs["weights"], record["sources"], record["asked"], about)


def _source(spec: ModelSpec, loaded: LoadedModel) -> dict[str, Any]:
    return {
        "model": spec.name,
        "source": spec.entry.source,
        "weights": {**_weights(spec), "digest": loaded.model.identity["weights"]},
        "device": loaded.model.device,
        "identity": dict(loaded.identity),
    }


def _trained_source(spec: TrainableSpec, trained: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the provenance of a trained model: what training started from, and the trained weights of every split."""
    file = {"digest": digest(spec.weights.path.read_bytes())} if spec.weights.path else {}
    splits = [{key: value for key, value in about.items() if key not in ("identity", "device")} for about in trained]
    return {
        "model": spec.name,
        "source": spec.entry.source or (spec.core.source if spec.core else ""),
        "core": spec.core.name if spec.core else "",
        "weights": {**_weights(spec), "digest": digest([about["weights"] for about in trained]), **file},
        "recipe": spec.recipe.as_dict(),
        "splits": splits,
        "device": trained[0]["device"],
        "identity": dict(trained[0]["identity"]),
    }


def _weights(spec: ModelSpec) -> dict[str, Any]:
    weights = spec.weights
    return {"kind": weights.kind, "file": weights.path and weights.path.name, "seed": weights.seed}


def score_attributes(scored: ScoredModel, metric: Metric, task: Task, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the attributes of a score: its names, counts and provenance."""
    names = names_of(scored, metric, task.benchmark.name)
    return {
        **names,
        "edition": EDITION,
        "region": task.benchmark.region or str(task.recordings.about.get("region") or ""),
        "n_sites": len(task.scorable),
        "n_sites_scored": int(task.scorable.sum()),
        "n_stimuli": len(task.recordings.stimuli),
        "measure": metric.entry.measure,
        "clusters": task.clusters[0],
        "n_clusters": task.n_clusters,
        "beside": "" if metric.form.reads_layers else task.benchmark.metric,
        "file_stem": file_stem(scored, metric, task.benchmark.name),
        "provenance": json.dumps(_provenance(scored, metric, task, seconds), default=str, ensure_ascii=False),
    }


def names_of(scored: ScoredModel, metric: Metric, benchmark: str) -> dict[str, str]:
    """Return model, weights, benchmark and metric of a score's provenance, by which leaderboards call it."""
    return {"model": scored.model, "weights": scored.weights, "benchmark": benchmark, "metric": metric.name}


def file_stem(scored: ScoredModel, metric: Metric, benchmark: str) -> str:
    """Return the file name of a score from its provenance; what departs from the defaults adds a digest."""
    names = list(names_of(scored, metric, benchmark).values())
    clean = [re.sub(r"[^\w.+-]+", "_", name) for name in names]
    departures = {"names": names if names != clean else "", "options": metric.options_changed, **scored.asked}
    stem = "--".join([*clean, *([digest(departures)[:8]] if any(departures.values()) else [])])
    return check_file_name(f"{stem}.nc", "The names of models, weights, benchmark and metric").removesuffix(".nc")


def _provenance(scored: ScoredModel, metric: Metric, task: Task, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the provenance of a score: digests, options, versions, commit, machine, seconds of each stage."""
    weights = [source["weights"]["digest"] for source in scored.sources]
    recordings = task.recordings
    return {
        "digests": {"weights": "+".join(weights), **recordings.digests},
        "sources": list(scored.sources),
        "asked": dict(scored.asked),
        "benchmark_file": _benchmark_file(task.benchmark),
        "splits": splits_of(metric, task),
        "groups": task.groups,
        "window": _window(task),
        "repetitions": None if recordings.responses is None else repetitions_per_stimulus(recordings.responses),
        **scored.about,
        "options": {"given": metric.options_given, "defaulted": metric.options_defaulted},
        "seconds": dict(seconds),
        "date": _now(),
        "versions": code_versions.package_versions(),
        "git": code_versions.git_commit(checkout()),
        "machine": code_versions.machine(),
    }


def _benchmark_file(benchmark: Benchmark) -> dict[str, str] | None:
    """Return path and digest of the YAML file that was named for a benchmark; None for a registered one."""
    if benchmark.plugin or not benchmark.file.is_file():
        return None
    return {"file": str(benchmark.file), "digest": digest(benchmark.file.read_bytes())}


def _window(task: Task) -> list[float] | None:
    """Return start and end of the time window of the responses that a score is of, ms; None where it is not known."""
    window = task.benchmark.window
    window = task.recordings.about.get("window") if window is None else window
    return None if window is None else [float(edge) for edge in window]


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def splits_of(metric: Metric, task: Task) -> dict[str, Any]:
    """Return the splits as a score's provenance records them."""
    if hasattr(metric.function, "divide"):
        return {"kind": f"of {metric.name}", "folds": len(task.splits)}
    return task.benchmark.splits.as_dict()


MISTAKES = (UnknownName, BadOption, Unreachable)


def write_failure(folder: Path, stem: str, run: dict[str, str], error: Exception) -> None:
    """Write the provenance of a failed run, which a leaderboard shows until a later score removes it."""
    forget_failures(folder, run)
    failed = next(iter(str(error).splitlines()), type(error).__name__)
    write_text(folder / f"{stem}{FAILED}", json.dumps({**run, "failed": failed, "date": _now()}, ensure_ascii=False))


def keep_failure(folder: Path, run: Run, error: Exception) -> None:
    """Write the provenance of a failed run, unless it failed for a mistyped name or without a network."""
    if not isinstance(error, MISTAKES):
        beside = {} if run.metric.form.reads_layers else {"beside": run.benchmark.metric}
        stem = file_stem(ScoredModel.of(run), run.metric, run.benchmark.name)
        write_failure(folder, stem, {**run.about, **beside}, readable(error))
