"""A training that is broken off, however it ends, goes on where it was, to the same weights to the last bit."""

import random
import re
import shutil
import signal
import time

import pytest

from itbench.data.recordings_file import write_recordings
from tests.kit.server import small_disk
from tests.kit.toy import toy_recordings
from tests.kit.training import Training, assert_same_weights, halves, trained, weights_in

pytestmark = pytest.mark.slow

EPOCH = re.compile(r"epoch (\d+) of 6:")
GOES_ON = re.compile(r"resumes after epoch (\d+) of 6")
ALL = [*"123456"] * 4  # epochs, of two members in each of two splits
KILLS = 4


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    write_recordings(toy_recordings(), home / "data" / "toy.h5")
    return halves(home / "toy.yaml")


@pytest.fixture(scope="module")
def undisturbed(benchmark, tmp_path_factory):
    """The folder of what a training comes to that nothing disturbs."""
    kept = tmp_path_factory.mktemp("undisturbed") / "kept"
    assert EPOCH.findall(trained(kept, benchmark)) == ALL
    return kept


@pytest.fixture(scope="module")
def half_way(benchmark, tmp_path_factory):
    """The checkpoint of a training that was killed, of one epoch or more."""
    kept = tmp_path_factory.mktemp("half-way") / "kept"
    kill_on_its_way(Training(kept, benchmark, pause=0.2), kept, after=0.1)
    (checkpoint,) = kept.glob("*.checkpoint")
    return checkpoint


def kill_on_its_way(process, kept, after):
    """Kill a training some seconds after it has written a checkpoint; return what it said."""
    before = times_of(kept)
    end = time.monotonic() + 100
    while times_of(kept) == before and process.is_alive() and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(after)
    process.kill()
    said = process.end()
    assert process.exitcode == -signal.SIGKILL, f"it ended before it was killed: {said}"
    return said


def times_of(kept):
    """Return when each checkpoint was written."""
    found = {}
    for path in kept.glob("*.checkpoint"):
        try:
            found[path.name] = path.stat().st_mtime_ns
        except FileNotFoundError:  # its training has just ended
            continue
    return found


def test_killed_at_random_moments_it_ends_with_the_same_weights(benchmark, undisturbed, tmp_path):
    kept, draw = tmp_path / "kept", random.Random(0)
    moments = [draw.uniform(0, 0.7) for _ in range(KILLS)]
    said = [kill_on_its_way(Training(kept, benchmark, pause=0.1), kept, after) for after in moments]
    said.append(trained(kept, benchmark))
    assert any(GOES_ON.search(text) for text in said)
    trained_at_all = [epoch for text in said for epoch in EPOCH.findall(text)]
    assert abs(len(trained_at_all) - len(ALL)) <= KILLS  # a kill costs an epoch, or the word of one
    assert_same_weights(weights_in(kept), weights_in(undisturbed))
    assert [path.suffix for path in kept.iterdir()] == [".safetensors"] * 2


@pytest.mark.parametrize(
    ("write", "goes_on", "done"),
    [
        pytest.param(4, ["3"], 3, id="fourth checkpoint"),
        pytest.param(9, ["1"], 7, id="second checkpoint of the second member"),
        pytest.param(15, [], 12, id="weights"),
    ],
)
def test_killed_while_it_writes_it_goes_on_after_the_write_before(
    write, goes_on, done, benchmark, undisturbed, tmp_path
):
    kept = tmp_path / "kept"
    killed = Training(kept, benchmark, dies_at=write)
    said = killed.end()
    assert killed.exitcode == -signal.SIGKILL, said
    assert len(list(kept.glob(".*.partial"))) == 1
    said = trained(kept, benchmark)
    assert GOES_ON.findall(said) == goes_on
    assert EPOCH.findall(said) == ALL[done:]
    assert_same_weights(weights_in(kept), weights_in(undisturbed))
    assert [path.suffix for path in kept.iterdir()] == [".safetensors"] * 2


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(half_way, benchmark, undisturbed, tmp_path):
    kept = tmp_path / "disk"
    content = half_way.read_bytes()
    with small_disk(kept, f"{len(content) * 3 // 2 // 1024}k") as resize:  # no room for the next checkpoint beside it
        shutil.copy(half_way, kept)
        process = Training(kept, benchmark)
        said = process.end()
        assert process.exitcode == 1
        assert re.search(rf"Error: No space left in {kept}\.\nFree some", said)
        assert "Traceback" not in said
        assert {path.name: path.read_bytes() for path in kept.iterdir()} == {half_way.name: content}
        resize("4m")
        assert GOES_ON.search(trained(kept, benchmark))
        assert_same_weights(weights_in(kept), weights_in(undisturbed))


def test_after_a_damaged_checkpoint_the_training_starts_again(half_way, benchmark, undisturbed, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    content = half_way.read_bytes()
    middle = len(content) // 2
    damaged = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    (kept / half_way.name).write_bytes(damaged)
    said = trained(kept, benchmark)
    assert re.search(rf"Warning: The checkpoint \S*{half_way.name} is damaged.*starts again", said)
    assert EPOCH.findall(said) == ALL
    assert (kept / f"{half_way.name}.damaged").read_bytes() == damaged
    assert_same_weights(weights_in(kept), weights_in(undisturbed))


def test_damaged_weights_are_set_aside_and_made_again(benchmark, undisturbed, tmp_path):
    kept = shutil.copytree(undisturbed, tmp_path / "kept")
    path, other = sorted(kept.glob("*.safetensors"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 128]))
    untouched = other.stat().st_mtime_ns
    said = trained(kept, benchmark)
    assert re.search(rf"Warning: The trained weights \S*{path.name} .*trained again", said)
    assert EPOCH.findall(said) == ALL[:12]
    assert other.stat().st_mtime_ns == untouched
    assert_same_weights(weights_in(kept), weights_in(undisturbed))


def test_two_processes_that_train_the_same_come_to_the_same(benchmark, undisturbed, tmp_path):
    kept = tmp_path / "kept"
    processes = [Training(kept, benchmark, pause=0.02) for _ in range(2)]
    for process in processes:
        said = process.end()
        assert process.exitcode == 0, said
        assert "Warning" not in said
    assert_same_weights(weights_in(kept), weights_in(undisturbed))
