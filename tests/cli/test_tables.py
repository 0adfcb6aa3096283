"""Tables of commands: fitted to a terminal of any width, whole in a pipe and in the formats markdown, CSV and JSON."""

import csv
import io
import json
import re

import pytest
from rich.cells import cell_len

from itbench.cli.output import folded
from itbench.cli.tables import Table, fitted
from itbench.metrics.options import text as option_text
from itbench.util.tables import csv_text, markdown
from tests.kit.commands import in_terminal, run

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
COLUMNS = ("model", "weights", "benchmark", "metric", "layer", "EV", "95 %", "correlation", "sites", "seconds")


def score_rows(*benchmarks):
    """Return rows of two models on benchmarks."""
    return [
        dict(zip(COLUMNS, (model, "none", benchmark, "ridge", layer, ev, "0.1–0.2", ev + 0.1, "168", 1.5), strict=True))
        for benchmark in benchmarks
        for model, layer, ev in (("finetuned/itbench-tiny", "core.stage4.body.3", 0.25), ("模型 pixels", "pixels", 0.1))
    ]


def shown(rows, columns, width):
    return fitted(Table.read(markdown(rows, columns).split("\n")), width).split("\n")


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_terminal_and_what_is_missing_is_named(width):
    """Each cell of a shown column stands in it whole; each other column is named below with how to see it."""
    rows = score_rows("synthetic-it", "majajhong2015-it")
    lines = shown(rows, COLUMNS, width)
    assert max(map(cell_len, lines)) <= width
    together = "".join("".join(lines).split())
    note = " ".join(lines).partition("Left out: ")[2].partition(". ")[0].split(", ")
    same = " ".join(lines).partition("In every row: ")[2].partition(". ")[0].split(", ")
    for column in COLUMNS:
        assert column in note or column in " ".join(same) or "".join(column.split()) in together
        if column not in note and column not in [one.rpartition(" ")[0] for one in same]:
            for row in rows:
                cell = f"{row[column]:.3f}" if isinstance(row[column], float) else row[column]
                folded = [re.escape(character) for character in cell if character != " "]
                assert re.search(r"[\s\S]*?".join(folded), "\n".join(lines)), (column, cell)


def test_a_wide_terminal_has_every_column():
    lines = shown(score_rows("a", "b"), COLUMNS, 200)
    assert re.split(r"\s{2,}", lines[0].strip()) == list(COLUMNS)
    assert len(lines) == 2 + 4


def test_what_is_the_same_in_every_row_is_said_once_before_anything_is_lost():
    text = "\n".join(shown(score_rows("synthetic-it"), COLUMNS, 100))
    assert "In every row: seconds 1.500, sites 168." in text
    assert "Left out" not in text


def test_rows_stay_distinguishable():
    """The benchmark is left out where it is one; where it tells rows apart, a list of cells comes instead."""
    one, two, narrow = (
        "\n".join(shown(score_rows(*names), COLUMNS, width))
        for names, width in ((["alpha"], 50), (["alpha", "beta"], 50), (["alpha", "beta"], 36))
    )
    assert re.search(r"In every row: .*benchmark\s+alpha", one, re.S)
    assert one.count("alpha") == 1
    assert (two.count("alpha"), two.count("beta")) == (2, 2)
    assert narrow.count("benchmark    alpha") == narrow.count("benchmark    beta") == 2
    assert "Left out" not in narrow


def test_a_single_row_that_is_too_wide_becomes_a_list_of_all_its_cells():
    row = score_rows("alpha")[0]
    lines = shown([row], COLUMNS, 60)
    assert [line.split()[0] for line in lines] == [column.split()[0] for column in COLUMNS]


def test_a_long_description_is_cut_short_and_said_to_be():
    rows = [{"name": name, "description": "word " * 100} for name in "ab"]
    lines = shown(rows, ("name", "description"), 100)
    assert len(lines) == 2 + 2 * 3 + 1
    assert lines[-1].startswith("Cut short: description. Whole: ")
    assert sum("…" in line for line in lines) == 2


def test_a_cell_with_a_bar_or_markup_is_shown_as_it_is():
    text = "\n".join(shown([{"a": "x|y", "b": "[bold]z[/bold]"}, {"a": "p", "b": "q"}], ("a", "b"), 80))
    assert "x|y" in text
    assert "[bold]z[/bold]" in text


def test_csv_has_lists_with_commas():
    rows = [{"model": "a", "weights": ["pretrained", "random"]}, {"model": "b", "weights": None}]
    assert list(csv.DictReader(io.StringIO(csv_text(rows, ("model", "weights"))))) == [
        {"model": "a", "weights": "pretrained, random"},
        {"model": "b", "weights": ""},
    ]


