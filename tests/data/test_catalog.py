"""Registered data sets: where they are published, fetched and imported, whole or not at all."""

import hashlib
import re
from pathlib import Path

import pytest

from itbench.data.catalog import new_recordings_path, recordings_path, recordings_state
from itbench.data.fetch import downloads, fetch_dataset, import_dataset, load_recordings
from itbench.data.recordings_file import read_recordings
from itbench.errors import BadOption, BadRecordings, DamagedFile, ItbenchError, UnknownName, Unreachable
from itbench.plugins import load_plugins
from itbench.util.files import locked
from itbench.util.progress import SilentReporter
from tests.kit import stand_ins as standins
from tests.kit.server import Heard, Served, Server

BUILT_IN = load_plugins().datasets

# ---- the built-in ones


def test_the_sources_are_those_that_are_published():
    course, *brain_score = (BUILT_IN[name] for name in ("majaj-it", "majajhong2015-it", "majajhong2015-v4"))
    assert [file.url for file in course.files] == ["gdrive:1s6caFNRpyR9m7ZM6XEv_e8mcXT3_PnHS"]
    base = "https://brainscore-storage.s3.amazonaws.com/brainio-brainscore/"
    for known in brain_score:
        assert {file.url: file.sha1 for file in known.files} == {
            f"{base}assy_dicarlo_MajajHong2015_public.nc": "13d28ca0ce88ee550b54db3004374ae19096e9b9",
            f"{base}stimulus_hvm-public.csv": "5ca7a3da00d8e9c694a9cd725df5ba0ad6d735af",
            f"{base}stimulus_hvm-public.zip": "8aa44e038d7b551efa8077467622f9d48d72e473",
        }


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_registered_says_what_it_is_and_keeps_its_name(name):
    known = BUILT_IN[name]
    assert known.description
    assert known.licence
    assert not known.files or re.search(r"\(20\d\d\)", known.citation)
    for file in known.files:
        assert file.address.startswith("https://")
        assert re.fullmatch("[0-9a-f]{40}", file.sha1) or (not file.sha1 and file.size)
    with pytest.raises(BadRecordings, match="belongs to a registered data set"):
        new_recordings_path(name, BUILT_IN, replace=True)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if BUILT_IN[name].files])
def test_files_that_are_not_what_they_should_be_are_refused_by_name(name, tmp_path):
    files = {file.name: tmp_path / file.name for file in BUILT_IN[name].files}
    for path in files.values():
        path.write_bytes(b"no such data")
    with pytest.raises(ItbenchError) as refused:
        BUILT_IN[name].read(files, SilentReporter())
    assert any(str(path) in str(refused.value) for path in files.values())


# ---- stand-ins, on a server of this machine


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The files that a server gives, by name; a plugin of data sets of one and of three of them."""
    files = {name: Served(content) for name, content in standins.contents(tmp_path).items()}
    sha1s = {name: hashlib.sha1(files[name].content).hexdigest() for name in standins.TWO}
    with Server(files) as server:
        standins.write_plugin(tmp_path / "stand_ins.py", server.address, sha1s)
        monkeypatch.setenv("ITBENCH_PLUGINS", str(tmp_path / "stand_ins.py"))
        yield files


@pytest.fixture
def datasets(served):
    return standins.registered()


def given(served, folder, names):
    """Write files as they came by other means, and return their paths."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(served[name].content)
    return [folder / name for name in names]


def state_of(paths):
    return [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]


# ---- fetched


def test_what_is_missing_is_fetched_packed_and_cleared_away(served, datasets):
    heard = Heard()
    recordings = load_recordings("one-it", datasets, heard)
    address = datasets["one-it"].files[0].address
    assert heard.notes == [f"fetching one.h5 (about 2 MB, no checksum is published) from {address}"]
    assert recordings_state("one-it", datasets) == "here"
    assert list(downloads().iterdir()) == []
    assert recordings.name == "one-it"
    sha1 = hashlib.sha1(served["one.h5"].content).hexdigest()
    assert recordings.about == {
        "region": "V4",
        "citation": "Somebody (2020)",
        "licence": "CC0",
        "files": {"one.h5": f"SHA-1 {sha1}"},
    }
    load_recordings("one-it", datasets, heard)
    assert len(served["one.h5"].requests) == 1


def test_files_that_another_data_set_needs_are_kept_and_said(served, datasets):
    heard = Heard()
    load_recordings("two-it", datasets, heard)
    kept = sum(len(served[name].content) for name in standins.TWO) / 1e6
    assert heard.notes[-1] == f"keeping {kept:.1f} MB in {downloads()}: itbench data fetch two-v4 needs them too"
    assert {path.name for path in downloads().iterdir()} == set(standins.TWO)
    load_recordings("two-v4", datasets, heard)
    assert list(downloads().iterdir()) == []
    assert [len(served[name].requests) for name in standins.TWO] == [1, 1, 1]


def test_a_page_in_the_place_of_a_file_is_set_aside(served, datasets):
    page, served["one.h5"].content = served["one.h5"].content, b"<html>Sign in</html>"
    with pytest.raises(DamagedFile) as refused:
        load_recordings("one-it", datasets)
    aside = downloads() / "one.h5.damaged"
    assert str(aside) in refused.value.known
    assert refused.value.todo == "Run the same again to fetch it anew."
    assert recordings_state("one-it", datasets) == "fetched when needed"
    served["one.h5"].content = page
    load_recordings("one-it", datasets)


