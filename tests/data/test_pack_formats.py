"""Files of responses: axes in the order of the program that wrote them, and the labels that they hold."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.io import savemat
from scipy.sparse import csc_matrix

from itbench.data.pack import read_response_file
from itbench.errors import BadOption, BadRecordings, UnknownName

VALUES = np.arange(24.0).reshape(2, 3, 4)  # (site, stimulus, repetition)
DIMS = ("site", "stimulus", "repetition")
NAMES = ["a.png", "b.png", "café.png"]


def write_matlab73(path, values=VALUES, kind="double", names=()):
    """Write an HDF5 file as MATLAB's save -v7.3 does: axes reversed, text as cells of UTF-16."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["rates"] = values.T
        file["rates"].attrs["MATLAB_class"] = np.bytes_(kind)
        cells = []
        for number, name in enumerate(names):
            file[f"#refs#/{number}"] = np.array([[ord(letter)] for letter in name], "u2")
            file[f"#refs#/{number}"].attrs["MATLAB_class"] = np.bytes_("char")
            cells.append(file[f"#refs#/{number}"].ref)
        if names:
            file["filename"] = np.array([cells], dtype=h5py.ref_dtype)
            file["filename"].attrs["MATLAB_class"] = np.bytes_("cell")


@pytest.mark.parametrize("name", ["rates.mat", "rates.h5", "rates.mat:rates"])
def test_matlab_73_has_the_axes_of_matlab_and_its_cells_of_text(name):
    write_matlab73(name.partition(":")[0], names=NAMES)
    read = read_response_file(name, DIMS)
    np.testing.assert_array_equal(read.values, VALUES)
    assert read.labels == {"stimulus": {"filename": NAMES}}


def test_older_matlab_files_are_read_as_scipy_reads_them():
    savemat("rates.mat", {"rates": VALUES, "filename": np.array(NAMES, dtype=object)})
    read = read_response_file("rates.mat", DIMS)
    np.testing.assert_array_equal(read.values, VALUES)
    assert read.labels == {"stimulus": {"filename": NAMES}}


def test_rows_of_letters_are_labels_in_both_kinds_of_matlab_files():
    letters = ["a.png ", "bb.png", "ccc   "]  # MATLAB pads them to one length
    savemat("old.mat", {"rates": VALUES, "shown": np.array(letters)})
    write_matlab73("new.mat")
    with h5py.File("new.mat", "a") as file:
        file["shown"] = np.array([list(map(ord, row)) for row in letters], "u2").T
        file["shown"].attrs["MATLAB_class"] = np.bytes_("char")
    for path in ("old.mat", "new.mat"):
        assert read_response_file(path, DIMS).labels == {"stimulus": {"shown": ["a.png", "bb.png", "ccc"]}}


def test_hdf5_without_an_attribute_of_matlab_keeps_its_axes():
    with h5py.File("rates.h5", "w") as file:
        file["day/rates"] = VALUES
        file["day/image_id"] = [7, 5, 6]
    read = read_response_file("rates.h5", DIMS)
    np.testing.assert_array_equal(read.values, VALUES)
    assert read.labels == {"stimulus": {"image_id": [7, 5, 6]}}


def test_labels_of_another_length_than_the_stimuli_are_none():
    with h5py.File("rates.h5", "w") as file:
        file["rates"] = VALUES
        file["filename"] = ["a", "b"]
    assert read_response_file("rates.h5", DIMS).labels == {"stimulus": {}}


def test_netcdf_labels_under_other_names_of_axes():
    data = {"rates": (("unit", "picture", "trial"), VALUES), "image_id": ("picture", np.array([*NAMES[:2], "c"], "S"))}
    xr.Dataset(data, coords={"area": ("unit", ["V4", "IT"])}).to_netcdf("rates.nc", engine="h5netcdf")
    read = read_response_file("rates.nc", DIMS)
    np.testing.assert_array_equal(read.values, VALUES)
    assert read.labels["stimulus"] == {"image_id": ["a.png", "b.png", "c"]}
    assert read.labels["site"] == {"area": ["V4", "IT"]}
    assert read.own == ("unit", "picture", "trial")


def test_sparse_matrices_of_matlab_are_filled():
    savemat("rates.mat", {"rates": csc_matrix(VALUES[0])})
    np.testing.assert_array_equal(read_response_file("rates.mat", DIMS[1:]).values, VALUES[0])


REFUSED = {
    "text of MATLAB": (
        lambda path: write_matlab73(path, np.full((3, 4), 97), kind="char"),
        "rates.mat:rates",
        BadRecordings,
        "rates is no array of numbers but MATLAB's char",
    ),
    "a broken mat": (
        lambda path: path.write_bytes(b"MATLAB 5.0 MAT-file, and then nothing"),
        "rates.mat",
        BadRecordings,
        "rates.mat cannot be read",
    ),
    "an unknown variable": (write_matlab73, "rates.mat:rate", UnknownName, "unknown variable 'rate'"),
    "several variables": (
        lambda path: savemat(path, {"a": VALUES, "b": VALUES}),
        "rates.mat",
        BadOption,
        "rates.mat holds 2 variables: a, b",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_holds_no_responses_is_refused(case):
    write, source, error, message = REFUSED[case]
    write(Path("rates.mat"))
    with pytest.raises(error, match=message):
        read_response_file(source, DIMS)
