"""Score a trainable network of `learners.py` in this or another process, and read the trained weights."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from itbench.cli import main
from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import write_recordings
from itbench.data.splits import Split
from itbench.training.trained_weights import read_trained
from itbench.util import files
from tests.kit.commands import ROOT, run
from tests.kit.toy import toy_recordings

LEARNERS = ROOT / "tests" / "kit" / "learners.py"


def halves(toy: Path) -> Path:
    """Write a benchmark of two splits beside the toy benchmark, and return its path."""
    path = toy.with_name("halves.yaml")
    path.write_text("name: halves\ndata: toy\nsplits: {kind: kfold, folds: 2, stratify: category}\n")
    return path


def first_split(benchmark: Path) -> Split:
    """Return the first split of the toy recordings."""
    recordings = toy_recordings()
    return Benchmark.read(benchmark).splits.divide(len(recordings.stimuli), recordings.stimuli.metadata)[0]


def record_anew(home: Path, rows: NDArray[np.integer], sites: slice = slice(None), seed: int = 9) -> None:
    """Put noise in the place of the toy recordings' responses to some images."""
    recordings = toy_recordings()
    responses = recordings.responses.copy(deep=True)
    noise = np.random.default_rng(seed).standard_normal(responses.shape)
    responses.values[:, rows, sites] = noise[:, rows, sites]
    path = home / "data" / "toy.h5"
    path.unlink()
    write_recordings(Recordings("toy", recordings.stimuli, responses, recordings.about), path)


def scored(benchmark: Path, *more: str, recipe: Sequence[str] = ("epochs=2", "members=1")) -> str:
    """Score a learner in this process, by a short recipe; return what was said on stderr."""
    changes = [word for change in recipe for word in ("--recipe", change)]
    done = run("score", "-m", "learner", "-b", benchmark, "--plugin", LEARNERS, *changes, *more)
    assert done.exit_code == 0, done.stderr
    return done.stderr


FORKS = multiprocessing.get_context("forkserver")  # a process starts with the libraries that another one imported
FORKS.set_forkserver_preload(
    ["torchvision.transforms.v2", "sklearn.model_selection", "scipy.stats", "xarray", "h5py", "itbench.cli"]
)


class Training(FORKS.Process):  # type: ignore[name-defined, misc]
    """A process that scores a learner and keeps its weights in `kept`.

    Parameters
    ----------
    kept, benchmark : Path
    pause : float
        Seconds that every batch of the training waits, so that it can be killed on its way.
    dies_at : int
        Number of the write into `kept` during which the process kills itself; 0 for none.
    """

    def __init__(self, kept: Path, benchmark: Path, pause: float = 0.0, dies_at: int = 0) -> None:
        super().__init__(daemon=True)
        self._words, self._dies_at = words(benchmark), dies_at
        self._environment = {**environment(kept, benchmark), "ITBENCH_TEST_PAUSE": str(pause)}
        handle, self._said = tempfile.mkstemp(dir=kept.parent)
        os.close(handle)
        self.start()

    def run(self) -> None:
        """Run the command in the new process."""
        os.environ.clear()
        os.environ.update(self._environment)
        with open(self._said, "wb") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        flush, count = files._flush, itertools.count(1)

        def flush_or_die(path: Path) -> None:
            if path.parent.name == "kept" and next(count) == self._dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            flush(path)

        files._flush = flush_or_die
        with one_thread():
            main(self._words)

    def end(self) -> str:
        """Return what the process said until its end, its exit status in `exitcode`."""
        self.join(300)
        return Path(self._said).read_text()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let every library compute in one thread: sums in other orders end in other bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def trained(kept: Path, benchmark: Path) -> str:
    """Score a learner in this process, as nothing disturbs it; return what it said on stderr."""
    with one_thread():
        done = CliRunner().invoke(main, words(benchmark), env=environment(kept, benchmark))
    assert done.exit_code == 0, done.stderr
    return done.stderr


def words(benchmark: Path) -> list[str]:
    """Return the words of the command that such a process runs."""
    return ["score", "-m", "learner", "-b", str(benchmark), "--plugin", str(LEARNERS)]


def environment(kept: Path, benchmark: Path) -> dict[str, str]:
    """Return the environment of such a process: the home of the benchmark, all that it writes beside."""
    beside = {f"ITBENCH_{part}": f"{kept}-{part.lower()}" for part in ("CACHE", "RESULTS", "SCRATCH")}
    own = {"ITBENCH_HOME": str(benchmark.parent), "ITBENCH_TRAINED": str(kept)}
    return {**os.environ, **own, **beside}


def weights_in(kept: Path) -> dict[str, dict[str, NDArray]]:
    """Return the tensors of each split, by its name."""
    found = {}
    for path in kept.glob("*.safetensors"):
        state, about = read_trained(path)
        found[about["split"]] = dict(state)
    return found


def assert_same_weights(first: dict[str, dict[str, NDArray]], second: dict[str, dict[str, NDArray]]) -> None:
    """Two trainings came to the same, to the last bit, in every split."""
    assert set(first) == set(second)
    assert first
    for split, state in first.items():
        assert differing(state, second[split]) == []


def differing(first: dict[str, NDArray], second: dict[str, NDArray]) -> Sequence[str]:
    """Return the names of tensors that differ in any bit."""
    assert set(first) == set(second)
    return [name for name, array in first.items() if not np.array_equal(array, second[name])]
