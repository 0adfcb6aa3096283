"""The course's file: what it holds comes out, its images as they were, and what departs from its form is refused."""

import h5py
import numpy as np
import pytest

from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.errors import BadRecordings, DamagedFile
from itbench.util.progress import SilentReporter
from plugins.datasets.majaj_course.course_file import CATEGORY_OF, read_course_file
from tests.kit.commands import run_python
from tools.majaj_files import MEAN, STD, Experiment, write_course_file

MADE = Experiment()
PARTS = ["train"] * 12 + ["val"] * 4 + ["test"] * 4
ORIGINAL = np.stack([MADE.image(row) for row in MADE.shuffled])


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "IT_data.h5"
    write_course_file(file, MADE)
    return file


def read(path):
    return read_course_file(path, SilentReporter())


def change(path, key, value):
    """Put another dataset, or none, in the place of one."""
    with h5py.File(path, "r+") as file:
        value = value(file[key][:]) if callable(value) else value
        del file[key]
        if value is not None:
            file[key] = value


# ---- what comes out


def test_stimuli_are_those_of_the_three_parts_in_order(path):
    recordings = read(path)
    metadata = recordings.stimuli.metadata
    assert recordings.name == "majaj-it"
    assert recordings.stimuli.ids[::6] == ("train-0000", "train-0006", "val-000", "test-002")
    assert metadata["part"].tolist() == PARTS
    assert metadata["split"].tolist() == ["train"] * 12 + ["test"] * 4 + ["unrecorded"] * 4
    assert metadata["object"].tolist() == [MADE.objects[row] for row in MADE.shuffled]
    assert metadata["category"].tolist() == [CATEGORY_OF[MADE.objects[row]] for row in MADE.shuffled]


def test_responses_are_the_means_and_missing_where_none_were_recorded(path):
    responses = read(path).responses
    assert responses.shape == (1, 20, 6)
    assert responses.dtype == np.float32
    means = [MADE.responses(row)[:, MADE.course_sites].mean(axis=0) for row in MADE.shuffled[:16]]
    np.testing.assert_array_equal(responses.values[0, :16], means)
    assert np.isnan(responses.values[0, 16:]).all()


def test_it_says_what_it_is(path):
    about = read(path).about
    assert (about["region"], about["window"]) == ("IT", [70.0, 170.0])
    assert about["counts"] == "12 train, 4 val, 4 test; those of test without responses"
    assert about["ids"].startswith("made up")
    assert about["unknown_objects"] is None


def test_there_are_8_categories_of_8_objects():
    categories, counts = np.unique(list(CATEGORY_OF.values()), return_counts=True)
    assert categories.tolist() == ["Animals", "Boats", "Cars", "Chairs", "Faces", "Fruits", "Planes", "Tables"]
    assert set(counts) == {8}


def test_an_unknown_object_leaves_the_category_out(path):
    change(path, "object_val", np.array([b"bear", b"caf\xe9", b"bear", b"zebra"]))
    recordings = read(path)
    assert "category" not in recordings.stimuli.metadata
    assert recordings.stimuli.metadata["object"][12:16].tolist() == ["bear", "café", "bear", "zebra"]
    assert recordings.about["unknown_objects"] == "café, zebra"


def test_names_of_variable_length_are_read(path):
    change(path, "object_val", np.array([b"bear"] * 4, dtype=object))
    assert read(path).stimuli.metadata["object"][12:16].tolist() == ["bear"] * 4


# ---- images

STORAGE = {
    "contiguous": {},
    "gzip": {"chunks": True, "compression": "gzip"},
    "a chunk an image": {"chunks": (1, 3, 16, 16), "compression": "gzip"},
    "chunks across images": {"chunks": (3, 1, 5, 7), "compression": "gzip", "shuffle": True},
}


@pytest.mark.parametrize("storage", STORAGE)
def test_images_come_out_as_they_were_however_they_are_stored(path, home, storage):
    write_course_file(path, MADE, **STORAGE[storage])
    recordings = read(path)
    assert recordings.about["pictures"].startswith("uint8, exact: no value was farther than ")
    write_recordings(recordings, home / "data" / "majaj-it.h5")
    stored = read_recordings(home / "data" / "majaj-it.h5").stimuli.images
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored[:], ORIGINAL)


