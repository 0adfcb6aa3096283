"""README, CONTRIBUTING and docs: their commands and code run in the order printed, their tables and links hold."""

import hashlib
import http.server
import importlib
import io
import json
import re
import shlex
import threading
from dataclasses import replace
from itertools import chain

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import itbench
from itbench import plugins
from itbench.cli import main
from itbench.data.catalog import Dataset
from itbench.plugins import load_plugins
from tests.kit.commands import ROOT, SHARED, run
from tools import metrics_table, trained_table
from tools.majaj_files import Experiment, write_course_file, write_public

FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in FILES}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FETCHED = {"dinov2_vitb14", "torchvision/resnet50.IMAGENET1K_V2"}  # weights that no test can have


def blocks(text):
    """Return the blocks of a document that are typed or run, as pairs of language and text."""
    return [match.groups() for match in FENCE.finditer(text) if match[1] in ("sh", "python")]


def files(text):
    """Return the files that a document shows: blocks whose first line is a comment with a file name."""
    named = [re.match(r"# ([\w.]+\.(?:py|yaml))\n", match[2]) for match in FENCE.finditer(text)]
    return {match[1]: match.string for match in named if match}


def itbench_commands(block):
    """Return the itbench commands of a block, in order, as lists of words."""
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("itbench ")]


def commands(text):
    return [words for language, block in blocks(text) if language == "sh" for words in itbench_commands(block)]


def section(page, marker):
    """Return the commands of a page behind a marker."""
    return commands(re.search(rf"<!-- {marker} commands -->\n(.*?^```$)", PAGES[page], re.DOTALL | re.MULTILINE)[1])


def require(*words):
    """Run a command that must succeed."""
    done = run(*words)
    assert done.exit_code == 0, f"{words}: {done.stderr}"
    return done


@pytest.fixture
def lab(home):
    """The current folder of a user: images, rates, a CSV, and the files that the documents show."""
    rng = np.random.default_rng(0)
    work = home.parent / "work"
    (work / "images").mkdir()
    for number in range(40):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(f"images/{number}.png")
    np.save("rates.npy", rng.standard_normal((6, 40, 3)).transpose(2, 1, 0))  # (site, stimulus, repetition)
    rows = "".join(f"{number}.png,{'cat' if number % 2 else 'dog'}\n" for number in range(40))
    (work / "images.csv").write_text("filename,category\n" + rows)
    for page in PAGES.values():
        for name, content in files(page).items():
            (work / name).write_text(content)
    return work


def mine(page):
    """Return the commands of a page that use the recordings of the fixture `lab`."""
    return [words for words in commands(PAGES[page]) if {"mine", "mine.yaml"} & set(words)]


@pytest.mark.slow
def test_recordings_and_plugins_of_the_documents_work(lab):
    shown = [*mine("recordings.md"), *mine("plugins.md")]
    assert [words[0] for words in shown] == ["data", "data", "score", "score", "score"]
    for words in shown:
        require(*words)
    board = run("leaderboard", "-b", "mine").stdout
    assert "my-resnet18" in board
    assert "neighbours" in board


@pytest.mark.slow
def test_the_data_set_of_the_documents_works(lab):
    shown = [words for words in commands(PAGES["plugins.md"]) if {"gratings", "gratings.yaml"} & set(words)]
    assert [words[0] for words in shown] == ["data", "score"]
    for words in shown:
        require(*words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model"),
    [("my_network.py", "my-network"), ("my_function.py", "edges"), ("my_projection.py", "projection")],
)
def test_models_of_the_documents_work(name, model, lab):
    run(*mine("recordings.md")[0])
    require("score", "-m", model, "--plugin", name, "--weights", "random", "-b", "mine.yaml")
    checked = run("check", name)
    assert checked.exit_code == 0, checked.stdout


