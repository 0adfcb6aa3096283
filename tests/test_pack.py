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

from itbench import datasets
from itbench.recordings import read_recordings
from tests.conftest import SHARED, run

N, SITES, REPETITIONS = 12, 3, 2
AXES = ("site", "stimulus", "repetition")
COWLEY = SHARED / "cowley2023-v4-210325"


def png(values):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def pixels():
    """Pictures (stimulus, 6, 8, 3); number i is called image{i+1}.png."""
    return np.random.default_rng(0).integers(0, 256, (N, 6, 8, 3), dtype=np.uint8)


@pytest.fixture
def values():
    """Responses (site, stimulus, repetition), some of them missing."""
    values = np.random.default_rng(1).standard_normal((SITES, N, REPETITIONS))
    values[0, 3, 1] = values[2, 5, 1] = np.nan
    return values


@pytest.fixture(autouse=True)
def files(pixels, values):
    """A folder and a zip of pictures, responses, and a CSV in an order of its own."""
    Path("images").mkdir()
    with zipfile.ZipFile("images.zip", "w") as archive:
        for number, picture in reversed(list(enumerate(pixels, 1))):
            Path(f"images/image{number}.png").write_bytes(png(picture))
            archive.writestr(f"image{number}.png", png(picture))
    np.save("rates.npy", values)
    rows = [f"image{number}.png,{'ab'[number % 2]},{number / 2},{number}" for number in reversed(range(1, N + 1))]
    Path("stimuli.csv").write_text("\n".join(["filename,category,size,block", *rows]) + "\n")


PACK = {"--images": "images", "--responses": "rates.npy", "--dims": "site,stimulus,repetition"}


def pack(name="mine", *flags, **changes):
    """Run the command, with options changed or, if None, left out."""
    options = {**PACK, **{f"--{key}": value for key, value in changes.items()}}
    given = [part for key, value in options.items() if value is not None for part in (key, value)]
    return run("data", "pack", name, *given, *flags)


def packed(*flags, **changes):
    done = pack("mine", *flags, **changes)
    assert done.exit_code == 0, done.output
    return datasets.load("mine")


def expected(values, axes=AXES):
    """Return responses as (repetition, stimulus, site)."""
    return xr.DataArray(values, dims=axes).transpose("repetition", "stimulus", "site").values


# ---- pictures


@pytest.mark.parametrize("images", ["images", "images.zip"])
def test_pictures_come_in_the_natural_order_of_their_names(images, pixels, values):
    recordings = packed(images=images)
    assert recordings.stimuli.ids == tuple(f"image{number}" for number in range(1, N + 1))
    np.testing.assert_array_equal(recordings.stimuli.pictures[:], pixels)
    np.testing.assert_array_equal(recordings.responses.values, expected(values))


def test_numbers_in_names_are_counted_wherever_they_are(pixels):
    names = ["s2/a1.png", "s2/a01.png", "s2/b.png", "s10/a1.PNG", "s10/a2b9.png", "s10/a2b10.png"]
    Path("more").mkdir()
    for name, picture in zip(reversed(names), reversed(pixels[:6]), strict=True):
        (Path("more") / name).parent.mkdir(exist_ok=True)
        (Path("more") / name).write_bytes(png(picture))
    np.save("rates.npy", np.ones((SITES, 6)) * np.arange(6))
    Path("ids.csv").write_text("image_id\n" + "\n".join("abcdef") + "\n")
    recordings = packed(images="more", dims="site,stimulus", stimuli="ids.csv")
    order = [1, 0, 2, 3, 4, 5]  # a01 before a1: the same number, so the text decides
    np.testing.assert_array_equal(recordings.stimuli.pictures[:], pixels[order])