@pytest.mark.parametrize("rows", [(0, 1), (3, 9), (10, 14), (11, 18), (0, 20), (19, 64)])
def test_a_slice_reads_across_the_parts(path, rows):
    np.testing.assert_array_equal(read(path).stimuli.images[slice(*rows)], ORIGINAL[slice(*rows)])


ALL_VALUES = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3).transpose(0, 3, 1, 2)
ARITHMETIC = {
    "float32": lambda p: (p.astype("f4") / np.float32(255) - MEAN) / STD,
    "float32, times the reciprocals": lambda p: (p * np.float32(1 / 255) - MEAN) * (1 / STD),
    "float32, one product": lambda p: p * (1 / (255 * STD)) - MEAN / STD,
    "float64": lambda p: (p / 255 - MEAN.astype("f8").round(3)) / STD.astype("f8").round(3),
    "float64, stored as float32": lambda p: ((p / 255 - MEAN.astype("f8")) / STD.astype("f8")).astype("f4"),
    "float32, stored as float64": lambda p: ((p.astype("f4") / 255 - MEAN) / STD).astype("f8"),
}


@pytest.mark.parametrize("how", ARITHMETIC)
def test_all_256_values_are_found_again_however_they_were_normalised(path, how):
    change(path, "stimulus_val", ARITHMETIC[how](ALL_VALUES.repeat(4, axis=0)))
    recordings = read(path)
    assert recordings.about["pictures"].startswith("uint8, exact")
    np.testing.assert_array_equal(recordings.stimuli.images[12:13], ALL_VALUES.transpose(0, 2, 3, 1))


@pytest.mark.parametrize(("part", "first"), [("train", 0), ("val", 12), ("test", 16)])
def test_one_value_off_keeps_all_as_floats_unrounded(path, home, part, first):
    with h5py.File(path, "r+") as file:
        file[f"stimulus_{part}"][2, 1, 3, 4] += 0.25 / 255 / STD[1, 0, 0]
    recordings = read(path)
    expected = ORIGINAL.astype(np.float32)
    expected[first + 2, 3, 4, 1] += 0.25
    write_recordings(recordings, home / "data" / "majaj-it.h5")
    stored = read_recordings(home / "data" / "majaj-it.h5").stimuli.images
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored[:], np.clip(expected, 0, 255), atol=1e-4)
    assert recordings.about["pictures"].startswith("float32, not rounded: values are up to 0.250 from a whole number")


def test_what_overshoots_is_clipped_and_said(path):
    with h5py.File(path, "r+") as file:
        file["stimulus_val"][0, 0, 0, 0] = (-12.5 / 255 - MEAN[0, 0, 0]) / STD[0, 0, 0]
        file["stimulus_val"][0, 1, 0, 0] = (260.25 / 255 - MEAN[1, 0, 0]) / STD[1, 0, 0]
    recordings = read(path)
    assert recordings.stimuli.images[12:13][0, 0, 0, :2].tolist() == [0.0, 255.0]
    assert recordings.about["pictures"].endswith("0.500 from a whole number; clipped from -12.50…260.25")


def test_whole_numbers_beyond_255_are_no_uint8(path):
    with h5py.File(path, "r+") as file:
        file["stimulus_val"][0, 1, 0, 0] = (260 / 255 - MEAN[1, 0, 0]) / STD[1, 0, 0]
    assert read(path).stimuli.images[12:13].dtype == np.float32


@pytest.mark.slow
def test_many_images_are_imported_in_little_memory(tmp_path, pytestconfig):
    path, n = tmp_path / "IT_data.h5", {"train": 1200, "val": 200, "test": 100}
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for part, count in n.items():
            images = rng.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8)
            file[f"stimulus_{part}"] = (images.astype(np.float32) / 255 - MEAN) / STD
            file[f"object_{part}"] = np.array([b"bear"] * count)
            if part != "test":
                file[f"spikes_{part}"] = rng.random((count, 3))
    code = (
        "from pathlib import Path\nfrom plugins.datasets.majaj_course.course_file import read_course_file\n"
        "from itbench.util.progress import SilentReporter\nfrom itbench.data.recordings_file import write_recordings\n"
        "peak = lambda: int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])\n"
        "before = peak()\n"
        f"course = read_course_file(Path({str(path)!r}), SilentReporter())\n"
        f"write_recordings(course, Path({str(tmp_path / 'packed.h5')!r}))\n"
        "print(1024 * (peak() - before))\n"
    )
    done = run_python(code, PYTHONPATH=str(pytestconfig.rootpath))
    assert int(done.stdout) < path.stat().st_size / 2, done.stderr  # 166 MB, in float64 twice that