@pytest.mark.slow
def test_a_remote_model_of_the_documents_works(lab, monkeypatch):
    class Far(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            given = np.load(io.BytesIO(self.rfile.read(int(self.headers["Content-Length"]))))["images"]
            answer = io.BytesIO()
            np.savez(answer, features=given.reshape(len(given), -1)[:, :30] / 255)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.getvalue())

        def log_message(self, *_):
            pass

    run(*mine("recordings.md")[0])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Far) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("FAR_AWAY", f"http://127.0.0.1:{server.server_port}/")
        done = require("score", "-m", "far-away", "--plugin", "my_remote.py", "-b", "mine.yaml", "--json")
        server.shutdown()
    assert json.loads(done.stdout)[0]["layers"][0]["n_features"] == 30


@pytest.mark.slow
def test_the_commands_on_majaj_work(home, monkeypatch):
    """With small files of the published forms, whose digests take the place of the published ones."""
    made = Experiment(n=60, size=32)
    write_course_file(home.parent / "work" / "IT_data.h5", made, {"train": 40, "val": 12, "test": 8})
    labs = home / "brainio"
    digests = {path.name: hashlib.sha1(path.read_bytes()).hexdigest() for path in write_public(labs, made)}

    def registered(*about, files=(), **more):
        small = tuple(replace(file, sha1=digests.get(file.name, file.sha1)) for file in files)
        return Dataset(*about, files=small, **more)

    monkeypatch.setattr(plugins, "Dataset", registered)
    for words in section("benchmarks.md", "majaj"):
        done = require(*(str(labs) if word == "/labs/brainio" else word for word in words))
        monkeypatch.setenv("ITBENCH_OFFLINE", "")  # --offline is for one command
    assert json.loads(done.stdout)["images_matched"] == 52
    assert run("data", "verify").exit_code == 0
    again = run("score", "-m", "pixels", "-b", "majaj-it", "-b", "majajhong2015-it", "--metric", "ridge", "--json")
    assert [row["n_stimuli"] for row in json.loads(again.stdout)] == [60, 60], again.stderr


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_documents_parses(page, lab):
    for words in commands(PAGES[page]):
        command, rest = main, list(words)
        while isinstance(command, click.Group):
            command = command.commands[rest.pop(0)]
        known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        assert {word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)} <= known, words


def test_the_documents_name_only_models_and_benchmarks_that_exist():
    registry = load_plugins()
    shown = {"my-resnet18", "far-away", "projection"}
    for words in chain.from_iterable(commands(page) for page in PAGES.values()):
        for flags, known in ((("-m", "--model"), registry.models), (("-b", "--benchmark"), registry.benchmarks)):
            named = [words[i + 1] for i, word in enumerate(words) if word in flags]
            names = {name for text in named for name in text.split("+")}
            single = {name for name in names if "/" not in name}
            assert single <= {*known, *shown, "mine", "mine.yaml", "gratings.yaml"}
            for name in names - single:
                assert registry.model(name).name == name  # a member of a family


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_of_the_documents_exist(page):
    folder = ROOT if page in ("README.md", "CONTRIBUTING.md") else ROOT / "docs"
    text = FENCE.sub("", PAGES[page])
    for path, anchor in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", text):
        target = (folder / path).resolve() if path else folder / page
        assert target.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)$", PAGES[target.name], re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{path}#{anchor}"
    for path in re.findall(r"`((?:itbench|plugins|tests|tools|perf|suites|benchmarks|docs)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path


def test_the_tests_that_the_pitfalls_name_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGES["pitfalls.md"])
    assert len(named) > 20
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8") or not name, (path, name)


def test_the_architecture_names_every_folder_of_the_package():
    names = {f"itbench/{path.name}{'/' * path.is_dir()}" for path in (ROOT / "itbench").glob("[a-z]*")}
    assert {name for name in names if f"`{name}`" not in PAGES["architecture.md"]} == {"itbench/py.typed"} & names


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 150


