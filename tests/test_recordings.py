"""The file of recordings: what goes in comes out, and what is damaged is never read as good."""

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
import xarray as xr

from itbench.errors import BadRecordings, DamagedFile, NoSpace
from itbench.files import whole_file
from itbench.recordings import Recordings, read_recordings, write_recordings
from itbench.responses import make_responses
from itbench.stimuli import StimulusSet
from tests.conftest import run, run_python, toy_recordings

CATEGORIES = ["cat", "dög", "", "car", "cat", "cat"]


def recordings(values=None, metadata=None, sites=None, about=None, pictures=None):
    """Six pictures of 4 × 5 pixels, three sites, two repetitions, of which some are missing."""
    if values is None:
        values = np.random.default_rng(0).standard_normal((2, 6, 3))
        values[1, 2, 0] = values[:, 4, 1] = np.nan
    if pictures is None:
        pictures = np.random.default_rng(1).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    ids = tuple(f"bild ä {number}" for number in range(6))
    metadata = {"category": np.array(CATEGORIES, dtype=object)} if metadata is None else metadata
    return Recordings(
        "mine", StimulusSet(ids, pictures, metadata), make_responses(values, ids, sites=sites), about or {}
    )


@pytest.fixture
def path(home):
    return home / "data" / "mine.h5"


def test_everything_that_is_written_is_read(path):
    metadata = {
        "category": np.array(CATEGORIES, dtype=object),
        "size": np.array([0.1, np.nan, 3, 4, 5, 6]),
        "block": np.arange(6),
    }
    sites = {"site": ["a1", "a2", "b1"], "array": ["a", "a", "b"], "depth": [0.5, 1.5, np.nan], "animal": [1, 1, 2]}
    about = {"region": "V4", "window": [50.0, 150.0], "images": "grün.zip", "day": None}
    written = recordings(metadata=metadata, sites=sites, about=about)
    write_recordings(written, path)
    read = read_recordings(path)
    assert read.name == "mine"
    assert read.about == {"region": "V4", "window": [50.0, 150.0], "images": "grün.zip"}
    assert read.stimuli.ids == written.stimuli.ids
    np.testing.assert_array_equal(read.stimuli.pictures[:], written.stimuli.pictures)
    assert read.stimuli.pictures.dtype == np.uint8
    assert read.stimuli.metadata.keys() == metadata.keys()
    for key, column in metadata.items():
        np.testing.assert_array_equal(read.stimuli.metadata[key], column)
    np.testing.assert_array_equal(read.responses.values, written.responses.values)
    assert read.responses.dims == ("repetition", "stimulus", "site")
    assert tuple(read.responses["stimulus"].values) == written.stimuli.ids
    for key, column in sites.items():
        np.testing.assert_array_equal(read.responses[key].values, column)


@pytest.mark.parametrize("kind", ["float32", "float64", "int16"])
def test_responses_keep_their_type(path, kind):
    values = np.arange(36).reshape(2, 6, 3).astype(kind)
    write_recordings(recordings(values), path)
    read = read_recordings(path).responses
    assert read.dtype == kind
    np.testing.assert_array_equal(read.values, values)


def test_the_order_of_the_axes_does_not_matter(path):
    given = recordings()
    turned = Recordings("mine", given.stimuli, given.responses.transpose("site", "repetition", "stimulus"))
    write_recordings(turned, path)
    np.testing.assert_array_equal(read_recordings(path).responses.values, given.responses.values)


def test_plain_hdf5_opens_the_file(path):
    given = recordings()
    write_recordings(given, path)
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["pictures"][:], given.stimuli.pictures)
        np.testing.assert_array_equal(file["responses"][:], given.responses.values)
        assert file["category"].asstr()[:].tolist() == CATEGORIES


def test_xarray_opens_the_file(path):
    given = recordings(sites={"depth": [1.0, 2.0, 3.0]})
    write_recordings(given, path)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        assert dataset["pictures"].dims == ("stimulus", "picture_y", "picture_x", "channel")
        assert dataset["responses"].dims == ("repetition", "stimulus", "site")
        np.testing.assert_array_equal(dataset["pictures"].values, given.stimuli.pictures)
        np.testing.assert_array_equal(dataset["responses"].values, given.responses.values)
        assert tuple(dataset["stimulus"].values) == given.stimuli.ids
        assert dataset["depth"].dims == ("site",)


def test_digests_tell_pictures_and_responses_apart(path):
    def digests(**changes):
        write_recordings(recordings(**changes), path)
        return read_recordings(path).digests

    plain, other = digests(), np.random.default_rng(2)
    assert digests() == plain
    pictures = digests(pictures=other.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8))
    responses = digests(values=other.standard_normal((2, 6, 3)))
    metadata = digests(metadata={"category": np.array(["x"] * 6, dtype=object)})
    assert [key for key in plain if pictures[key] != plain[key]] == ["stimuli", "content"]
    assert [key for key in plain if responses[key] != plain[key]] == ["responses", "content"]
    assert [key for key in plain if metadata[key] != plain[key]] == ["content"]


# ---- damage


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


@pytest.mark.parametrize("variable", ["pictures", "responses"])
def test_a_flipped_byte_is_damage_wherever_it_is(path, variable):
    write_recordings(recordings(), path)
    whole = path.read_bytes()
    where = offsets(path, variable)
    assert len(where) == {"pictures": 6 * 4 * 5 * 3, "responses": 2 * 6 * 3 * 8}[variable]
    for at in where[::3]:
        altered = bytearray(whole)
        altered[at] ^= 1
        path.write_bytes(altered)
        with pytest.raises(DamagedFile):
            read_recordings(path)


