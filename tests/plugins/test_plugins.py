"""Plugins: found through the same hooks, named when they break, never picked up unasked."""

import json
import os
import shutil
import warnings

import pytest

from itbench import ItbenchWarning
from itbench.errors import BadPlugin, UnknownName
from itbench.plugins import load_plugins
from itbench.util.folders import builtin_root, plugin_files
from tests.kit.commands import run, run_python

MODEL = """
from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    register("mean", mean, layers=("mean",), weights=(), description="mean brightness")


def mean(weights):
    return FunctionModel(lambda images: {"mean": images.mean(axis=(1, 2))}, layers=("mean",), identity="mean 1")
"""

METRIC = """
from dataclasses import dataclass, field

import numpy as np

from itbench import ReadoutResult, hookimpl


@hookimpl
def itbench_metrics(register):
    register("scaled-mean", ScaledMean, description="predicts the mean, and one row of the Gram")


@dataclass(frozen=True)
class ScaledMean:
    row: int = field(default=0, metadata={"help": "of the Gram"})

    def __call__(self, gram, responses, train, test):
        def scaled(rows):
            return np.outer(gram.matrix[rows, self.row], np.ones(responses.shape[1]))

        return ReadoutResult(scaled(test), scaled(train), np.full(responses.shape[1], np.nan))
"""

BENCHMARK = """
from itbench import hookimpl


@hookimpl
def itbench_benchmarks(register):
    register("mine.yaml")
"""

BROKEN = {
    "raises on import": ("import itbench\n\nraise RuntimeError('boom')\n", "RuntimeError: boom (line 3)"),
    "leaves on import": ("import sys\n\nsys.exit(3)\n", "SystemExit: 3 (line 3)"),
    "misses a package": ("import nosuchpackage\n", "No module named 'nosuchpackage'"),
    "raises in its hook": (
        "from itbench import hookimpl\n@hookimpl\ndef itbench_models(register):\n    raise RuntimeError('boom')\n",
        "RuntimeError: boom (line 4)",
    ),
    "is no Python": ("def itbench_models(register:\n", "SyntaxError: '(' was never closed"),
    "misspells its hook": (
        "from itbench import hookimpl\n@hookimpl\ndef itbench_model(register):\n    pass\n",
        "unknown hook 'itbench_model'.\nDid you mean itbench_models",
    ),
    "forgets to mark its hook": ("def itbench_models(register):\n    pass\n", "under @itbench.hookimpl"),
    "misspells an argument": (
        "from itbench import hookimpl\n@hookimpl\ndef itbench_models(register):\n    register('a', print, layer='x')\n",
        "unexpected keyword argument 'layer'",
    ),
    "gives layers as one text": (
        "from itbench import hookimpl\n@hookimpl\ndef itbench_models(register):\n  register('a', print, layers='x')\n",
        "layers of the model 'a' must be a sequence",
    ),
    "registers a metric that is no dataclass": (
        "from itbench import hookimpl\n@hookimpl\ndef itbench_metrics(register):\n    register('a', print)\n",
        "the readout of the metric 'a' must be a dataclass",
    ),
    "registers a data set without a reader": (
        "from itbench import hookimpl\n@hookimpl\ndef itbench_datasets(register):\n    register('a', 'b')\n",
        "the reader of the data set 'a' cannot be called",
    ),
    "registers a benchmark that is not there": (
        "from itbench import hookimpl\n@hookimpl\ndef itbench_benchmarks(register):\n    register('no.yaml')\n",
        "Cannot read the benchmark file",
    ),
}


def plugin(folder, name, code):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(code)
    return path


def warned(files):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        registry = load_plugins(files)
    return registry, [str(item.message) for item in caught if item.category is ItbenchWarning]


def test_built_ins_come_through_the_public_hooks():
    registry = load_plugins()
    named = {path.stem for path in plugin_files()}
    assert {"pixels", "alexnet", "ridge"} <= named
    assert {"pixels", "alexnet"} <= set(registry.models)
    assert set(registry.metrics) >= {"ridge"}
    assert set(registry.benchmarks) >= {"synthetic-it"}
    for entry in (*registry.models.values(), *registry.metrics.values()):
        assert os.path.dirname(entry.file).startswith(str(builtin_root() / "plugins"))
    for benchmark in registry.benchmarks.values():
        assert benchmark.file.parent == builtin_root() / "benchmarks"


def test_a_built_in_is_gone_when_its_file_is(monkeypatch):
    kept = [path for path in plugin_files() if path.stem != "pixels"]
    monkeypatch.setattr("itbench.plugins.plugin_files", lambda: kept)
    assert "pixels" not in load_plugins().models


