"""Extraction that is killed, runs out of disk or memory, or meets what another call left: nothing is mixed up."""

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from itbench import ExtractionSettings, FunctionModel, load_plugins
from itbench.errors import BadOption, DamagedFile, ItbenchError, NoSpace, UnknownName
from itbench.extraction.activations import extract_activations
from itbench.extraction.activations_file import partial_file, partial_path, progress_path
from itbench.util.files import locked
from tests.kit.commands import run_python
from tests.kit.extraction import ODD_MODELS, PIXELS, extracted, without_date, write_images
from tests.kit.toy import toy_recordings

IDS = [f"image{number}" for number in range(20)]


@pytest.fixture
def slow_run(toy):
    """Start an extraction of the slow model in a process of its own, its progress noted every 50 ms."""

    def start(output, *flags):
        command = ["extract", "slow", "-l", "x", "-l", "y", "--images", str(toy), "--output", output]
        command += ["--batch-size", "2", "--plugin", str(ODD_MODELS), *flags]
        code = (
            "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in the background
            "from itbench.extraction import activations_file\nactivations_file.SECONDS = 0.05\n"
            f"from itbench.cli import main\nmain({command!r})"
        )
        return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)

    return start


def done_of(path):
    """Return how many images the notes beside a file say are done."""
    try:
        return json.loads(progress_path(path).read_text())["done"]
    except FileNotFoundError:
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], pytest.param(["--compress"], marks=pytest.mark.slow)])
def test_a_run_broken_off_and_gone_on_with_gives_the_same_file(flags, slow_run):
    path = Path("out.h5")
    for enough, how in ((20, signal.SIGINT), (50, signal.SIGKILL)):
        process = slow_run("out.h5", *flags)
        while done_of(path) < enough:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(how)
        process.wait()
        assert not path.exists()
        assert partial_path(path).exists()
    _, said = slow_run("out.h5", *flags).communicate(timeout=60)
    _, uninterrupted = slow_run("whole.h5", *flags).communicate(timeout=60)
    after = int(said.partition("resuming after ")[2].split()[0])
    assert 50 <= after < 80
    assert "resuming" not in uninterrupted
    assert without_date(path) == without_date(Path("whole.h5"))
    assert sorted(entry.name for entry in Path().iterdir()) == ["out.h5", "whole.h5"]


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_gone_on_with(slow_run):
    path = Path("out.h5")
    for number in range(40):
        process = slow_run("out.h5")
        try:
            process.wait(0.5 + 0.05 * number)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        else:
            break
    assert number > 0
    assert path.exists(), process.communicate()
    slow_run("whole.h5").communicate(timeout=60)
    assert without_date(path) == without_date(Path("whole.h5"))


@pytest.mark.slow
def test_a_layer_larger_than_memory_stays_within_it(toy):
    granted, layer = 350 * 10**6, 80 * 1_200_000 * 4
    process = run_python(
        "from itbench import ExtractionSettings, load_plugins\n"
        "from itbench.extraction.activations import extract_activations\n"
        f"settings, odd = ExtractionSettings(memory={granted}), load_plugins([{str(ODD_MODELS)!r}])\n"
        f"extract_activations('wide', {str(toy)!r}, 'wide.h5', settings=settings, registry=odd)\n"
        "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    )
    assert process.returncode == 0, process.stderr
    with h5py.File("wide.h5") as file:
        assert file["x"].nbytes == layer
        np.testing.assert_array_equal(file["x"][79, :60], file["x"][79, -60:])
    assert int(process.stdout) * 1024 < granted < layer


@pytest.mark.parametrize(("memory", "batch_size"), [(10**7, None), (2 * 10**9, 80)])
def test_too_little_memory_is_refused_before_work(memory, batch_size, toy):
    settings = ExtractionSettings(memory=memory, batch_size=batch_size)  # 80 images take 3 GB
    with pytest.raises(NoSpace, match=r"GB of memory are too little"):
        extract_activations("wide", toy, "out.h5", settings=settings, registry=load_plugins([ODD_MODELS]))
    assert list(Path().iterdir()) == []


def test_too_little_disk_is_refused_before_work():
    path, shapes, said = Path("out.h5"), {"x": (10**15,)}, r"80000000000\.\d MB are needed"
    with pytest.raises(NoSpace, match=said), partial_file(path, IDS, shapes, {}, {}):
        pass
    assert list(Path().iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root mounts a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_keeps_what_is_done(small_disk):
    path, shapes = small_disk / "out.h5", {"x": (25_000,)}
    values = np.random.default_rng(0).standard_normal((20, 25_000)).astype(np.float32)  # 2 MB
    with partial_file(path, IDS, shapes, {}, {}) as file:
        file.put(slice(0, 10), {"x": values[:10]})
        file.save_progress()
    said = r"(?s)No space left in .*disk.* 10 of 20 images are kept.*run the same command again"
    with pytest.raises(NoSpace, match=said):
        put_on_a_disk_that_fills_up(path, shapes, values[10:])
    (small_disk / "other").unlink()
    with partial_file(path, IDS, shapes, {}, {}) as file:
        assert file.progress.done == 10
        file.put(slice(10, 20), {"x": values[10:]})
        file.finish()
    with h5py.File(path) as written:
        np.testing.assert_array_equal(written["x"][:], values)
        assert written["x"].attrs["crc32"] == zlib.crc32(values)


def put_on_a_disk_that_fills_up(path, shapes, values):
    with partial_file(path, IDS, shapes, {}, {}) as file:
        (path.parent / "other").write_bytes(b"0" * 2_500_000)
        file.put(slice(10, 20), {"x": values})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"layers": ["y"]}, "layers"),
        ({"images": "photos"}, "stimuli"),
        ({"model": "toy-net", "layers": ["first"]}, "architecture, .*layers, .*weights"),
    ],
)
def test_what_was_begun_with_other_settings_is_not_gone_on_with(changed, named, toy, monkeypatch):
    photos = write_images(Path("photos"), PIXELS)
    how = {"model": "slow", "images": toy, "layers": ["x"], "weights": "random", "registry": load_plugins([ODD_MODELS])}
    monkeypatch.setenv("FAILS_AT", str(toy_recordings().stimuli.images[45].sum()))
    with pytest.raises(RuntimeError, match="out of memory"):
        extract_activations(**how, output="out.h5", settings=ExtractionSettings(batch_size=8))
    monkeypatch.delenv("FAILS_AT")
    begun = partial_path(Path("out.h5")).read_bytes()
    with pytest.raises(BadOption, match=rf"out\.h5\.partial was started with other .*{named}") as refused:
        extract_activations(**{**how, **changed}, output="out.h5")
    assert "holds the activations of 40 images" in refused.value.known
    assert "--restart" in refused.value.todo
    assert partial_path(Path("out.h5")).read_bytes() == begun
    path = extract_activations(**{**how, **changed}, output="out.h5", restart=True)
    assert set(path.parent.iterdir()) == {path, photos}


