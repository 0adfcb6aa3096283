"""Fixtures of all tests: folders of their own, toy recordings and a toy benchmark."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from itbench.data.recordings import Recordings
from itbench.data.recordings_file import read_recordings, write_recordings
from tests.kit.commands import run
from tests.kit.toy import TOY_PLUGIN, toy_recordings
from tests.kit.workers import folder_of_all_workers


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has folders of its own and works in an empty one."""
    monkeypatch.setenv("ITBENCH_HOME", str(tmp_path / "home"))
    for part in ("DATA", "CACHE", "TRAINED", "STUDIES", "SCRATCH", "RESULTS", "PLUGINS", "LOG"):
        monkeypatch.delenv(f"ITBENCH_{part}", raising=False)
    for variable in ("ITBENCH_OFFLINE", "HF_HUB_OFFLINE"):  # a command may set them for its process
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # a plugin rewritten within a second is read anew
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def toy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the packed toy recordings, to be copied."""
    path = tmp_path_factory.mktemp("recordings") / "toy.h5"
    write_recordings(toy_recordings(), path)
    return path


@pytest.fixture
def toy(home: Path, toy_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Toy recordings in the data folder, a plugin of toy models; returns the path of a toy benchmark."""
    (home / "data").mkdir(parents=True)
    shutil.copy(toy_file, home / "data")
    plugin = home / "toy_plugin.py"
    plugin.write_text(TOY_PLUGIN)
    monkeypatch.setenv("ITBENCH_PLUGINS", str(plugin))
    benchmark = home / "toy.yaml"
    benchmark.write_text("name: toy\ndata: toy\nsplits: {kind: kfold, folds: 4, stratify: category}\n")
    return benchmark


@pytest.fixture(scope="session")
def synthetic_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of synthetic-it, drawn once for all workers, to be copied."""
    with folder_of_all_workers(tmp_path_factory, "synthetic") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITBENCH_HOME", str(folder))
        path = folder / "data" / "synthetic-it.h5"
        if not path.exists():
            run("data", "fetch", "synthetic-it")
    return path


@pytest.fixture
def synthetic_it(home: Path, synthetic_file: Path) -> Path:
    """Put synthetic-it, as itbench draws it, into the data folder; returns its path."""
    (home / "data").mkdir(parents=True)
    return Path(shutil.copy(synthetic_file, home / "data"))


@pytest.fixture
def some_of_synthetic_it(home: Path, synthetic_file: Path) -> Path:
    """Put a part of synthetic-it into the data folder: 5 views of every other object, every fourth site."""
    whole = read_recordings(synthetic_file)
    rows = np.array([row for row in range(len(whole.stimuli)) if row % 20 < 5])  # ten views an object, in a row
    part = whole.require_responses().isel(stimulus=rows, site=slice(None, None, 4))
    path = home / "data" / "synthetic-it.h5"
    write_recordings(Recordings(whole.name, whole.stimuli.take(rows), part, whole.about), path)
    return path
