"""Trained weights on disk: found by all that could change them, whole or absent, and listed without a network."""

import json
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from safetensors.numpy import save_file

from itbench import ItbenchWarning
from itbench.errors import NoSpace, UnknownName
from itbench.extraction.gram_cache import GramCache
from itbench.training.trained_weights import TrainedStore
from tests.kit.commands import run, run_python
from tests.kit.server import small_disk

KEY = {"model": "cnn-2", "weights": "abc", "recipe": {"lr": 1e-3}, "seed": 0, "responses": "def", "rows": [0, 2, 3]}
ABOUT = {
    "model": "cnn-2",
    "start": "random-0",
    "weights": "trained-0",
    "benchmark": "toy",
    "split": "fold0",
    "seed": 0,
    "epochs": 7,
    "inner_explained_variance": 0.25,
    "date": "2030-01-02 03:04",
}


def state(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "conv.weight": rng.standard_normal((8, 3, 5, 5)).astype(np.float32),
        "conv.turned": rng.standard_normal((6, 4)).T,
        "norm.batches": np.array(17),
        "mask": rng.random(5) > 0.5,
        "half": rng.standard_normal(3).astype(np.float16),
        "none": np.zeros((0, 3), np.float32),
    }


def assert_same(read, written):
    assert set(read) == set(written)
    for name, array in written.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read[name], array)


def only_file(store):
    (path,) = store.folder.glob("*.safetensors")
    return path


@pytest.fixture
def store(tmp_path):
    return TrainedStore(tmp_path / "kept")


def test_round_trip(store):
    about = {**ABOUT, "sites": ["é1", "2"], "best": np.float32(0.5), "history": [{"epoch": 1, "loss": float("nan")}]}
    store.write(KEY, state(), about)
    read = store.read(KEY)
    assert_same(read.state, state())
    assert np.isnan(read.about["history"][0].pop("loss"))
    assert {**read.about, "key": None} == {**about, "best": 0.5, "history": [{"epoch": 1}], "key": None}


@pytest.mark.parametrize("part", KEY)
def test_any_part_of_the_key_matters(part, store):
    store.write(KEY, state(), ABOUT)
    assert store.read({**KEY, part: "other"}) is None


def test_what_is_written_takes_the_place_of_its_checkpoint(store):
    other = {**KEY, "seed": 1}
    store.folder.mkdir()
    for key in (KEY, other):
        store.checkpoint(key).write_text("so far")
    store.write(KEY, state(), ABOUT)
    assert [store.checkpoint(key).exists() for key in (KEY, other)] == [False, True]


def test_a_truncated_file_is_set_aside(store):
    store.write(KEY, state(), ABOUT)
    path = only_file(store)
    content = path.read_bytes()
    for length in (0, 1, 8, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.warns(ItbenchWarning, match=rf"{path.name} are truncated .* is trained again"):
            assert store.read(KEY) is None
        assert not path.exists()
        assert path.with_name(f"{path.name}.damaged").read_bytes() == content[:length]


@pytest.mark.filterwarnings("ignore::itbench.ItbenchWarning")
def test_a_flipped_bit_is_never_read_as_good(store):
    store.write(KEY, state(), ABOUT)
    path = only_file(store)
    content = path.read_bytes()
    about = store.read(KEY).about
    for offset in range(0, len(content), 7):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ (1 << offset % 8)]) + content[offset + 1 :])
        read = store.read(KEY)
        if read is not None:  # such as a blank in the header that became another one
            assert_same(read.state, state())
            assert read.about == about
    path.write_bytes(content)
    assert_same(store.read(KEY).state, state())


@pytest.mark.parametrize("what", ["other weights", "another key's"])
def test_what_lies_in_the_place_of_another_is_set_aside(what, store):
    store.write({**KEY, "seed": 1}, state(), ABOUT)
    path = store.folder / f"{store.checkpoint(KEY).stem}.safetensors"
    if what == "other weights":
        save_file(state(), path)
    else:
        only_file(store).rename(path)
    with pytest.warns(ItbenchWarning, match="trained again"):
        assert store.read(KEY) is None
    assert not path.exists()