# ---- what is refused

PLAIN = np.zeros((4, 3, 16, 16), np.float32)
REFUSED = {
    "a missing key": ("spikes_val", None, r"IT_data.h5 lacks spikes_val\.\nIt holds: object_test, .*stimulus_val\."),
    "too few objects": ("object_val", np.array([b"bear"] * 3), r"object_val has the shape \(3,\), but there are 4"),
    "objects as numbers": ("object_val", np.arange(4), "object_val is of type int64, not bytes"),
    "too few responses": ("spikes_val", np.ones((3, 6)), r"spikes_val has the shape \(3, 6\).*\n.*for 4 images"),
    "other sites": ("spikes_val", np.ones((4, 5)), r"spikes_val has the shape \(4, 5\).*\n.*the same sites"),
    "no sites": ("spikes_train", np.ones((12, 0)), r"spikes_train has the shape \(12, 0\)"),
    "responses of one dimension": ("spikes_train", np.ones(12), r"spikes_train has the shape \(12,\)"),
    "responses as text": ("spikes_val", np.full((4, 6), b"1"), r"spikes_val is of type \|S1, not numbers"),
    "a missing response": ("spikes_val", np.full((4, 6), np.nan), "spikes_val holds 24 values that are no numbers"),
    "one colour": ("stimulus_val", PLAIN[:, :1], r"stimulus_val has the shape \(4, 1, 16, 16\)"),
    "colours last": ("stimulus_train", np.zeros((12, 16, 16, 3), "f4"), r"stimulus_train has the shape \(12, 16, 16"),
    "another size": ("stimulus_test", PLAIN[..., :8], r"stimulus_test has the shape \(4, 3, 16, 8\).*\n.*one size"),
    "no images": ("stimulus_test", PLAIN[:0], r"stimulus_test has the shape \(0, 3, 16, 16\)"),
    "images in bytes": ("stimulus_test", PLAIN.astype("u1"), "stimulus_test is of type uint8, not float32"),
    "half precision": ("stimulus_test", PLAIN.astype("f2"), "stimulus_test is of type float16, not float32"),
    "a pixel that is none": ("stimulus_test", PLAIN * np.nan, "stimulus_test holds values that are no numbers"),
    "images in 0…255": ("stimulus_test", PLAIN + 200, "are not normalised with ImageNet's"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_departs_from_the_form_is_refused_by_name(path, case):
    key, value, message = REFUSED[case]
    change(path, key, value)
    with pytest.raises(BadRecordings, match=message):
        read(path)


def test_images_that_were_never_normalised_are_refused(path):
    for part in ("train", "val", "test"):
        change(path, f"stimulus_{part}", lambda values: (values - values.min()) / np.ptp(values))
    with pytest.raises(BadRecordings, match=r"Their lowest value is 0; undone, they would go from 1\d\d to 1\d\d,"):
        read(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_a_truncated_file_is_damaged(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DamagedFile, match=r"IT_data\.h5 cannot be read: it is truncated, altered or no HDF5 file"):
        read(path)


def test_a_damaged_chunk_is_damaged(path):
    write_course_file(path, MADE, chunks=(1, 3, 16, 16), compression="gzip")
    with h5py.File(path) as file:
        chunk = file["stimulus_val"].id.get_chunk_info(1)
    whole = bytearray(path.read_bytes())
    whole[chunk.byte_offset + 50 : chunk.byte_offset + 100] = bytes(50)
    path.write_bytes(whole)
    with pytest.raises(DamagedFile, match=r"IT_data\.h5 cannot be read"):
        read(path)


def test_a_page_of_the_web_is_no_recordings(path):
    path.write_text("<!DOCTYPE html><title>Quota exceeded</title>" + 1000 * " ")
    with pytest.raises(DamagedFile, match="no HDF5 file"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadRecordings, match=r"No file .*nothing\.h5"):
        read(tmp_path / "nothing.h5")