def test_a_wrong_checksum_leaves_nothing_that_is_used(served, datasets):
    right, served["two.csv"].content = served["two.csv"].content, b"other"
    with pytest.raises(DamagedFile, match=hashlib.sha1(b"other").hexdigest()):
        load_recordings("two-it", datasets)
    assert recordings_state("two-it", datasets) == "fetched when needed"
    served["two.csv"].content = right
    load_recordings("two-it", datasets)
    assert len(served["two.h5"].requests) == 1  # was right, and is not fetched again


def test_an_unreachable_source_is_one_message_with_two_ways_on(served, datasets):
    served["two.csv"].statuses[:] = [404]
    with pytest.raises(Unreachable) as refused:
        load_recordings("two-it", datasets)
    addresses = [file.address for file in datasets["two-it"].files]
    assert str(refused.value).splitlines() == [
        "The recordings two-it cannot be fetched.",
        f"two.csv cannot be downloaded from {addresses[1]}: 127.0.0.1 answers 404 Not Found.",
        "Get by other means what lies at",
        *[f"  {address}" for address in addresses],
        "and run: itbench data import two-it two.h5 two.csv two.zip",
        "Or use recordings that need no network: synthetic-it, synthetic-it-noisy",
    ]


def test_two_processes_do_not_make_the_same_recordings(served, datasets):
    with (
        locked(downloads() / ".one-it.lock", "one-it is being fetched"),
        pytest.raises(ItbenchError, match=r"one-it is being fetched by process \d+ on .+ already"),
    ):
        load_recordings("one-it", datasets)
    load_recordings("one-it", datasets)


def test_a_mirror_on_the_network_serves_as_well(served, datasets):
    mirrored = {f"brain/{name}": Served(file.content) for name, file in served.items()}
    with Server(mirrored) as mirror:
        fetch_dataset("two-it", datasets, SilentReporter(), f"{mirror.address}/brain")
    assert [len(served[name].requests) for name in standins.TWO] == [0, 0, 0]
    assert recordings_state("two-it", datasets) == "here"


def test_a_folder_as_mirror_is_left_as_it_is_even_offline(served, tmp_path, monkeypatch, datasets):
    monkeypatch.setenv("ITBENCH_OFFLINE", "1")
    paths = given(served, tmp_path / "mirror", standins.TWO)
    before = state_of(paths)
    fetch_dataset("two-it", datasets, SilentReporter(), tmp_path / "mirror")
    assert state_of(paths) == before
    assert recordings_state("two-it", datasets) == "here"


def test_what_is_unknown_is_not_fetched():
    with pytest.raises(UnknownName, match="Did you mean majaj-it"):
        fetch_dataset("majaj-its", BUILT_IN, SilentReporter())


# ---- imported


@pytest.mark.parametrize(
    ("name", "files"),
    [("two-it", ["two.zip", "two.h5", "two.csv"]), ("one-it", ["one.h5"])],
)
def test_files_that_came_by_other_means_are_packed_and_left_as_they_are(name, files, served, tmp_path, datasets):
    paths = given(served, tmp_path / "mine", files)
    before = state_of(paths)
    import_dataset(name, datasets, paths, SilentReporter())
    assert state_of(paths) == before
    assert read_recordings(recordings_path(name)).name == name
    assert not downloads().exists()


def test_a_single_file_may_have_any_name(served, tmp_path, datasets):
    (path,) = given(served, tmp_path / "mine", ["one.h5"])
    import_dataset("one-it", datasets, [path.rename(path.with_name("one (1).h5"))], SilentReporter())
    assert recordings_state("one-it", datasets) == "here"


WRONG = {
    "one is missing": (["two.h5", "two.zip"], "Missing: two.csv. Not among them: none."),
    "one is another": (["two.h5", "two.csv", "one.h5"], "Missing: two.zip. Not among them: one.h5."),
    "one comes twice": (["two.h5", "two.csv", "two.zip", "two.zip"], "Missing: none. Not among them: none."),
}


@pytest.mark.parametrize(("names", "known"), WRONG.values(), ids=WRONG)
def test_other_files_are_refused_with_the_names_of_the_right_ones(names, known, served, tmp_path, datasets):
    paths = [*map(Path, given(served, tmp_path / "mine", names))]
    with pytest.raises(BadOption) as refused:
        import_dataset("two-it", datasets, paths, SilentReporter())
    assert refused.value.known == known
    assert refused.value.todo == "Give each once: itbench data import two-it two.h5 two.csv two.zip"


def test_an_altered_file_is_refused_and_left_where_it_is(served, tmp_path, datasets):
    paths = given(served, tmp_path / "mine", standins.TWO)
    paths[2].write_bytes(b"other")
    with pytest.raises(DamagedFile, match=hashlib.sha1(b"other").hexdigest()):
        import_dataset("two-it", datasets, paths, SilentReporter())
    assert paths[2].read_bytes() == b"other"
    assert recordings_state("two-it", datasets) == "fetched when needed"


def test_what_itbench_makes_itself_takes_no_files(tmp_path):
    with pytest.raises(BadOption, match="itbench data fetch synthetic-it"):
        import_dataset("synthetic-it", BUILT_IN, [tmp_path], SilentReporter())
