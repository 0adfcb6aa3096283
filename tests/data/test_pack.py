"""Bringing recordings of one's own, through the command line."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from PIL import Image

from itbench.data.catalog import recordings_path
from itbench.data.recordings import describe_recordings
from itbench.data.recordings_file import read_recordings
from tests.kit.commands import SHARED, run
from tests.kit.packing import AXES, PIXELS, SITES, VALUES, N, lay_out, pack, png, write_hdf5, write_netcdf

COWLEY = SHARED / "cowley2023-v4-210325"


@pytest.fixture(autouse=True)
def files(home):
    lay_out()


def packed(*flags, **changes):
    done = pack("mine", *flags, **changes)
    assert done.exit_code == 0, done.output
    return read_recordings(recordings_path("mine"))


def expected(values, axes=AXES):
    """Return responses as (repetition, stimulus, site)."""
    return xr.DataArray(values, dims=axes).transpose("repetition", "stimulus", "site").values


# ---- images


@pytest.mark.parametrize("images", ["images", "images.zip"])
def test_images_come_in_the_natural_order_of_their_names(images):
    recordings = packed(images=images)
    assert recordings.stimuli.ids == tuple(f"image{number}" for number in range(1, N + 1))
    np.testing.assert_array_equal(recordings.stimuli.images[:], PIXELS)
    np.testing.assert_array_equal(recordings.responses.values, expected(VALUES))


def test_numbers_in_names_are_counted_wherever_they_are():
    names = ["s2/a1.png", "s2/a01.png", "s2/b.png", "s10/c1.PNG", "s10/c2b9.png", "s10/c2b10.png"]
    Path("more").mkdir()
    for name, image in zip(reversed(names), reversed(PIXELS[:6]), strict=True):
        (Path("more") / name).parent.mkdir(exist_ok=True)
        (Path("more") / name).write_bytes(png(image))
    np.save("rates.npy", np.ones((SITES, 6)) * np.arange(6))
    recordings = packed(images="more", dims="site,stimulus")
    order = [1, 0, 2, 3, 4, 5]  # a01 before a1: the same number, so the text decides
    np.testing.assert_array_equal(recordings.stimuli.images[:], PIXELS[order])


def test_hidden_files_and_other_files_are_passed_over():
    for name in (".image1.png", "._image1.png", "notes.txt", "Thumbs.db"):
        Path("images", name).write_bytes(b"no image")
    Path("images/.checkpoints").mkdir()
    Path("images/.checkpoints/image1.png").write_bytes(b"no image")
    with zipfile.ZipFile("images.zip", "a") as archive:
        archive.writestr("__MACOSX/._image1.png", b"no image")
    for images in ("images", "images.zip"):
        recordings = packed("--replace", images=images)
        np.testing.assert_array_equal(recordings.stimuli.images[:], PIXELS)


def test_grey_images_and_palettes_become_rgb():
    grey = PIXELS[..., 0]
    for number, image in enumerate(grey, 1):
        grey_image = Image.fromarray(image)
        (grey_image if number % 2 else grey_image.convert("P")).save(f"images/image{number}.png")
    np.testing.assert_array_equal(packed().stimuli.images[:], np.repeat(grey[..., None], 3, axis=3))


def test_opaque_alpha_is_dropped():
    for number, image in enumerate(PIXELS, 1):
        Image.fromarray(image).convert("RGBA").save(f"images/image{number}.png")
    np.testing.assert_array_equal(packed().stimuli.images[:], PIXELS)


# ---- responses


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_every_order_of_the_axes(order):
    np.save("rates.npy", VALUES.transpose(order))
    recordings = packed(dims=", ".join(AXES[axis] for axis in order))
    assert recordings.responses.dims == ("repetition", "stimulus", "site")
    np.testing.assert_array_equal(recordings.responses.values, expected(VALUES))


@pytest.mark.parametrize("dims", ["site,stimulus", "stimulus,site"])
def test_one_repetition_needs_no_axis(dims):
    mean = VALUES[:, :, 0]
    np.save("rates.npy", mean if dims == "site,stimulus" else mean.T)
    recordings = packed(dims=dims)
    np.testing.assert_array_equal(recordings.responses.values, mean.T[None])
    assert describe_recordings(read_recordings(recordings_path("mine")))["repetitions"] == [1, 1]


@pytest.mark.parametrize("kind", ["u1", "i2", "i8", "bool", "f2", ">f8", ">f4"])
def test_counts_and_other_numbers_become_float64(kind):
    counts = np.abs(np.nan_to_num(VALUES) * 3).astype(kind)
    np.save("rates.npy", counts)
    responses = packed().responses
    assert responses.dtype == np.float64
    np.testing.assert_array_equal(responses.values, expected(counts).astype(float))


def test_float32_stays():
    np.save("rates.npy", VALUES.astype(np.float32))
    assert packed().responses.dtype == np.float32


def test_missing_repetitions_are_nan_and_counted():
    recordings = packed()
    assert np.argwhere(np.isnan(recordings.responses.values)).tolist() == [[1, 3, 0], [1, 5, 2]]
    described = json.loads(run("data", "show", "mine").stdout)
    assert described["repetitions"] == [1, 2]
    assert described["sites_missing_a_stimulus"] == 0


def test_hdf5_with_one_variable():
    write_hdf5(VALUES, "day1/rates")
    np.testing.assert_array_equal(packed(responses="rates.h5").responses.values, expected(VALUES))


@pytest.mark.parametrize("name", ["day1/rates", "/day1/rates"])
def test_hdf5_with_several_variables(name):
    write_hdf5(VALUES, "day1/rates")
    with h5py.File("rates.h5", "a") as file:
        file["day1/times"] = np.arange(3)
    np.testing.assert_array_equal(packed(responses=f"rates.h5:{name}").responses.values, expected(VALUES))


def test_netcdf_names_its_own_axes():
    write_netcdf(VALUES.transpose(1, 0, 2), ("stimulus", "site", "repetition"), "rates")
    recordings = packed(responses="rates.nc", dims=None)
    np.testing.assert_array_equal(recordings.responses.values, expected(VALUES))


def test_netcdf_with_several_variables_and_other_names_of_axes():
    write_netcdf(VALUES, ("neuroid", "image", "trial"), "rates", "counts")
    recordings = packed(responses="rates.nc:counts")
    np.testing.assert_array_equal(recordings.responses.values, expected(VALUES))


# ---- the CSV


def test_the_csv_orders_the_images_and_its_columns_become_coordinates():
    stimuli = packed(stimuli="stimuli.csv").stimuli
    assert stimuli.ids == tuple(f"image{number}" for number in reversed(range(1, N + 1)))
    np.testing.assert_array_equal(stimuli.images[:], PIXELS[::-1])
    assert stimuli.metadata.keys() == {"category", "size", "block"}
    assert stimuli.metadata["category"].tolist() == ["a", "b"] * (N // 2)
    assert stimuli.metadata["size"].tolist() == [number / 2 for number in reversed(range(1, N + 1))]
    assert stimuli.metadata["block"].dtype.kind == "i"


@pytest.mark.parametrize("column", ["stimulus", "stimulus_id", "image_id"])
def test_ids_come_from_the_csv(column):
    rows = "".join(f"s{number:02d},image{number + 1}.png\n" for number in range(N))
    Path("ids.csv").write_text(f"{column},filename\n{rows}")
    stimuli = packed(stimuli="ids.csv").stimuli
    assert stimuli.ids == tuple(f"s{number:02d}" for number in range(N))
    assert stimuli.metadata.keys() == set()
    np.testing.assert_array_equal(stimuli.images[:], PIXELS)


def test_a_csv_as_spreadsheets_write_it():
    lines = [f'image{number}.png,"a, b",1_{number}' for number in range(1, N + 1)]
    Path("sheet.csv").write_bytes("\r\n".join(["\ufefffilename,kind,code", *lines, "", ""]).encode())
    stimuli = packed(stimuli="sheet.csv").stimuli
    assert stimuli.metadata["kind"].tolist() == ["a, b"] * N
    assert stimuli.metadata["code"].tolist() == [f"1_{number}" for number in range(1, N + 1)]


# ---- what is packed is scored


def test_region_and_window_are_kept():
    done = pack("mine", "--region", "V4", "--window", "50", "150")
    assert done.exit_code == 0, done.output
    described = json.loads(done.stdout)
    assert described["region"] == "V4"
    assert described["window"] == [50.0, 150.0]
    assert described["images"] == f"{N} of 6 × 8 pixels"
    assert described["sites"] == SITES
    assert described["file"] == str(recordings_path("mine"))
    assert f"Wrote {recordings_path('mine')}" in done.stderr


def labelled_netcdf(ids):
    coords = {"stimulus": ids, "animal": ("site", ["a", "b", "b"]), "depth": ("site", [1.5, 2.0, 2.5])}
    array = xr.DataArray(VALUES, dims=AXES, coords=coords, name="rates")
    array.to_netcdf("labelled.nc", engine="h5netcdf")


def test_netcdf_keeps_what_it_says_of_its_sites():
    labelled_netcdf([f"image{number + 1}" for number in range(N)])
    responses = packed(responses="labelled.nc", dims=None).responses
    assert responses.animal.values.tolist() == ["a", "b", "b"]
    assert responses.depth.values.tolist() == [1.5, 2.0, 2.5]


@pytest.mark.slow
def test_what_is_packed_is_scored():
    packed(stimuli="stimuli.csv")
    Path("mine.yaml").write_text("data: mine\nsplits: {kind: kfold, folds: 2, stratify: category}\n")
    done = run("score", "-m", "pixels", "-b", "mine.yaml", "--json")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert (row["benchmark"], row["n_stimuli"], row["n_sites_scored"]) == ("mine", N, SITES)


def test_replace_takes_the_place_of_the_former():
    packed()
    np.save("rates.npy", VALUES + 1)
    np.testing.assert_array_equal(packed("--replace").responses.values, expected(VALUES) + 1)


@pytest.mark.slow
@pytest.mark.skipif(not COWLEY.exists(), reason=f"no recordings in {COWLEY}")
def test_recordings_of_a_lab_are_packed():
    done = pack("v4", images=COWLEY / "images_210325.zip", responses=COWLEY / "responses_raw.npy")
    assert done.exit_code == 0, done.output
    described = json.loads(done.stdout)
    assert described["images"] == "640 of 112 × 112 pixels"
    assert described["sites"] == 50
    assert described["repetitions"] == [6, 10]
    recordings = read_recordings(recordings_path("v4"))
    raw = np.load(COWLEY / "responses_raw.npy")
    np.testing.assert_array_equal(recordings.responses.values, raw.transpose(2, 1, 0))
    with zipfile.ZipFile(COWLEY / "images_210325.zip") as archive:
        image = Image.open(io.BytesIO(archive.read("image0100.jpg"))).convert("RGB")
    assert recordings.stimuli.ids[99] == "image0100"
    np.testing.assert_array_equal(recordings.stimuli.images[99], np.asarray(image))
