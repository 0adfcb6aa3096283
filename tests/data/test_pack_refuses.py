"""What cannot be packed: one message, exit 1, and nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from itbench.data.catalog import recordings_path
from itbench.data.recordings_file import read_recordings
from tests.kit.packing import REPETITIONS, SITES, VALUES, N, lay_out, pack, png, write_hdf5, write_netcdf


@pytest.fixture(autouse=True)
def files(home):
    lay_out()


def save(array, **changes):
    return lambda: np.save("rates.npy", array) or changes


def image(content, name="image4.png"):
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
    "fewer responses than images": (
        save(np.ones((SITES, N - 1, REPETITIONS))),
        ["11 stimuli in the responses, but 12 images", "(3, 11, 2), read as (site, stimulus, repetition)"],
    ),
    "axes in another order": (
        save(np.ones((N, SITES, REPETITIONS))),
        ["3 stimuli in the responses, but 12 images", "Axis 0 has 12; is it --dims stimulus,site,repetition?"],
    ),
    "two axes that could be the stimuli": (
        save(np.ones((N, SITES, N))),
        ["3 stimuli in the responses, but 12 images", "Axis 0 has 12; is it --dims stimulus,site,repetition?"],
    ),
    "one axis too many": (change(dims="site,stimulus"), ["shape (3, 12, 2)", "do not fit --dims site,stimulus"]),
    "misspelt axis": (change(dims="sites,stimulus,repetition"), ["unknown dimension 'sites'", "Did you mean site?"]),
    "axis twice": (change(dims="site,site,stimulus"), ["--dims site,site,stimulus must name stimulus and site once"]),
    "no axis of sites": (change(dims="stimulus,repetition"), ["must name stimulus and site once each"]),
    "no dims": (change(dims=None), ["rates.npy does not name its axes", "--dims site,stimulus,repetition"]),
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
    "images of different size": (
        image(png(np.zeros((8, 6, 3), np.uint8))),
        ["Images differ in size: image1.png is 8 × 6, image4.png is 6 × 8"],
    ),
    "unreadable image": (image(b"GIF? no"), ["image4.png cannot be read as an image"]),
    "truncated image": (image(png(np.zeros((6, 8, 3), np.uint8))[:45]), ["image4.png cannot be read as an image"]),
    "image of 16 bits": (image(png(np.zeros((6, 8), np.uint16))), ["image4.png has more than 8 bits a channel"]),
    "transparent image": (image(png(TRANSPARENT)), ["image4.png is transparent in parts"]),
    "equal images": (
        lambda: Path("images/image7.png").write_bytes(Path("images/image2.png").read_bytes()) and {},
        ["1 images occur twice: image2 = image7"],
    ),
    "equal names": (equal_names, ["Stimulus ids must be unique; repeated: image1"]),
    "name that cannot be printed": (
        lambda: Path("images/image4.png").rename("images/image\x074.png") and {},
        ["The name 'image\\x074.png' in images cannot be printed"],
    ),
    "empty folder": (empty_folder, ["No images in none", ".png"]),
    "neither folder nor zip": (change(images="rates.npy"), ["rates.npy is neither a folder nor a zip"]),
    "damaged zip": (damaged_zip, ["cannot be read as an image"]),
    "too few rows": (
        stimuli("block", *map(str, range(N - 1))),
        ["11 rows in the CSV, but 12 images in images"],
    ),
    "missing in the folder": (
        stimuli(*rows(*ALL, 13)),
        ["'filename' of stimuli.csv do not match", "1 not in the files in images: image13.png"],
    ),
    "missing in the CSV": (
        stimuli(*rows(*range(1, 10))),
        ["3 not in 'filename' of stimuli.csv: image10.png, image11.png, image12.png"],
    ),
    "twice in the CSV": (stimuli(*rows(*ALL, 3)), ["1 twice: image3.png"]),
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
    "CSV with equal ids": (
        stimuli("filename,image_id", *(f"image{n}.png,a" for n in ALL)),
        ["Stimulus ids must be unique; repeated: a"],
    ),
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


@pytest.mark.parametrize(
    "name", ["a b", "a/b", "../a", ".hidden", "", "mine.h5", "mine.nc", "a\n", "x" * 200, "é" * 60]
)
def test_bad_names_are_refused(name, home):
    refused(pack(name), [f"{name!r} is no name for recordings", "letters, digits"])
    assert leftovers(home) == []


def test_names_of_known_data_sets_are_refused(home):
    refused(pack("synthetic-it", "--replace"), ["'synthetic-it' belongs to a registered data set"])
    assert leftovers(home) == []


def test_a_taken_name_is_refused_and_what_is_there_stays():
    assert pack().exit_code == 0
    before = read_recordings(recordings_path("mine")).digests
    np.save("rates.npy", VALUES + 1)
    refused(pack(), ["There are recordings called 'mine' already", "--replace"])
    assert read_recordings(recordings_path("mine")).digests == before


def test_a_refused_replacement_leaves_what_is_there(home):
    assert pack().exit_code == 0
    before = read_recordings(recordings_path("mine")).digests
    Path("images/image4.png").write_bytes(png(np.zeros((6, 8, 3), np.uint8))[:45])
    refused(pack("mine", "--replace"), ["image4.png cannot be read as an image"])
    assert read_recordings(recordings_path("mine")).digests == before
    assert leftovers(home) == ["mine.h5"]


@pytest.mark.parametrize("start", [150, 50])
def test_a_window_that_does_not_start_before_it_ends_is_refused(start, home):
    done = pack("mine", "--window", start, "50")
    refused(done, [f"The window {start} to 50 ms must start before it ends"])
    assert leftovers(home) == []


@pytest.mark.parametrize("missing", ["images", "responses"])
def test_what_is_needed_is_asked_for(missing):
    done = pack(**{missing: None})
    assert done.exit_code == 2
    assert f"Missing option '--{missing}'" in done.stderr