LISTS = (
    *(["models"], ["benchmarks"], ["metrics", "ridge"], ["data", "list"]),
    *(["layers", "pixels", "--size", "8"], ["cache", "list"], ["leaderboard"]),
)


@pytest.mark.slow
@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_every_list_has_the_formats_and_a_pipe_gets_markdown(words):
    piped, markdown_text, csv_out, json_out = (
        run(*words, *more) for more in ([], ["--format", "markdown"], ["--format", "csv"], ["--format", "json"])
    )
    assert {done.exit_code for done in (piped, markdown_text, csv_out, json_out)} == {0}
    assert piped.stdout == markdown_text.stdout
    assert json_out.stdout == run(*words, "--json").stdout
    rows, table = json.loads(json_out.stdout), list(csv.DictReader(io.StringIO(csv_out.stdout)))
    assert len(rows) == len(table)
    assert [set(row) for row in rows] == [set(row) for row in table]
    for row, line in zip(rows, table, strict=True):
        for key, value in row.items():
            text = ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
            typed = tuple(value) if isinstance(value, list) else value
            assert line[key] == (option_text(typed) if key == "default" else text)


def test_formats_that_contradict_each_other_are_refused():
    done = run("models", "--json", "--format", "csv")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: --json and --format csv contradict each other.")


@pytest.mark.slow
def test_scores_comparisons_and_checks_have_the_formats(toy):
    scored = run("score", "-m", "toy", "-m", "pixels", "-b", toy, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(scored.stdout)))
    found = json.loads(run("rescore", "toy", "pixels", "--json", "-b", toy).stdout)
    assert [float(row["value"]) for row in rows] == pytest.approx([row["value"] for row in found], rel=1e-9)
    assert rows[0].keys() == found[0].keys() - {"layers", "models", "layers_chosen"}
    compared = list(csv.DictReader(io.StringIO(run("compare", "toy", "pixels", "--format", "csv", "-b", toy).stdout)))
    as_json = json.loads(run("compare", "toy", "pixels", "--json", "-b", toy).stdout)
    assert [float(row["low"]) for row in compared] == [as_json["a"]["low"], as_json["b"]["low"], as_json["low"]]
    checked = list(csv.DictReader(io.StringIO(run("check", "pixels", "--format", "csv").stdout)))
    assert {row["name"] for row in checked} == {"pixels"}
    assert run("score", "-m", "toy", "-b", toy, "--format", "markdown").stdout.startswith("| model")


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("words", [["models"], ["benchmarks"], ["metrics", "ridge"], ["data", "list"]], ids=" ".join)
def test_in_a_terminal_a_list_fits(words, width):
    status, sent = in_terminal(width, *words, NO_COLOR="1")
    assert status == 0
    assert "\x1b" not in sent
    assert max(map(cell_len, sent.splitlines())) <= width
    assert "| " not in sent
    assert sent.count(" …") == 0 or "Cut short: description" in sent


TEXT = """
from itbench.cli.tables import print_text

print_text("## A heading\\n\\n| a | b |\\n| --- | ---: |\\n| *x* | 1 |\\n")
print_text("  |y| is no table,\\n  |z| neither " + "and so on " * 5)
"""


@pytest.mark.slow
def test_text_around_tables_is_folded_and_headings_and_italics_are_shown():
    plain = in_terminal(40, code=TEXT, NO_COLOR="1")[1].splitlines()
    assert plain[:6] == ["## A heading", "", "a    b", "──────", "*x*  1", ""]
    assert plain[6:8] == ["  |y| is no table,", "  |z| neither and so on and so on and so"]
    coloured = in_terminal(40, code=TEXT)[1]
    assert "\x1b[1mA heading\x1b[0m" in coloured
    assert re.search(r"\x1b\[3mx *\x1b\[0m", coloured)


@pytest.mark.slow
def test_colours_only_where_they_are_wanted():
    environments = {"xterm": {}, "no colour": {"NO_COLOR": "1"}, "dumb": {"TERM": "dumb"}}
    sent = {name: in_terminal(100, "metrics", "ridge", **about)[1] for name, about in environments.items()}
    assert "\x1b[1m" in sent["xterm"]
    plain = "\n".join(line.rstrip() for line in ESCAPE.sub("", sent["xterm"]).split("\n"))
    assert sent["no colour"] == sent["dumb"] == plain


@pytest.mark.slow
def test_a_forced_colour_does_not_change_a_pipe(monkeypatch):
    plain = run("data", "list").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    assert run("data", "list").stdout == plain
    assert plain.startswith("| name")


