"""The file of recordings: what goes in comes out, and what is damaged is never read as good."""

import math
from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from itbench.data.recordings import Recordings, describe_recordings
from itbench.data.recordings_file import array_blocks, read_recordings, write_recordings
from itbench.errors import BadRecordings, DamagedFile
from itbench.util.checksum import ArrayInBlocks, digest
from tests.kit.commands import run_python
from tests.kit.recordings import CATEGORIES, recordings

EARLIER = {"stimuli": "f3cc62c1", "responses": "57745004", "content": "99a054ea"}  # of the file below, in version 0.1


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
    np.testing.assert_array_equal(read.stimuli.images[:], written.stimuli.images)
    assert read.stimuli.images.dtype == np.uint8
    assert read.stimuli.metadata.keys() == metadata.keys()
    for key, column in metadata.items():
        np.testing.assert_array_equal(read.stimuli.metadata[key], column)
    np.testing.assert_array_equal(read.responses.values, written.responses.values)
    assert read.responses.dims == ("repetition", "stimulus", "site")
    assert tuple(read.responses["stimulus"].values) == written.stimuli.ids
    for key, column in sites.items():
        np.testing.assert_array_equal(read.responses[key].values, column)


def test_numbers_along_several_dimensions_are_kept_and_ordered_with_the_stimuli(path):
    expected, trial = np.arange(18.0).reshape(3, 6), np.arange(12).reshape(2, 6)
    mine = recordings()
    coords = {"expected": (("site", "stimulus"), expected), "trial": (("repetition", "stimulus"), trial)}
    responses = mine.responses.assign_coords(coords).isel(stimulus=[3, 4, 5, 0, 1, 2])
    write_recordings(replace(mine, responses=responses), path)
    read = read_recordings(path)
    assert read.array_coordinates().keys() == {"expected", "trial"}
    assert read.responses["expected"].dims == ("site", "stimulus")
    np.testing.assert_array_equal(read.responses["expected"].values, expected)
    np.testing.assert_array_equal(read.responses["trial"].values, trial)
    assert read.responses["trial"].dtype.kind == "i"
    assert describe_recordings(read)["array_coordinates"]["trial"] == "repetition × stimulus"
    np.testing.assert_array_equal(read.responses.values, mine.responses.values)
    write_recordings(replace(mine, responses=mine.responses.assign_coords(coords)), path)
    assert read_recordings(path).digests == read.digests
    with h5py.File(path, "r+") as file:
        file["expected"][0, 0] = 7.0
    with pytest.raises(DamagedFile, match="were altered"):
        read_recordings(path)


def test_an_array_cannot_have_the_name_of_a_column_of_the_stimuli():
    mine = recordings(metadata={"size": np.arange(6)})
    responses = mine.responses.assign_coords(size=(("stimulus", "site"), np.zeros((6, 3))))
    with pytest.raises(BadRecordings, match="both have a coordinate called size"):
        replace(mine, responses=responses)


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
        np.testing.assert_array_equal(file["pictures"][:], given.stimuli.images)
        np.testing.assert_array_equal(file["responses"][:], given.responses.values)
        assert file["category"].asstr()[:].tolist() == CATEGORIES


def test_xarray_opens_the_file(path):
    given = recordings(sites={"depth": [1.0, 2.0, 3.0]})
    write_recordings(given, path)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        assert dataset["pictures"].dims == ("stimulus", "picture_y", "picture_x", "channel")
        assert dataset["responses"].dims == ("repetition", "stimulus", "site")
        np.testing.assert_array_equal(dataset["pictures"].values, given.stimuli.images)
        np.testing.assert_array_equal(dataset["responses"].values, given.responses.values)
        assert tuple(dataset["stimulus"].values) == given.stimuli.ids
        assert dataset["depth"].dims == ("site",)


def test_digests_tell_images_and_responses_apart(path):
    def digests(**changes):
        write_recordings(recordings(**changes), path)
        return read_recordings(path).digests

    plain, other = digests(), np.random.default_rng(2)
    assert digests() == plain
    images = digests(images=other.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8))
    responses = digests(values=other.standard_normal((2, 6, 3)))
    metadata = digests(metadata={"category": np.array(["x"] * 6, dtype=object)})
    assert [key for key in plain if images[key] != plain[key]] == ["stimuli", "content"]
    assert [key for key in plain if responses[key] != plain[key]] == ["responses", "content"]
    assert [key for key in plain if metadata[key] != plain[key]] == ["content"]


def test_images_that_are_not_exact_to_8_bits_stay_floats(path):
    images = np.random.default_rng(1).uniform(0, 255, (6, 4, 5, 3)).astype(np.float32)
    write_recordings(recordings(images=images), path)
    read = read_recordings(path).stimuli.images
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read[:], images)


