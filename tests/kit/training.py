"""Score a trainable network of `learners.py` in this or another process, and read the trained weights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import write_recordings
from itbench.data.splits import Split
from itbench.training.trained_weights import read_trained
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


def training(kept: Path, benchmark: Path, pause: float = 0.0) -> subprocess.Popen[str]:
    """Start a process that scores a learner and keeps its weights in `kept`."""
    words = ("score", "-m", "learner", "-b", benchmark, "--plugin", LEARNERS)
    return subprocess.Popen(
        [sys.executable, "-m", "itbench", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(kept, benchmark), "ITBENCH_TEST_PAUSE": str(pause)},
    )


def trained(kept: Path, benchmark: Path) -> str:
    """Score a learner in a process that nothing disturbs; return what it said on stderr."""
    process = training(kept, benchmark)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def environment(kept: Path, benchmark: Path) -> dict[str, str]:
    """Return the environment of such a process: one thread, the home of the benchmark, all that it writes beside."""
    beside = {f"ITBENCH_{part}": f"{kept}-{part.lower()}" for part in ("CACHE", "RESULTS", "SCRATCH")}
    own = {"ITBENCH_HOME": str(benchmark.parent), "ITBENCH_TRAINED": str(kept), "OMP_NUM_THREADS": "1"}
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
