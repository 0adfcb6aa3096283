"""A suite, run row by row: what was scored before is not run again, and a row that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from itbench.data.task import Task
from itbench.errors import BadScore, DamagedFile, ItbenchError, NoWeights, readable
from itbench.extraction.gram_cache import GramCache
from itbench.registry import ModelSpec
from itbench.results.score_file import read_score, write_score
from itbench.results.score_setup import Setup
from itbench.results.summary import summary
from itbench.scoring.evaluate import evaluate
from itbench.scoring.frozen_models import RunModels
from itbench.scoring.provenance import ScoredModel, file_stem, keep_failure, splits_of
from itbench.scoring.run import Metric, Run, TrainableRun
from itbench.sweeps.suite import Planned, Row
from itbench.training.trainable_model import TrainableSpec
from itbench.util.progress import Reporter, SilentReporter


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a row.

    Parameters
    ----------
    row : Row
    run : Run, optional
        Its planned run, if its names are known.
    figures : dict, optional
        The `itbench.results.summary.summary` of its score, if there is one.
    path : Path, optional
        Where that lies.
    error : ItbenchError, optional
        Why there is none.
    before : bool
        Whether it had been scored before.
    """

    row: Row
    run: Run | None = None
    figures: dict[str, Any] | None = None
    path: Path | None = None
    error: ItbenchError | None = None
    before: bool = False


def run_suite(
    planned: Sequence[Planned],
    folder: Path,
    cache: GramCache,
    reporter: Callable[[str], Reporter],
    again: bool = False,
) -> Iterator[Outcome]:
    """Run the rows of a suite and yield the outcome of each, in order.

    Parameters
    ----------
    planned : sequence of Planned
        All on one benchmark.
    folder : Path
        Of scores.
    cache : GramCache
    reporter : callable
        Makes the `Reporter` of a title.
    again : bool
        Whether to run rows that were scored before.

    Raises
    ------
    Unreachable, BadRecordings, DamagedFile
        If the recordings cannot be had, without which no row can be run.
    """
    runs = [item.run for item in planned if item.run]
    if runs:
        bench = runs[0].benchmark
        bench.load(reporter(bench.name))
    before = ExistingScores(folder)
    found = {} if again else {id(run): before.find(run) for run in runs}
    passes = SharedPasses([run for run in runs if not found.get(id(run))], cache)
    weights = StartWeights()

    def scored(row: Row, run: Run) -> Outcome:
        there = found.get(id(run))
        if there:
            return Outcome(row, run, *there, before=True)
        with weights.asked_once(run):
            passes.bring(run, before.task(run), reporter(row.name))
            score = evaluate(run, cache, reporter(row.name))
        return Outcome(row, run, summary(score), write_score(score, folder))

    for row, run, error in ((item.row, item.run, item.error) for item in planned):
        if run is None:
            yield Outcome(row, error=error)
            continue
        try:
            outcome = scored(row, run)
        except Exception as failed:  # a plugin may raise anything
            keep_failure(folder, run, failed)
            outcome = Outcome(row, run, error=readable(failed))
        yield outcome


class StartWeights:
    """Weights that rows of a running suite start from; missing ones are not asked for again by later rows."""

    def __init__(self) -> None:
        self._missing: dict[Hashable, NoWeights] = {}

    @contextmanager
    def asked_once(self, run: Run) -> Iterator[None]:
        """Run one row of a suite, and remember it if its start weights are missing.

        Raises
        ------
        NoWeights
            Before the block is entered, if that is known.
        """
        start = tuple((_start_model(spec), spec.weights) for spec in run.models)
        if start in self._missing:
            raise self._missing[start]
        try:
            yield
        except NoWeights as error:
            self._missing[start] = error
            raise


class SharedPasses:
    """Runs one forward pass of a network for all rows of a suite that read it.

    Parameters
    ----------
    runs : sequence of Run
        Those that are to come.
    cache : GramCache
    """

    def __init__(self, runs: Sequence[Run], cache: GramCache) -> None:
        self._cache = cache
        self._layers: dict[Hashable, dict[str, None]] = {}
        for run in filter(shares, runs):
            self._layers.setdefault(_network(run), {}).update(dict.fromkeys(run.models[0].layers))

    def bring(self, run: Run, task: Task, reporter: Reporter) -> None:
        """Run the forward pass of a row and of all rows of the suite that read the same network, into the Gram cache.

        Whatever goes wrong is left to the run itself, which says so.

        Raises
        ------
        NoWeights
        """
        layers = tuple(self._layers.pop(_network(run), {})) if shares(run) else ()
        if len(layers) < 2:
            return
        together = replace(run, models=(replace(run.models[0], layers=layers),))
        try:
            for _ in RunModels(together, task, self._cache, reporter).grams():
                pass
        except NoWeights:
            raise
        except ItbenchError:
            return


def shares(run: Run) -> bool:
    """Return whether a run of a suite can share its forward pass with other rows of the same network."""
    frozen = not isinstance(run, TrainableRun)
    return frozen and len(run.models) == 1 and bool(run.layers) and not run.metric.form.streams


def _network(run: Run) -> Hashable:
    spec = run.models[0]
    return spec.name, spec.weights


def _start_model(spec: ModelSpec) -> str:
    return spec.core.name if isinstance(spec, TrainableSpec) and spec.core else spec.name


class ExistingScores:
    """Existing scores of a suite's runs, which are not run again.

    Parameters
    ----------
    folder : Path
        Of scores.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tasks: dict[tuple[str, str], Task] = {}

    def task(self, run: Run) -> Task:
        """Return the task of a run, loaded once for all runs of the suite by the same metric."""
        key = run.benchmark.name, run.metric.name
        if key not in self._tasks:
            self._tasks[key] = run.load_task(SilentReporter())
        return self._tasks[key]

    def find(self, run: Run) -> tuple[dict[str, Any], Path] | None:
        """Return the summary and file of a run's existing score, if running it again would give the same.

        A run with a file of weights is never found: what its score is called by is known once they are read.
        """
        try:
            found = find_existing_score(ScoredModel.of(run), run.metric, self.task(run), self.folder)
        except ItbenchError:  # the run itself says so
            return None
        return (summary(found[0]), found[1]) if found and _same_plugins(run, Setup.of(found[0])) else None


def _same_plugins(run: Run, setup: Setup) -> bool:
    return setup.plugins == [
        (spec.entry.plugin_digest, spec.recipe.as_dict() if isinstance(spec, TrainableSpec) else None)
        for spec in run.models
    ]


def find_existing_score(
    subject: ScoredModel, metric: Metric, task: Task, folder: Path
) -> tuple[xr.Dataset, Path] | None:
    """Return the existing score of a run in `folder` and its file, if recordings, splits and options are the same.

    One that is damaged, or was made with other options, is none: it is made again.
    """
    path = folder / f"{file_stem(subject, metric, task.benchmark.name)}.nc"
    if not path.exists():
        return None
    try:
        found = read_score(path)
    except (BadScore, DamagedFile):
        return None
    options = {"given": metric.options_given, "defaulted": metric.options_defaulted}
    same = Setup.of(found).is_of(task.recordings.digests, splits_of(metric, task), options)
    return (found, path) if same else None
