"""Grams on disk: found by all that could change their numbers, whole or absent."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from itbench import FunctionModel, Gram, ItbenchWarning
from itbench.extraction.forward import ExtractionSettings
from itbench.extraction.gram_cache import GramCache
from itbench.plugins import load_plugins
from itbench.scoring.evaluate import evaluate
from itbench.scoring.plan import plan_run
from itbench.util.progress import SilentReporter
from tests.kit.commands import run

KEY = {"weights": "abc", "preprocessing": "x / 255", "stimuli": "def", "layer": "conv", "precision": "float32"}


def gram(n=30, seed=0):
    return Gram.from_features(np.random.default_rng(seed).standard_normal((n, 50)), [f"é{i}" for i in range(n)])


def only_file(cache):
    (path,) = cache.folder.glob("grams/*/*.gram")
    return path


@pytest.fixture
def cache(tmp_path):
    return GramCache(tmp_path / "cache")


def test_round_trip(cache):
    written = gram()
    cache.write(KEY, written, model="m", layer="conv")
    read = cache.read(KEY)
    np.testing.assert_array_equal(read.matrix, written.matrix)
    np.testing.assert_array_equal(read.row_sums, written.row_sums)
    assert (read.n_features, read.stimulus_ids) == (50, written.stimulus_ids)
    assert only_file(cache).stat().st_size < 30 * 31 / 2 * 8 + 20_000


@pytest.mark.parametrize("part", KEY)
def test_any_part_of_the_key_matters(cache, part):
    cache.write(KEY, gram())
    assert cache.read({**KEY, part: "other"}) is None


def test_a_truncated_file_is_set_aside(cache):
    cache.write(KEY, gram())
    path = only_file(cache)
    content = path.read_bytes()
    for length in (0, 1, 100, 1000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.warns(ItbenchWarning, match=f"{path.name}.*damaged"):
            assert cache.read(KEY) is None
        assert not path.exists()
        assert path.with_name(path.name + ".damaged").exists()


@pytest.mark.filterwarnings("ignore::itbench.ItbenchWarning")
def test_an_altered_file_is_never_read_as_good(cache):
    written = gram()
    cache.write(KEY, written)
    path = only_file(cache)
    content = path.read_bytes()
    refused = 0
    for offset in range(0, len(content), max(1, len(content) // 150)):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 0x55]) + content[offset + 1 :])
        read = cache.read(KEY)
        refused += read is None
        # a flip in a part of the file that holds no data may go unseen, but what is read must be what was written
        if read is not None:
            np.testing.assert_array_equal(read.matrix, written.matrix)
            np.testing.assert_array_equal(read.row_sums, written.row_sums)
            assert read.stimulus_ids == written.stimulus_ids
    assert refused > 30


def test_a_killed_writer_leaves_nothing_under_the_final_name(cache):
    code = (
        "import numpy as np, os, signal\nfrom pathlib import Path\nfrom itbench import Gram\n"
        "from itbench.util import files\nfrom itbench.extraction.gram_cache import GramCache\n"
        "files._flush = lambda path: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"GramCache(Path({str(cache.folder)!r})).write({KEY!r}, Gram.from_features(np.ones((5, 3))))"
    )
    process = subprocess.run([sys.executable, "-c", code], check=False, env=os.environ)
    assert process.returncode == -signal.SIGKILL
    assert cache.read(KEY) is None
    assert list(cache.folder.glob("grams/*/*.gram")) == []
    assert cache.clear()[0] == 1  # the half file goes with the rest


def plan(toy, model="toy", **how):
    return plan_run(load_plugins(), model, str(toy), **how)


def test_a_second_score_runs_the_model_on_two_images_only(toy, monkeypatch):
    ran = []
    compute = FunctionModel.activations
    monkeypatch.setattr(
        FunctionModel, "activations", lambda self, batch, layers: ran.append(len(batch)) or compute(self, batch, layers)
    )
    first = evaluate(plan(toy), GramCache(), SilentReporter())
    assert sum(ran) == 80
    ran.clear()
    second = evaluate(plan(toy), GramCache(), SilentReporter())
    assert ran == [2]
    np.testing.assert_array_equal(first.explained_variance, second.explained_variance)


def test_a_damaged_gram_is_made_again(toy):
    first = evaluate(plan(toy), GramCache(), SilentReporter())
    for path in GramCache()._root.glob("*/*.gram"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.warns(ItbenchWarning, match="made again"):
        second = evaluate(plan(toy), GramCache(), SilentReporter())
    np.testing.assert_array_equal(first.explained_variance, second.explained_variance)


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"settings": ExtractionSettings(precision="bfloat16")}], ids=["weights", "precision"]
)
def test_other_weights_or_precision_run_the_model_again(toy, other):
    evaluate(plan(toy, "toy-net", weights="random"), GramCache(), SilentReporter())
    before = len(list(GramCache().entries()))
    evaluate(plan(toy, "toy-net", weights="random", **other), GramCache(), SilentReporter())
    assert len(list(GramCache().entries())) == 2 * before


@pytest.mark.slow
def test_list_and_clear(toy):
    run("score", "-m", "toy", "-m", "pixels", "-b", toy)
    listed = run("cache", "list").stdout
    assert "good" in listed
    assert "pixels" in listed
    assert run("cache", "clear", "-m", "toy").stdout.startswith("Removed 2 files")
    assert "toy" not in [entry["model"] for entry in GramCache().entries()]
    run("cache", "clear")
    assert run("cache", "list").stdout.strip() == "The cache is empty."
