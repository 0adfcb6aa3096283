"""The public assembly: every repetition at its place, joined with its image; what does not fit is refused."""

import h5py
import numpy as np
import pytest

from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.plugins import load_plugins
from itbench.util.progress import SilentReporter
from plugins.datasets.majaj_course.course_file import CATEGORY_OF
from plugins.datasets.majajhong2015.assembly import read_assembly
from tests.kit.commands import run_python
from tools.majaj_files import POSE, Experiment, assembly, rewrite, rows_of, write_public, write_rows

MADE = Experiment()


@pytest.fixture
def public(tmp_path):
    return write_public(tmp_path / "public", MADE)


def read(public, region="IT"):
    return read_assembly(*public, region, SilentReporter())


def expected(region):
    """Return the responses (repetition, stimulus, site) that were made."""
    values = np.full((5, MADE.n, MADE.neuroids[region]), np.nan, np.float32)
    for row in range(MADE.n):
        made = MADE.responses(row)[:, MADE.regions == region]
        values[: len(made), row] = made
    return values


# ---- what comes out

STORAGE = {
    "contiguous": {},
    "compressed": {"zlib": True},
    "a chunk a neuroid": {"chunksizes": (1, 92, 1)},
    "a chunk a presentation": {"chunksizes": (10, 1, 1), "zlib": True},
    "chunks that divide nothing": {"chunksizes": (3, 7, 1), "zlib": True},
}


@pytest.mark.parametrize("region", ["IT", "V4"])
@pytest.mark.parametrize("storage", STORAGE)
def test_every_response_is_at_its_place(tmp_path, region, storage):
    recordings = read(write_public(tmp_path, MADE, **STORAGE[storage]), region)
    assert recordings.name == f"majajhong2015-{region.lower()}"
    assert recordings.responses.dtype == np.float32
    np.testing.assert_array_equal(recordings.responses.values, expected(region))


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 100, 1000])
def test_small_blocks_bring_every_response_to_its_place(public, monkeypatch, size):
    from itbench.data.recordings_file import array_blocks
    from plugins.datasets.majajhong2015 import assembly as module

    monkeypatch.setattr(module, "array_blocks", lambda *where: array_blocks(*where, size=size))
    np.testing.assert_array_equal(read(public).responses.values, expected("IT"))


def test_repetitions_are_ranked_whatever_their_numbers(public):
    rewrite(public[0], MADE, lambda data: data.assign_coords(repetition=data.repetition * 7 - 3))
    np.testing.assert_array_equal(read(public).responses.values, expected("IT"))


def test_a_missing_response_stays_missing(public):
    rewrite(public[0], MADE, lambda data: data.where(data.image_id != MADE.ids[3]))
    values = expected("IT")
    values[:, 3] = np.nan
    np.testing.assert_array_equal(read(public).responses.values, values)


def test_stimuli_have_the_columns_of_the_csv(public):
    stimuli = read(public).stimuli
    assert list(stimuli.ids) == MADE.ids
    assert list(stimuli.metadata) == ["object", "category", "variation", *POSE, "background_id"]
    assert stimuli.metadata["object"].tolist() == MADE.objects
    assert stimuli.metadata["category"].tolist() == [CATEGORY_OF[name] for name in MADE.objects]
    assert stimuli.metadata["variation"].dtype == np.int64
    assert stimuli.metadata["variation"].tolist() == MADE.variation
    for column, values in zip(POSE, MADE.pose.T, strict=True):
        np.testing.assert_allclose(stimuli.metadata[column], values, atol=1e-6)


def test_sites_have_the_coordinates_of_the_neuroids(public):
    responses, made = read(public, "V4").responses, assembly(MADE).isel(neuroid=MADE.regions == "V4")
    columns = {str(name) for name, coord in responses.coords.items() if coord.dims == ("site",)}
    of_a_site = {"site", "arr", "col", "row", "hemisphere", "region", "subregion", "animal", "x", "y"}
    assert columns == of_a_site
    for name in columns:
        np.testing.assert_array_equal(responses[name], made["neuroid_id" if name == "site" else name])


