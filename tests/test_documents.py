"""What the documents tell a reader to type, typed."""

import hashlib
import http.server
import io
import json
import re
import shlex
import threading
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from itbench.data.catalog import KNOWN
from itbench.plugins import load_plugins
from tests.kit.commands import ROOT, SHARED, run
from tools import metrics_table, trained_table
from tools.majaj_files import Experiment, write_course_file, write_public

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def files(text):
    """Return the files that a document shows: blocks whose first line is a comment with a file name."""
    named = [re.match(r"# ([\w.]+)\n", block) for language in ("python", "yaml") for block in blocks(text, language)]
    return {match[1]: match.string for match in named if match}


def commands(text):
    """Return the itbench commands of a document, in order, as lists of words."""
    lines = "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("itbench ")]


def section(marker):
    """Return the block of commands of the README that stands behind a marker."""
    return re.search(rf"<!-- {marker} commands -->\n(.*?^```$)", README, re.DOTALL | re.MULTILINE)[1]


@pytest.fixture
def lab(home):
    """The current folder of a user: images, rates, a CSV, and the files that the documents show."""
    rng = np.random.default_rng(0)
    (home.parent / "work" / "pictures").mkdir()
    for number in range(40):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(f"images/{number}.png")
    np.save("rates.npy", rng.standard_normal((6, 40, 3)))
    rows = "".join(f"{number}.png,{'cat' if number % 2 else 'dog'}\n" for number in range(40))
    (home.parent / "work" / "images.csv").write_text("filename,category\n" + rows)
    for name, content in (files(README) | files(CONTRIBUTING)).items():
        (home.parent / "work" / name).write_text(content)


OWN = [words for words in commands(README) if {"mine", "mine.yaml"} & set(words)]


def test_the_readmes_own_recordings_and_plugins_work(lab):
    assert [words[0] for words in OWN] == ["data", "data", "score", "score", "score"]
    for words in OWN:
        done = run(*words)
        assert done.exit_code == 0, f"{words}: {done.stderr}"
    board = run("leaderboard", "-b", "mine").stdout
    assert "my-resnet18" in board
    assert "neighbours" in board


@pytest.mark.parametrize(
    ("name", "model"),
    [("my_network.py", "my-network"), ("my_function.py", "edges"), ("my_projection.py", "projection")],
)
def test_the_models_of_contributing_work(name, model, lab):
    run(*OWN[0])
    done = run("score", "-m", model, "--plugin", name, "--weights", "random", "-b", "mine.yaml")
    assert done.exit_code == 0, done.stderr
    checked = run("check", name)
    assert checked.exit_code == 0, checked.stdout


def test_a_remote_model_of_contributing_works(lab, monkeypatch):
    class Far(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked = np.load(io.BytesIO(self.rfile.read(int(self.headers["Content-Length"]))))["pictures"]
            answer = io.BytesIO()
            np.savez(answer, features=asked.reshape(len(asked), -1)[:, :30] / 255)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.getvalue())

        def log_message(self, *_):
            pass

    run(*OWN[0])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Far) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("FAR_AWAY", f"http://127.0.0.1:{server.server_port}/")
        done = run("score", "-m", "far-away", "--plugin", "my_remote.py", "-b", "mine.yaml", "--json")
        server.shutdown()
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)[0]["layers"][0]["n_features"] == 30


