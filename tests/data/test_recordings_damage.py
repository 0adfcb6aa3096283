"""Recordings that are damaged, or whose writing was cut short, are never read as good."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.errors import BadRecordings, DamagedFile, NoSpace
from itbench.util.files import whole_file
from tests.kit.commands import run, run_python
from tests.kit.toy import toy_recordings


@pytest.fixture
def path(home):
    return home / "data" / "mine.h5"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_damaged(path, share):
    write_recordings(toy_recordings(n=40), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DamagedFile, match=r"mine\.h5 are truncated or were altered; they are not used"):
        read_recordings(path)


def offsets(path, variable):
    """Return where the bytes of a variable lie in the file."""
    with h5py.File(path, "r") as file:
        data = file[variable].id
        if data.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS:
            return list(range(data.get_offset(), data.get_offset() + data.get_storage_size()))
        chunks = [data.get_chunk_info(index) for index in range(data.get_num_chunks())]
        return [at for chunk in chunks for at in range(chunk.byte_offset, chunk.byte_offset + chunk.size)]


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["pictures", "responses"])
def test_a_flipped_byte_is_damage_wherever_it_is(path, variable):
    write_recordings(toy_recordings(n=10), path)
    whole = path.read_bytes()
    where = offsets(path, variable)
    assert len(where) == {"pictures": 10 * 8 * 8 * 3, "responses": 4 * 10 * 5 * 8}[variable]
    for at in where[::7]:
        altered = bytearray(whole)
        altered[at] ^= 1
        path.write_bytes(altered)
        with pytest.raises(DamagedFile):
            read_recordings(path)


@pytest.mark.slow
def test_a_byte_flipped_anywhere_is_damage_or_of_no_consequence(path):
    given = toy_recordings(n=10)
    write_recordings(given, path)
    whole, damaged = path.read_bytes(), 0
    for at in np.random.default_rng(0).integers(0, len(whole), 200):
        altered = bytearray(whole)
        altered[at] ^= 0x55
        path.write_bytes(altered)
        try:
            read = read_recordings(path)
        except (DamagedFile, BadRecordings):
            damaged += 1
            continue
        assert read.name == "toy"
        assert read.about == {"region": "V4"}
        assert read.stimuli.ids == given.stimuli.ids
        assert read.stimuli.metadata["category"].tolist() == ["cat", "dog"] * 5
        np.testing.assert_array_equal(read.stimuli.images[:], given.stimuli.images)
        np.testing.assert_array_equal(read.responses.values, given.responses.values)
    assert damaged > 0


@pytest.mark.parametrize("attribute", ["name", "about", "stimuli", "responses", "content"])
def test_an_altered_attribute_is_damage(path, attribute):
    write_recordings(toy_recordings(n=10), path)
    with h5py.File(path, "r+") as file:
        file.attrs[attribute] = '{"region": "IT"}'
    with pytest.raises(DamagedFile):
        read_recordings(path)


@pytest.mark.parametrize("variable", ["category", "stimulus", "site"])
def test_altered_coordinates_are_damage(path, variable):
    write_recordings(toy_recordings(n=10), path)
    with h5py.File(path, "r+") as file:
        file[variable][0] = "other"
    with pytest.raises(DamagedFile):
        read_recordings(path)


@pytest.mark.parametrize("variable", ["pictures", "responses", "stimulus", "site"])
def test_a_missing_variable_is_damage(path, variable):
    write_recordings(toy_recordings(n=10), path)
    with h5py.File(path, "r+") as file:
        del file[variable]
    with pytest.raises(DamagedFile):
        read_recordings(path)


def test_a_damaged_file_is_not_scored(toy, home):
    path = home / "data" / "toy.h5"
    at = offsets(path, "pictures")[1000]
    altered = bytearray(path.read_bytes())
    altered[at] ^= 0x80
    path.write_bytes(altered)
    done = run("score", "-m", "toy", "-b", toy)
    assert done.exit_code == 1
    assert "toy.h5 are truncated or were altered; they are not used." in done.stderr
    assert "itbench data pack toy" in done.stderr
    assert "Traceback" not in done.output


def test_another_hdf5_file_is_no_recordings(path):
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file["responses"] = np.ones(3)
    with pytest.raises(BadRecordings, match=r"mine\.h5 is not a file of recordings: it is another HDF5"):
        read_recordings(path)


def test_a_file_that_is_not_there_is_named(path):
    with pytest.raises(BadRecordings, match=r"No file of recordings .*mine\.h5"):
        read_recordings(path)


# ---- while writing

SLOW_WRITER = """
import sys, time
from pathlib import Path
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import write_recordings
from itbench.data.stimuli import StimulusSet
from tests.kit.toy import toy_recordings

class Slow:
    def __init__(self, images): self.images, self.shape, self.reads = images, images.shape, 0
    def __getitem__(self, rows):
        self.reads += 1
        if self.reads == 2:
            print("half way", flush=True)
            time.sleep(60)
        return self.images[rows]

given = toy_recordings(n=128)
stimuli = StimulusSet(given.stimuli.ids, Slow(given.stimuli.images))
write_recordings(Recordings("mine", stimuli, given.responses), Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_no_file_of_that_name(path, pytestconfig):
    environment = {**os.environ, "PYTHONPATH": str(pytestconfig.rootpath)}
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_WRITER, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as writer:
        assert writer.stdout.readline() == "half way\n"
        assert list(path.parent.iterdir()) != []  # it was writing
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    assert not path.exists()
    assert "mine" not in run("data", "list").stdout
    write_recordings(toy_recordings(n=10), path)
    assert read_recordings(path).name == "toy"


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a disk of some size."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        return place

    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    yield mount
    for _ in range(50):
        if not place.is_mount() or subprocess.run(["umount", place], capture_output=True).returncode == 0:
            break
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["4k", "512k", "2400k"])
def test_a_full_disk_is_said_and_leaves_nothing(small_disk, size, pytestconfig):
    disk = small_disk(size)
    code = (
        "from pathlib import Path\nfrom itbench.errors import NoSpace\n"
        "from itbench.data.recordings_file import write_recordings\nfrom tests.kit.toy import toy_recordings\n"
        f"try: write_recordings(toy_recordings(n=3000, sites=20), Path({str(disk / 'toy.h5')!r}))\n"
        "except NoSpace as error: print(error)\n"
    )
    done = run_python(code, PYTHONPATH=str(pytestconfig.rootpath))
    assert done.stdout.startswith(f"No space left in {disk}."), done.stderr
    assert (done.returncode, done.stderr) == (0, "")
    assert list(Path(disk).iterdir()) == []


FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),
    RuntimeError("Can't decrement id ref count (unable to close file, errno = 28, error message = 'No space left')"),
]


@pytest.mark.parametrize("error", FULL, ids=repr)
def test_a_disk_that_fills_up_is_said_however_hdf5_says_it(path, error):
    with pytest.raises(NoSpace, match=f"No space left in {path.parent}"), whole_file(path):
        raise error
    assert list(path.parent.iterdir()) == []


def test_other_errors_pass(path):
    with pytest.raises(RuntimeError, match="another"), whole_file(path):
        raise RuntimeError("another")
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"1,2,3", "text"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"<html>", "a web page"),
    ],
)
def test_a_file_that_never_held_recordings_is_not_to_be_removed(content, kind, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(BadRecordings, match=rf"mine\.h5 is not a file of recordings: it is {kind}") as refused:
        read_recordings(path)
    assert "emove" not in str(refused.value)