def test_hidden_files_and_other_files_are_passed_over(pixels):
    for name in (".image1.png", "._image1.png", "notes.txt", "Thumbs.db"):
        Path("images", name).write_bytes(b"no picture")
    Path("images/.checkpoints").mkdir()
    Path("images/.checkpoints/image1.png").write_bytes(b"no picture")
    with zipfile.ZipFile("images.zip", "a") as archive:
        archive.writestr("__MACOSX/._image1.png", b"no picture")
    for images in ("images", "images.zip"):
        recordings = packed("--replace", images=images)
        np.testing.assert_array_equal(recordings.stimuli.pictures[:], pixels)


def test_grey_pictures_and_palettes_become_rgb(pixels):
    grey = pixels[..., 0]
    for number, picture in enumerate(grey, 1):
        image = Image.fromarray(picture)
        (image if number % 2 else image.convert("P")).save(f"images/image{number}.png")
    np.testing.assert_array_equal(packed().stimuli.pictures[:], np.repeat(grey[..., None], 3, axis=3))


def test_opaque_alpha_is_dropped(pixels):
    for number, picture in enumerate(pixels, 1):
        Image.fromarray(picture).convert("RGBA").save(f"images/image{number}.png")
    np.testing.assert_array_equal(packed().stimuli.pictures[:], pixels)


# ---- responses


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_every_order_of_the_axes(order, values):
    np.save("rates.npy", values.transpose(order))
    recordings = packed(dims=", ".join(AXES[axis] for axis in order))
    assert recordings.responses.dims == ("repetition", "stimulus", "site")
    np.testing.assert_array_equal(recordings.responses.values, expected(values))


@pytest.mark.parametrize("dims", ["site,stimulus", "stimulus,site"])
def test_one_repetition_needs_no_axis(dims, values):
    mean = values[:, :, 0]
    np.save("rates.npy", mean if dims == "site,stimulus" else mean.T)
    recordings = packed(dims=dims)
    np.testing.assert_array_equal(recordings.responses.values, mean.T[None])
    assert datasets.describe("mine")["repetitions"] == [1, 1]


@pytest.mark.parametrize("kind", ["u1", "i2", "i8", "bool", "f2", ">f8", ">f4"])
def test_counts_and_other_numbers_become_float64(kind, values):
    counts = np.abs(np.nan_to_num(values) * 3).astype(kind)
    np.save("rates.npy", counts)
    responses = packed().responses
    assert responses.dtype == np.float64
    np.testing.assert_array_equal(responses.values, expected(counts).astype(float))


def test_float32_stays(values):
    np.save("rates.npy", values.astype(np.float32))
    assert packed().responses.dtype == np.float32


def test_missing_repetitions_are_nan_and_counted(values):
    recordings = packed()
    assert np.argwhere(np.isnan(recordings.responses.values)).tolist() == [[1, 3, 0], [1, 5, 2]]
    described = json.loads(run("data", "show", "mine").stdout)
    assert described["repetitions"] == [1, 2]
    assert described["sites_missing_a_stimulus"] == 0


def write_hdf5(values, *names):
    with h5py.File("rates.h5", "w") as file:
        for name in names:
            file[name] = values


def write_netcdf(values, axes, *names):
    xr.Dataset({name: (axes, values) for name in names}).to_netcdf("rates.nc", engine="h5netcdf")


def test_hdf5_with_one_variable(values):
    write_hdf5(values, "day1/rates")
    np.testing.assert_array_equal(packed(responses="rates.h5").responses.values, expected(values))


@pytest.mark.parametrize("name", ["day1/rates", "/day1/rates"])
def test_hdf5_with_several_variables(name, values):
    write_hdf5(values, "day1/rates")
    with h5py.File("rates.h5", "a") as file:
        file["day1/times"] = np.arange(3)
    np.testing.assert_array_equal(packed(responses=f"rates.h5:{name}").responses.values, expected(values))


