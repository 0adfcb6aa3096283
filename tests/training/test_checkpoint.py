"""Where a training stands, on disk: whole or not at all, never used if it was altered, in the memory of one."""

import numpy as np
import pytest
import torch

from itbench import ItbenchWarning
from itbench.errors import NoSpace
from itbench.training.checkpoint import Checkpoint
from tests.kit.commands import run_python
from tests.kit.server import small_disk

STATE = {"module": {"weight": torch.arange(600.0).reshape(20, 30)}, "course": {"best": -np.inf, "epochs": 3}}


@pytest.fixture
def path(tmp_path):
    """The file of a checkpoint, with one network done and one on its way."""
    path = tmp_path / "kept" / "some.checkpoint"
    checkpoint = Checkpoint(path)
    checkpoint.write(STATE)
    checkpoint.finish({"best_epoch": 2})
    checkpoint.write(STATE)
    return path


def test_a_checkpoint_is_read_as_it_was_written(path):
    read = Checkpoint(path)
    assert read.finished == [{"best_epoch": 2}]
    assert read.current["course"] == STATE["course"]
    assert torch.equal(read.current["module"]["weight"], STATE["module"]["weight"])


def test_a_network_that_is_done_is_on_its_way_no_more(path):
    checkpoint = Checkpoint(path)
    checkpoint.finish({"best_epoch": 5})
    assert Checkpoint(path).current is None
    assert Checkpoint(path).finished == [{"best_epoch": 2}, {"best_epoch": 5}]


def test_without_a_file_nothing_is_kept(path):
    path.unlink()
    for checkpoint in (Checkpoint(path), Checkpoint()):
        assert (checkpoint.finished, checkpoint.current) == ([], None)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 500, -1])
def test_a_truncated_checkpoint_is_set_aside(length, path):
    content = path.read_bytes()[:length]
    path.write_bytes(content)
    with pytest.warns(ItbenchWarning, match=rf"{path.name} is damaged\. .* now {path.name}.damaged, .* starts again"):
        checkpoint = Checkpoint(path)
    assert (checkpoint.finished, checkpoint.current) == ([], None)
    assert not path.exists()
    assert path.with_name(f"{path.name}.damaged").read_bytes() == content


@pytest.mark.filterwarnings("ignore::itbench.ItbenchWarning")
def test_a_flipped_bit_is_never_read_as_good(path):
    content = path.read_bytes()
    for offset in range(0, len(content), 53):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ (1 << offset % 8)]) + content[offset + 1 :])
        assert Checkpoint(path).current is None


def test_a_full_disk_leaves_the_last_one(tmp_path):
    with small_disk(tmp_path / "disk", "300k") as resize:
        path = tmp_path / "disk" / "some.checkpoint"
        checkpoint = Checkpoint(path)
        checkpoint.write({"weight": torch.ones(50_000)})
        content = path.read_bytes()
        for size in (50_000, 500_000):
            with pytest.raises(NoSpace, match=rf"No space left in {path.parent}"):
                checkpoint.write({"weight": torch.zeros(size)})
            assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == {path.name: content}
        resize("4m")
        checkpoint.write({"weight": torch.zeros(50_000)})
        assert torch.equal(Checkpoint(path).current["weight"], torch.zeros(50_000))


@pytest.mark.slow
def test_writing_takes_no_second_copy_in_memory(tmp_path):
    code = (
        "import torch\nfrom pathlib import Path\nfrom itbench.training.checkpoint import Checkpoint\n"
        "def peak(): return int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])\n"
        f"checkpoint = Checkpoint(Path({str(tmp_path / 'some.checkpoint')!r}))\n"
        "checkpoint.write({'first': torch.ones(9)})\n"
        "state = {str(number): torch.ones(10**6) for number in range(50)}\n"  # 200 MB
        "before = peak()\ncheckpoint.write(state)\nprint((peak() - before) // 1000)"
    )
    done = run_python(code, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20  # MB