def test_a_killed_writer_leaves_nothing_under_the_final_name(store):
    code = (
        "import numpy as np, os, signal\nfrom pathlib import Path\nfrom itbench.util import files\n"
        "from itbench.training.trained_weights import TrainedStore\n"
        "files._flush = lambda path: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"TrainedStore(Path({str(store.folder)!r})).write({KEY!r}, {{'a': np.ones(3)}}, {{}})"
    )
    store.folder.mkdir()
    store.checkpoint(KEY).write_text("so far")
    process = subprocess.run([sys.executable, "-c", code], check=False, env=os.environ)
    assert process.returncode == -signal.SIGKILL
    assert store.read(KEY) is None
    assert store.checkpoint(KEY).read_text() == "so far"
    assert store.clear()[0] == 2  # the half file goes with the rest


def test_a_full_disk_loses_nothing(tmp_path):
    disk = tmp_path / "disk"
    large = {"a": np.random.default_rng(0).standard_normal(100_000)}
    with small_disk(disk, "400k") as resize:
        store = TrainedStore(disk)
        store.write(KEY, state(), ABOUT)
        store.checkpoint(KEY).write_text("so far")
        before = {path: path.read_bytes() for path in disk.iterdir()}
        with pytest.raises(NoSpace, match=f"No space left in {disk}"):
            store.write(KEY, large, ABOUT)
        assert {path: path.read_bytes() for path in disk.iterdir()} == before
        assert_same(store.read(KEY).state, state())
        resize("4m")
        store.write(KEY, large, ABOUT)
        assert_same(store.read(KEY).state, large)
        assert not store.checkpoint(KEY).exists()


@pytest.mark.slow
def test_two_processes_that_write_one_key_do_no_harm(store):
    code = (
        "import numpy as np, sys\nfrom pathlib import Path\nfrom itbench.training.trained_weights import TrainedStore\n"
        f"store = TrainedStore(Path({str(store.folder)!r}))\n"
        f"for _ in range(40): store.write({KEY!r}, {{'a': np.full(20_000, int(sys.argv[1]))}}, {{}})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, number]) for number in "12"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        with warnings.catch_warnings(action="error"):
            read = store.read(KEY)
        seen |= set() if read is None else set(np.unique(read.state["a"]))
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen
    assert seen <= {1, 2}
    assert list(store.folder.iterdir()) == [only_file(store)]


# ---- finding and listing


@pytest.fixture
def several():
    """What was trained in two splits, from other weights, and with another seed; names of the splits by id."""
    store = TrainedStore()
    kept = [
        ABOUT,
        {**ABOUT, "split": "fold1"},
        {**ABOUT, "split": "other", "benchmark": "other"},
        {**ABOUT, "split": "second", "seed": 1, "weights": "trained-1"},
        {**ABOUT, "split": "far", "model": "finetuned/resnet18", "start": "pretrained"},
        {**ABOUT, "split": "started", "model": "finetuned/resnet18", "weights": "random-0:trained-0"},
    ]
    for number, about in enumerate(kept):
        store.write({"number": number}, {"a": np.ones(3)}, about)
    return {entry["split"]: entry["id"] for entry in store.entries()}


@pytest.mark.parametrize(
    ("text", "wanted", "splits"),
    [
        ("cnn-2", {}, {"fold0", "fold1", "other", "second"}),
        ("cnn-2:trained-0", {}, {"fold0", "fold1", "other"}),
        ("cnn-2:trained-1", {}, {"second"}),
        ("cnn-2", {"benchmark": "toy"}, {"fold0", "fold1", "second"}),
        ("cnn-2", {"benchmark": "toy", "split": "fold1"}, {"fold1"}),
        ("cnn-2", {"benchmark": None, "split": None}, {"fold0", "fold1", "other", "second"}),
        ("finetuned/resnet18", {}, {"far", "started"}),
        ("finetuned/resnet18:trained-0", {}, {"far"}),
        ("finetuned/resnet18:random-0:trained-0", {}, {"started"}),
    ],
)
def test_finds_what_is_meant(text, wanted, splits, several):
    assert {entry["split"] for entry in TrainedStore().find(text, **wanted)} == splits


def test_finds_by_the_beginning_of_an_id(several):
    for split, name in several.items():
        for text in (name, name[:7]):
            assert [entry["split"] for entry in TrainedStore().find(text)] == [split]


def test_what_is_damaged_unfinished_or_named_by_too_little_is_not_found(several):
    path = next(TrainedStore()._root.glob(f"{several['fold0']}*"))
    path.write_bytes(path.read_bytes()[:-1])
    TrainedStore().checkpoint(KEY).write_text("so far")
    unfinished = TrainedStore().checkpoint(KEY).stem[:12]
    for text in (several["fold0"], unfinished, several["fold1"][:3]):
        with pytest.raises(UnknownName):
            TrainedStore().find(text)
    assert {entry["split"] for entry in TrainedStore().find("cnn-2:trained-0")} == {"fold1", "other"}


@pytest.mark.parametrize(
    ("text", "wanted", "said"),
    [
        ("cnn-3", {}, "unknown trained model 'cnn-3'.*Did you mean cnn-2"),
        ("cnn-2:trained-7", {}, "Did you mean cnn-2:trained-"),
        ("cnn-2", {"benchmark": "toys"}, "unknown benchmark of cnn-2 'toys'.*Did you mean toy"),
        (
            "cnn-2",
            {"benchmark": "toy", "split": "fold2"},
            "unknown split of cnn-2 'fold2'.*Known: fold0, fold1",
        ),
    ],
)
def test_what_was_not_trained_is_not_found(text, wanted, said, several):
    with pytest.raises(UnknownName, match=f"(?s){said}.*itbench models --trained"):
        TrainedStore().find(text, **wanted)


def test_lists_what_was_trained(several):
    listed = json.loads(run("models", "--trained", "--json").stdout)
    assert [row["split"] for row in listed] == ["other", "fold0", "fold1", "second", "far", "started"]
    assert listed[1] == {
        "id": several["fold0"],
        **{key: ABOUT[key] for key in ("model", "start", "benchmark", "split", "seed", "epochs")},
        "inner EV": 0.25,
        "MB": 0.0,
        "written": "2030-01-02 03:04",
    }
    assert "| finetuned/resnet18 |" in run("models", "--trained").stdout
    few = json.loads(run("models", "--trained", "finetuned/*", "--json").stdout)
    assert {row["split"] for row in few} == {"far", "started"}


def test_lists_what_says_little_of_itself_is_damaged_or_unfinished():
    store = TrainedStore()
    assert run("models", "--trained").stdout == "No trained weights yet.\n"
    for number in range(2):
        store.write({"number": number}, {"a": np.ones(3)}, {})
    store.checkpoint({"number": 7}).write_text("so far")
    path = next(store._root.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-1])
    listed = json.loads(run("models", "--trained", "--json").stdout)
    assert sorted(row["model"] for row in listed) == ["(damaged)", "(trained)", "(unfinished)"]


