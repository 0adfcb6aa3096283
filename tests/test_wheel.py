"""The wheel, in an environment of its own, far from any checkout: it lists and scores all that is built in."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from itbench.data.recordings_file import write_recordings
from itbench.plugins import load_plugins
from tests.kit.commands import ROOT
from tests.kit.toy import toy_recordings

pytestmark = pytest.mark.slow

OTHER_PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "itbench-other"
version = "1.0"

[project.entry-points.itbench]
other = "itbench_other"
broken = "itbench_other.broken"

[tool.hatch.build.targets.wheel]
packages = ["itbench_other"]
"""

OTHER_PLUGIN = '''
"""A model, a metric and a benchmark from another package."""

from dataclasses import dataclass

import numpy as np

from itbench import FunctionModel, ReadoutResult, hookimpl


@hookimpl
def itbench_models(register):
    register("other-mean", mean, layers=("mean",), source="itbench-other", weights=())


@hookimpl
def itbench_metrics(register):
    register("other-mean-response", MeanResponse, description="predicts the mean: explains nothing")


@hookimpl
def itbench_benchmarks(register):
    register("toy.yaml")


@dataclass(frozen=True)
class MeanResponse:
    def __call__(self, gram, responses, train, test):
        mean = responses.mean(axis=0)
        rest = (len(train) * mean - responses) / (len(train) - 1)
        return ReadoutResult(np.tile(mean, (len(test), 1)), rest, np.full(len(mean), np.nan))


def mean(weights):
    return FunctionModel(lambda images: {"mean": images.mean(axis=1)}, layers=("mean",), identity="other-mean 1")
'''