@pytest.mark.parametrize("way", ["--plugin", "ITBENCH_PLUGINS"])
def test_a_plugin_file_is_loaded_when_it_is_named(way, tmp_path, monkeypatch):
    path = plugin(tmp_path, "my.py", MODEL)
    assert "mean" not in load_plugins().models
    if way == "ITBENCH_PLUGINS":
        monkeypatch.setenv(way, str(path))
    shown = run("models", "--json", *(["--plugin", path] if way == "--plugin" else []))
    assert shown.exit_code == 0
    assert {"pixels", "mean"} <= {row["model"] for row in json.loads(shown.stdout)}


def test_several_plugin_files_in_the_variable_and_on_the_command_line(tmp_path, monkeypatch):
    first, second, third = (
        plugin(tmp_path, f"{name}.py", MODEL.replace('"mean",', f'"{name}",', 1)) for name in ("one", "two", "three")
    )
    monkeypatch.setenv("ITBENCH_PLUGINS", f"{first}{os.pathsep}{second}")
    assert {"one", "two", "three"} <= set(load_plugins([third]).models)


def test_a_file_named_twice_or_built_in_counts_once(tmp_path):
    path = plugin(tmp_path, "my.py", MODEL)
    built_in = builtin_root() / "plugins" / "models" / "pixels.py"
    registry, said = warned([path, str(path), built_in])
    assert {"mean", "pixels"} <= set(registry.models)
    assert said == []


def test_an_edited_plugin_is_read_again(tmp_path):
    path = plugin(tmp_path, "my.py", MODEL)
    assert "mean" in load_plugins([path]).models
    path.write_text(MODEL.replace('"mean",', '"average",', 1))
    assert "average" in load_plugins([path]).models


@pytest.mark.parametrize(("code", "said"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_plugin_is_named_and_the_rest_works(code, said, tmp_path):
    bad, good = plugin(tmp_path, "bad.py", code), plugin(tmp_path, "good.py", MODEL)
    registry, messages = warned([bad, good])
    assert {"mean", "pixels"} <= set(registry.models)
    assert set(registry.metrics) >= {"ridge"}
    assert set(registry.benchmarks) >= {"synthetic-it"}
    assert len(messages) == 1
    assert str(bad) in messages[0]
    assert said in messages[0]


def test_the_other_hooks_of_a_plugin_with_a_broken_one_work(tmp_path):
    both = MODEL.replace("def mean", "@hookimpl\ndef itbench_metrics(register):\n    1 / 0\n\n\ndef mean")
    registry, messages = warned([plugin(tmp_path, "both.py", both)])
    assert "mean" in registry.models
    assert [message.split(" ")[0] for message in messages] == ["itbench_metrics"]


def test_the_command_line_prints_the_warning_on_stderr_only(tmp_path):
    bad = plugin(tmp_path, "bad.py", "raise RuntimeError('boom')\n")
    shown = run("models", "--json", "--plugin", bad)
    assert shown.exit_code == 0
    assert "pixels" in {row["model"] for row in json.loads(shown.stdout)}
    assert f"Warning: Plugin {bad} is left out: RuntimeError: boom" in shown.stderr


@pytest.mark.parametrize("name", ["mean", "pixels"])
def test_two_plugins_with_one_name_are_an_error_that_names_both_files(name, tmp_path):
    one, two = (plugin(tmp_path, f"{stem}.py", MODEL.replace('"mean",', f'"{name}",', 1)) for stem in ("a", "b"))
    with pytest.raises(BadPlugin, match="Rename") as raised:
        load_plugins([one, two])
    assert repr(name) in str(raised.value)
    first = builtin_root() / "plugins" / "models" / "pixels.py" if name == "pixels" else one
    assert str(first) in str(raised.value)
    assert str(one if name == "pixels" else two) in str(raised.value)


def test_two_benchmarks_with_one_name_are_an_error_that_names_both_files(tmp_path):
    path = plugin(tmp_path, "my.py", BENCHMARK)
    theirs = builtin_root() / "benchmarks" / "synthetic-it.yaml"
    mine = shutil.copy(theirs, tmp_path / "mine.yaml")
    with pytest.raises(BadPlugin, match="benchmark 'synthetic-it'") as raised:
        load_plugins([path])
    assert str(theirs) in str(raised.value)
    assert str(mine) in str(raised.value)


def test_a_benchmark_file_with_the_name_of_another_benchmark_is_refused(tmp_path):
    theirs = builtin_root() / "benchmarks" / "synthetic-it.yaml"
    copy = shutil.copy(theirs, tmp_path / "copy.yaml")
    with pytest.raises(BadPlugin, match="benchmark 'synthetic-it'"):
        load_plugins().benchmark(str(copy))
    assert load_plugins().benchmark(str(theirs)).name == "synthetic-it"


@pytest.mark.parametrize(
    ("name", "says"), [("nosuch.py", "No plugin file"), ("", "No plugin file"), ("my.txt", "is not a Python file")]
)
def test_a_plugin_file_that_cannot_be_is_an_error(name, says, tmp_path):
    plugin(tmp_path, "my.txt", MODEL)
    shown = run("models", "--plugin", tmp_path / name)
    assert shown.exit_code == 1
    assert shown.stdout == ""
    assert shown.stderr.startswith("Error: ")
    assert says in shown.stderr
    assert str(tmp_path / name) in shown.stderr


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [("model", "pixles", "pixels"), ("metric", "rigde", "ridge"), ("benchmark", "syntetic-it", "synthetic-it")],
)
def test_an_unknown_name_gives_the_nearest(kind, name, near):
    with pytest.raises(UnknownName, match=f"Did you mean {near}") as raised:
        getattr(load_plugins(), kind)(name)
    assert f"unknown {kind} {name!r}" in str(raised.value)
    assert f"itbench {kind}s" in str(raised.value)


@pytest.mark.slow
def test_nothing_is_picked_up_from_the_current_folder(tmp_path):
    evil = "open('was-run', 'w').close()\n" + MODEL.replace('"mean",', '"evil",', 1)
    for name in ("plugins/models/evil.py", "plugins/evil.py", "evil.py", "itbench_evil.py", "conftest.py"):
        path = plugin(tmp_path / "work" / os.path.dirname(name), os.path.basename(name), evil)
    plugin(tmp_path / "work" / "benchmarks", "evil.yaml", "name: evil\ndata: evil\nsplits: {kind: kfold}\n")
    (tmp_path / "work" / "pyproject.toml").touch()
    listed = run_python(
        "from itbench.cli import main\nfor name in ('models', 'benchmarks', 'metrics'):\n"
        "    main([name], standalone_mode=False)"
    )
    assert listed.returncode == 0, listed.stderr
    assert "pixels" in listed.stdout
    assert "evil" not in listed.stdout
    assert not (tmp_path / "work" / "was-run").exists()
    assert "evil" in run("models", "--plugin", path).stdout  # it would have been found, had it been named
    assert (tmp_path / "work" / "was-run").exists()


def test_a_plugin_brings_a_benchmark_beside_it(toy, tmp_path):
    path = plugin(tmp_path / "there", "my.py", BENCHMARK)
    shutil.copy(toy, path.with_name("mine.yaml"))
    listed = run("benchmarks", "--json", "--plugin", path)
    assert {row["benchmark"]: row["data"] for row in json.loads(listed.stdout)}["toy"] == "here"
    scored = run("score", "-m", "pixels", "-b", "toy", "--plugin", path, "--json")
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)[0]["benchmark"] == "toy"


