"""Options that contradict each other, sizes, endings, folders that cannot be written, and Ctrl-C."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from itbench.cli.run_options import parse_bytes
from tests.kit.commands import run

TWICE = {
    "results": (("leaderboard", "--results", "a", "--results", "b"), "--results is given 2 times"),
    "metric": (("score", "-m", "toy", "--metric", "ridge", "--metric=pls"), "--metric is given 2 times"),
    "short and long": (("compare", "a", "b", "-b", "x", "--benchmark", "x"), "--benchmark is given 2 times"),
    "three": (("extract", "toy", "--images", "a", *("--output", "a") * 3), "--output is given 3 times"),
    "recipe": (("score", "-m", "x", "--recipe", "lr=1", "--recipe", "lr=2"), "lr is given 2 times"),
    "flags": (("score", "-m", "toy", "--keep-predictions", "--no-predictions"), "contradict each other"),
    "window": (("data", "pack", "x", "--images", ".", "--responses", "r", *("--window", "0", "1") * 2), "2 times"),
}


@pytest.mark.parametrize(("words", "said"), TWICE.values(), ids=list(TWICE))
def test_an_option_of_one_value_is_not_taken_twice(words, said):
    shown = run(*words)
    assert shown.exit_code == 2
    assert said in shown.stderr


def test_options_that_may_be_repeated_and_flags_are_taken_twice():
    assert run("leaderboard", "-b", "a", "-b", "b", "--json", "--json").exit_code == 1  # no such benchmark: not usage
    assert run("metrics", "--json", "--json").exit_code == 0


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GiB", 2**32), ("0.5gb", 5 * 10**8), ("2e9", 2 * 10**9), (" 4 GB ", 4 * 10**9), (".5T", 5 * 10**11)],
)
def test_a_size_has_a_unit(text, size):
    assert parse_bytes(None, None, text) == size


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *(("4", "Is 4GB meant"), ("4B", "Is 4GB meant"), ("1.5", "Is 1.5GB meant")),
        *((text, "is not a size") for text in ("", "GB", "4GBB", "-1GB", "0GB", "nan", "nanGB", "infGB", "4IB")),
        *((text, "is not a size") for text in ("4PB", "0x4GB", "1_0GB", "1e999GB", "4,5GB", "1e9999")),
    ],
)
def test_what_is_no_size_is_refused(text, said):
    with pytest.raises(click.BadParameter, match=said):
        parse_bytes(None, None, text)


@pytest.mark.parametrize("degrees", ["nan", "inf", "0", "-1", "1e999"])
def test_degrees_are_positive_and_finite(degrees):
    assert run("score", "-m", "pixels", "--degrees", degrees).exit_code == 2


ENDINGS = {
    "leaderboard": (("leaderboard", "--output", "board.html"), ".md, .markdown, .csv, .json, .txt"),
    "run": (("run", "seeds", "--output", "seeds.xlsx"), ".md, .markdown, .csv, .json, .txt"),
    "extract": (("extract", "pixels", "--images", "synthetic-it", "--output", "out.npy"), ".h5, .hdf5, .nc"),
    "export": (("export", "cnn-2", "--output", "cnn.pt"), ".safetensors"),
}


@pytest.mark.parametrize(("words", "known"), ENDINGS.values(), ids=list(ENDINGS))
def test_an_ending_of_another_format_is_refused(words, known, home):
    shown = run(*words)
    assert shown.exit_code == 1
    assert f"Known endings: {known}." in shown.stderr
    assert not Path(words[-1]).exists()


UNWRITABLE = {
    "score": ("score", "-m", "no-pass", "-b", "TOY", "--results", "FILE/scores"),
    "scratch": ("score", "-m", "no-pass", "-b", "TOY", "--scratch", "FILE/x"),
    "run": ("run", "seeds", "-b", "TOY", "--output", "FILE/x/t.md"),
    "leaderboard": ("leaderboard", "--output", "FILE/x.md"),
    "extract": ("extract", "toy", "--images", "TOY", "--output", "FILE/x.h5"),
    "baselines": ("baselines", "-b", "TOY", "--results", "FILE"),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_a_folder_that_cannot_be_written_is_found_before_the_work(name, toy, tmp_path):
    (tmp_path / "file").write_text("a file, where a folder should be")
    words = [str(toy) if word == "TOY" else word.replace("FILE", str(tmp_path / "file")) for word in UNWRITABLE[name]]
    shown = run(*words)
    assert shown.exit_code != 0
    assert str(tmp_path / "file") in shown.stderr
    assert any(said in shown.stderr for said in ("Cannot write in", "is a file"))


@pytest.mark.parametrize("variable", ["ITBENCH_CACHE", "ITBENCH_RESULTS", "ITBENCH_SCRATCH"])
def test_a_folder_named_by_a_variable_is_tried_too(variable, toy, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file")
    monkeypatch.setenv(variable, str(tmp_path / "file" / "folder"))
    shown = run("score", "-m", "no-such-model", "-b", toy)
    assert shown.stderr.startswith(f"Error: Cannot write in {tmp_path / 'file' / 'folder'}: Not a directory.")


SLOW = """
import time

from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    register("slow", lambda weights: FunctionModel(function, layers=("x",), identity="slow"), layers=("x",), weights=())


def function(images):
    print("a pass", flush=True)
    time.sleep(0.3)
    return {"x": images.reshape(len(images), -1)[:, :200] / 255}
"""
INTERRUPTED = {
    "score": (("score", "-m", "slow", "-b", "TOY"), "Finished scores are in the results folder"),
    "extract": (
        ("extract", "slow", "--images", "TOY", "--output", "out.h5"),
        "Activations of finished images are in out.h5.partial; the same command resumes.",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("words", "said"), INTERRUPTED.values(), ids=list(INTERRUPTED))
def test_ctrl_c_says_what_is_kept(words, said, toy, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    options = ["--plugin", str(tmp_path / "slow.py"), "--batch-size", "2"]
    started = subprocess.Popen(
        [sys.executable, "-m", "itbench", *(str(toy) if word == "TOY" else word for word in words), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )
    assert started.stdout.readline() == "a pass\n"
    time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "Traceback" not in err
    assert f"Interrupted. {said}" in err


def test_what_is_no_score_is_named_and_not_to_be_removed(toy, home):
    """Recordings, another netCDF file, text, a folder."""
    import xarray as xr

    recordings = next(home.glob("data/*.h5"))
    xr.Dataset({"x": ("y", [1.0])}).to_netcdf("other.nc", engine="h5netcdf")
    Path("text.nc").write_text("not a score")
    Path("folder.nc").mkdir()
    for path, kind in [
        *((recordings, "recordings"), ("other.nc", "an HDF5 or netCDF file"), ("text.nc", "text")),
        ("folder.nc", "a folder"),
    ]:
        for words in (["explain", path], ["diff", path, path], ["rescore", path], ["compare", path, path]):
            shown = run(*words)
            assert shown.exit_code == 1
            assert shown.stderr.startswith(f"Error: {path} is no score file: it is {kind}.")
            assert "emove" not in shown.stderr
