"""Labels of the same stimuli are joined one-to-one by the strictest rule, and never by position."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from itbench.data.in_memory import recordings_in_memory
from itbench.data.labels import find_label_join, find_named_stimuli, join_labels, match_labels
from itbench.data.pack import pack_recordings
from itbench.data.recordings import RDM_DIMS, Recordings
from itbench.data.responses import make_responses
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadRecordings
from tests.kit.commands import run

CAFE = [f"café{number}.png" for number in (1, 2, 10)]
MATCHED = {  # labels, in the order of the files below, by the rule that joins them
    "equal labels": ["img_1.png", "img_2.png", "img_10.png"],
    "equal path": ["./img_1.png", " img_2.png", "img_10.png "],
    "equal path below the common folder": ["set\\img_1.png", "set\\img_2.png", "set\\img_10.png"],
    "equal file name": ["a/img_1.png", "b/img_2.png", "c/img_10.png"],
    "equal path without ending": ["img_1.JPG", "img_2", "img_10.png"],
    "equal file name without ending": ["/a/img_1", "/b/img_2", "/c/img_10"],
    "equal path, numbers without leading zeros": ["img_01.png", "img_02.png", "img_10.png"],
    "equal path without ending, numbers without leading zeros": ["img_001", "img_002", "img_010"],
    "equal path, in any case": ["IMG_1.png", "Img_2.png", "img_10.png"],
    "equal path without ending, numbers without leading zeros, in any case": ["IMG_0001", "Img_0002", "img_0010"],
}
FILES = ["img_1.png", "img_2.png", "img_10.png"]


@pytest.mark.parametrize("rule", MATCHED)
def test_labels_match_by_the_strictest_rule_in_any_order(rule):
    for order in ([0, 1, 2], [2, 0, 1]):
        join = match_labels(FILES, [MATCHED[rule][row] for row in order])
        assert join.rule == rule
        np.testing.assert_array_equal(np.array(order)[join.rows], [0, 1, 2])


@pytest.mark.parametrize("rule", MATCHED)
def test_some_labels_match_those_of_a_larger_set_that_tells_them_apart(rule):
    some, files = MATCHED[rule][:2], ["img_10.png", "img_3.png", "img_2.png", "img_1.png"]
    assert match_labels(some, files) is None
    join = match_labels(some, files, subset=True)
    assert join.rows.tolist() == [3, 2]
    assert join.rule == rule.replace("path below the common folder", "file name")  # some may share another folder
    assert match_labels([*some, "img_4.png"], files, subset=True) is None
    assert match_labels([*some, some[0]], files, subset=True) is None
    assert match_labels(["1.png"], ["a/1.png", "b/1.png"], subset=True) is None  # it may be either
    assert match_labels(files, files[:2], subset=True) is None


def test_columns_that_name_different_stimuli_are_refused():
    columns = {"image": ["a.png", "b.png"], "stimulus_id": ["b", "a"], "fold": ["0", "1"]}
    ids = {"the stimulus ids": ["a", "b", "c"]}
    with pytest.raises(BadRecordings, match=r"'image' and 'stimulus_id' of t\.csv both name"):
        find_named_stimuli(columns, ids, "t.csv")
    named = {**columns, "stimulus_id": ["a", "b"], "image_id": ["1", "2"]}
    assert find_named_stimuli(named, ids, "t.csv").rows.tolist() == [0, 1]
    unnamed = {"which": ["c.png", "b.png"], "fold": ["0", "1"]}
    join = find_named_stimuli(unnamed, ids, "t.csv")
    assert (join.column, join.rows.tolist()) == ("which", [2, 1])


OTHERS = {
    "Unicode forms": ([unicodedata.normalize("NFD", name) for name in CAFE], CAFE, [0, 1, 2], "equal path"),
    "whole numbers": (["1.png", "2.png"], [2, 1], [1, 0], "equal path without ending"),
    "whole floats": (["1.png", "2.png"], [2.0, 1.0], [1, 0], "equal path without ending"),
    "whole floats as text": (["1", "2"], ["2.0", "1.0"], [1, 0], "equal path, numbers without leading zeros"),
    "bytes": (["a", "b"], [b"b", b"a"], [1, 0], "equal labels"),
    "names told apart by case": (["a.png", "A.png"], ["A", "a"], [1, 0], "equal path without ending"),
    "names told apart by folder": (
        ["s/1.png", "t/1.png"],
        ["x/t/1", "x/s/1"],
        [1, 0],
        "equal path below the common folder without ending",
    ),
    "decimals are no endings": (["0.25", "0.5"], ["0.5", "0.25"], [1, 0], "equal labels"),
    "a narrow space": (
        ["10\u202fAM.png", "11\u202fAM.png"],
        ["11 AM.png", "10 AM.png"],
        [1, 0],
        "equal path, in any case",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_labels_of_other_forms_match(case):
    first, second, rows, rule = OTHERS[case]
    join = match_labels(first, second)
    assert (join.rows.tolist(), join.rule) == (rows, rule)


UNMATCHED = {
    "another one": (FILES, ["img_1", "img_2", "img_3"]),
    "one fewer": (FILES, FILES[:2]),
    "one twice": (FILES, ["img_1", "img_2", "img_2"]),
    "two called alike without zeros": (["1.png", "01.png"], ["001", "1"]),
    "two called alike without folders": (["a/1.png", "b/1.png"], ["1.png", "1.png"]),
    "decimals": (["1.png", "2.png"], ["1.5", "2.5"]),
}


@pytest.mark.parametrize("case", UNMATCHED)
def test_labels_that_match_by_no_rule_are_refused_with_examples(case):
    first, second = UNMATCHED[case]
    with pytest.raises(BadRecordings, match="do not match one-to-one") as error:
        join_labels(first, second, ("the files", "the CSV"))
    assert f"{len(first)} in the files: {first[0]}" in error.value.known
    assert f"{len(second)} in the CSV: {second[0]}" in error.value.known


names = st.lists(st.text("aAbB01./ é\u0301", min_size=1, max_size=5), min_size=1, max_size=8, unique=True)


@given(names, st.randoms())
def test_every_permutation_of_unique_labels_is_undone(labels, random):
    shuffled = labels.copy()
    random.shuffle(shuffled)
    join = match_labels(labels, shuffled)
    assert join.rule == "equal labels"
    assert [shuffled[row] for row in join.rows] == labels


# ---- which column names the images


def found(columns, files=("a.png", "b.png", "c.png"), **how):
    join = find_label_join(columns, {"files": list(files)}, "table.csv", **how)
    return join and (join.column, join.rows.tolist())


NAMED = ["c.png", "a.png", "b.png"]
WORDS = ["x", "y", "z"]


@pytest.mark.parametrize(
    "header", ["filename", "Filename", "FILE_NAME", "image", "Image ID", "stimulus_id", "stimulus"]
)
def test_a_column_of_a_known_name_must_name_the_images(header):
    assert found({"kind": WORDS, header: NAMED}) == (header, [1, 2, 0])
    with pytest.raises(BadRecordings, match=f"'{header}' of table.csv do not match"):
        found({"kind": WORDS, header: WORDS})


def test_ids_beside_file_names_are_ids():
    assert found({"image_id": WORDS, "filename": NAMED}) == ("filename", [1, 2, 0])


def test_a_column_of_any_name_is_known_by_its_content():
    assert found({"Bild": NAMED, "kind": WORDS}) == ("Bild", [1, 2, 0])
    assert found({"kind": WORDS}) is None


def test_the_known_name_decides_over_other_columns_that_match():
    assert found({"distractor": ["b.png", "c.png", "a.png"], "image": NAMED}) == ("image", [1, 2, 0])


@pytest.mark.parametrize("headers", [("image", "filename"), ("shown", "other")])
def test_two_columns_that_disagree_are_refused(headers):
    with pytest.raises(BadRecordings, match="both name files, in two orders"):
        found(dict(zip(headers, (NAMED, ["b.png", "c.png", "a.png"]), strict=True)))


def test_numbers_in_another_order_than_the_files_are_labels_only_under_a_known_name():
    files = ("1.png", "2.png", "3.png")
    assert found({"image": ["3", "1", "2"]}, files) == ("image", [1, 2, 0])
    assert found({"trial": ["1", "2", "3"]}, files) is None
    with pytest.raises(
        BadRecordings, match=r"'trial' of table\.csv holds the numbers of the images or rows in another"
    ):
        found({"trial": ["3", "1", "2"]}, files)


def test_a_column_of_any_name_that_may_name_the_images_is_refused_if_it_does_not_match():
    with pytest.raises(BadRecordings, match=r"'Bild' of table\.csv do not match"):
        found({"Bild": ["a", "b", "other"]})
    with pytest.raises(BadRecordings, match=r"'Bild' of table\.csv do not match"):
        found({"Bild": ["a.png", "b.png", "b.png"]})
    with pytest.raises(BadRecordings, match=r"'nr' of table\.csv holds the numbers"):
        found({"nr": ["1", "3", "2"]})
    assert found({"kind": ["a", "y", "z"], "size": ["10", "30", "20"], "nr": ["0", "1", "2"]}) is None


def test_a_count_of_the_rows_says_less_than_a_label():
    columns = {"stimulus": [0, 1, 2], "filename": ["2", "0", "1"]}
    assert found(columns, ("0.png", "1.png", "2.png"), own=("stimulus",)) == ("filename", [1, 2, 0])


@pytest.mark.parametrize("first", [0, 1])
def test_a_count_of_the_rows_is_no_label_unless_files_are_called_so(first):
    index = {"stimulus": list(range(first, first + 3))}
    assert found(index, own=("stimulus",)) is None
    with pytest.raises(BadRecordings, match="do not match"):
        found({"stimulus": index["stimulus"][::-1]}, own=("stimulus",))


# ---- recordings, in memory and in files

N, SITES = 9, 2
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 6, 6, 3), dtype=np.uint8)
RATES = np.random.default_rng(1).standard_normal((N, SITES))
STEMS = [f"img_{number + 1}" for number in range(N)]


def write_images(folder, order=range(N), ending=".png"):
    folder.mkdir(exist_ok=True)
    for row in order:
        Image.fromarray(PIXELS[row]).save(folder / f"{STEMS[row]}{ending}")
    return folder


def assert_paired(recordings):
    """Every image has the responses that were recorded to it."""
    images = recordings.stimuli.images[:]
    for row in range(N):
        number = next(number for number in range(N) if np.array_equal(images[row], PIXELS[number]))
        np.testing.assert_array_equal(recordings.responses.values[0, row], RATES[number])
        if "number" in recordings.stimuli.metadata:
            assert recordings.stimuli.metadata["number"][row] == number


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.permutations(range(N)),
    st.permutations(range(N)),
    st.sampled_from(["filename", "image_id", "Bild"]),
    st.sampled_from(["stimulus", "filename", "picture"]),
    st.sampled_from(["{}", "{}.png", "set/{}.png"]),
)
def test_files_rows_and_responses_in_any_order_are_paired_by_label(tmp_path_factory, rows, shown, header, label, form):
    folder = tmp_path_factory.mktemp("any")
    images = write_images(folder / "images")
    lines = [f"{row},{STEMS[row]}.png" for row in rows]
    (folder / "stimuli.csv").write_text("\n".join([f"number,{header}", *lines]) + "\n")
    labels = [form.format(STEMS[row]) for row in shown]
    array = xr.DataArray(RATES[list(shown)], dims=("stimulus", "site"), coords={label: ("stimulus", labels)}, name="r")
    array.to_netcdf(folder / "r.nc", engine="h5netcdf")
    np.save(folder / "r.npy", RATES[list(rows)])
    labelled = pack_recordings("a", images, str(folder / "r.nc"), stimuli=folder / "stimuli.csv")
    ordered = pack_recordings("a", images, str(folder / "r.npy"), ["stimulus", "site"], stimuli=folder / "stimuli.csv")
    for recordings in (labelled, ordered, pack_recordings("a", images, str(folder / "r.nc"))):
        assert_paired(recordings)
    xr.testing.assert_identical(labelled.responses, ordered.responses)
    assert labelled.stimuli.ids == ordered.stimuli.ids


@pytest.mark.parametrize("label", ["stimulus", "filename", "image_id"])
def test_responses_in_memory_are_joined_by_any_label(tmp_path, label):
    order = np.random.default_rng(2).permutation(N)
    labels = [f"{STEMS[row]}.jpg" for row in order]
    array = xr.DataArray(RATES[order], dims=("stimulus", "site"), coords={label: ("stimulus", labels)})
    assert_paired(recordings_in_memory(write_images(tmp_path / "images"), array))
    with pytest.raises(BadRecordings, match="do not match one-to-one"):
        recordings_in_memory(tmp_path / "images", array.assign_coords({label: ("stimulus", [*labels[1:], "other"])}))


def test_metadata_in_memory_orders_the_files(tmp_path):
    order = np.random.default_rng(2).permutation(N)
    metadata = {"filename": [f"{STEMS[row]}.png" for row in order], "number": order}
    assert_paired(recordings_in_memory(write_images(tmp_path / "images"), RATES[order], metadata=metadata))


def test_labelled_responses_are_joined_with_the_metadata_of_an_array_of_images():
    order = np.random.default_rng(2).permutation(N)
    array = xr.DataArray(RATES[order], dims=("stimulus", "site"), coords={"stimulus": [STEMS[row] for row in order]})
    assert_paired(recordings_in_memory(PIXELS, array, metadata={"filename": [f"{stem}.png" for stem in STEMS]}))
    with pytest.raises(BadRecordings, match="do not match"):
        recordings_in_memory(PIXELS, array, metadata={"filename": [f"other{row}" for row in range(N)]})


def test_a_table_of_pandas_is_joined_by_its_index(tmp_path):
    order = np.random.default_rng(2).permutation(N)
    table = xr.DataArray(RATES[order], dims=("stimulus", "site"), coords={"stimulus": [STEMS[row] for row in order]})
    frame = table.to_pandas()
    assert_paired(recordings_in_memory(write_images(tmp_path / "images"), frame))
    assert_paired(recordings_in_memory(tmp_path / "images", frame.iloc[np.argsort(order)].reset_index(drop=True)))
    metadata = {"number": pd.Series(order, index=frame.index)}
    assert_paired(recordings_in_memory(tmp_path / "images", RATES[order], metadata=metadata))
    with pytest.raises(BadRecordings, match="'index' of the metadata do not match"):
        recordings_in_memory(tmp_path / "images", RATES, metadata={"number": pd.Series(order, index=list("abcdefghi"))})
    assert_paired(recordings_in_memory(tmp_path / "images", frame, metadata=pd.DataFrame({"number": range(N)})))


def test_recordings_order_responses_and_rdms_as_their_stimuli():
    stimuli = StimulusSet(tuple(STEMS), PIXELS)
    order = np.random.default_rng(2).permutation(N)
    shuffled = make_responses(RATES[order], [f"{STEMS[row]}.png" for row in order])
    assert_paired(Recordings("mine", stimuli, shuffled))
    rdm = 1 - np.corrcoef(RATES @ RATES.T)
    labels = [STEMS[row] for row in order]
    coords = {"subject": ["a"], "stimulus": labels, "other_stimulus": labels}
    rdms = xr.DataArray(rdm[np.ix_(order, order)][None], dims=RDM_DIMS, coords=coords)
    np.testing.assert_array_equal(Recordings("mine", stimuli, None, rdms=rdms).rdms.values[0], rdm)
    with pytest.raises(BadRecordings, match="do not match"):
        Recordings("mine", stimuli, make_responses(RATES, ["other", *STEMS[1:]]))


def test_what_was_joined_is_printed_and_stored(home):
    write_images(Path("images"))
    np.save("r.npy", RATES)
    Path("named.csv").write_text("\n".join(["Image ID", *STEMS]) + "\n")
    Path("unnamed.csv").write_text("\n".join(["kind", *"abcabcabc"]) + "\n")
    said = {
        "named": "named.csv: 'Image ID' names the files in images (equal path without ending); responses: no labels of "
        "stimuli, taken in the order of the rows of the CSV",
        "unnamed": "unnamed.csv: no column names the images, its rows are taken in the order of their names; ",
    }
    for name, text in said.items():
        arguments = ("--images", "images", "--responses", "r.npy", "--dims", "stimulus,site")
        printed = json.loads(run("data", "pack", name, *arguments, "--stimuli", f"{name}.csv").stdout)
        assert printed["joined"].startswith(text)
        assert json.loads(run("data", "show", name).stdout)["joined"] == printed["joined"]