def test_the_readmes_commands_on_majaj_work(home, monkeypatch):
    """With small files of the published forms, whose digests take the place of the published ones."""
    made = Experiment(n=60, size=32)
    write_course_file(home.parent / "work" / "IT_data.h5", made, {"train": 40, "val": 12, "test": 8})
    labs = home / "brainio"
    digests = {path.name: hashlib.sha1(path.read_bytes()).hexdigest() for path in write_public(labs, made)}
    real = KNOWN["majajhong2015-it"]
    files = tuple(replace(file, sha1=digests[file.name]) for file in real.files)
    monkeypatch.setitem(KNOWN, "majajhong2015-it", replace(real, files=files))
    for words in commands(section("majaj")):
        done = run(*(str(labs) if word == "/labs/brainio" else word for word in words))
        assert done.exit_code == 0, f"{words}: {done.stderr}"
        monkeypatch.setenv("ITBENCH_OFFLINE", "")  # --offline is for one command
    assert json.loads(done.stdout)["images_matched"] == 52
    assert run("data", "verify").exit_code == 0
    again = run("score", "-m", "pixels", "-b", "majaj-it", "-b", "majajhong2015-it", "--metric", "ridge", "--json")
    assert [row["n_stimuli"] for row in json.loads(again.stdout)] == [60, 60], again.stderr


def test_every_command_of_the_readme_parses():
    for words in commands(README):
        assert "Usage: " in run(words[0], *([words[1]] if words[0] == "data" else []), "--help").stdout
        assert run(*words[:1], "--nonsense").exit_code == 2


@pytest.mark.slow
def test_the_readmes_commands_on_the_synthetic_benchmark_work(home):
    elsewhere = {"mine", "mine.yaml", "cowley2023-v4", "majaj-it", "majajhong2015-it", "link"}
    elsewhere |= {"kriegeskorte2008-it", "kriegeskorte2008-human-it"}
    fetched = {"dinov2_vitb14", "torchvision/resnet50.IMAGENET1K_V2"}  # weights that no test can have
    learning = commands(section("learning"))
    for words in [words for words in commands(README) if not (elsewhere | fetched) & set(words)]:
        if words in learning:  # they have a test of their own
            continue
        done = run(*words)
        assert done.exit_code == 0, f"{words}: {done.stderr}"
    python = next(block for block in blocks(README, "python") if "score_model" in block)
    exec(compile(python, "README", "exec"), {})


@pytest.mark.slow
def test_the_readmes_commands_on_models_that_learn_work(home):
    """By recipes of one epoch, and of one trial."""
    short = ["--recipe", "epochs=1", "--recipe", "patience=0"]
    for words in commands(section("learning")):
        typed = ["1" if word == "20" else word for word in words] + short * (words[0] in ("score", "tune"))
        done = run(*typed)
        assert done.exit_code == 0, f"{words}: {done.stderr}"
    assert (home.parent / "work" / "cnn.safetensors").is_file()
    assert (home.parent / "work" / "cnn.md").is_file()