@pytest.mark.slow
def test_the_readmes_commands_run_in_the_order_printed(lab):
    """Random weights and a small file of the published form take the place of what must be downloaded."""
    for name, content in files(PAGES["README.md"]).items():
        (lab / name).write_text(content)
    write_course_file(lab / "IT_data.h5", Experiment(n=40, size=32), {"train": 28, "val": 8, "test": 4})
    require("data", "import", "majaj-it", "IT_data.h5")
    for language, block in blocks(PAGES["README.md"]):
        if language == "python":
            exec(compile(block, "README.md", "exec"), {})
        for words in itbench_commands(block):
            done = require(*words, *(["--weights", "random"] if "densenet201" in words else []))
            if words == ["leaderboard"]:
                require_same_table(table("README.md", "demo"), rows_of(done.stdout), atol=0.006)


@pytest.mark.slow
def test_the_python_page_runs_in_the_order_printed(some_of_synthetic_it):
    namespace = {}
    for language, block in blocks(PAGES["python.md"]):
        assert language == "python"
        exec(compile(block, "python.md", "exec"), namespace)
    assert set(namespace["grams"]) == {"stage3", "stage4"}
    assert len(namespace["board"]) == len(namespace["scores"]) == 2


def test_the_documents_name_only_public_names_that_exist():
    for page, text in PAGES.items():
        for name in re.findall(r"\bitbench((?:\.[A-Za-z_]\w*)+)", text):
            found = itbench
            for part in name[1:].split("."):
                here = getattr(found, "__name__", "")
                found = getattr(found, part) if hasattr(found, part) else importlib.import_module(f"{here}.{part}")
            assert found is not None, f"{page}: itbench{name}"


@pytest.mark.slow
def test_the_commands_on_the_synthetic_benchmark_work(home, some_of_synthetic_it, monkeypatch):
    for page in ("models.md", "metrics.md", "scores.md", "ceilings.md"):
        monkeypatch.setenv("ITBENCH_RESULTS", str(home / page))
        for words in commands(PAGES[page]):
            if not (FETCHED | {"majajhong2015-it"}) & set(words):
                require(*words)


@pytest.mark.slow
def test_the_commands_on_trained_models_work(home, some_of_synthetic_it):
    """By recipes of one epoch, and of one trial."""
    short = ["--recipe", "epochs=1", "--recipe", "patience=0"]
    for words in section("trained-models.md", "learning"):
        require(*("1" if word == "20" else word for word in words), *short * (words[0] in ("score", "tune")))
    assert (home.parent / "work" / "cnn.safetensors").is_file()
    assert (home.parent / "work" / "cnn.md").is_file()


