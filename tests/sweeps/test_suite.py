"""A suite file: what it says, and what is said of one that says it wrongly."""

import pytest

from itbench.errors import BadSuite, UnknownName
from itbench.sweeps.suite import Published, Row, Suite, find_suite
from tests.kit.commands import ROOT

WHOLE = """
name: mini
description: >
  two
  lines
benchmark: majaj-it
images: 3200
small: {epochs: 1}
sources: {them: "a report, table 2", others: another report}
rows:
  - {model: pixels}
  - name: the best
    model: cnn-2
    weights: random
    layers: [conv1, conv2]
    metric: ridge
    options: {components: none}
    recipe: {lr: 1e-3}
    published: {explained_variance: [0.1, 0.2], correlation: 0.4, source: [them, others]}
"""


def read(tmp_path, text):
    path = tmp_path / "mini.yaml"
    path.write_text(text, encoding="utf-8")
    return Suite.read(path)


def test_every_key_is_read(tmp_path):
    best = Row(
        "cnn-2",
        name="the best",
        weights="random",
        layers=("conv1", "conv2"),
        metric="ridge",
        options={"components": "none"},
        recipe={"lr": 1e-3},
        published=Published((0.1, 0.2), (0.4, 0.4), ("a report, table 2", "another report")),
    )
    assert read(tmp_path, WHOLE) == Suite(
        name="mini",
        rows=(Row("pixels", name="pixels"), best),
        description="two lines",
        benchmark="majaj-it",
        images=3200,
        small={"epochs": 1},
        sources={"them": "a report, table 2", "others": "another report"},
    )


def test_what_is_left_out_has_a_default(tmp_path):
    suite = read(tmp_path, "rows: [{model: pixels}]")
    assert (suite.name, suite.benchmark, suite.small) == ("mini", "synthetic-it", {})
    assert suite.rows[0].published == Published()


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("{model: resnet50}", "resnet50"),
        ("{model: resnet50, weights: random, layers: [layer3]}", "resnet50 random layer3"),
        ("{model: pixels, metric: ols, options: {components: 9}}", "pixels ols components=9"),
        ("{model: pixels, name: plain}", "plain"),
    ],
)
def test_a_row_without_a_name_is_called_by_what_it_runs(tmp_path, row, name):
    assert read(tmp_path, f"rows: [{row}]").rows[0].name == name


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("rows: []", BadSuite, "needs rows"),
        ("{}", BadSuite, "needs rows"),
        ("rows: 3", BadSuite, "'rows' must be a list of rows, not 3"),
        ("[1]", BadSuite, "a suite must be a mapping of keys to values, not [1]"),
        ("rows: [", BadSuite, "is not YAML"),
        ("rowz: []", UnknownName, "unknown key of a suite 'rowz'.\nDid you mean rows?"),
        ("rows: [pixels]", BadSuite, "row 1: a row must be a mapping of keys to values, not 'pixels'"),
        ("rows: [{name: a}]", BadSuite, "row 1: key 'model' is missing"),
        (
            "rows: [{model: a}, {model: b, layer: c}]",
            UnknownName,
            "row 2: unknown key of a row 'layer'.\nDid you mean layers?",
        ),
        ("rows: [{model: 3}]", BadSuite, "row 1: key 'model' must be a name, not 3"),
        ("rows: [{model: a}, {model: a}]", BadSuite, "two rows are called 'a'"),
        ("rows: [{model: a, published: {explained_variance: 0.3}}]", UnknownName, "unknown source ''"),
        ("{sources: {team1: t}, rows: [{model: a, published: {source: team2}}]}", UnknownName, "Did you mean team1?"),
        ("{sources: {t: t}, rows: [{model: a, published: {correlation: 1.2, source: t}}]}", BadSuite, "at most 1"),
        ("{sources: {t: t}, rows: [{model: a, published: {correlation: [0.2, 0.1], source: t}}]}", BadSuite, "lowest"),
        (
            "{sources: {t: t}, rows: [{model: a, published: {r: 0.1, source: t}}]}",
            UnknownName,
            "of a published score 'r'",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_and_row(tmp_path, text, kind, words):
    with pytest.raises(kind) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert "mini.yaml" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadSuite, match=r"Cannot read the suite file .*nowhere\.yaml: No such file"):
        Suite.read(tmp_path / "nowhere.yaml")


def test_a_suite_is_found_by_its_name_or_its_path():
    assert find_suite("seeds") == ROOT / "suites" / "seeds.yaml"
    assert str(find_suite("some/where.yaml")) == "some/where.yaml"
    with pytest.raises(UnknownName, match=r"unknown suite 'seed'\.\nDid you mean seeds\?"):
        find_suite("seed")
