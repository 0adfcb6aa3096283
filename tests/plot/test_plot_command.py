"""The command itbench plot: which scores and which kind it draws, and into which file."""

import re

import numpy as np
import pytest
from click.shell_completion import ShellComplete

from itbench.cli import main
from itbench.plot import KINDS
from itbench.plot.figure import STYLES
from itbench.plot.recordings import GROUPS
from itbench.plot.scores import label_of, measures
from itbench.plot.site_plots import BY
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
    assert done.stderr.startswith(f"Draws {kind}: {KINDS[kind]}.")
    assert done.stderr.endswith(f"Wrote {file}\n")
    assert done.stdout == ""
    assert (home.parent / "work" / file).read_bytes().startswith(b"\x89PNG")


def test_two_readouts_of_registered_recordings_are_a_scatter(scores, home):
    done = run("plot", "good", "poor")
    assert done.stderr.startswith("Draws scatter")
    assert "unknown benchmark 'toy'" in done.stderr


@pytest.mark.slow
def test_a_file_is_written_once_unless_it_shall_be_replaced(scores, home):
    words = ["plot", "layers", "good", "poor", "--style", "paper", "--size", "80x60", "--output", "a.svg"]
    assert run(*words, "--log", "log").stderr == "Wrote a.svg\n"
    assert "Wrote a.svg" in (home.parent / "work" / "log").read_text()
    again = run(*words)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "There is a file a.svg already." in again.stderr
    quiet = run(*words, "--replace", "--quiet")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lyers", "good"], "Did you mean layers?"),
        (["layers", "god"], "Did you mean good"),
        (["layers", "good", "--measure", "foo"], "Known: Brain-Score, EV, EV/ceiling, correlation."),
        (["layers", "good", "--output", "a.jpg"], "cannot end in .jpg.\nKnown endings: .png, .svg, .pdf."),
        (["layers", "good", "--output", "a"], "the file has no ending"),
        (["layers", "good", "--style", "papr"], "Did you mean paper?"),
        (["sites", "good", "--layer", "late"], "It takes --measure, --by."),
        (["ceiling", "good", "--by", "animal"], "It takes none of --measure, --layer, --site, --by."),
        (["scatter", "good"], "scatter shows 2 scores; 1 is named."),
        (["ceiling", "good", "poor"], "ceiling shows 1 score; 2 are named."),
        (["sites", "--by", "animal", "--style", "paper"], "itbench plot sites MODEL --style paper --by animal"),
        (["montage"], "itbench plot montage MODEL, or its benchmark: itbench plot montage -b BENCHMARK"),
        (["models"], "Choose some by --benchmark and --metric"),
        (["models", "--metric", "pls"], "itbench score -m pixels -m itbench-tiny --metric pls"),
        (["layers", "good", "--metric", "pls"], "itbench rescore good:pretrained --metric pls -b toy"),
        (["layers", "good", "--metric", "cka"], "It has scores by: ridge on toy."),
        (["layers", "itbench-tiny:random-3"], "itbench score -m itbench-tiny --weights random --seed 3"),
    ],
)
def test_what_cannot_be_drawn_is_one_error_that_says_what_can(words, said, scores, home):
    done = run("plot", *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(re.findall("Error", done.stderr)) == 1
    assert not list((home.parent / "work").iterdir())


def test_other_kinds_are_those_that_the_scores_can_give(scores, home):
    """In the same folder: a readout with a ceiling and predictions, and a comparison; neither has penalties."""

    def others(name):
        return re.search(r"Other kinds: (.*)\.\n", run("plot", name).stderr).group(1).split(", ")

    fitting = {"layers", "models", "heatmap", "rdms", "mds", "montage"}
    assert set(others("good")) | {"layers"} == {*fitting, "sites", "ceiling", "predictions"}
    assert set(others("other")) | {"models"} == fitting


@pytest.fixture
def compared(scores):
    """Folder of scores in which the model `good` has one by cka too."""
    write_score(comparison_score(np.random.default_rng(0).normal(0.4, 0.01, 40), model="good"), scores)
    return scores


@pytest.mark.parametrize("kind", ["sites", "ceiling"])
def test_of_several_metrics_one_that_the_kind_can_draw_is_taken_and_said(kind, compared, home):
    done = run("plot", kind, "good")
    assert done.stderr == (
        f"good: by ridge. It also has scores by cka: --metric cka\nWrote {kind}--good--pretrained--toy--ridge.png\n"
    )
    refused = run("plot", kind, "good", "--metric", "cka", "--style", "paper")
    assert "has one value for all sites together" in refused.stderr
    assert f"itbench plot {kind} good --metric ridge --style paper" in refused.stderr
    assert "itbench score" not in refused.stderr


def test_of_several_metrics_the_default_of_the_benchmark_is_taken(compared, toy, home):
    text = re.sub(r"metric: .*", "", toy.read_text())
    for metric, kind in (("ridge", "layers"), ("cka", "models")):
        toy.write_text(f"{text}\nmetric: {metric}\n")
        done = run("plot", "good", "-b", str(toy))
        assert done.stderr.startswith(f"good: by {metric}. It also has"), done.stderr
        assert f"Draws {kind}" in done.stderr
    unknown = run("plot", "layers", "good", "--measure", "correlation")
    assert "'good' stands for 2 scores" in unknown.stderr
    assert "itbench plot layers good:pretrained -b toy --metric ridge --measure correlation" in unknown.stderr


def test_a_name_stands_for_all_its_scores_where_a_kind_shows_several(scores, make, home):
    about = [("net", weights, start) for weights in ("random-0", "random-7") for start in (50, 70)]
    for model, weights, start in [*about, ("net", "random-0", 90)]:
        window = {"benchmark": f"toy-{start}", "window": [start, start + 20]}
        write_score(make(0.5, model=model, weights=weights, **window), scores)
    write_score(make(0.5, model="poor", weights="random-0"), scores)
    for words in (
        ["time", "net"],
        ["time", "net", "net:random-0"],
        ["time", "net", "--weights", "random-7"],
        ["models", "poor"],
        ["heatmap", "net", "poor"],
    ):
        done = run("plot", *words, "--replace")
        assert re.search("^Wrote", done.stderr), (words, done.stderr)
    assert "these scores are of 3" in run("plot", "models", "net").stderr


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


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["layers", "good", "--style"], STYLES),
        (["layers", "good", "--measure"], ["EV", "correlation", "EV/ceiling", "Brain-Score"]),
        (["scatter", "good", "--measure"], ["EV", "correlation"]),
        (["sites", "good", "--by"], [*BY, "none"]),
        (["montage", "--by"], GROUPS),
    ],
)
def test_values_of_options_are_completed(words, expected, good):
    found = ShellComplete(main, {}, "itbench", "_ITBENCH_COMPLETE").get_completions(["plot", *words], "")
    assert [item.value for item in found] == list(expected)
    if "layers" in words and "--measure" in words:
        assert {label_of(name) for name in measures(good)} == set(expected)