def test_listing_and_finding_import_no_torch(several):
    code = (
        "import sys\nfrom itbench.cli import main\nmain(['models', '--trained'], standalone_mode=False)\n"
        "from itbench.training.trained_weights import TrainedStore\n"
        "TrainedStore().find('cnn-2')\nprint('torch' in sys.modules)"
    )
    assert run_python(code).stdout.splitlines()[-1] == "False"


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ITBENCH_TRAINED", str(tmp_path / "elsewhere"))
    TrainedStore().write(KEY, state(), ABOUT)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


# ---- removing


def test_clearing_the_cache_leaves_trained_weights_alone(toy, several):
    run("score", "-m", "toy", "-b", toy)
    assert run("cache", "clear").stdout.startswith("Removed 2 files")
    assert len(list(TrainedStore().entries())) == len(several)


def test_trained_weights_are_removed_when_they_are_meant(toy, several, home):
    run("score", "-m", "toy", "-b", toy)
    TrainedStore().checkpoint(KEY).write_text("so far")
    assert run("cache", "clear", "--trained", "-m", "cnn-2").stdout.startswith("Removed 4 files")
    assert {entry.get("model") for entry in TrainedStore().entries()} == {"finetuned/resnet18", None}
    refused = run("cache", "clear", "--trained", "-m", "cnn-2")
    assert refused.exit_code == 1
    assert "itbench models --trained" in refused.stderr
    assert run("cache", "clear", "--trained").stdout.startswith("Removed 3 files")
    assert list((home / "trained").iterdir()) == []
    assert len(list(GramCache().entries())) == 2