def checked(*command, **how):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def build_wheel(source: Path, to: Path) -> Path:
    """Build with what is installed here, without a network."""
    checked(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", to, source)
    (wheel,) = to.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The wheel of another package that has an entry point, and one that breaks."""
    source = tmp_path_factory.mktemp("other")
    package = source / "itbench_other"
    package.mkdir()
    (source / "pyproject.toml").write_text(OTHER_PYPROJECT)
    (package / "__init__.py").write_text(OTHER_PLUGIN)
    (package / "broken.py").write_text("raise RuntimeError('broken on purpose')\n")
    (package / "toy.yaml").write_text("name: toy\ndata: toy\nsplits: {kind: kfold, folds: 4}\n")
    return build_wheel(source, tmp_path_factory.mktemp("other-wheel"))


@pytest.fixture(scope="module")
def bin_folder(wheel, other, tmp_path_factory):
    """An environment that has both wheels, and only the dependencies of the one that runs the tests."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    checked(sys.executable, "-m", "venv", "--without-pip", environment)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    site = Path(
        checked(scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    )
    # a line of a path file adds the folder, and does not run the path files in it: no editable install there counts
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for built in (wheel, other):
        checked(
            *(sys.executable, "-m", "pip", "--python", scripts / "python", "install"),
            *("--no-deps", "--no-index", "--force-reinstall", "--disable-pip-version-check", built),
        )
    return scripts


@pytest.fixture
def itbench(bin_folder, home):
    """Run the console script in an empty folder, with nothing of this checkout on the path."""
    write_recordings(toy_recordings(), home / "data" / "toy.h5")

    def run(*words):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        return checked(bin_folder / "itbench", *words, env=environment)

    return run


def test_the_wheel_holds_all_that_is_built_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {
        f"itbench/shipped/{path.relative_to(ROOT).as_posix()}"
        for pattern in (
            "plugins/**/*.py",
            "plugins/*.bib",
            "plugins/*/*.safetensors",
            "plugins/*/*/*.yaml",
            "benchmarks/*",
            "suites/*",
        )
        for path in ROOT.glob(pattern)
    }
    assert len(expected) > 8
    assert expected <= names
    ours = [path for path in (ROOT / "itbench").rglob("*.*") if path.is_file() and "__pycache__" not in path.parts]
    assert "site.css" in {path.name for path in ours}
    assert {path.relative_to(ROOT).as_posix() for path in ours} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests", "tools", "perf"))]


def test_the_package_that_runs_is_the_wheel(bin_folder, home):
    where = checked(bin_folder / "python", "-c", "import itbench; print(itbench.__file__)").stdout.strip()
    assert Path(where).is_relative_to(bin_folder.parent)


def test_lists_every_built_in_and_what_another_package_brings(itbench):
    here = load_plugins()
    models = itbench("models", "--json")
    assert {row["model"] for row in json.loads(models.stdout)} == {*here.models, "other-mean"}
    benchmarks = json.loads(itbench("benchmarks", "--json").stdout)
    assert {row["benchmark"] for row in benchmarks} == {*here.benchmarks, "toy"}
    metrics = {row["metric"] for row in json.loads(itbench("metrics", "--json").stdout)}
    assert metrics == {*here.metrics, "other-mean-response"}
    assert {row["name"] for row in json.loads(itbench("data", "list", "--json").stdout)} == {*here.datasets, "toy"}
    warning = "Warning: Plugin itbench_other.broken of the package itbench-other is left out: RuntimeError"
    assert warning in models.stderr


def test_trains_what_learns_by_the_recipe_that_came_along(itbench):
    short = ("--recipe", "epochs=1", "--recipe", "batch=16")
    (scored,) = json.loads(itbench("score", "-m", "cnn-2", "-b", "toy", *short, "--json").stdout)
    assert scored["layer"] == "output"
    trained = json.loads(itbench("models", "--trained", "--json").stdout)
    assert [row["split"] for row in trained] == ["fold0", "fold1", "fold2", "fold3"]


def test_plans_the_suite_that_came_along(itbench):
    planned = itbench("run", "seeds", "--dry-run", "--only", "pixels *").stdout
    assert "pixels ridge CV" in planned
    assert "IT_data.h5" in planned


def test_scores_a_built_in_model_and_one_of_another_package(itbench, home):
    scored = json.loads(itbench("score", "-m", "pixels", "-m", "other-mean", "-b", "toy", "--json").stdout)
    assert [(row["model"], row["n_stimuli"]) for row in scored] == [("pixels", 80), ("other-mean", 80)]
    assert all(row["explained_variance"] is not None for row in scored)
    board = itbench("leaderboard").stdout
    assert "pixels" in board
    assert "other-mean" in board


def test_scores_with_a_metric_of_another_package(itbench):
    scored = json.loads(
        itbench("score", "-m", "pixels", "-b", "toy", "--metric", "other-mean-response", "--json").stdout
    )
    assert scored[0]["explained_variance"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("way", ["--plugin", "ITBENCH_PLUGINS"])
def test_starts_checks_and_scores_a_plugin_of_the_users_own(way, itbench, monkeypatch):
    """What `itbench new` writes travels in the wheel, and works where no checkout is."""
    itbench("new", "model", "mine")
    passed = itbench("check", "mine.py")
    assert "FAIL" not in passed.stdout
    plugin = ("--plugin", "mine.py") if way == "--plugin" else ()
    if not plugin:
        monkeypatch.setenv("ITBENCH_PLUGINS", "mine.py")
    scored = json.loads(itbench("score", "-m", "mine", "--weights", "random", "-b", "toy", "--json", *plugin).stdout)
    assert [row["model"] for row in scored] == ["mine"]


def test_scores_a_network_of_the_wheel(itbench):
    weights = ROOT / "plugins" / "models" / "itbench_tiny.safetensors"
    kind = "pretrained" if weights.is_file() else "random"
    (scored,) = json.loads(itbench("score", "-m", "itbench-tiny", "-b", "toy", "--weights", kind, "--json").stdout)
    assert scored["model"] == "itbench-tiny"
    assert len(scored["layers"]) == 6


def test_a_wheel_says_that_it_has_no_commit(itbench, bin_folder, home):
    file = json.loads(itbench("score", "-m", "pixels", "-b", "toy", "--json").stdout)[0]["file"]
    code = (
        "import sys\nfrom pathlib import Path\nfrom itbench.results.score_file import provenance, read_score\n"
        "print(provenance(read_score(Path(sys.argv[1])))['git'])"
    )
    assert checked(bin_folder / "python", "-c", code, file).stdout.strip() == "{'commit': None, 'dirty': None}"


def test_a_wheel_built_from_a_source_archive_is_the_same(wheel, tmp_path):
    checked(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, ROOT)
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build_wheel(source, tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