def test_images_are_those_that_the_csv_names(public):
    images = read(public).stimuli.images
    np.testing.assert_array_equal(images[0:20], [MADE.image(row) for row in range(20)])


def test_the_order_of_the_csv_is_that_of_the_stimuli(public):
    write_rows(public[1], rows_of(MADE)[::-1])
    recordings = read(public)
    assert list(recordings.stimuli.ids) == MADE.ids[::-1]
    np.testing.assert_array_equal(recordings.responses.values, expected("IT")[:, ::-1])
    np.testing.assert_array_equal(recordings.stimuli.images[0:1][0], MADE.image(19))


def test_it_says_what_it_is(public):
    about = read(public).about
    counts = "92 presentations of 20 images, 3 to 5 repetitions"
    assert about == {"region": "IT", "window": [70.0, 170.0], "animals": ["Chabo", "Tito"], "counts": counts}


def test_columns_that_a_file_cannot_hold_are_left_out(public, home):
    write_rows(public[1], [{**row, "x": 1, "site": "a", "size/px": 256, "id": 7} for row in rows_of(MADE)])
    recordings = read(public)
    assert list(recordings.stimuli.metadata)[-2:] == ["background_id", "id"]
    write_recordings(recordings, home / "data" / "public.h5")
    np.testing.assert_array_equal(read_recordings(home / "data" / "public.h5").responses.values, expected("IT"))


def test_text_may_be_stored_in_fixed_length(public):
    with h5py.File(public[0], "r+") as file:
        for name in ("image_id", "neuroid_id", "region", "animal"):
            text = file[name].asstr()[:]
            dimension = "presentation" if name == "image_id" else "neuroid"
            del file[name]
            file[name] = np.char.encode(text.astype(str), "utf-8")
            file[name].dims[0].attach_scale(file[dimension])
    recordings = read(public)
    np.testing.assert_array_equal(recordings.responses.values, expected("IT"))
    assert set(recordings.responses["animal"].values) == {"Chabo", "Tito"}


def test_text_may_be_stored_as_characters(public):
    rewrite(
        public[0],
        MADE,
        lambda data: data.assign_coords(image_id=data.image_id.astype("S"), region=data.region.astype("S")),
    )
    np.testing.assert_array_equal(read(public).responses.values, expected("IT"))


@pytest.mark.slow
def test_there_is_no_second_copy_of_the_responses(tmp_path, pytestconfig):
    code = (
        "import sys\nfrom pathlib import Path\nfrom plugins.datasets.majajhong2015.assembly import read_assembly\n"
        "from itbench.util.progress import SilentReporter\nfrom itbench.data.recordings_file import write_recordings\n"
        "import h5netcdf, PIL.Image, tracemalloc\n"
        "tracemalloc.start()\n"
        "made = read_assembly(*map(Path, sys.argv[1:4]), 'IT', SilentReporter())\n"
        "write_recordings(made, Path(sys.argv[4]))\nprint(tracemalloc.get_traced_memory()[1] / made.responses.nbytes)\n"
    )
    large = Experiment(n=160, size=8, neuroids={"IT": 250}, repetitions={0: 400, 3: 400})  # 64 MB
    files = write_public(tmp_path, large, chunksizes=(50, 4000, 1))
    arguments = [*map(str, files), str(tmp_path / "packed.h5")]
    done = run_python(f"import sys\nsys.argv[1:] = {arguments!r}\n{code}", PYTHONPATH=str(pytestconfig.rootpath))
    assert float(done.stdout) < 1.7, done.stderr


def test_new_objects_are_those_of_the_same_recordings_in_no_two_folds():
    familiar, new = (load_plugins().benchmark(f"majajhong2015-it{name}") for name in ("", "-new-objects"))
    assert familiar.data == new.data == "majajhong2015-it"
    objects = np.repeat(sorted(CATEGORY_OF), 50)
    for bench, seen in ((familiar, 64), (new, 0)):
        splits = bench.splits.divide(3200, {"object": objects})
        assert [len(set(objects[split.train]) & set(objects[split.test])) for split in splits] == [seen] * 10
        assert {len(split.test) for split in splits} <= {300, 320, 350}