def test_netcdf_names_its_own_axes(values):
    write_netcdf(values.transpose(1, 0, 2), ("stimulus", "site", "repetition"), "rates")
    recordings = packed(responses="rates.nc", dims=None)
    np.testing.assert_array_equal(recordings.responses.values, expected(values))


def test_netcdf_with_several_variables_and_other_names_of_axes(values):
    write_netcdf(values, ("neuroid", "image", "trial"), "rates", "counts")
    recordings = packed(responses="rates.nc:counts")
    np.testing.assert_array_equal(recordings.responses.values, expected(values))


# ---- the CSV


def test_the_csv_orders_the_pictures_and_its_columns_become_coordinates(pixels, values):
    stimuli = packed(stimuli="stimuli.csv").stimuli
    assert stimuli.ids == tuple(f"image{number}" for number in reversed(range(1, N + 1)))
    np.testing.assert_array_equal(stimuli.pictures[:], pixels[::-1])
    assert stimuli.metadata.keys() == {"category", "size", "block"}
    assert stimuli.metadata["category"].tolist() == ["a", "b"] * (N // 2)
    assert stimuli.metadata["size"].tolist() == [number / 2 for number in reversed(range(1, N + 1))]
    assert stimuli.metadata["block"].dtype.kind == "i"


@pytest.mark.parametrize("column", ["stimulus", "stimulus_id", "image_id"])
def test_ids_come_from_the_csv(column, pixels):
    Path("ids.csv").write_text(f"{column}\n" + "".join(f"s{number:02d}\n" for number in range(N)))
    stimuli = packed(stimuli="ids.csv").stimuli
    assert stimuli.ids == tuple(f"s{number:02d}" for number in range(N))
    assert stimuli.metadata.keys() == set()
    np.testing.assert_array_equal(stimuli.pictures[:], pixels)  # without filename, in natural order


def test_a_csv_as_spreadsheets_write_it():
    lines = [f'image{number}.png,"a, b",1_{number}' for number in range(1, N + 1)]
    Path("sheet.csv").write_bytes("\r\n".join(["\ufefffilename,kind,code", *lines, "", ""]).encode())
    stimuli = packed(stimuli="sheet.csv").stimuli
    assert stimuli.metadata["kind"].tolist() == ["a, b"] * N
    assert stimuli.metadata["code"].tolist() == [f"1_{number}" for number in range(1, N + 1)]


# ---- what is packed is scored


def test_region_and_window_are_kept():
    done = run("data", "pack", "mine", *itertools.chain(*PACK.items()), "--region", "V4", "--window", "50", "150")
    assert done.exit_code == 0, done.output
    described = json.loads(done.stdout)
    assert described["region"] == "V4"
    assert described["window"] == [50.0, 150.0]
    assert described["pictures"] == f"{N} of 6 × 8 pixels"
    assert described["sites"] == SITES
    assert described["file"] == str(datasets.path_of("mine"))
    assert f"Wrote {datasets.path_of('mine')}" in done.stderr


def test_what_is_packed_is_scored():
    packed(stimuli="stimuli.csv")
    Path("mine.yaml").write_text("data: mine\nsplits: {kind: kfold, folds: 2, stratify: category}\n")
    done = run("score", "-m", "pixels", "-b", "mine.yaml", "--json")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert (row["benchmark"], row["n_stimuli"], row["n_sites_scored"]) == ("mine", N, SITES)


def test_replace_takes_the_place_of_the_former(values):
    packed()
    np.save("rates.npy", values + 1)
    np.testing.assert_array_equal(packed("--replace").responses.values, expected(values) + 1)


@pytest.mark.skipif(not COWLEY.exists(), reason=f"no recordings in {COWLEY}")
def test_recordings_of_a_lab_are_packed():
    done = pack("v4", images=COWLEY / "images_210325.zip", responses=COWLEY / "responses_raw.npy")
    assert done.exit_code == 0, done.output
    described = json.loads(done.stdout)
    assert described["pictures"] == "640 of 112 × 112 pixels"
    assert described["sites"] == 50
    assert described["repetitions"] == [6, 10]
    recordings = datasets.load("v4")
    raw = np.load(COWLEY / "responses_raw.npy")
    np.testing.assert_array_equal(recordings.responses.values, raw.transpose(2, 1, 0))
    with zipfile.ZipFile(COWLEY / "images_210325.zip") as archive:
        picture = Image.open(io.BytesIO(archive.read("image0100.jpg"))).convert("RGB")
    assert recordings.stimuli.ids[99] == "image0100"
    np.testing.assert_array_equal(recordings.stimuli.pictures[99], np.asarray(picture))


# ---- what is refused


def save(array, **changes):
    return lambda: np.save("rates.npy", array) or changes


def picture(content, name="image4.png"):
    return lambda: Path("images", name).write_bytes(content) and {}


def stimuli(*lines):
    return lambda: Path("stimuli.csv").write_text("\n".join(lines) + "\n") and {"stimuli": "stimuli.csv"}


def rows(*numbers):
    return ("filename,block", *(f"image{number}.png,{number}" for number in numbers))


def change(**changes):
    return lambda: changes


def write(path, content, **changes):
    return lambda: (Path(path).write_bytes(content), changes)[1]


def hdf5(**changes):
    return lambda: write_hdf5(np.ones((SITES, N, REPETITIONS)), "rates", "counts") or changes


def netcdf(*axes, **changes):
    return lambda: write_netcdf(np.ones((SITES, N, REPETITIONS)), axes, "rates") or changes


def empty_folder():
    Path("none").mkdir()
    return {"images": "none"}


def equal_names():
    Path("images/more").mkdir()
    Path("images/image12.png").rename("images/more/image1.png")
    return {}


def infinite():
    values = np.ones((SITES, N, REPETITIONS))
    values[1, 2, 0] = np.inf
    np.save("rates.npy", values)
    return {}


def damaged_zip():
    content = bytearray(Path("images.zip").read_bytes())
    content[content.index(b"IDAT") + 20] ^= 0xFF
    Path("images.zip").write_bytes(content)
    return {"images": "images.zip"}


ALL = range(1, N + 1)
TRANSPARENT = np.zeros((6, 8, 4), np.uint8)
REFUSED = {
    "fewer responses than pictures": (
        save(np.ones((SITES, N - 1, REPETITIONS))),
        ["11 stimuli in the responses, but 12 pictures", "(3, 11, 2), read as (site, stimulus, repetition)"],
    ),
    "axes in another order": (
        save(np.ones((N, SITES, REPETITIONS))),
        ["3 stimuli in the responses, but 12 pictures", "Axis 0 has 12; is it --dims stimulus,site,repetition?"],
    ),
    "one axis too many": (change(dims="site,stimulus"), ["shape (3, 12, 2)", "do not fit --dims site,stimulus"]),
    "misspelt axis": (change(dims="sites,stimulus,repetition"), ["unknown dimension 'sites'", "Did you mean site?"]),
    "axis twice": (change(dims="site,site,stimulus"), ["--dims site,site,stimulus must name stimulus and site once"]),
    "no axis of sites": (change(dims="stimulus,repetition"), ["must name stimulus and site once each"]),
    "no dims": (change(dims=None), ["rates.npy does not say what its axes are", "--dims site,stimulus,repetition"]),
    "dims of a netCDF file, contradicted": (
        netcdf("repetition", "stimulus", "site", responses="rates.nc"),
        ["rates.nc says that its axes are repetition,stimulus,site, not site,stimulus,repetition"],
    ),
    "dims of a netCDF file, unknown": (
        netcdf("neuroid", "image", "trial", responses="rates.nc", dims=None),
        ["unknown dimension 'neuroid'", "--dims site,stimulus,repetition"],
    ),
    "no such file": (change(responses="rate.npy"), ["No file of responses rate.npy"]),
    "unknown ending": (
        write("rates.csv", b"1,2", responses="rates.csv"),
        ["rates.csv: unknown ending '.csv'", ".npy, .nc, .h5"],
    ),
    "npy of objects": (save(np.array([[1, None]], dtype=object)), ["rates.npy cannot be read"]),
    "npy of text": (save(np.full((SITES, N, REPETITIONS), "1")), ["type <U1 do not fit"]),
    "npy of complex numbers": (save(np.ones((SITES, N, REPETITIONS), complex)), ["type complex128 do not fit"]),
    "empty npy": (write("rates.npy", b""), ["rates.npy cannot be read"]),
    "truncated npy": (
        lambda: Path("rates.npy").write_bytes(Path("rates.npy").read_bytes()[:-8]) and {},
        ["rates.npy cannot be read"],
    ),
    "npy that is a zip": (lambda: Path("images.zip").rename("rates.npy") and {}, ["rates.npy cannot be read"]),
    "h5 that is none": (write("rates.h5", b"text", responses="rates.h5"), ["rates.h5 cannot be read"]),
    "nc that is none": (write("rates.nc", b"text", responses="rates.nc"), ["rates.nc cannot be read"]),
    "several variables": (
        hdf5(responses="rates.h5"),
        ["rates.h5 holds 2 variables: counts, rates", "--responses rates.h5:NAME"],
    ),
    "unknown variable": (hdf5(responses="rates.h5:rate"), ["unknown variable 'rate'", "Did you mean rates"]),
    "no sites": (save(np.ones((0, N, REPETITIONS))), ["shape (0, 12, 2) hold no number"]),
    "a site of NaN only": (save(np.full((SITES, N, REPETITIONS), np.nan)), ["3 of 3 sites hold no number at all"]),
    "infinite response": (infinite, ["Infinite responses at 1 of 3 sites: site001"]),
    "pictures of different size": (
        picture(png(np.zeros((8, 6, 3), np.uint8))),
        ["Pictures differ in size: image1.png is 8 × 6, image4.png is 6 × 8"],
    ),
    "unreadable picture": (picture(b"GIF? no"), ["image4.png cannot be read as a picture"]),
    "truncated picture": (picture(png(np.zeros((6, 8, 3), np.uint8))[:45]), ["image4.png cannot be read as a picture"]),
    "picture of 16 bits": (picture(png(np.zeros((6, 8), np.uint16))), ["image4.png has more than 8 bits a channel"]),
    "transparent picture": (picture(png(TRANSPARENT)), ["image4.png is transparent in parts"]),
    "equal pictures": (
        lambda: Path("images/image7.png").write_bytes(Path("images/image2.png").read_bytes()) and {},
        ["1 pictures occur twice: image2 = image7"],
    ),
    "equal names": (equal_names, ["Stimulus ids must be unique; repeated: image1"]),
    "empty folder": (empty_folder, ["No pictures in none", ".png"]),
    "neither folder nor zip": (change(images="rates.npy"), ["rates.npy is neither a folder nor a zip"]),
    "damaged zip": (damaged_zip, ["cannot be read as a picture"]),
    "too few rows": (
        stimuli("block", *map(str, range(N - 1))),
        ["11 rows in the CSV, but 12 pictures in images"],
    ),
    "missing in the folder": (stimuli(*rows(*ALL, 13)), ["do not name the same pictures", "1 missing: image13.png"]),
    "missing in the CSV": (stimuli(*rows(*range(1, 10))), ["3 not in the CSV: image10.png, image11.png, image12.png"]),
    "twice in the CSV": (stimuli(*rows(*ALL, 3)), ["1 twice in the CSV: image3.png"]),
    "ragged CSV": (
        stimuli(*rows(*ALL)[:4], "image4.png", *rows(*ALL)[5:]),
        ["stimuli.csv: line 5 has 1 fields, but the header has 2"],
    ),
    "CSV with a field too many": (
        stimuli(*rows(*ALL)[:4], "image4.png,4,5", *rows(*ALL)[5:]),
        ["stimuli.csv: line 5 has 3 fields, but the header has 2"],
    ),
    "CSV with an open quote": (stimuli(*rows(*ALL)[:-1], 'image12.png,"12'), ["Cannot read stimuli.csv"]),
    "CSV without rows": (stimuli("filename,block"), ["stimuli.csv has no rows below its header"]),
    "empty CSV": (stimuli(""), ["stimuli.csv has no rows below its header"]),
    "CSV of semicolons": (
        stimuli(*(line.replace(",", ";") for line in rows(*ALL))),
        ["'filename;block' are not separated by commas"],
    ),
    "CSV with the index of pandas": (
        stimuli(*(f"{'' if line.startswith('file') else 0},{line}" for line in rows(*ALL))),
        ["every column needs a name of its own, not '', 'filename', 'block'", "to_csv(index=False)"],
    ),
    "CSV with one name twice": (
        stimuli("filename,block,block", *(f"{line},1" for line in rows(*ALL)[1:])),
        ["every column needs a name of its own"],
    ),
    "CSV with a name of the file's own": (
        stimuli("filename,site", *rows(*ALL)[1:]),
        ["Coordinates cannot be called 'site'"],
    ),
    "CSV with equal ids": (stimuli("image_id", *["a"] * N), ["Stimulus ids must be unique; repeated: a"]),
    "CSV that is no text": (
        write("stimuli.csv", b"PK\x03\x04\xff\xfe", stimuli="stimuli.csv"),
        ["Cannot read stimuli.csv"],
    ),
}


def refused(done, fragments):
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("Error:") == 1
    assert "Traceback" not in done.output
    assert done.stdout == ""
    for fragment in fragments:
        assert fragment in done.stderr


def leftovers(home):
    return sorted(path.name for path in (home / "data").glob("*"))


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_scored_is_refused_in_one_message(case, home):
    spoil, fragments = REFUSED[case]
    refused(pack(**spoil()), fragments)
    assert leftovers(home) == []


@pytest.mark.parametrize("name", ["a b", "a/b", "../a", ".hidden", "", "mine.h5", "mine.nc", "a\n", "x" * 200])
def test_bad_names_are_refused(name, home):
    refused(pack(name), [f"{name!r} is no name for recordings", "letters, digits"])
    assert leftovers(home) == []


def test_names_of_known_data_sets_are_refused(home):
    refused(pack("synthetic-it", "--replace"), ["'synthetic-it' belongs to a known data set"])
    assert leftovers(home) == []


def test_a_taken_name_is_refused_and_what_is_there_stays(values):
    before = packed().digests
    np.save("rates.npy", values + 1)
    refused(pack(), ["There are recordings called 'mine' already", "--replace"])
    assert read_recordings(datasets.path_of("mine")).digests == before


def test_a_refused_replacement_leaves_what_is_there(values, home):
    before = packed().digests
    Path("images/image4.png").write_bytes(png(np.zeros((6, 8, 3), np.uint8))[:45])
    refused(pack("mine", "--replace"), ["image4.png cannot be read as a picture"])
    assert read_recordings(datasets.path_of("mine")).digests == before
    assert leftovers(home) == ["mine.h5"]


def test_a_window_that_ends_before_it_starts_is_refused(home):
    done = run("data", "pack", "mine", *itertools.chain(*PACK.items()), "--window", "150", "50")
    refused(done, ["The window 150 to 50 ms must start before it ends"])
    assert leftovers(home) == []


@pytest.mark.parametrize("missing", ["images", "responses"])
def test_what_is_needed_is_asked_for(missing):
    done = pack(**{missing: None})
    assert done.exit_code == 2
    assert f"Missing option '--{missing}'" in done.stderr
