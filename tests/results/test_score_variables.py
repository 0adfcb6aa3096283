"""Variables of a score: all are listed, and one file alone looks for them by name."""

import ast

import numpy as np
import pytest

from itbench.results.score_file import read_score
from itbench.results.score_setup import Setup
from itbench.results.score_variables import VARIABLES, drawn_text, pooled
from tests.kit.commands import ROOT, run
from tests.kit.scores import comparison_score, readout_score, small_score

PACKAGE = ROOT / "itbench"
COORDINATES = {"region", "animal", "start_ms", "end_ms", "split", "group"}  # of recordings, and names of dimensions


def probes(path):
    """Yield the lines that ask whether a score holds a variable, by a literal name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            name, holder = node.left, ast.unparse(node.comparators[0]).removesuffix(".coords")
            if isinstance(name, ast.Constant) and holder in {"score", "dataset", "one", "first", "second", "a", "b"}:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {name.value}"


def test_one_file_alone_looks_for_variables_by_name():
    files = set(PACKAGE.rglob("*.py")) - {PACKAGE / "results" / "score_variables.py"}
    assert [line for path in sorted(files) for line in probes(path)] == []


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["ridge", "cka", "stacked", "predicted-rsa"])
def test_all_variables_of_a_score_are_listed(metric, toy, home):
    assert run("score", "-m", "toy", "-b", toy, "--metric", metric).exit_code == 0
    (path,) = (home.parent / "work" / "leaderboard" / "scores").glob("*.nc")
    assert set(read_score(path).variables) - COORDINATES <= set(VARIABLES)


def test_setups_are_paired_where_stimuli_sites_and_splits_agree():
    recorded, first, second = np.random.default_rng(0).standard_normal((3, 60, 6))
    a, b = (Setup.of(readout_score(recorded, values)) for values in (first, second))
    assert a.is_paired(b)
    assert not a.is_paired(Setup.of(readout_score(recorded, second, folds=3)))
    assert not a.is_paired(Setup.of(comparison_score(first[:30, 0])))
    assert not a.is_paired(Setup.of(readout_score(recorded, second, objects=np.arange(60) // 5)))
    digests = {"stimuli": "1" * 64, "responses": "5" * 64, "content": "3" * 64}
    assert list(Setup.of(readout_score(recorded, second, digests=digests)).disagreements(a)) == [
        ("responses", "55555555 against 22222222")
    ]


def test_what_is_pooled_is_that_of_all_predictions():
    """Folds of different variance, predictions of different scale in each; the oracle takes the rows themselves."""
    rng = np.random.default_rng(0)
    fold = np.arange(60) % 4
    recorded = (1.0 + fold[:, None]) * rng.standard_normal((60, 6)) + 10 * fold[:, None]
    predicted = (0.5 + 0.1 * fold[:, None]) * recorded + rng.standard_normal((60, 6))
    means = [np.array([values[fold == k].mean(axis=0) for k in range(4)])[fold] for values in (recorded, predicted)]
    y, f = recorded - means[0], predicted - means[1]
    ev = 1 - ((y - f) ** 2).sum(axis=0) / (y**2).sum(axis=0)
    r = (y * f).sum(axis=0) / np.sqrt((y**2).sum(axis=0) * (f**2).sum(axis=0))
    score = readout_score(recorded, predicted)
    np.testing.assert_allclose(pooled(score, "explained_variance").sel(layer="late"), ev, rtol=1e-12)
    np.testing.assert_allclose(pooled(score, "correlation").sel(layer="late"), r, rtol=1e-12)
    np.testing.assert_allclose(pooled(score, "explained_variance", chosen=True), ev, rtol=1e-12)
    np.testing.assert_allclose(pooled(score, "correlation", chosen=True), r, rtol=1e-12)
    assert abs(score["explained_variance"].sel(layer="late").mean("split") - ev).max() > 0.01
    draws = score["draws"].sel(measure=["explained_variance", "correlation"]).values
    np.testing.assert_allclose(np.median(draws, axis=1), [ev.mean(), r.mean()], atol=1e-6)


def test_a_constant_prediction_has_a_pooled_correlation_of_0():
    recorded = np.random.default_rng(0).standard_normal((60, 6))
    score = readout_score(recorded, np.full((60, 6), 0.1))
    np.testing.assert_array_equal(pooled(score, "correlation"), 0.0)


def test_a_score_by_earlier_rules_is_not_taken_for_one_that_is_there():
    score = readout_score(*np.random.default_rng(0).standard_normal((2, 60, 6)))
    setup = Setup.of(score)
    run_again = setup.digests, setup.splits, setup.options
    assert setup.is_of(*run_again)
    assert not Setup.of(score.assign_attrs(edition=1)).is_of(*run_again)


SIXTY = np.random.default_rng(3).standard_normal((2, 60, 6))
DRAWN = {
    "images": (lambda: readout_score(*SIXTY), "60 images × 6 sites"),
    "objects": (lambda: readout_score(*SIXTY, objects=np.arange(60) // 5), "12 objects × 6 sites"),
    "one site": (lambda: readout_score(*SIXTY[:, :, :1]), "60 images × 1 site"),
    "a comparison": (lambda: comparison_score(np.arange(30), np.arange(5)), "60 images × 5 sites"),
    "subjects": (lambda: comparison_score(np.arange(30), np.arange(4), sites=0), "60 images × 4 subjects"),
    "one subject": (lambda: comparison_score(np.arange(30), sites=0), "60 images"),
    "categories": (
        lambda: comparison_score(np.arange(30), clusters="category", n_clusters=8),
        "8 categories × 5 sites",
    ),
    "no draws": (lambda: small_score(), ""),
}


@pytest.mark.parametrize(("score", "said"), DRAWN.values(), ids=DRAWN)
def test_what_was_drawn_is_said_in_words(score, said):
    assert drawn_text(score()) == said


@pytest.mark.parametrize("name", ["clusters", "n_clusters"])
def test_clusters_are_part_of_a_setup(name):
    score = readout_score(*SIXTY)
    other = score.assign_attrs({name: {"clusters": "scene", "n_clusters": 59}[name]})
    assert next(iter(Setup.of(other).disagreements(Setup.of(score))))[0] == "clusters of images"
    assert not Setup.of(other).is_paired(Setup.of(score))
