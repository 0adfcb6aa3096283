"""Files of the public assembly that do not fit one another, or depart from their form, are refused by name."""

import io
import stat
import zipfile

import pytest
from PIL import Image

from itbench.errors import BadRecordings, DamagedFile, UnknownName
from itbench.util.progress import SilentReporter
from plugins.datasets.majajhong2015.assembly import read_assembly
from tools.majaj_files import VARIABLE, Experiment, png, rewrite, rows_of, write_public, write_rows

MADE = Experiment()


@pytest.fixture
def public(tmp_path):
    return write_public(tmp_path / "public", MADE)


def read(public, region="IT"):
    return read_assembly(*public, region, SilentReporter())


def without(name):
    return lambda data: data.drop_vars(name)


NETCDF = {
    "no such variable": (
        lambda data: data.rename({VARIABLE: "rates"}),
        r"lacks the variable dicarlo.MajajHong2015.public.\nIt has: rates",
    ),
    "two time bins": (lambda data: data.isel(time_bin=[0, 0]), "has 2 time bins, not 1"),
    "other dimensions": (lambda data: data.rename(presentation="trial"), "has the dimensions neuroid, trial, time_bin"),
    "whole numbers": (lambda data: data.astype("i2"), "the type int16"),
    "no image_id": (without("image_id"), "lacks the coordinates image_id of the dimension presentation"),
    "no repetition": (without("repetition"), "lacks the coordinates repetition of the dimension presentation"),
    "no region": (without("region"), "lacks the coordinates region of the dimension neuroid"),
    "no window": (without(["time_bin_start", "time_bin_end"]), "lacks the coordinates time_bin_start, time_bin_end"),
    "an image never shown": (
        lambda data: data.isel(presentation=data.image_id != MADE.ids[2]),
        rf"1 image_id of .*hvm-public.csv are not in .*public.nc: {MADE.ids[2]}",
    ),
}


@pytest.mark.parametrize("case", NETCDF)
def test_an_assembly_of_another_form_is_refused_by_name(public, case):
    change, message = NETCDF[case]
    rewrite(public[0], MADE, change)
    with pytest.raises(BadRecordings, match=message):
        read(public)


def test_an_unknown_region_names_the_known_ones(public):
    with pytest.raises(UnknownName, match=r"unknown region 'V1'\.\n.*Known: IT, V4\."):
        read(public, "V1")


ROWS = rows_of(MADE)
TABLE = {
    "an image that the CSV lacks": (ROWS[:-1], rf"1 image_id of .*public.nc are not in .*csv: {MADE.ids[19]}"),
    "an image twice": ([*ROWS, ROWS[4]], rf"has 1 image_id more than once: {MADE.ids[4]}"),
    "no object": ([{k: v for k, v in row.items() if k != "object_name"} for row in ROWS], "lacks the columns object_"),
    "a file that the zip lacks": (
        [{**ROWS[0], "filename": "x.png"}, *ROWS[1:]],
        r"1 not in .*zip: x\.png; 1 not in the CSV",
    ),
    "one file for two": ([{**ROWS[0], "filename": f"{MADE.ids[1]}.png"}, *ROWS[1:]], rf"1 twice: {MADE.ids[1]}\.png"),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_csv_that_does_not_fit_is_refused_by_name(public, case):
    rows, message = TABLE[case]
    write_rows(public[1], rows)
    with pytest.raises(BadRecordings, match=message):
        read(public)


def link_entry():
    entry = zipfile.ZipInfo("linked.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


ENTRIES = {
    "above": ("../above.png", r"leads out of its folder: '\.\./above\.png'"),
    "above from within": ("a/../../above.png", "leads out of its folder"),
    "above, in the manner of Windows": ("..\\above.png", "leads out of its folder"),
    "absolute": ("/etc/passwd.png", "leads out of its folder: '/etc/passwd.png'"),
    "a drive": ("C:\\image.png", "leads out of its folder"),
    "a symbolic link": (link_entry(), "holds a symbolic link: 'linked.png'"),
    "not in the CSV": ("other.png", r"1 not in the CSV: other\.png"),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_a_zip_with_other_entries_is_refused_by_name(public, case):
    entry, message = ENTRIES[case]
    with zipfile.ZipFile(public[2], "a") as archive:
        archive.writestr(entry, png(MADE.image(0)))
    with pytest.raises(BadRecordings, match=message):
        read(public)


def test_a_file_that_is_no_image_may_lie_in_the_zip(public):
    with zipfile.ZipFile(public[2], "a") as archive:
        archive.writestr("README.txt", "pictures")
    assert len(read(public).stimuli) == 20


def image_of(size, mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [(image_of((17, 16)), "differ in size: .* is 16 × 16, .* is 17 × 16"), (b"GIF", "cannot be read as an image")],
)
def test_a_image_of_another_size_or_none_is_refused_by_name(public, content, message):
    with zipfile.ZipFile(public[2], "w") as archive:
        for row, name in enumerate(MADE.ids):
            archive.writestr(f"{name}.png", content if row == 5 else png(MADE.image(row)))
    with pytest.raises(BadRecordings, match=rf"(?s){MADE.ids[5]}.*" if content == b"GIF" else message):
        read(public)


@pytest.mark.parametrize("share", [0, 0.1, 0.9])
def test_a_truncated_assembly_is_damaged(public, share):
    whole = public[0].read_bytes()
    public[0].write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DamagedFile, match=r"public\.nc cannot be read: it is truncated, altered or no netCDF-4 file"):
        read(public)


def test_a_truncated_zip_is_refused(public):
    public[2].write_bytes(public[2].read_bytes()[:-100])
    with pytest.raises(BadRecordings, match=r"hvm-public\.zip is neither a folder nor a zip"):
        read(public)
