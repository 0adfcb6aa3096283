"""A score file: round trip, seal, atomic writing, summary, names."""

import hashlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

from itbench.errors import BadScore, DamagedFile, NoSpace
from itbench.results.score_file import provenance, read_score, write_score
from itbench.results.score_variables import pooled
from tests.kit.commands import ROOT, run
from tests.kit.scores import readout_score, small_score


def test_round_trip(tmp_path):
    score = small_score(region="V4")
    path = write_score(score, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "m--w--b--ridge.nc"
    xr.testing.assert_identical(read_score(path), score)


@pytest.mark.slow
def test_round_trip_of_a_real_score(toy, tmp_path):
    path = scored("-m", "toy", "-b", toy)["file"]
    score = read_score(tmp_path / "work" / path)
    again = write_score(score, tmp_path / "again")
    xr.testing.assert_identical(read_score(again), score)
    assert {"git", "versions", "options", "digests", "seconds", "splits"} <= set(provenance(score))


@pytest.mark.parametrize("engine", [None, "h5netcdf"])
def test_plain_xarray_reads_it(engine, tmp_path):
    score = small_score()
    with xr.open_dataset(write_score(score, tmp_path), engine=engine) as plain:
        np.testing.assert_array_equal(plain["explained_variance"], score["explained_variance"])
        assert list(plain["chosen_layer"].values) == ["early", "late", "late"]
        assert plain.attrs["model"] == "m"


@pytest.mark.parametrize("without", [(), ("predictions",), ("ceiling", "row_split")])
@pytest.mark.parametrize(
    "labels", [{}, {"day": np.array(["2026-01-01", "2026-02-03"], "M8[ns]"), "kept": [True, False]}]
)
def test_it_is_read_as_xarray_reads_it(without, labels, tmp_path):
    recorded = np.random.default_rng(0).normal(size=(12, 2))
    score = readout_score(recorded, 0.5 * recorded, ceiling=np.array([0.9, np.nan]), n_draws=20)
    texts = {"animal": ["Ü", ""], "depth": [0.5, np.nan], "electrode": np.array([3, 4], np.int16)}
    score = score.assign_coords({key: ("site", values) for key, values in {**texts, **labels}.items()})
    path = write_score(score.assign(headline=0.25), tmp_path)
    with xr.open_dataset(path, engine="h5netcdf", drop_variables=list(without)) as plain:
        expected = plain.load().drop_attrs(deep=False).assign_attrs(score.attrs)
    found = read_score(path, without)
    xr.testing.assert_identical(found, expected)
    assert {name: found[name].dtype for name in found.variables} == {
        name: expected[name].dtype for name in expected.variables
    }
    assert {type(value) for value in found.attrs.values()} <= {str, np.int64}


def test_every_flipped_bit_is_noticed(tmp_path):
    path = write_score(small_score(), tmp_path)
    whole = path.read_bytes()
    offsets = [*range(0, len(whole), 61), *range(len(whole) - 90, len(whole))]
    for offset in offsets:
        flipped = bytearray(whole)
        flipped[offset] ^= 1 << offset % 8
        path.write_bytes(flipped)
        with pytest.raises(DamagedFile, match=r"m--w--b--ridge\.nc is truncated or was altered") as raised:
            read_score(path)
        assert "score again" in str(raised.value)
    path.write_bytes(whole)
    assert read_score(path).attrs["model"] == "m"


def test_a_truncated_file_is_refused(tmp_path):
    path = write_score(small_score(), tmp_path)
    whole = path.read_bytes()
    for length in (len(whole) // 2, len(whole) - 82, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFile, match=r"m--w--b--ridge\.nc"):
            read_score(path)


def test_a_value_edited_with_h5py_is_noticed(tmp_path):
    path = write_score(small_score(), tmp_path)
    with h5py.File(path, "r+") as file:
        file["explained_variance"][0, 0, 0] = 0.99
    with pytest.raises(DamagedFile, match="altered"):
        read_score(path)


def test_an_attribute_edited_with_h5py_is_noticed(tmp_path):
    path = write_score(small_score(), tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["model"] = "another"
    with pytest.raises(DamagedFile, match="altered"):
        read_score(path)


def test_what_is_no_score_is_refused(tmp_path):
    with pytest.raises(BadScore, match=r"No score file .*nosuch\.nc"):
        read_score(tmp_path / "nosuch.nc")
    (tmp_path / "folder.nc").mkdir()
    with pytest.raises(BadScore, match=r"folder\.nc"):
        read_score(tmp_path / "folder.nc")
    xr.Dataset({"x": ("y", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    whole = write_score(small_score(), tmp_path).read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[:50])  # too little to know what it was
    (tmp_path / "empty.nc").touch()
    for name, kind in {"other": "an HDF5 or netCDF file", "cut": "an HDF5 or netCDF file", "empty": "empty"}.items():
        with pytest.raises(BadScore, match=rf"{name}\.nc is no score file: it is {kind}\.") as refused:
            read_score(tmp_path / f"{name}.nc")
        assert "emove" not in str(refused.value)


def test_a_score_of_another_version_is_not_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr("itbench.results.score_file.FORMAT", "itbench score 0")
    path = write_score(small_score(), tmp_path)
    monkeypatch.undo()
    with pytest.raises(BadScore, match="this version"):
        read_score(path)


@pytest.mark.slow
def test_a_killed_writer_leaves_no_file_or_a_whole_one(tmp_path):
    """The writer writes without end, and is killed at moments spread over its work."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom itbench.results.score_file import write_score\n"
        "from tests.kit.scores import readout_score, small_score\nprint('ready', flush=True)\n"
        "for number in range(10**6):\n"
        "    write_score(small_score(file_stem=f's{number}'), Path(sys.argv[1]))\n"
    )
    written = 0
    for wait in (0.02, 0.11, 0.31, 1.2):
        folder = tmp_path / str(wait)
        writer = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert writer.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(wait)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        for path in folder.glob("*.nc"):
            assert read_score(path).attrs["file_stem"] == path.stem
            written += 1
    assert written > 0


def test_a_writer_that_fails_leaves_the_former_score(tmp_path, monkeypatch):
    path = write_score(small_score(), tmp_path / "scores")

    def full(self, target, **how):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.raises(NoSpace, match="No space left"):
        write_score(small_score(model="other"), tmp_path / "scores")
    assert os.listdir(tmp_path / "scores") == [path.name]
    assert read_score(path).attrs["model"] == "m"


def scored(*arguments):
    shown = run("score", *arguments, "--json")
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)[0]


def test_sites_with_missing_responses_are_counted_not_averaged(toy, home):
    from itbench.data.recordings_file import write_recordings
    from tests.kit.toy import toy_recordings

    recordings = toy_recordings()
    recordings.responses[:, 3, 1] = np.nan  # no repetition of one image at one site
    write_recordings(recordings, home / "data" / "toy.h5")
    found = scored("-m", "toy", "-b", toy)
    assert (found["n_sites"], found["n_sites_scored"]) == (5, 4)
    score = read_score(home.parent / "work" / found["file"])
    assert np.isnan(score["explained_variance"].values[:, :, 1]).all()
    assert found["explained_variance"] == pytest.approx(
        float(pooled(score, "explained_variance", chosen=True).values[[0, 2, 3, 4]].mean())
    )


@pytest.mark.slow
def test_runs_that_differ_do_not_replace_each_other(toy, tmp_path):
    """Every pair of these is another question, so another file; the same question takes the former's place."""
    from itbench.models.weights import Weights
    from tests.kit.toy import TOY_PLUGIN

    space: dict = {}
    exec(TOY_PLUGIN, space)
    import torch

    for number in (1, 2):  # two files of one name
        (tmp_path / str(number)).mkdir()
        module = space["toy_net"](Weights("random", number)).module
        torch.save(module.state_dict(), tmp_path / str(number) / "w.pt")
    net = ("-m", "toy-net", "-b", toy)
    ways = [
        (*net, "--weights", "random"),
        (*net, "--weights", "random", "--seed", 1),
        (*net, "--weights", tmp_path / "1" / "w.pt"),
        (*net, "--weights", tmp_path / "2" / "w.pt"),
        (*net, "--weights", "random", "--precision", "bfloat16"),
        (*net, "--weights", "random", "-l", "first"),
        (*net, "--weights", "random", "-l", "first", "-l", "second"),
        (*net, "--weights", "random", "-o", "components=5"),
        (*net, "--weights", "random", "-o", "components=6"),
        (*net, "--weights", "random", "-o", "components=5", "-o", "per_site=false"),
        ("-m", "toy", "-b", toy),
        ("-m", "toy", "-b", toy, "-l", "good"),
    ]
    files = [scored(*way)["file"] for way in ways]
    for (one, first), (two, second) in itertools.combinations(zip(ways, files, strict=True), 2):
        assert first != second, f"{one} and {two}"
    assert [scored(*way)["file"] for way in ways[:3]] == files[:3]


def test_names_of_files_are_safe(toy, tmp_path):
    plugin = tmp_path / "odd.py"
    plugin.write_text(
        "from itbench import FunctionModel, hookimpl\n\n\n@hookimpl\ndef itbench_models(register):\n"
        "    register('../hub/odd name:1', odd, weights=())\n\n\ndef odd(weights):\n"
        "    return FunctionModel(lambda p: {'x': p / 255}, layers=('x',), identity='odd')\n"
    )
    file = scored("-m", "../hub/odd name:1", "-b", toy, "--plugin", plugin)["file"]
    assert os.path.dirname(file) == os.path.join("leaderboard", "scores")
    assert set(os.path.basename(file)) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


def test_the_seal_stands_behind_the_netcdf_and_can_be_checked_by_hand(tmp_path):
    sealed = write_score(small_score(), tmp_path).read_bytes()
    content, line = sealed[:-82], sealed[-82:]
    assert line == f"\nitbench SHA-256 {hashlib.sha256(content).hexdigest()}\n".encode()
    assert xr.load_dataset(io.BytesIO(content), engine="h5netcdf").attrs["format"] == "itbench score 1"