def test_a_run_that_fails_at_once_leaves_nothing(toy, monkeypatch):
    monkeypatch.setenv("FAILS_AT", str(toy_recordings().stimuli.images[3].sum()))
    with pytest.raises(RuntimeError, match="out of memory"):
        extracted("slow", toy, "x", batch_size=8)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("what", ["notes", "file"])
def test_what_cannot_be_gone_on_with_is_named(what):
    path, shapes = Path("out.h5"), {"x": (3,)}
    with partial_file(path, IDS, shapes, {}, {}) as file:
        file.put(slice(0, 10), {"x": np.ones((10, 3), np.float32)})
        file.save_progress()
    damaged = progress_path(path) if what == "notes" else partial_path(path)
    damaged.write_bytes(damaged.read_bytes()[:30])
    with (
        pytest.raises(DamagedFile, match=r"out\.h5\.partial cannot be resumed: .*\n.*--restart"),
        partial_file(path, IDS, shapes, {}, {}),
    ):
        pass


def test_a_file_that_is_there_is_kept_unless_it_is_to_be_replaced(toy):
    Path("out.h5").write_text("dear to me")
    with pytest.raises(BadOption, match=r"There is a file out\.h5 already") as refused:
        extract_activations("toy", toy, "out.h5")
    assert "--replace" in refused.value.todo
    assert Path("out.h5").read_text() == "dear to me"
    with pytest.raises(UnknownName):
        extract_activations("toy", toy, "out.h5", layers=["god"], replace=True)
    assert Path("out.h5").read_text() == "dear to me"
    assert extracted("toy", toy, replace=True)["good"].shape == (80, 20)


def test_two_processes_do_not_write_one_file(toy):
    with (
        locked(Path("out.h5.lock"), "out.h5 is being written"),
        pytest.raises(ItbenchError, match=rf"out\.h5 is being written by process {os.getpid()} .* already"),
    ):
        extract_activations("toy", toy, "out.h5")


def test_a_file_is_not_gone_on_with_by_a_model_that_computes_something_else(toy, monkeypatch):
    compute = FunctionModel.activations

    def failing(self, batch, layers):
        if np.array_equal(batch[0], toy_recordings().stimuli.images[40]):
            raise RuntimeError("out of memory")
        return compute(self, batch, layers)

    def larger(self, batch, layers):
        return {layer: 1.01 * values for layer, values in compute(self, batch, layers).items()}

    monkeypatch.setattr(FunctionModel, "activations", failing)
    with pytest.raises(RuntimeError):
        extracted("slashes", toy, "a", batch_size=4)
    monkeypatch.setattr(FunctionModel, "activations", larger)
    with pytest.raises(BadOption, match="started with another model: it has other activations in layer 'a'"):
        extracted("slashes", toy, "a", batch_size=4)
    restarted = extracted("slashes", toy, "a", batch_size=4, restart=True)["a"]
    images = toy_recordings().stimuli.images
    np.testing.assert_allclose(restarted, 1.01 * images.reshape(len(images), -1)[:, :60] / 255, rtol=1e-6)