def rows_of(text):
    """Return the rows of a markdown table, its head first, as lists of cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [rows[0], *rows[2:]]


def table(page, name):
    """Return a table of a page, by its marker."""
    return rows_of(re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", PAGES[page], re.DOTALL)[1])


def require_same_table(expected, given, atol):
    """Hold every number of a table to those that a document shows, and its other words exactly."""
    assert [len(row) for row in given] == [len(row) for row in expected]
    for one, other in zip(chain.from_iterable(expected), chain.from_iterable(given), strict=True):
        assert re.sub(NUMBER, "#", one) == re.sub(NUMBER, "#", other)
        numbers = [[float(number) for number in re.findall(NUMBER, cell)] for cell in (one, other)]
        np.testing.assert_allclose(*numbers, atol=atol, err_msg=f"{one} and {other}")


NUMBER = r"-?\d+\.\d+"


@pytest.mark.slow
def test_the_figures_of_trained_models_are_what_they_reach(synthetic_it):
    """Of the smallest: better than pixels, and less than the frozen layers of a trained network."""
    rows = ("pixels:ridge", "cnn-2")
    done = CliRunner().invoke(trained_table.main, [*rows, "--results", "scores"])
    assert done.exit_code == 0, done.output
    found, expected = by_system(rows_of(done.stdout)), by_system(table("results.md", "trained synthetic-it"))
    for system, row in found.items():  # a processor that rounds otherwise trains another network
        assert float(row["EV"]) == pytest.approx(float(expected[system]["EV"]), abs=0.015), system
    highest = float(re.findall(NUMBER, found["`pixels`", "ridge"]["95 %"])[1])
    assert float(re.findall(NUMBER, found["`cnn-2`", "direct"]["95 %"])[0]) > highest
    assert found["`cnn-2`", "direct"]["95 % of it"].count("-") == 2  # both ends are below 0


def by_system(table):
    """Return the rows of a table of trained models by the usual recipe, as mappings, by model and metric."""
    rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    return {(row["model"], row["metric"]): row for row in rows if row.get("recipe", "–") == "–"}


V4 = [SHARED / "cowley2023-v4-210325" / name for name in ("images_210325.zip", "responses_raw.npy")]
WEIGHTS = SHARED / "mobilenetv2_100_imagenet" / "model.safetensors"
OTHERS = {  # by model: folder of its weights, and layers among which are those that its candidates choose
    "torchvision/squeezenet1_1": ("squeezenet1_1_imagenet", ("features.10", "features.11")),
    "timm/vit_tiny_patch16_224": ("vit_tiny_patch16_224_imagenet", ("blocks.6",)),
    "timm/tf_efficientnet_lite0": ("tf_efficientnet_lite0_imagenet", ("blocks.5.0", "blocks.5.2")),
}
RDMS = [
    SHARED / "kriegeskorte2008-it92" / name
    for name in ("Kriegeskorte_Neuron2008_supplementalData.mat", "92_brainRDMs.mat")
]
PLACES = {path.name: str(path) for path in (*V4, *RDMS)} | {"mobilenetv2_100_imagenet.safetensors": str(WEIGHTS)}
TABLED = ("ridge", "cka", "pls", "stacked")  # of the metrics that the tables show: those that are fast


def require_shared(*paths):
    return pytest.mark.skipif(
        not all(path.exists() for path in paths), reason="recordings or weights are not beside this checkout"
    )


def typed(marker):
    """Run the commands of a section of the page on benchmarks with the real files."""
    for words in section("benchmarks.md", marker):
        done = require(*(PLACES.get(word, word) for word in words))
    return done


@pytest.mark.slow
@require_shared(*V4, WEIGHTS, *(SHARED / folder / "model.safetensors" for folder, _ in OTHERS.values()))
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
    require_same_table(table("results.md", "v4"), rows, atol=0.006)
    again = CliRunner().invoke(
        metrics_table.main, [str(WEIGHTS), "--benchmark", "cowley2023-v4", *(f"--metric={name}" for name in TABLED)]
    )
    expected = [row for row in table("results.md", "metrics cowley2023-v4") if row[0].strip("`") in ("metric", *TABLED)]
    found = {row[0]: row for row in rows_of(again.stdout)}
    require_same_table(expected, [found[row[0]] for row in expected], atol=0.006)

    trained, (random, _), (pixels, _) = {"mobilenetv2_100_same": figures[0, 0]}, *figures[1:]
    for model, (folder, layers) in OTHERS.items():
        words = ["-b", "cowley2023-v4", "--weights", SHARED / folder / "model.safetensors", "--json"]
        done = require("score", "-m", model, *words, *(word for layer in layers for word in ("-l", layer)))
        trained[model] = json.loads(done.stdout)[0]["explained_variance"]
    best = trained.pop("timm/tf_efficientnet_lite0")
    assert best > max(trained.values())
    assert max(trained.values()) - min(trained.values()) < 0.02
    assert min(trained.values()) > random + 0.05
    assert random > pixels + 0.02


@pytest.mark.slow
@require_shared(*RDMS)
def test_the_commands_on_dissimilarities_work(home):
    assert run("data", "import", "kriegeskorte2008-human-it", *map(str, RDMS)).exit_code == 0
    bounds = rows_of(typed("kriegeskorte").stdout)
    assert [row[1] for row in bounds[1:]][:2] == ["pearson", "spearman"]