def test_a_byte_flipped_anywhere_is_damage_or_of_no_consequence(path):
    given = recordings(about={"region": "V4"})
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
        assert read.name == "mine"
        assert read.about == {"region": "V4"}
        assert read.stimuli.ids == given.stimuli.ids
        assert read.stimuli.metadata["category"].tolist() == CATEGORIES
        np.testing.assert_array_equal(read.stimuli.pictures[:], given.stimuli.pictures)
        np.testing.assert_array_equal(read.responses.values, given.responses.values)
    assert damaged > 0


@pytest.mark.parametrize("attribute", ["name", "about", "stimuli", "responses", "content"])
def test_an_altered_attribute_is_damage(path, attribute):
    write_recordings(recordings(), path)
    with h5py.File(path, "r+") as file:
        file.attrs[attribute] = '{"region": "IT"}'
    with pytest.raises(DamagedFile):
        read_recordings(path)


@pytest.mark.parametrize("variable", ["category", "stimulus", "site"])
def test_altered_coordinates_are_damage(path, variable):
    write_recordings(recordings(), path)
    with h5py.File(path, "r+") as file:
        file[variable][0] = "other"
    with pytest.raises(DamagedFile):
        read_recordings(path)


@pytest.mark.parametrize("variable", ["pictures", "responses", "stimulus", "site"])
def test_a_missing_variable_is_damage(path, variable):
    write_recordings(recordings(), path)
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
    with pytest.raises(BadRecordings, match=r"mine\.h5 is not a file of recordings"):
        read_recordings(path)


def test_a_file_that_is_not_there_is_named(path):
    with pytest.raises(BadRecordings, match=r"No file of recordings .*mine\.h5"):
        read_recordings(path)


# ---- what is refused, and leaves no file


def values_with(value, where):
    values = np.random.default_rng(0).standard_normal((2, 6, 3))
    values[where] = value
    return values


EVERYWHERE = (slice(None), slice(None), 1)
COLUMN = np.arange(6)
REFUSED = {
    "a site of NaN only": ({"values": values_with(np.nan, EVERYWHERE)}, r"1 of 3 sites hold no number.*site001"),
    "an infinite response": ({"values": values_with(-np.inf, (0, 3, 2))}, r"Infinite responses at 1 of 3.*site002"),
    "equal pictures": (
        {"pictures": np.full((6, 4, 5, 3), 9, np.uint8)},
        r"5 pictures occur twice: bild ä 0 = bild ä 1",
    ),
    "too few responses": ({"values": np.ones((2, 5, 3))}, "5 stimuli|conflicting|does not match"),
    "stimulus coordinate 'site'": ({"metadata": {"site": COLUMN}}, "cannot be called 'site'"),
    "stimulus coordinate 'pictures'": ({"metadata": {"pictures": COLUMN}}, "cannot be called 'pictures'"),
    "stimulus coordinate 'channel'": ({"metadata": {"channel": COLUMN}}, "cannot be called 'channel'"),
    "stimulus coordinate without name": ({"metadata": {"": COLUMN}}, "cannot be called ''"),
    "stimulus coordinate with a slash": ({"metadata": {"a/b": COLUMN}}, "cannot be called 'a/b'"),
    "site coordinate 'responses'": ({"sites": {"responses": [1, 2, 3]}}, "cannot be called 'responses'"),
    "one name for both": ({"metadata": {"x": COLUMN}, "sites": {"x": [1, 2, 3]}}, "both have a coordinate called x"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_scored_is_refused_and_leaves_no_file(path, case):
    changes, message = REFUSED[case]
    with pytest.raises((BadRecordings, ValueError), match=message):
        write_recordings(recordings(**changes), path)
    assert not path.parent.exists() or list(path.parent.iterdir()) == []


def test_responses_of_other_dimensions_are_refused():
    given = recordings()
    with pytest.raises(BadRecordings, match="dimensions repetition, stimulus, site, time, not repetition"):
        Recordings("mine", given.stimuli, given.responses.expand_dims("time", 3))


def test_a_refused_file_leaves_the_former_one(path):
    write_recordings(recordings(), path)
    before = path.read_bytes()
    with pytest.raises(BadRecordings):
        write_recordings(recordings(pictures=np.zeros((6, 4, 5, 3), np.uint8)), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# ---- what may happen while writing

SLOW_WRITER = """
import sys, time
from pathlib import Path
from itbench.recordings import Recordings, write_recordings
from itbench.stimuli import StimulusSet
from tests.conftest import toy_recordings

class Slow:
    def __init__(self, pictures): self.pictures, self.shape, self.reads = pictures, pictures.shape, 0
    def __getitem__(self, rows):
        self.reads += 1
        if self.reads == 2:
            print("half way", flush=True)
            time.sleep(60)
        return self.pictures[rows]

given = toy_recordings(n=128)
stimuli = StimulusSet(given.stimuli.ids, Slow(given.stimuli.pictures))
write_recordings(Recordings("mine", stimuli, given.responses), Path(sys.argv[1]))
"""


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
    write_recordings(recordings(), path)
    assert read_recordings(path).name == "mine"


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


@pytest.mark.parametrize("size", ["4k", "512k", "2400k"])
def test_a_full_disk_is_said_and_leaves_nothing(small_disk, size, pytestconfig):
    disk = small_disk(size)
    code = (
        "from pathlib import Path\nfrom itbench.errors import NoSpace\n"
        "from itbench.recordings import write_recordings\nfrom tests.conftest import toy_recordings\n"
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
