"""What a suite would do: rows to run, files to fetch, and roughly how much work and disk it takes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itbench.data.benchmark import Benchmark
from itbench.models.zoo import WeightsFile, weights_file
from itbench.scoring.run import Run
from itbench.sweeps.runner import ExistingScores
from itbench.sweeps.suite import Planned
from itbench.training.trainable_model import TrainableSpec

TO_RUN = "to run"


@dataclass(frozen=True)
class Estimate:
    """What a suite would do.

    Parameters
    ----------
    rows : list of dict
        ``row``, ``model``, ``weights``, ``layers``, ``metric``, ``state``: to run, scored before, or why it cannot be.
    downloads : list of dict
        ``file`` and ``MB``, where the publisher says it, of recordings and weights that are not here.
    multiplications : float
        Of all passes, at most, but for the ``unknown`` rows whose network's cost is not known.
    disk : float
        Bytes of what is fetched and kept, as far as they are known.
    """

    rows: list[dict[str, Any]]
    downloads: list[dict[str, Any]]
    multiplications: float
    unknown: int
    disk: float


def estimate(planned: Sequence[Planned], folder: Path, images: int, again: bool = False) -> Estimate:
    """Estimate what a suite would do: rows to run, downloads, multiplications and disk.

    Parameters
    ----------
    planned : sequence of Planned
        All on one benchmark.
    folder : Path
        Of scores.
    images : int
        How many the recordings have, should they not be here.
    again : bool
        Whether rows that were scored before would be run again.
    """
    before = ExistingScores(folder)
    rows = [_row(item, before, again) for item in planned]
    runs = [item.run for item, row in zip(planned, rows, strict=True) if item.run and row["state"] == TO_RUN]
    count, splits = _sizes(runs[0].benchmark, images) if runs else (0, 1)
    works = [Work.of(run, count, splits) for run in runs]
    networks = {work.network: work for work in works}
    grams = {(work.network, layer): work.gram for work in works for layer in work.layers}
    downloads = [*_recordings(runs[0].benchmark if runs else None), *_weights(work.weights for work in works)]
    fetched = sum(1e6 * (row["MB"] or 0) for row in downloads)
    return Estimate(
        rows,
        downloads,
        multiplications=sum(work.multiplications or 0 for work in networks.values()),
        unknown=sum(work.multiplications is None for work in works),
        disk=fetched + sum(grams.values()) + sum(work.state for work in networks.values()),
    )


def _row(item: Planned, before: ExistingScores, again: bool) -> dict[str, Any]:
    row, run = item.row, item.run
    about = {"row": row.name, "model": row.model, "layers": list(row.layers)}
    if run is None:
        reason = str(item.error).splitlines()[0]
        return {**about, "weights": row.weights, "metric": row.metric, "state": reason}
    there = not again and _here(run.benchmark) and before.find(run)
    names = {key: run.about[key] for key in ("weights", "metric")}
    return {**about, **names, "state": "scored before" if there else TO_RUN}


def _here(benchmark: Benchmark) -> bool:
    return benchmark.state() == "here"


def _sizes(benchmark: Benchmark, otherwise: int) -> tuple[int, int]:
    """Return the numbers of images and of splits; of what is not here, the given one and that of the plan."""
    plan = benchmark.splits
    if not _here(benchmark):
        return otherwise, plan.folds if plan.kind == "kfold" else 1
    stimuli = benchmark.load().stimuli
    return len(stimuli), 1 if plan.kind == "none" else len(plan.split(stimuli))


def _recordings(benchmark: Benchmark | None) -> list[dict[str, Any]]:
    if benchmark is None or benchmark.dataset is None or _here(benchmark):
        return []
    return [{"file": file.name, "MB": file.size and file.size / 1e6} for file in benchmark.dataset.files]


def _weights(files: Iterable[WeightsFile | None]) -> list[dict[str, Any]]:
    absent = {file.name: file for file in files if file and not file.cached}
    return [{"file": name, "MB": file.size and file.size / 1e6} for name, file in absent.items()]


BACKWARD = 3  # forward passes that a step of learning costs


@dataclass(frozen=True)
class Work:
    """What a run has to do.

    Parameters
    ----------
    network : hashable
        Equal for runs that need the same passes.
    layers : tuple of str
        Of which Grams are kept; empty for a model's own predictions.
    multiplications : float, optional
        Of all passes, at most; None where the cost of the network is not known.
    gram, state : float
        Bytes of the Grams of one layer, and of what training leaves.
    weights : WeightsFile, optional
        Published weights that it starts from.
    """

    network: Hashable
    layers: tuple[str, ...]
    multiplications: float | None
    gram: float
    state: float
    weights: WeightsFile | None

    @classmethod
    def of(cls, run: Run, images: int, splits: int) -> Work:
        """Estimate the work of a run on so many images, in so many splits."""
        spec = run.models[0]
        recipe = spec.recipe if isinstance(spec, TrainableSpec) else None
        model = (spec.core if isinstance(spec, TrainableSpec) else None) or spec.entry
        published = weights_file(model.name, model.source)
        passes, states = 1.0, 0
        if recipe:
            states = recipe.members * splits
            passes = states * (1.0 + BACKWARD * recipe.epochs)
        cost = (published.multiplications if published else None) if model.weights else 0.0
        return cls(
            network=(spec.name, spec.weights, str(recipe)),
            layers=(spec.layers or tuple(spec.entry.layers)) if run.metric.form.reads_layers else (),
            multiplications=None if cost is None else cost * passes * images,
            gram=4.0 * images * (images + 1) * max(1, states),  # half a matrix of 8 bytes
            state=float(states * (published.size or 0)) if published else 0.0,
            weights=published if spec.weights.kind == "pretrained" else None,
        )