def rows_of(text):
    """Return the rows of a markdown table, its head first, as lists of cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [rows[0], *rows[2:]]


def shown(name):
    """Return a table of the README."""
    return rows_of(re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)[1])


def require_same_table(expected, given, atol):
    """Hold every number of a table to those that the README shows, and its other words exactly."""
    assert [len(row) for row in given] == [len(row) for row in expected]
    for one, other in zip(chain.from_iterable(expected), chain.from_iterable(given), strict=True):
        assert re.sub(NUMBER, "#", one) == re.sub(NUMBER, "#", other)
        numbers = [[float(number) for number in re.findall(NUMBER, cell)] for cell in (one, other)]
        np.testing.assert_allclose(*numbers, atol=atol, err_msg=f"{one} and {other}")


NUMBER = r"-?\d+\.\d+"


@pytest.mark.slow
def test_the_readmes_demo_table_is_what_the_demo_gives(home):
    run("score", "-m", "pixels", "-m", "itbench-tiny")
    run("score", "-m", "itbench-tiny", "--weights", "random")
    require_same_table(shown("demo"), rows_of(run("leaderboard").stdout), atol=0.006)


@pytest.mark.slow
def test_the_readmes_figures_of_models_that_learn_are_what_they_reach(home):
    """Of the smallest: better than pixels, and less than the frozen layers of a trained network."""
    rows = ("pixels:ridge", "cnn-2")
    done = CliRunner().invoke(trained_table.main, [*rows, "--results", "scores"])
    assert done.exit_code == 0, done.output
    found, expected = by_system(rows_of(done.stdout)), by_system(shown("trained synthetic-it"))
    for system, row in found.items():  # a processor that rounds otherwise trains another network
        assert float(row["EV"]) == pytest.approx(float(expected[system]["EV"]), abs=0.015), system
    highest = float(re.findall(NUMBER, found["`pixels`", "ridge"]["95 %"])[1])
    assert float(re.findall(NUMBER, found["`cnn-2`", "direct"]["95 %"])[0]) > highest
    assert found["`cnn-2`", "direct"]["95 % of it"].count("-") == 2  # both ends are below 0


def by_system(table):
    """Return the rows of a table of models that learn by the usual recipe, as mappings, by model and metric."""
    rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    return {(row["model"], row["metric"]): row for row in rows if row.get("recipe", "–") == "–"}


V4 = [SHARED / "cowley2023-v4-210325" / name for name in ("images_210325.zip", "responses_raw.npy")]
WEIGHTS = SHARED / "mobilenetv2_100_imagenet" / "model.safetensors"
RDMS = [
    SHARED / "kriegeskorte2008-it92" / name
    for name in ("Kriegeskorte_Neuron2008_supplementalData.mat", "92_brainRDMs.mat")
]
PLACES = {path.name: str(path) for path in (*V4, *RDMS)} | {"mobilenetv2_100_imagenet.safetensors": str(WEIGHTS)}
TABLED = ("ridge", "cka", "pls", "stacked")  # of the metrics that the README's tables show: those that are fast


def require_shared(*paths):
    return pytest.mark.skipif(
        not all(path.exists() for path in paths), reason="recordings or weights are not beside this checkout"
    )


def typed(marker):
    """Run the commands of a section of the README with the real files."""
    for words in commands(section(marker)):
        done = run(*(PLACES.get(word, word) for word in words))
        assert done.exit_code == 0, f"{words}: {done.stderr}"
    return done


@pytest.mark.slow
@require_shared(*V4, WEIGHTS)
def test_v4_prefers_trained_to_random_weights_and_both_to_pixels(home, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("ITBENCH_RESULTS", str(home / "scores"))
    rows = rows_of(typed("v4").stdout)
    assert [row[1:3] for row in rows[1:]] == [
        ["mobilenetv2_100_same", "model.safetensors"],
        ["mobilenetv2_100_same", "random-0"],
        ["pixels", "none"],
    ]
    figures = np.array([[float(row[rows[0].index(name)]) for name in ("EV", "correlation")] for row in rows[1:]])
    assert (np.diff(figures, axis=0) < -0.05).all()
    require_same_table(shown("v4"), rows, atol=0.006)
    again = CliRunner().invoke(
        metrics_table.main, [str(WEIGHTS), "--benchmark", "cowley2023-v4", *(f"--metric={name}" for name in TABLED)]
    )
    expected = [row for row in shown("metrics cowley2023-v4") if row[0].strip("`") in ("metric", *TABLED)]
    found = {row[0]: row for row in rows_of(again.stdout)}
    require_same_table(expected, [found[row[0]] for row in expected], atol=0.006)


@pytest.mark.slow
@require_shared(*RDMS)
def test_the_readmes_commands_on_dissimilarities_work(home):
    assert run("data", "import", "kriegeskorte2008-human-it", *map(str, RDMS)).exit_code == 0
    bounds = rows_of(typed("kriegeskorte").stdout)
    assert [row[1] for row in bounds[1:]][:2] == ["pearson", "spearman"]


def test_the_readme_lists_only_what_there_is():
    registry = load_plugins()
    for words in commands(README):
        for flag, known in (("-m", registry.models), ("--benchmark", registry.benchmarks)):
            named = [words[i + 1] for i, word in enumerate(words) if word == flag]
            names = {name for text in named for name in text.split("+")}
            single = {name for name in names if "/" not in name}
            assert single <= {*known, "my-resnet18"}
            for name in names - single:
                assert registry.model(name).name == name  # a member of a family
