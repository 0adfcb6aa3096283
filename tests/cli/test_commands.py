"""The command line: a table or JSON on stdout, all else on stderr, one message for an error."""

import csv
import io
import json
import os
import subprocess
import sys

import click
import pytest

from itbench.cli import main
from tests.kit.commands import run

LAYER_KEYS = [
    *("layer", "n_features", "effective_dimensionality"),
    *("explained_variance", "correlation", "inner_explained_variance"),
]
RUN_KEYS = [
    *("model", "weights", "benchmark", "metric", "edition", "baseline"),
    *("measure", "value", "layer", "layers_chosen", "oracle_layer", "gap_to_oracle"),
    *("explained_variance", "correlation", "explained_variance_median", "correlation_median"),
    *("ceiling", "explained_variance_corrected", "n_sites_corrected", "brainscore", "r2_over_ceiling"),
    *("low", "high", "drawn"),
    *("n_sites", "n_sites_scored", "n_stimuli", "seconds", "layers", "models", "file"),
]

BAD_PLUGIN = """
from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    register("no-factory", no_factory, layers=("x",), weights=())
    register("no-pass", no_pass, layers=("x",), weights=())


def no_factory(weights):
    raise KeyError("the factory broke")


def no_pass(weights):
    def function(images):
        raise ArithmeticError("the pass broke")

    return FunctionModel(function, layers=("x",), identity="no-pass")
"""


def commands(group=main, words=()):
    """Yield the words and the command of every command and group."""
    yield list(words), group
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, (*words, name))


