"""Citations: valid BibTeX with unique keys, of all that a score used, and words where nothing is known."""

import json
import re
import textwrap
from pathlib import Path

import pytest

from itbench.errors import BadPlugin
from itbench.plugins import load_plugins
from itbench.results.bibtex import parse_bibtex
from itbench.results.citations import cite
from itbench.results.score_file import write_score
from tests.kit.commands import ROOT, run
from tests.kit.scores import small_score

REQUIRED = {  # by BibTeX itself
    "article": {"author", "title", "journal", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "techreport": {"author", "title", "institution", "year"},
    "book": {"author", "title", "publisher", "year"},
    "misc": {"title"},
}
PLUGIN = '''
from dataclasses import dataclass

from itbench import FunctionModel, hookimpl

NET = """
@Article{net,
  title = "A {Net} of ours", author={Doe, J. and {The Lab}},
  journal = {J. Nets}, year = 2024, doi = {10.1109/cvpr.2016.90x}
}
"""


@hookimpl
def itbench_models(register):
    register("ours", net, layers=("a",), weights=(), source="timm x", bibtex=NET)
    register("theirs", net, layers=("a",), weights=(), bibtex="local he2016")
    register("silent", net, layers=("a",), weights=())


def net(weights):
    return FunctionModel(lambda images: {"a": images}, layers=("a",), identity="net")
'''
LOCAL = "@misc{local, title = {Beside the plugin}}\n@misc{HE2016, title = {Another of that key}}\n"


def entries(text):
    """Parse printed BibTeX line by line: kind, key and fields of each entry."""
    found = []
    for line in text.splitlines():
        if start := re.fullmatch(r"@(\w+)\{([^\s,{}]+),", line):
            found.append((start[1], start[2], {}))
        elif field := re.fullmatch(r"  ([a-z]+) = \{(.+)\},", line):
            assert field[2].count("{") == field[2].count("}")
            found[-1][2][field[1]] = field[2]
        else:
            assert line in ("}", "") or line.startswith("% "), line
    assert text.count("{") == text.count("}")
    return found


@pytest.fixture
def plugin(home):
    home.mkdir()
    (home / "references.bib").write_text(LOCAL)
    path = home / "ours.py"
    path.write_text(PLUGIN)
    return path


def keys(*arguments):
    done = run("cite", *arguments)
    assert done.exit_code == 0, done.stderr
    return [key for _, key, _ in entries(done.stdout)]


def test_every_built_in_reference_is_complete_and_used():
    registry = load_plugins()
    every = [*registry.models, *registry.metrics, *registry.benchmarks, *registry.datasets]
    names = [name for name in every if not name.startswith(("timm/", "torchvision/"))]
    found = cite(registry, names, Path("none"))
    text = "\n".join(one.bibtex for one in found.references)
    for kind, key, fields in entries(text):
        assert REQUIRED[kind] <= set(fields), key
        assert re.fullmatch(r"10\.\d{4,9}/\S+", fields.get("doi", "10.1234/x")), key
        assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "1234.56789")), key
        assert fields.get("year", "2000") in key or key in ("itbench", "timm", "torchvision"), key
    written = parse_bibtex((ROOT / "plugins" / "references.bib").read_text(encoding="utf-8"), "")
    assert {one.key for one in written} == {one.key for one in found.references}
    assert {label for label in found.unknown if label.startswith("benchmark")} == set()
    assert "metric direct" in found.unknown


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").glob("m*/*.py")), ids=lambda path: path.stem)
def test_a_plugin_cites_the_articles_that_its_docstring_names(path):
    text = " ".join(path.read_text(encoding="utf-8").split())
    references = parse_bibtex((ROOT / "plugins" / "references.bib").read_text(encoding="utf-8"), "")
    by_key = {one.key: one for one in references}
    for key in re.findall(r"\b[a-z-]+\d{4}[a-z]*\b", " ".join(re.findall(r'"[a-z0-9 -]*\d{4}[a-z0-9 -]*"', text))):
        if key in by_key:
            first = by_key[key].text.split(",")[0].split(" &")[0].split(" (")[0]
            assert re.search(rf"{first}.{{0,160}}{by_key[key].fields['year']}", text), key


def test_a_score_cites_model_core_package_metric_benchmark_and_itbench(tmp_path):
    source = {"model": "finetuned/resnet50", "weights": {"kind": "pretrained"}, "recipe": {"core": "resnet50"}}
    about = {"seconds": {}, "sources": [source], "versions": {"itbench": "0.0.9"}}
    score = small_score(model="finetuned/resnet50", benchmark="majajhong2015-it", provenance=json.dumps(about))
    path = write_score(score, tmp_path)
    expected = ["he2016", "hoerl1970", "itbench", "kornblith2019transfer", "majaj2015", "torchvision", "yosinski2014"]
    assert keys(path) == expected == keys("--results", tmp_path)
    assert keys("finetuned/resnet50:w", "--results", tmp_path) == expected
    shown = run("cite", path).stdout
    assert dict((key, fields) for _, key, fields in entries(shown))["itbench"]["version"] == "0.0.9"
    assert run("cite", path, path).stdout == shown


def test_entries_of_a_plugin_are_read_beside_it_and_keys_are_unique(plugin):
    assert keys("theirs", "--plugin", plugin) == ["he2016", "itbench", "local"]
    (kind, key, fields), *rest = entries(run("cite", "ours", "--plugin", plugin).stdout)[1:]
    assert (kind, key, fields["title"], fields["year"]) == ("article", "net", "A {Net} of ours", "2024")
    assert [key for _, key, _ in rest] == ["timm"]
    shown = run("cite", "ours", "--plugin", plugin, "--format", "text").stdout
    assert "Doe & The Lab (2024). A Net of ours. J. Nets. https://doi.org/10.1109/cvpr.2016.90x [model ours]" in shown


def test_keys_that_only_differ_in_case_are_made_unique(plugin):
    text = PLUGIN.replace('bibtex="local he2016"', 'bibtex="HE2016"')
    plugin.write_text(text)
    assert keys("theirs", "resnet18", "--plugin", plugin) == ["HE2016", "he2016-2", "itbench", "torchvision"]


def test_one_doi_is_one_reference(plugin):
    plugin.write_text(PLUGIN.replace("cvpr.2016.90x", "cvpr.2016.90"))
    assert keys("ours", "resnet18", "--plugin", plugin) == ["he2016", "itbench", "timm", "torchvision"]


def test_what_has_no_citation_is_named(plugin):
    done = run("cite", "silent", "direct", "--plugin", plugin)
    assert done.stderr.splitlines() == [
        "No citation known for the model silent.",
        "No citation known for the metric direct.",
    ]
    assert [key for _, key, _ in entries(done.stdout)] == ["itbench"]


def test_a_citation_in_words_becomes_an_entry(home):
    home.mkdir()
    path = home / "my_lab.yaml"
    path.write_text("data: mine\ncitation: Lab & Co_workers (2024), 100 % real\n")
    (_, _), (kind, key, fields) = [(0, 0), entries(run("cite", path).stdout)[1]]
    assert (kind, key, fields["note"]) == ("misc", "my_lab", r"Lab \& Co\_workers (2024), 100 \% real")
    path.write_text("data: mine\nbibtex: |\n  @misc{lab,\n    title = {Our recordings},\n  }\n")
    assert keys(path) == ["itbench", "lab"]


@pytest.mark.parametrize(
    ("bibtex", "says"),
    [
        ("nothing2000", "cites 'nothing2000'"),
        ("@article{x, title = {open}", "a brace is not closed"),
        ("@article{, title = {x}}", "no key"),
        ("@article{x, title = {a} # {b}}", "comes no comma"),
        ("@article{x, title = }", "has no value"),
        ("@article{x, title}", "no field"),
        ("@string{x = {y}}", "@string is not read"),
        ("see @ there", "there is no entry"),
    ],
)
def test_bibtex_that_cannot_be_read_is_one_error(bibtex, says, plugin):
    plugin.write_text(PLUGIN.replace('"local he2016"', repr(bibtex)))
    done = run("cite", "theirs", "--plugin", plugin, "--output", plugin.parent / "out.bib")
    assert done.exit_code == 1
    assert says in done.stderr
    assert "ours.py" in done.stderr
    assert not (plugin.parent / "out.bib").exists()


def test_a_list_of_keys_is_refused_where_it_is_registered(plugin):
    plugin.write_text(PLUGIN.replace('bibtex="local he2016"', 'bibtex=["local"]'))
    assert "bibtex of the model 'theirs' must be one text" in run("cite", "ridge", "--plugin", plugin).stderr


def test_text_between_entries_and_comments_are_skipped():
    text = textwrap.dedent("""
        Words, and an address: somebody@example.org.
        @comment{jabref: {x}}
        @book{b, title={T}, editor = "E {"}" F", month = jan}
    """)
    (one,) = parse_bibtex(text.replace('E {"}" F', "E F"), "here")
    assert (one.key, one.kind, one.fields["editor"], one.fields["month"]) == ("b", "book", "E F", "jan")
    with pytest.raises(BadPlugin, match="here"):
        parse_bibtex(text, "here")


def test_an_unknown_name_gives_the_nearest():
    done = run("cite", "resnett50")
    assert done.exit_code == 1
    assert "Did you mean resnet50" in done.stderr


def test_output_is_written_whole_and_ends_as_its_format(tmp_path):
    done = run("cite", "ridge", "--output", tmp_path / "references.bib")
    assert done.exit_code == 0
    assert (tmp_path / "references.bib").read_text() == run("cite", "ridge").stdout
    refused = run("cite", "ridge", "--format", "text", "--output", tmp_path / "x.bib")
    assert refused.exit_code == 1
    assert ".txt" in refused.stderr


def test_words_have_no_latex_and_classic_bibtex_knows_every_kind():
    text = "@article{a, title = {``What'' and `where' \\& pages~1---2}, pages = {3--4}}"
    (one,) = parse_bibtex(text, "here")
    assert one.text == "“What” and ‘where’ & pages 1—2. 3–4."
    shared = parse_bibtex((ROOT / "plugins" / "references.bib").read_text(encoding="utf-8"), "")
    assert {one.kind for one in shared} <= {"article", "inproceedings", "techreport", "book", "misc"}
    assert not [one.key for one in shared if re.search(r"[{}\\]|``|''", one.text)]


def test_a_design_is_cited_as_a_design(home):
    for name, used in (("synthetic-it", "design of benchmark synthetic-it"), ("majaj-it", "benchmark majaj-it")):
        found = {one.key: one.used_by for one in cite(load_plugins(), [name], home).references}
        assert found["majaj2015"] == (used,)


def test_a_benchmark_of_a_yaml_file_is_cited_from_it(toy):
    toy.write_text(toy.read_text() + "citation: Nobody (1999).\n")
    assert run("score", "-m", "toy", "-b", toy).exit_code == 0
    done = run("cite", "--format", "text")
    assert "Nobody (1999). [benchmark toy]" in done.stdout
    assert "benchmark toy" not in done.stderr


def test_an_empty_folder_and_another_ending_say_what_to_do(tmp_path):
    assert "No score was found in leaderboard/scores" in run("cite").stderr
    assert "--format text" in run("cite", "--output", "ref.txt").stderr
    assert "--format bibtex" in run("cite", "--format", "text", "--output", "ref.bib").stderr
