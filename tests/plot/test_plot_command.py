"""The command itbench plot: which scores and which kind it draws, and into which file."""

import re

import numpy as np
import pytest

from itbench.plot import KINDS
from itbench.results.score_file import write_score
from tests.kit.commands import ROOT, run
from tests.kit.scores import comparison_score


@pytest.fixture
def scores(tmp_path, monkeypatch, good, poor, make, recordings):
    """Folder of scores: two readouts, one of a single layer, and a comparison."""
    folder = tmp_path / "scores"
    monkeypatch.setenv("ITBENCH_RESULTS", str(folder))
    for score in (good, poor, make(model="flat").sel(layer=["late"])):
        write_score(score, folder)
    write_score(comparison_score(np.random.default_rng(0).normal(0.4, 0.01, 40), model="other"), folder)
    return folder


@pytest.mark.parametrize(
    ("names", "kind", "file"),
    [
        (["good"], "layers", "layers--good--pretrained--toy--ridge.png"),
        (["flat"], "sites", "sites--flat--pretrained--toy--ridge.png"),
        (["other"], "models", "models--other--pretrained--toy--cka.png"),
        (["good", "poor", "flat"], "models", "models--toy.png"),
        ([], "heatmap", "heatmap--toy.png"),
        (["--metric", "ridge"], "models", "models--toy.png"),
    ],
)
def test_the_kind_that_fits_is_drawn_and_said(names, kind, file, scores, home):
    done = run("plot", *names)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith(f"Draws {kind}: {KINDS[kind]}. Other kinds: ")
    assert done.stdout == f"Wrote {file}\n"
    assert (home.parent / "work" / file).read_bytes().startswith(b"\x89PNG")


def test_two_readouts_of_registered_recordings_are_a_scatter(scores, home):
    done = run("plot", "good", "poor")
    assert done.stderr.startswith("Draws scatter")
    assert "unknown benchmark 'toy'" in done.stderr


@pytest.mark.slow
def test_a_file_is_written_once_unless_it_shall_be_replaced(scores):
    words = ["plot", "layers", "good", "poor", "--style", "paper", "--size", "80x60", "--output", "a.svg"]
    assert run(*words).stdout == "Wrote a.svg\n"
    again = run(*words)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "There is a file a.svg already." in again.stderr
    assert run(*words, "--replace").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lyers", "good"], "Did you mean layers?"),
        (["layers", "god"], "Did you mean good"),
        (["layers", "good", "--measure", "foo"], "explained_variance_corrected"),
        (["layers", "good", "--output", "a.jpg"], "Known endings: .png, .svg, .pdf."),
        (["layers", "good", "--style", "papr"], "Did you mean paper?"),
        (["sites", "good", "--layer", "late"], "It takes --measure, --by."),
        (["scatter", "good"], "scatter shows 2 scores, and 1 are named."),
        (["ceiling", "good", "poor"], "ceiling shows 1 score, and 2 are named."),
        (["sites"], "itbench plot sites MODEL"),
        (["montage"], "itbench plot montage MODEL"),
        (["models"], "Choose some by --benchmark and --metric"),
        (["models", "--metric", "pls"], "No score to draw"),
    ],
)
def test_what_cannot_be_drawn_is_one_error_that_says_what_can(words, said, scores, home):
    done = run("plot", *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(re.findall("Error", done.stderr)) == 1
    assert not list((home.parent / "work").iterdir())


@pytest.mark.parametrize("size", ["80", "axb", "-1x3", "80x"])
def test_a_size_is_two_numbers(size, scores):
    done = run("plot", "good", "--size", size)
    assert done.exit_code == 2
    assert "89x60" in done.stderr


@pytest.mark.slow
def test_pictures_with_recordings_take_those_of_a_benchmark_file(toy, home):
    scored = run("score", "-m", "toy", "-m", "toy-net", "--weights", "random", "-b", toy)
    assert scored.exit_code == 0, scored.stderr
    for words in (["toy", "toy-net"], ["montage"]):
        done = run("plot", *words, "-b", toy)
        assert done.exit_code == 0, done.stderr
    names = sorted(path.name for path in (home.parent / "work").glob("*.png"))
    assert names == ["montage--toy.png", "scatter--toy.png"]


def test_the_help_names_every_kind():
    shown = run("plot", "--help").stdout
    for kind, what in KINDS.items():
        assert re.search(rf"  (\w+, )?{kind}(, \w+)? +\S", shown), what


@pytest.mark.slow
def test_the_commands_of_the_page_on_plots_work(some_of_synthetic_it):
    page = (ROOT / "docs" / "plots.md").read_text(encoding="utf-8")
    shown = [
        line.split()[1:] for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()
    ]
    drawn = set()
    for words in shown:
        done = run(*words)
        assert done.exit_code == 0, (words, done.stderr)
        drawn |= set(words) & set(KINDS)
    assert drawn == set(KINDS) - {"time", "training"}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "plots.md", "exec"), {})