@pytest.mark.slow
def test_a_plugin_brings_a_metric_with_an_option(toy, tmp_path):
    path = plugin(tmp_path, "my.py", METRIC)
    listed = json.loads(run("metrics", "--json", "--plugin", path).stdout)
    assert {"metric": "scaled-mean", "option": "row", "default": 0, "help": "of the Gram"} in listed
    how = ("score", "-m", "pixels", "-b", toy, "--plugin", path, "--metric", "scaled-mean", "--json")
    default, other = (run(*how, *more) for more in ((), ("-o", "row=3")))
    assert default.exit_code == other.exit_code == 0, default.output + other.output
    first, second = (json.loads(shown.stdout)[0] for shown in (default, other))
    assert first["metric"] == second["metric"] == "scaled-mean"
    assert first["correlation"] != second["correlation"]
    assert first["file"] != second["file"]


def test_an_unknown_option_of_a_plugins_metric_gives_the_nearest(toy, tmp_path):
    path = plugin(tmp_path, "my.py", METRIC)
    shown = run("score", "-m", "pixels", "-b", toy, "--plugin", path, "--metric", "scaled-mean", "-o", "rows=3")
    assert shown.exit_code == 1
    assert "Did you mean row?" in shown.stderr


@pytest.mark.slow
def test_a_factory_runs_only_when_its_model_is_used(toy, tmp_path):
    path = plugin(
        tmp_path,
        "my.py",
        MODEL.replace("def mean(weights):\n", "def mean(weights):\n    open('was-run', 'w').close()\n"),
    )
    marker = tmp_path / "work" / "was-run"
    for command in (["models"], ["score", "-m", "pixels", "-b", toy]):
        assert run(*command, "--plugin", path).exit_code == 0
        assert not marker.exists()
    assert run("score", "-m", "mean", "-b", toy, "--plugin", path).exit_code == 0
    assert marker.exists()


def test_metadata_may_be_given_in_order(tmp_path):
    code = MODEL.replace('layers=("mean",), weights=(), description="mean brightness"', '("mean",), "here"')
    entry = load_plugins([plugin(tmp_path, "my.py", code)]).model("mean")
    assert (entry.layers, entry.source, entry.file) == (("mean",), "here", str((tmp_path / "my.py").resolve()))
