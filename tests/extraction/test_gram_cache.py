"""Grams on disk: found by all that could change their numbers, whole or absent."""

import importlib
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from itbench import FunctionModel, Gram, ItbenchWarning
from itbench.extraction.forward import ExtractionSettings
from itbench.extraction.gram_cache import TOLERANCES, GramCache, agrees
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


FILTERS = """
import torch
from torch import nn
from torch.nn import functional
from helper import rectified

class Filters(nn.Module):
    def __init__(self, how, gain):
        super().__init__()
        torch.manual_seed(0)
        bank = torch.randn(6, 3, 3, 3)
        bank[:3] *= gain
        if how == "buffer":
            self.register_buffer("bank", bank, persistent=False)
        elif how == "list":
            self.banks = [{"first": bank}]
        elif how == "module in a list":
            self.hidden = [nn.Conv2d(3, 6, 3)]
            self.hidden[0].weight.data = bank
        else:
            self.bank = torch.randn(6, 3, 3, 3) if how in ("number", "code", "outside") else bank
        self.gain = gain if how == "number" else 1.0
        self.how, self.out = how, nn.Identity()

    def forward(self, x):
        if self.how == "list":
            bank = self.banks[0]["first"]
        else:
            bank = self.hidden[0].weight if self.how == "module in a list" else self.bank
        return self.out(rectified(functional.conv2d(x, bank) * self.gain - 0.1 * self.gain ** 2))
"""
FILTERS_PLUGIN = """
from itbench import hookimpl


@hookimpl
def itbench_models(register):
    register("filters", build, layers=("out",), weights=("random",))


def build(weights):
    import os

    from filters import Filters
    from itbench import Network, resized

    return Network(Filters(os.environ["HOW"], float(os.environ["GAIN"])), resized(8), layers=("out",))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["plain", "buffer", "list", "module in a list", "number", "code", "outside"])
def test_a_changed_model_is_never_served_earlier_grams(how, toy, tmp_path, monkeypatch):
    beside, elsewhere = tmp_path / "plugin", tmp_path / "elsewhere"
    for folder in (beside, elsewhere):
        folder.mkdir()
        monkeypatch.syspath_prepend(folder)
    (beside / "plugin.py").write_text(FILTERS_PLUGIN)
    (beside / "filters.py").write_text(FILTERS)
    helper = (elsewhere if how == "outside" else beside) / "helper.py"

    def ev(gain, function="x.relu()", cache=None):
        helper.write_text(f"def rectified(x):\n    return {function}\n")
        for name in ("filters", "helper"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.setenv("HOW", how)
        monkeypatch.setenv("GAIN", str(gain))
        run = plan_run(load_plugins([beside / "plugin.py"]), "filters", str(toy), weights="random")
        return evaluate(run, cache or GramCache(), SilentReporter()).explained_variance.values

    changed = (1.0, "(3 * x).tanh()") if how in ("code", "outside") else (0.01,)
    first, second = ev(1.0), ev(*changed)
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(second, ev(*changed, cache=GramCache(tmp_path / "fresh")))
    np.testing.assert_array_equal(ev(1.0), first)


class Notes(SilentReporter):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_a_function_under_its_old_identity_is_computed_again_and_said(toy, monkeypatch):
    evaluate(plan(toy), GramCache(), SilentReporter())
    compute = FunctionModel.activations

    def turned(self, batch, layers):
        found = compute(self, batch, layers)
        return {layer: values[:, ::-1] ** 2 if layer == "good" else values for layer, values in found.items()}

    monkeypatch.setattr(FunctionModel, "activations", turned)
    notes = Notes()
    second = evaluate(plan(toy), GramCache(), notes)
    assert ["made again" in note and "good" in note and "noise" not in note for note in notes.notes].count(True) == 1
    fresh = evaluate(plan(toy), GramCache(GramCache()._root.parent / "fresh"), SilentReporter())
    np.testing.assert_array_equal(second.explained_variance, fresh.explained_variance)
    notes.notes.clear()
    evaluate(plan(toy), GramCache(), notes)
    assert not [note for note in notes.notes if "made again" in note]


@pytest.mark.parametrize(
    ("change", "agree"),
    [
        (lambda x: x, True),
        (lambda x: x[:, ::-1], True),  # the Gram is the same
        (lambda x: x * (1 + 1e-6), True),
        (lambda x: x * 1.01, False),
        (lambda x: x + 0.01, False),  # all norms are those of the offset
        (lambda x: 1e4 + 1.1 * (x - 1e4), False),
        (lambda x: x[:, 1:], False),
        (lambda x: -x, False),  # the products are the same, the sums are not
    ],
)
def test_two_rows_tell_another_gram_also_behind_a_large_offset(change, agree):
    offset = 1e4 if change(np.zeros((1, 2)))[0, 0] not in (0.01,) else 0.0
    x = np.float32(offset + np.random.default_rng(0).standard_normal((20, 300)))
    rows = np.array([0, 19])
    ids = [str(row) for row in range(20)]
    whole, few = Gram.from_features(x, ids), Gram.from_features(np.float32(change(np.float64(x)))[rows], ["0", "19"])
    assert agrees(whole, few, rows, *TOLERANCES["float32"]) == agree


def test_images_that_are_almost_equal_agree_to_the_rounding_of_their_norms():
    rng = np.random.default_rng(0)
    x = 1e4 + 1e-3 * rng.standard_normal((20, 300))
    few = Gram.from_features(x[[0, 19]] + 1e-3 * rng.standard_normal((2, 300)), ["0", "19"])  # as float32 has it
    assert agrees(Gram.from_features(x), few, np.array([0, 19]), *TOLERANCES["float32"])


def test_an_image_without_activation_agrees_with_itself():
    x = np.random.default_rng(0).standard_normal((3, 300))
    x[1] = 0
    assert agrees(Gram.from_features(x), Gram.from_features(x[:2]), np.arange(2), *TOLERANCES["float32"])
    assert not agrees(Gram.from_features(x), Gram.from_features(x[:2] + 1.0), np.arange(2), *TOLERANCES["float32"])


@pytest.mark.parametrize(("factor", "agree"), [(1.05, True), (1 / 1.05, True), (1.06, False), (1 / 1.06, False)])
def test_products_may_differ_by_a_share_of_the_larger_norms(factor, agree):
    x = np.random.default_rng(0).standard_normal((2, 300))
    sides = Gram.from_features(factor * x), Gram.from_features(x)
    assert agrees(*sides, np.arange(2), 0.1, 0.0) == agree


@pytest.mark.parametrize(("factor", "agree"), [(1 + 3e-4, True), (1 + 3e-3, False)])
def test_the_tolerance_is_relative_whatever_the_units(factor, agree):
    for units in (1e-3, 1.0, 1e3):
        x = units * np.random.default_rng(0).standard_normal((20, 300))
        few = Gram.from_features(factor * x[[0, 19]], ["0", "19"])
        assert agrees(Gram.from_features(x), few, np.array([0, 19]), *TOLERANCES["float32"]) == agree


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