# ---- a block at a time


def test_the_digest_of_responses_is_that_of_the_whole_array(path):
    written = recordings()
    write_recordings(written, path)
    assert read_recordings(path).digests["responses"] == digest(written.responses.values)


def test_digests_are_those_of_earlier_versions(path):
    write_recordings(recordings(), path)
    assert {key: text[:8] for key, text in read_recordings(path).digests.items()} == EARLIER


@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    chunks=st.none() | st.lists(st.integers(1, 9), min_size=3, max_size=3),
    size=st.integers(1, 400),
)
def test_blocks_cover_everything_once_in_whole_chunks_of_bounded_size(shape, chunks, size):
    chunks = chunks and chunks[: len(shape)]
    count = np.zeros(shape, int)
    for where in array_blocks(shape, 4, chunks, size=size):
        count[where] += 1
        whole = [side.start % step == 0 for side, step in zip(where, chunks or [1] * len(shape), strict=True)]
        assert all(whole)
        assert count[where].size * 4 <= max(size, 4 * math.prod(chunks or [1]))
    assert (count == 1).all()


@given(shape=st.lists(st.integers(0, 7), min_size=1, max_size=3), size=st.integers(1, 400))
def test_an_array_in_blocks_has_the_digest_of_the_whole(shape, size):
    array = np.random.default_rng(0).random(shape)
    parts = ArrayInBlocks(array.dtype, array.shape, (array[where] for where in array_blocks(shape, 8, size=size)))
    assert digest(parts) == digest(array)


@pytest.mark.slow
def test_many_responses_are_written_and_checked_in_the_memory_of_a_block(path, pytestconfig):
    code = (
        "import sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from itbench.data.recordings import Recordings\n"
        "from itbench.data.recordings_file import read_recordings, write_recordings\n"
        "from itbench.data.responses import make_responses\nfrom itbench.data.stimuli import StimulusSet\n"
        "from tests.kit.recordings import recordings\n"
        "peak = lambda: int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) * 1024\n"
        "small = recordings()\nwrite_recordings(small, Path(sys.argv[1]))\n"  # what is imported late is imported
        "values = np.ones((2000, 6, 1000), np.float32)\nbefore = peak()\n"
        "large = Recordings('mine', small.stimuli, make_responses(values, small.stimuli.ids))\n"
        "write_recordings(large, Path(sys.argv[1]))\nwritten = peak()\n"
        "assert read_recordings(Path(sys.argv[1])).responses.nbytes == values.nbytes\n"
        "print((written - before) / values.nbytes, (peak() - written) / values.nbytes)\n"
    )
    done = run_python(f"import sys\nsys.argv[1:] = [{str(path)!r}]\n{code}", PYTHONPATH=str(pytestconfig.rootpath))
    writing, reading = map(float, done.stdout.split())
    assert writing < 0.75, done.stderr  # masks of what is missing, of 1 byte each
    assert reading < 1.25  # what is returned


# ---- what is refused, and leaves no file


def values_with(value, where):
    values = np.random.default_rng(0).standard_normal((2, 6, 3))
    values[where] = value
    return values


EVERYWHERE = (slice(None), slice(None), 1)
COLUMN = np.arange(6)
FLOATS = np.random.default_rng(1).random((6, 4, 5, 3), dtype=np.float32)
REFUSED = {
    "a site of NaN only": ({"values": values_with(np.nan, EVERYWHERE)}, r"1 of 3 sites hold no number.*site001"),
    "an infinite response": ({"values": values_with(-np.inf, (0, 3, 2))}, r"Infinite responses at 1 of 3.*site002"),
    "equal images": (
        {"images": np.full((6, 4, 5, 3), 9, np.uint8)},
        r"5 images occur twice: bild ä 0 = bild ä 1",
    ),
    "images of whole numbers": ({"images": np.arange(360).reshape(6, 4, 5, 3)}, "Images of type int64"),
    "images beyond 255": ({"images": FLOATS * 300}, r"Images go from .* to 299\.\d+, not within 0…255"),
    "images below 0": ({"images": FLOATS - 1}, r"Images go from -0\.9\d+ to .*, not within 0…255"),
    "a pixel that is no number": ({"images": FLOATS * np.float32(np.nan)}, "Images go from nan to nan"),
    "a coordinate too short": ({"metadata": {"x": np.arange(5)}}, r"'x' has the shape \(5,\), not \(6,\)"),
    "a coordinate of two dimensions": ({"metadata": {"x": np.ones((6, 2))}}, r"'x' has the shape \(6, 2\)"),
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
        write_recordings(recordings(images=np.zeros((6, 4, 5, 3), np.uint8)), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
