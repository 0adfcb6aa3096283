"""The folder of a site: whole or not at all, never in place of anything else, the same for the same scores."""

import csv
import json

import pytest

import itbench.site.site as module
from itbench.errors import BadOption, UnknownName
from itbench.plugins import load_plugins
from itbench.results.leaderboard import compile_leaderboard
from itbench.site.site import MARKER, write_site
from tests.kit.commands import run
from tests.kit.many_scores import many_scores


@pytest.fixture
def scores(tmp_path):
    many_scores(tmp_path / "scores", 3, n_sites=4, n_images=16, n_draws=40)
    return tmp_path / "scores"


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_command_writes_a_site_and_says_what_to_open(scores, tmp_path):
    done = run("leaderboard", "--results", scores, "--format", "html", "--output", tmp_path / "deep" / "site")
    assert done.exit_code == 0, done.stderr
    assert "site/index.html of 3 scores" in done.stderr + done.stdout
    assert {"index.html", "model.html", "data/index.js", "vendor/d3.LICENSE.txt", MARKER} <= set(
        files_in(tmp_path / "deep" / "site")
    )


def test_the_same_scores_give_the_same_bytes_and_replace_a_former_site(scores, tmp_path):
    registry = load_plugins(())
    assert write_site(scores, tmp_path / "one", registry) == 3
    first = files_in(tmp_path / "one")
    write_site(scores, tmp_path / "two", registry)
    assert files_in(tmp_path / "two") == first
    next(scores.glob("*.nc")).unlink()
    write_site(scores, tmp_path / "one", registry)
    assert len([name for name in files_in(tmp_path / "one") if name.startswith("data/model/")]) == 2


@pytest.mark.parametrize("content", ["folder", "file", "marker", "link"])
def test_what_is_no_site_is_never_replaced(content, scores, tmp_path):
    output = tmp_path / "site"
    if content == "file":
        output.write_text("mine")
    elif content == "link":
        (tmp_path / "elsewhere").mkdir()
        write_site(scores, tmp_path / "elsewhere", load_plugins(()))
        output.symlink_to(tmp_path / "elsewhere")
    else:
        output.mkdir()
        (output / (MARKER if content == "marker" else "thesis.tex")).write_text("{}")
    before = files_in(tmp_path)
    done = run("leaderboard", "--results", scores, "--format", "html", "--output", output)
    assert (done.exit_code, done.stderr.count("is not replaced: it is no site")) == (1, 1)
    assert files_in(tmp_path) == before


def test_files_that_others_put_into_a_site_are_kept(scores, tmp_path):
    write_site(scores, tmp_path / "site", load_plugins(()))
    (tmp_path / "site" / "data" / "notes.txt").write_text("mine")
    with pytest.raises(BadOption, match="did not write") as raised:
        write_site(scores, tmp_path / "site", load_plugins(()))
    assert "data/notes.txt" in str(raised.value)


def test_a_build_that_fails_leaves_the_former_site_and_nothing_else(scores, tmp_path, monkeypatch):
    write_site(scores, tmp_path / "out" / "site", load_plugins(()))
    before = files_in(tmp_path / "out")
    next(scores.glob("*.nc")).unlink()

    def fails(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_images", fails)
    with pytest.raises(KeyboardInterrupt):
        write_site(scores, tmp_path / "out" / "site", load_plugins(()))
    assert files_in(tmp_path / "out") == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["site"]


def test_a_folder_without_scores_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadOption, match="holds no scores"):
        write_site(tmp_path / "empty", tmp_path / "site", load_plugins(()))
    assert not (tmp_path / "site").exists()


def test_only_the_benchmarks_that_were_named_are_shown(tmp_path):
    many_scores(tmp_path / "scores", 2, ("one", "two"), n_sites=4, n_images=16, n_draws=40)
    write_site(tmp_path / "scores", tmp_path / "site", load_plugins(()), ["two"])
    assert [name for name in files_in(tmp_path / "site") if name.startswith("data/benchmark")] == [
        "data/benchmark/two.js"
    ]
    with pytest.raises(UnknownName, match="three"):
        write_site(tmp_path / "scores", tmp_path / "other", load_plugins(()), ["three"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "html"), "needs a folder"),
        (("--output", "here"), "is a folder"),
        (("--json", "--format", "html"), "contradict"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments, said, scores, tmp_path):
    (tmp_path / "work" / "here").mkdir()
    done = run("leaderboard", "--results", scores, *arguments)
    assert done.exit_code == 1
    assert said in done.stderr


def test_the_marker_names_all_files(scores, tmp_path):
    write_site(scores, tmp_path / "site", load_plugins(()))
    found = json.loads((tmp_path / "site" / MARKER).read_text())
    assert {*found["files"], MARKER} == set(files_in(tmp_path / "site"))


def test_the_table_lies_beside_the_pages_as_csv(scores, tmp_path):
    write_site(scores, tmp_path / "site", load_plugins(()))
    rows = compile_leaderboard(scores)
    with (tmp_path / "site" / "scores.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [(row["model"], row["rank"], float(row["value"])) for row in found] == [
        (row["model"], row["rank"], row["value"]) for row in rows
    ]
