"""What a benchmark file says, and what is said of one that cannot be used."""

from pathlib import Path

import pytest

from itbench.data.benchmark import Benchmark
from itbench.data.splits import SplitPlan
from itbench.errors import BadBenchmark, ItbenchError
from tests.kit.commands import ROOT, run

LEAST = "name: mine\ndata: toy\nsplits: {kind: provided}\n"
KEYS = ("name", "data", "splits", "description", "region", "window", "degrees", "metric", "citation", "licence")


def read(text, path="mine.yaml"):
    Path(path).write_text(text, encoding="utf-8")
    return Benchmark.read(Path(path))


def test_every_key_is_read():
    bench = read(
        """
        name: mine
        description: >
          Two lines
          of text
        data: toy
        region: V4
        window: [50, 150]
        degrees: 8
        splits: {kind: kfold, folds: 4, seed: 7, stratify: category}
        metric: pls
        cluster: scene
        citation: Someone (2024)
        licence: CC0
        """
    )
    assert bench == Benchmark(
        name="mine",
        data="toy",
        splits=SplitPlan("kfold", folds=4, seed=7, stratify="category"),
        description="Two lines of text",
        region="V4",
        window=(50.0, 150.0),
        degrees=8.0,
        metric="pls",
        cluster="scene",
        citation="Someone (2024)",
        licence="CC0",
    )
    assert bench.file == Path("mine.yaml")


def test_without_splits_there_are_none_to_test_a_readout_on():
    bench = read("data: toy\n")
    assert bench.splits == SplitPlan("none")
    with pytest.raises(BadBenchmark, match="does not say how to divide"):
        bench.splits.divide(10, {})


def test_the_least_for_a_readout_is_data_and_splits():
    bench = read("data: toy\nsplits: {kind: provided}\n", "from-the-file.yaml")
    assert (bench.name, bench.metric, bench.window, bench.degrees) == ("from-the-file", "ridge", None, None)


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_benchmarks_of_the_project_are_valid(path):
    bench = Benchmark.read(path)
    assert bench.name == path.stem
    assert all((bench.description, bench.region, bench.citation, bench.licence))


def test_a_path_of_data_is_relative_to_the_file(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for data, source in {
        "toy": "toy",
        "toy.h5": str(folder / "toy.h5"),
        "../toy.nc": str(folder / "../toy.nc"),
        str(tmp_path / "toy.h5"): str(tmp_path / "toy.h5"),
        "~/toy.h5": str(Path.home() / "toy.h5"),
    }.items():
        assert read(LEAST.replace("toy", data), folder / "mine.yaml").data_source() == source


def test_a_relative_path_of_data_is_scored(toy, home):
    (home / "elsewhere.yaml").write_text("data: data/toy.h5\nsplits: {kind: kfold, folds: 2}\n")
    assert run("score", "-m", "toy", "-b", home / "elsewhere.yaml").exit_code == 0


BAD = {
    "unknown key": (
        LEAST + "windows: [1, 2]\n",
        ["key of a benchmark 'windows'", "Did you mean window?", *KEYS],
    ),
    "key that is no text": (LEAST + "3: x\n", ["unknown key of a benchmark '3'", *KEYS]),
    "the name of a field": (LEAST + "file: x.yaml\n", ["unknown key of a benchmark 'file'"]),
    "no data": ("name: mine\nsplits: {kind: provided}\n", ["key 'data' is missing", *KEYS]),
    "empty data": ("data:\nsplits: {kind: provided}\n", ["key 'data' is missing", *KEYS]),
    "splits as text": ("data: toy\nsplits: kfold\n", ["key 'splits' must be a mapping with a kind, not 'kfold'"]),
    "kind of splits": (
        "data: toy\nsplits: {kind: fold}\n",
        ["unknown kind of splits 'fold'", "Did you mean kfold or file?"],
    ),
    "key of splits": (LEAST.replace("provided", "kfold, fold: 3"), ["key of splits 'fold'", "folds", "stratify"]),
    "folds": (LEAST.replace("provided", "kfold, folds: 1"), ["'splits: folds' must be a whole number from 2", "not 1"]),
    "seed": (LEAST.replace("provided", "kfold, seed: x"), ["'splits: seed' must be a whole number", "not 'x'"]),
    "stratify": (LEAST.replace("provided", "kfold, stratify: [a]"), ["'splits: stratify' must be the name", "['a']"]),
    "window of one": (LEAST + "window: [70]\n", ["key 'window' must be [start, end] in ms, not [70]"]),
    "window as text": (LEAST + "window: 70-170\n", ["key 'window' must be", "'70-170'"]),
    "window backwards": (LEAST + "window: [170, 70]\n", ["key 'window' must be", "[170, 70]"]),
    "window of no length": (LEAST + "window: [70, 70]\n", ["key 'window' must be", "[70, 70]"]),
    "window without end": (LEAST + "window: [0, .inf]\n", ["key 'window' must be", "[0, inf]"]),
    "degrees of zero": (LEAST + "degrees: 0\n", ["key 'degrees' must be a positive number, not 0"]),
    "degrees as text": (LEAST + "degrees: eight\n", ["key 'degrees' must be a positive number, not 'eight'"]),
    "degrees true": (LEAST + "degrees: true\n", ["key 'degrees' must be a positive number, not True"]),
    "infinite degrees": (LEAST + "degrees: .inf\n", ["key 'degrees' must be a positive number, not inf"]),
    "name as a number": (LEAST.replace("mine", "5"), ["key 'name' must be text, not 5"]),
    "empty metric": (LEAST + "metric:\n", ["key 'metric' must be text, not None"]),
    "list of data": (LEAST.replace("toy", "[a, b]"), ["key 'data' must be text, not ['a', 'b']"]),
    "no YAML": ("name: [mine\n", ["is not YAML"]),
    "tabs": ("name:\n\t- a\n", ["is not YAML"]),
    "impossible date": (
        LEAST + "description: 2020-13-45\n",
        ["is not YAML", "'2020-13-45': month must be", "line 4"],
    ),
    "code": (LEAST + "citation: !!python/object/apply:os.getcwd []\n", ["is not YAML"]),
    "no number": (LEAST + "degrees: !!int x\n", ["is not YAML", "'x': invalid literal", "line 4"]),
    "no date": (LEAST + "degrees: !!timestamp x\n", ["is not YAML", "'x'", "line 4"]),
    "nested without end": ("[" * 3000, ["is not YAML"]),
    "a list": ("- name\n- data\n", ["a benchmark must be a mapping of keys to values, not ['name', 'data']", *KEYS]),
    "nothing": ("", ["must be a mapping of keys to values, not None"]),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_name_the_file_the_key_and_what_is_known(case):
    text, fragments = BAD[case]
    with pytest.raises(ItbenchError) as caught:
        read(text)
    assert "mine.yaml" in caught.value.what
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_file_that_is_no_text_is_refused():
    Path("mine.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(BadBenchmark, match=r"mine\.yaml is not YAML"):
        Benchmark.read(Path("mine.yaml"))


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(path):
    with pytest.raises(BadBenchmark, match=r"Cannot read the benchmark file (missing\.yaml|\.): \w+"):
        Benchmark.read(Path(path))


def test_the_command_line_prints_one_message(toy):
    toy.write_text("data: toy\nsplits: {kind: kfold, stratify: categori}\n")
    done = run("score", "-m", "toy", "-b", toy)
    assert done.exit_code == 1
    assert "Did you mean category?" in done.stderr
    assert "Traceback" not in done.output