def json_of(*arguments):
    shown = run(*arguments)
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def process(*arguments, **environment):
    """Run an itbench command in a process of its own, no terminal anywhere."""
    return subprocess.run(
        [sys.executable, "-c", "from itbench.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("words", "command"), list(commands()), ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_help_says_what_it_does_and_gives_a_command_to_paste(words, command):
    shown = run(*words, "--help")
    assert shown.exit_code == 0
    assert shown.stdout == run(*words, "-h").stdout
    pasted = [line.strip() for line in shown.stdout.splitlines() if line.strip().startswith("itbench ")]
    assert any(line.startswith(" ".join(["itbench", *words])) for line in pasted)
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name


@pytest.mark.parametrize("words", [words for words, command in commands() if isinstance(command, click.Group)])
def test_a_list_of_commands_cuts_no_summary_short(words):
    assert "..." not in run(*words, "--help").stdout.partition("Commands:")[2]


@pytest.mark.parametrize(
    "words", [words for words, command in commands() if not isinstance(command, click.Group)], ids=" ".join
)
def test_every_command_can_debug(words):
    assert "--debug" in run(*words, "--help").stdout


def test_version():
    from itbench import __version__

    assert run("--version").stdout == f"itbench, version {__version__}\n"


@pytest.mark.slow
def test_score_prints_a_line_a_run_and_the_layers_of_one_alone(toy):
    shown = run("score", "-m", "toy", "-b", toy)
    assert shown.exit_code == 0
    table, layers = (part.splitlines() for part in shown.stdout.split("\n\n"))
    assert [cell.strip() for cell in table[0].strip("|").split("|")] == [
        "model",
        "weights",
        "benchmark",
        "metric",
        "layer",
        "EV",
        "95 %",
        "EV/ceiling",
        "correlation",
        "sites",
        "seconds",
    ]
    assert [line.split()[1] for line in table[2:]] == ["toy"]
    assert [line.split()[1] for line in layers[2:]] == ["noise", "good"]
    assert "Best layer on these images: good; gap to it 0.0000, biased upwards" in shown.stderr
    several = run("score", "-m", "toy", "-m", "pixels", "-b", toy)
    assert [line.split()[1] for line in several.stdout.splitlines()[2:]] == ["toy", "pixels"]


def test_score_json_is_a_list_of_what_is_documented(toy, tmp_path):
    (found,) = json_of("score", "-m", "toy", "-b", toy, "--json")
    assert list(found) == RUN_KEYS
    assert [list(layer) for layer in found["layers"]] == [LAYER_KEYS] * 2
    assert {key: found[key] for key in ("model", "weights", "benchmark", "metric", "layer")} == {
        "model": "toy",
        "weights": "none",
        "benchmark": "toy",
        "metric": "ridge",
        "layer": "good",
    }
    assert (found["n_sites"], found["n_sites_scored"], found["n_stimuli"]) == (5, 5, 80)
    assert sum(found["layers_chosen"].values()) == 4
    assert found["layers"][1]["n_features"] == 20
    assert found["layers"][1]["explained_variance"] > found["layers"][0]["explained_variance"]
    assert 0 < found["explained_variance"] <= found["correlation"] <= 1
    assert found["seconds"] >= 0
    assert (tmp_path / "work" / found["file"]).is_file()


@pytest.mark.slow
def test_text_and_json_say_the_same(toy):
    found = json_of("score", "-m", "toy", "-b", toy, "--json")[0]
    line = run("score", "-m", "toy", "-b", toy).stdout.splitlines()[2]
    assert f" {found['explained_variance']:.3f} " in line
    assert f" {found['correlation']:.3f} " in line


@pytest.mark.slow
def test_several_models_and_benchmarks(toy):
    other = toy.with_name("other.yaml")
    other.write_text(toy.read_text().replace("name: toy", "name: other").replace("folds: 4", "folds: 2"))
    found = json_of("score", "-m", "toy", "-m", "pixels", "-m", "toy", "-b", toy, "-b", other, "--json")
    pairs = [(row["benchmark"], row["model"]) for row in found]
    assert pairs == [("toy", "toy"), ("toy", "pixels"), ("other", "toy"), ("other", "pixels")]
    assert len({row["file"] for row in found}) == 4


@pytest.mark.slow
def test_results_go_where_they_are_told(toy, tmp_path, monkeypatch):
    assert json_of("score", "-m", "toy", "-b", toy, "--json")[0]["file"].startswith("leaderboard")
    named = json_of("score", "-m", "toy", "-b", toy, "--results", tmp_path / "named", "--json")[0]["file"]
    monkeypatch.setenv("ITBENCH_RESULTS", str(tmp_path / "variable"))
    variable = json_of("score", "-m", "toy", "-b", toy, "--json")[0]["file"]
    assert [os.path.dirname(file) for file in (named, variable)] == [
        str(tmp_path / "named"),
        str(tmp_path / "variable"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["toy-net", "no-factory", "no-pass"])
def test_of_several_runs_those_that_can_be_are_scored(broken, toy, tmp_path):
    plugin = tmp_path / "bad.py"
    plugin.write_text(BAD_PLUGIN)
    shown = run("score", "-m", "toy", "-m", broken, "-m", "pixels", "-b", toy, "--plugin", plugin, "--json")
    assert shown.exit_code == 1
    assert [row["model"] for row in json.loads(shown.stdout)] == ["toy", "pixels"]
    assert f"Error: {broken} on toy: " in shown.stderr
    assert shown.stderr.splitlines()[-1] == "Error: 1 of 3 runs failed; see above."
    assert "Traceback" not in shown.output


@pytest.mark.slow
@pytest.mark.parametrize(("model", "said"), [("no-factory", "the factory broke"), ("no-pass", "the pass broke")])
def test_what_a_plugin_raises_is_one_message_and_debug_shows_where(model, said, toy, tmp_path):
    plugin = tmp_path / "bad.py"
    plugin.write_text(BAD_PLUGIN)
    how = ("score", "-m", model, "-b", toy, "--plugin", plugin)
    shown = process(*how)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.startswith("Error: ")
    assert said in shown.stderr
    assert "--debug" in shown.stderr
    assert "Traceback" not in shown.stderr
    shown = process(*how, "--debug")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "Traceback" in shown.stderr
    assert "bad.py" in shown.stderr


@pytest.mark.slow
def test_an_error_of_the_user_is_one_message_and_debug_shows_where():
    shown = process("score", "-m", "pixles")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.startswith("Error: unknown model 'pixles'.\nDid you mean pixels?")
    assert shown.stderr.count("Error") == 1
    assert "Traceback" not in shown.stderr
    assert "Traceback" in process("score", "-m", "pixles", "--debug").stderr


MISTYPED = {
    "model": (("score", "-m", "pixles"), "pixels"),
    "benchmark": (("score", "-m", "pixels", "-b", "syntetic-it"), "synthetic-it"),
    "metric": (("score", "-m", "pixels", "-b", "TOY", "--metric", "rigde"), "ridge"),
    "option": (("score", "-m", "pixels", "-b", "TOY", "-o", "component=3"), "components"),
    "layer": (("score", "-m", "toy", "-b", "TOY", "-l", "godo"), "good"),
    "layer of a network": (
        ("score", "-m", "toy-net", "-b", "TOY", "--weights", "random", "-l", "secnd"),
        "second",
    ),
    "model of layers": (("layers", "toy-nett"), "toy-net"),
    "data set to show": (("data", "show", "toi"), "toy"),
    "data set to verify": (("data", "verify", "toi"), "toy"),
    "model in the cache": (("cache", "clear", "-m", "pixles"), "pixels"),
    "benchmark in the scores": (("leaderboard", "-b", "toi"), "toy"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("words", "near"), MISTYPED.values(), ids=list(MISTYPED))
def test_every_mistyped_name_gives_the_nearest(words, near, toy):
    assert run("score", "-m", "pixels", "-b", toy).exit_code == 0  # something is cached and scored
    shown = run(*(toy if word == "TOY" else word for word in words))
    assert shown.exit_code == 1
    assert shown.stdout == ""
    assert shown.stderr.startswith("Error: unknown ")
    assert f"Did you mean {near}" in shown.stderr


REFUSED = {
    "option without a value": (("-o", "components"), "'components' is not of the form key=value"),
    "option twice": (("-o", "alpha=1", "-o", "alpha=2"), "'alpha' is given twice"),
    "option of another type": (("-o", "components=many"), "components='many' is not a whole number"),
    "option out of range": (("-o", "components=0"), "components=0 must be at least 1"),
    "option neither true nor false": (("-o", "per_site=maybe"), "per_site='maybe' is not true or false"),
    "grid": (("-o", "alphas=1:2"), "alphas='1:2' is not numbers, such as"),
    "weights": (("--weights", "nosuch.pt"), "No weights 'nosuch.pt'"),
    "benchmark file": (("-b", "nosuch.yaml"), "nosuch.yaml: No such file"),
    "memory": (("--memory", "1MB"), "0.00 GB of memory are too little"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=list(REFUSED))
def test_a_value_that_cannot_be_is_refused(words, said, toy):
    shown = run("score", "-m", "pixels", *(() if "-b" in words else ("-b", toy)), *words)
    assert shown.exit_code == 1
    assert shown.stdout == ""
    assert shown.stderr.startswith("Error: ")
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr


USAGE = {
    "no command": (("scroe",), "'score'"),
    "no option": (("score", "--modle", "pixels"), "--model"),
    "no model": (("score",), "--model"),
    "no size": (("score", "-m", "pixels", "--memory", "lots"), "'lots' is not a size such as 4GB"),
    "negative size": (("score", "-m", "pixels", "--memory", "-4GB"), "not a size"),
    "infinite size": (("score", "-m", "pixels", "--memory", "inf"), "not a size"),
    "no device": (("score", "-m", "pixels", "--device", "gpu"), "'cuda'"),
    "no precision": (("score", "-m", "pixels", "--precision", "float64"), "'bfloat16'"),
    "no seed": (("score", "-m", "pixels", "--seed", "-1"), "x>=0"),
    "no batch": (("score", "-m", "pixels", "--batch-size", "0"), "x>=1"),
    "no format": (("leaderboard", "--format", "pdf"), "'markdown'"),
    "no image size": (("layers", "pixels", "--size", "0"), "x>=1"),
    "no images": (("data", "pack", "mine", "--images", "nosuch", "--responses", "r.npy"), "does not exist"),
}


@pytest.mark.parametrize(("words", "said"), USAGE.values(), ids=list(USAGE))
def test_wrong_usage_exits_2(words, said):
    shown = run(*words)
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert said in shown.stderr
    assert "--help" in shown.stderr


@pytest.mark.parametrize("size", ["4GB", "4gb", "4000MB", "4e9", "4G", "0.004TB"])
def test_sizes(size):
    from itbench.cli.run_options import parse_bytes

    assert parse_bytes(None, None, size) == 4 * 10**9


@pytest.mark.slow
def test_stdout_holds_the_result_only(toy):
    """No terminal, so no bar; notes, files and warnings go to stderr."""
    shown = process("score", "-m", "toy-net", "-b", toy, "--weights", "random", "-o", "alphas=1e-3,1e8", "--json")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert "Warning: toy-net on toy" in shown.stderr
    assert found[0]["file"] in shown.stderr
    assert "%|" not in shown.stderr
    assert "\r" not in shown.stderr


@pytest.mark.slow
def test_the_bar_shows_on_a_terminal(toy):
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    main_end, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    code = "from itbench.cli import main; main()"
    done = subprocess.Popen(
        [sys.executable, "-c", code, "score", "-m", "toy", "-b", str(toy), "--json"],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm"},
    )
    out, _ = done.communicate()
    os.close(terminal)
    shown = b""
    try:
        while block := os.read(main_end, 65536):
            shown += block
    except OSError:  # Linux says so at the end of a terminal
        pass
    os.close(main_end)
    assert "toy on toy images" in shown.decode()
    assert json.loads(out)[0]["model"] == "toy"


def test_models():
    rows = json_of("models", "--json")
    assert [list(row) for row in rows] == [["model", "source", "layers", "weights", "description"]] * len(rows)
    assert [row["model"] for row in rows] == sorted(row["model"] for row in rows)
    assert {"model": "alexnet", "layers": 10, "weights": ["pretrained", "random"]}.items() <= rows[0].items()
    table = run("models").stdout.splitlines()
    assert [line.split()[1] for line in table[2:]] == [row["model"] for row in rows]


def test_benchmarks(toy):
    rows = {row["benchmark"]: row for row in json_of("benchmarks", "--json")}
    assert list(rows["synthetic-it"]) == ["benchmark", "region", "metric", "splits", "data", "description"]
    assert rows["synthetic-it"]["region"] == "IT"
    assert rows["synthetic-it"]["data"] == "made when needed"
    assert rows["cowley2023-v4"]["data"] == "missing"
    assert "synthetic-it" in run("benchmarks").stdout


def test_metrics():
    rows = json_of("metrics", "--json")
    assert [list(row) for row in rows] == [["metric", "option", "default", "help"]] * len(rows)
    ridge = {row["option"]: row["default"] for row in rows if row["metric"] == "ridge"}
    assert ridge == {
        "components": 1000,
        "alphas": None,
        "alpha": None,
        "per_site": True,
        "kernel": "linear",
        "width": 1.0,
    }
    assert all(row["help"] for row in rows if row["option"])


@pytest.mark.slow
def test_an_option_may_be_typed_as_it_is_listed(toy):
    rows = csv.DictReader(io.StringIO(run("metrics", "--format", "csv").stdout))
    listed = [f"{row['option']}={row['default']}" for row in rows if row["metric"] == "ridge"]
    typed = [word for text in listed for word in ("-o", text)]
    default, same = (json_of("score", "-m", "toy", "-b", toy, "--json", *more)[0] for more in ((), typed))
    assert default["explained_variance"] == same["explained_variance"]


def test_layers(toy):
    rows = json_of("layers", "toy-net", "--size", "9", "--json")
    assert rows == [
        {"layer": "first", "shape": "8 × 9 × 9", "features": 648, "candidate": "yes"},
        {"layer": "relu", "shape": "8 × 9 × 9", "features": 648, "candidate": ""},
        {"layer": "second", "shape": "4 × 4 × 4", "features": 64, "candidate": "yes"},
    ]
    assert "gives a tuple" in run("layers", "toy-tuple").stdout
    assert json_of("layers", "pixels", "--size", "10", "--json")[0]["features"] == 300


@pytest.mark.slow
def test_cache(toy):
    assert json_of("cache", "list", "--json") == []
    assert run("cache", "list").stdout == "The cache is empty.\n"
    assert run("score", "-m", "toy", "-m", "pixels", "-b", toy).exit_code == 0
    rows = json_of("cache", "list", "--json")
    keys = ["model", "weights", "benchmark", "layer", "features", "stimuli", "MB", "written"]
    assert [list(row) for row in rows] == [keys] * 3
    assert {(row["model"], row["layer"], row["stimuli"]) for row in rows} == {
        ("toy", "noise", 80),
        ("toy", "good", 80),
        ("pixels", "pixels", 80),
    }
    assert json_of("cache", "clear", "-m", "toy", "--json")["files"] == 2
    assert [row["model"] for row in json_of("cache", "list", "--json")] == ["pixels"]
    assert run("cache", "clear").stdout.startswith("Removed 1 files")
    assert json_of("cache", "list", "--json") == []


def test_data(toy):
    rows = {row["name"]: row for row in json_of("data", "list", "--json")}
    assert (rows["toy"]["state"], rows["synthetic-it"]["state"]) == ("here", "made when needed")
    assert json_of("data", "show", "toy")["sites"] == 5
    assert [row["state"] for row in json_of("data", "verify", "--json")] == ["whole"]
    path = toy.parent / "data" / "toy.h5"
    path.write_bytes(path.read_bytes()[:-100])
    shown = run("data", "verify", "--json")
    assert shown.exit_code == 1
    assert [row["state"] for row in json.loads(shown.stdout)] == ["damaged"]
    assert shown.stderr.startswith("Error: Not whole: toy.")


@pytest.mark.slow
def test_a_pipe_that_closes_early_is_no_error():
    done = subprocess.run(
        f'"{sys.executable}" -c "from itbench.cli import main; main()" models | true',
        shell=True,
        capture_output=True,
        text=True,
    )
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr
