"""itbench extract: what it prints, what it says while it works, and what it refuses."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.kit.commands import run, run_python
from tests.kit.extraction import ODD_MODELS, PIXELS, write_images
from tests.kit.toy import toy_recordings


def extract(*arguments):
    """Run the command on the toy benchmark's models, into out.h5."""
    return run("extract", *arguments, "--output", "out.h5")


def test_layers_and_their_shapes_are_printed(toy):
    done = extract("toy", "--images", toy)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "Wrote out.h5 (0.0 MB)\n  noise: 80 × 40\n  good: 80 × 20\n"


def test_json_says_what_the_file_holds(toy):
    done = extract("toy-net", "--images", toy, "-l", "second", "--weights", "random", "--seed", 2, "--json")
    assert json.loads(done.stdout) == {
        "file": "out.h5",
        "MB": 0.0,
        "model": "toy-net",
        "weights": "random-2",
        "images": "toy",
        "precision": "float32",
        "pool": "none",
        "layers": [{"layer": "second", "dataset": "second", "shape": [80, 4, 3, 3]}],
    }
    with h5py.File("out.h5") as file:
        assert file["second"].shape == (80, 4, 3, 3)


def test_every_option_reaches_the_file(toy):
    write_images(Path("photos"), PIXELS)
    options = ["--precision", "bfloat16", "--device", "cpu", "--batch-size", 2, "--memory", "3GB", "--compress"]
    done = extract("toy-net", "--images", "photos", "--layer", "f*", "--weights", "random", "--offline", *options)
    assert done.exit_code == 0, done.stderr
    with h5py.File("out.h5") as file:
        assert file["first"].shape == (5, 8, 40, 48)
        assert file["first"].compression == "gzip"
        assert file.attrs["precision"] == "bfloat16"
        coarse = file["first"][:]
    assert extract("toy-net", "--images", "photos", "-l", "first", "--weights", "random", "--replace").exit_code == 0
    with h5py.File("out.h5") as file:
        assert 0 < np.abs(file["first"][:] - coarse).max() < 0.05


def test_a_broken_run_says_how_to_go_on_and_that_it_does(toy, monkeypatch):
    monkeypatch.setenv("FAILS_AT", str(toy_recordings().stimuli.images[45].sum()))
    command = ["slow", "--images", toy, "-l", "y", "--plugin", ODD_MODELS, "--batch-size", 8]
    failed = extract(*command)
    assert failed.exit_code == 1
    assert failed.stderr.startswith("Error: RuntimeError: out of memory\n")
    monkeypatch.delenv("FAILS_AT")
    other = extract(*command, "-l", "x")
    assert other.exit_code == 1
    assert other.stderr == (
        "Error: out.h5.partial was started with other layers.\nIt holds the activations of 40 images.\n"
        "Resume with the same settings, or start again with --restart.\n"
    )
    done = extract(*command)
    assert (done.exit_code, done.stdout) == (0, "Wrote out.h5 (0.0 MB)\n  y: 80 × 60\n")
    assert done.stderr == f"slow on {toy}: resuming after 40 of 80 images\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["toy", "--images", "nowhere"], "unknown images 'nowhere'.\n"),
        (["toy", "--images", "nowhere.yaml"], "Cannot read the benchmark file nowhere.yaml"),
        (["toy", "--images", "nowhere.h5"], "unknown images 'nowhere.h5'.\n"),
        (["toy", "--images", "empty"], "No images in empty.\n"),
        (["toy", "--images", "toy", "-l", "god"], "unknown layer 'god'.\nDid you mean good?"),
        (["toy", "--images", "toy", "--pool", "mean"], "--pool mean needs layers of shape (tokens, channels)"),
        (["toy", "--images", "toy", "--memory", "1MB"], "0.00 GB of memory are too little.\n"),
        (["toy-net", "--images", "toy"], "pretrained"),
        (["toi", "--images", "toy"], "unknown model 'toi'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_message(arguments, said, toy):
    Path("empty").mkdir()
    done = extract(*arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr
    assert [path.name for path in Path().iterdir()] == ["empty"]


@pytest.mark.slow
def test_extracting_a_function_imports_no_torch(toy):
    command = ["extract", "toy", "--images", str(toy), "--output", "out.h5"]
    code = f"import sys\nfrom itbench.cli import main\nmain({command!r}, standalone_mode=False)\nprint(*sys.modules)"
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stdout.split()