@pytest.mark.slow
def test_layers_as_a_tree_have_every_layer_once_below_its_module(toy):
    """The dotted names that the branches spell are those of the list."""
    rows = json.loads(run("layers", "itbench-tiny", "--size", "32", "--json").stdout)
    lines = run("layers", "itbench-tiny", "--size", "32", "--tree").stdout.split("\n")
    path, found = [], {}
    for line in lines[1 : lines.index("")]:
        branch, name, *about = re.match(r"((?:│   |    )*(?:├── |└── ))(\S+)(.*)", line).groups()
        path = [*path[: len(branch) // 4 - 1], name]
        found[".".join(path)] = about[0]
    assert list(found) == [row["layer"] for row in rows]
    for row in rows:
        assert f"{row['features']:,} features" in found[row["layer"]]
        assert ("×" not in row["shape"]) or row["shape"] in found[row["layer"]]
        assert ("candidate" in found[row["layer"]]) == bool(row["candidate"])
    assert run("layers", "toy-net", "--tree", "--json").exit_code == 1


def test_a_metric_is_shown_with_the_types_of_its_options():
    rows = json.loads(run("metrics", "ridge", "--json").stdout)
    types = {row["option"]: row["type"] for row in rows}
    assert types == {
        "components": "whole number or none",
        "alphas": "numbers or none",
        "alpha": "number or none",
        "per_site": "true or false",
        "kernel": "word",
        "width": "number",
    }
    assert "It has no options." in run("metrics", "direct").stdout
    assert "Did you mean ridge" in run("metrics", "rigde").stderr


def test_every_metric_says_what_it_is_for():
    rows = [line.split("|") for line in run("metrics").stdout.split("\n\n")[0].splitlines()[2:]]
    assert {row[1].strip() for row in rows} == {row["metric"] for row in json.loads(run("metrics", "--json").stdout)}
    assert all(len(row[2].split()) > 2 for row in rows)


PURPOSES = '''
from dataclasses import dataclass

from itbench import hookimpl


@hookimpl
def itbench_metrics(register):
    register("told", Told)
    register("untold", Untold)


@dataclass(frozen=True)
class Told:
    """Answers one question. And says
    more.
    """


@dataclass(frozen=True)
class Untold:
    shrink: float = 0.5
'''


def test_a_metric_without_a_description_has_the_first_sentence_of_its_class(tmp_path):
    (tmp_path / "mine.py").write_text(PURPOSES)
    lines = run("metrics", "--plugin", tmp_path / "mine.py").stdout.splitlines()
    rows = {row[1].strip(): row[2].strip() for row in (line.split("|") for line in lines if line.count("|") > 2)}
    assert (rows["told"], rows["untold"]) == ("Answers one question", "–")
    assert run("metrics", "untold", "--plugin", tmp_path / "mine.py").stdout.startswith("untold\n")


def test_values_of_several_measures_keep_the_column_that_says_which():
    rows = [
        {"model": "a", "metric": metric, "measure": measure, "value": 0.5, "layer": f"a.long.name.{metric}"}
        for metric, measure in (("ridge", "explained_variance"), ("cka", "cka"))
    ]
    columns = ("model", "metric", "measure", "value", "layer")
    assert "measure" in shown(rows, columns, 48)[0].split()
    one = [{**row, "measure": "cka"} for row in rows]
    assert "measure" not in shown(one, columns, 40)[0].split()


def test_metrics_lose_their_options_before_they_become_blocks():
    rows = [
        {
            "metric": f"metric-{n}",
            "purpose": "a purpose in a sentence of some length",
            "options": f"one, two, three, four{n}",
        }
        for n in range(3)
    ]
    lines = shown(rows, ("metric", "purpose", "options"), 50)
    assert lines[0].split() == ["metric", "purpose"]
    assert "Left out: options." in " ".join(lines)


def test_prose_is_folded_and_a_command_stays_in_one_piece():
    command = "itbench score -m a-model-of-a-long-name -b a-benchmark-of-a-long-name"
    assert folded(f"Make one: {command}", 40) == f"Make one:\n  {command}"
    assert folded(f"  {command}", 40) == f"  {command}"
    known = "Known: " + ", ".join(f"name-{n}" for n in range(20)) + "."
    lines = folded(known, 40).split("\n")
    assert " ".join(lines) == known
    assert max(map(len, lines)) <= 40


@pytest.mark.slow
def test_errors_fit_the_terminal():
    sent = ESCAPE.sub("", in_terminal(60, "metrics", "nosuch", ITBENCH_PLUGINS="")[1])
    assert "Error: unknown metric 'nosuch'" in sent
    assert max(map(len, sent.split("\n"))) <= 60
