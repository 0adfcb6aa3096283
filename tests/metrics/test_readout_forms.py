"""Layers of trained networks: rows that stopped the training choose penalties and weights; NumPy is the oracle."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from itbench.data.recordings_file import write_recordings
from itbench.plugins import load_plugins
from itbench.results.explain import explain
from itbench.results.score_file import read_score
from itbench.results.summary import summary
from itbench.statistics.explained_variance import explained_variance
from tests.kit.commands import ROOT, run
from tests.kit.plain_trainables import FAINT, features, hidden
from tests.kit.toy import toy_recordings

ALPHAS = np.geomspace(1e-4, 1e3, 8)
SHARED = 20  # rows that the mean over sites counts for

STRANGER = """
from dataclasses import dataclass

from itbench import hookimpl
from itbench.metrics import ridge_readout


@hookimpl
def itbench_metrics(register):
    register("strange", Strange, description="ridge that knows of no validation rows")
    register("strange-joint", StrangeJoint, description="two layers that know of none")


@dataclass(frozen=True)
class Strange:
    def __call__(self, gram, responses, train, test):
        return ridge_readout(gram, responses, train, test, None)


@dataclass(frozen=True)
class StrangeJoint:
    form = "joint"

    def __call__(self, grams, responses, train, test, groups=()):
        from itbench.metrics import stack

        alone = {name: ridge_readout(gram, responses, train, test, None) for name, gram in grams.items()}
        return stack(alone, responses, groups)
"""


def recordings():
    return toy_recordings(n=160, sites=10, repetitions=1, noise=1.0)


@pytest.fixture
def memorised(home, monkeypatch):
    """A benchmark of noisy sites, and a network that memorises the images that it is fitted to."""
    write_recordings(recordings(), home / "data" / "toy.h5")
    stranger = home / "stranger.py"
    stranger.write_text(STRANGER)
    trainables = ROOT / "tests" / "kit" / "plain_trainables.py"
    monkeypatch.setenv("ITBENCH_PLUGINS", f"{trainables}:{stranger}")
    path = home / "toy.yaml"
    path.write_text("name: toy\ndata: toy\nsplits: {kind: kfold, folds: 4, stratify: category}\n")
    return path


def scored(benchmark, *arguments):
    done = run("score", "-m", "memoriser", "-b", benchmark, "--json", *arguments)
    assert done.exit_code == 0, done.stderr
    return read_score(Path(json.loads(done.stdout)[0]["file"])), done.stderr


def by_hand(benchmark, judges, first=None):
    """Explained variance (split, site) and penalties of ridge on the layer `both`, the rows `judges` choosing."""
    images, y = recordings().stimuli.images, recordings().responses.values[0]
    found, penalties = [], []
    for split in load_plugins().benchmark(str(benchmark)).splits.divide(len(y), recordings().stimuli.metadata)[:first]:
        train, test = split.train, split.test
        kept = np.sort(np.random.default_rng(0).permutation(len(train))[: len(train) // 4])
        fitted = np.delete(train, kept)
        memory = hidden(images) @ np.linalg.lstsq(hidden(images)[fitted], y[fitted], rcond=None)[0]
        x = np.column_stack([features(images), FAINT * memory])
        rows = {"validation": kept, "all": np.arange(len(train))}[judges]

        def error(alpha, x=x, train=train, rows=rows):
            others = [np.delete(train, row) for row in rows]
            left_out = [
                Ridge(alpha).fit(x[o], y[o]).predict(x[train[[row]]])[0] for row, o in zip(rows, others, strict=True)
            ]
            return np.square(y[train[rows]] - left_out).mean(axis=0)

        errors = np.stack([error(alpha) for alpha in ALPHAS]) / y[train].var(axis=0)
        if judges == "validation":
            errors = len(rows) * errors + SHARED * errors.mean(axis=1, keepdims=True)
        alpha = ALPHAS[errors.argmin(axis=0)]
        found.append(explained_variance(y[test], Ridge(alpha).fit(x[train], y[train]).predict(x[test])))
        penalties.append(alpha)
    return np.array(found), np.array(penalties)


GRID = ("-o", "alphas=1e-4:1e3:8")
QUARTER = ("--recipe", "validation=0.25")


@pytest.mark.slow
def test_validation_rows_choose_the_penalty_of_a_network_that_memorised_the_others(memorised):
    score, _ = scored(memorised, "-l", "both", *GRID, *QUARTER)
    expected, penalties = by_hand(memorised, "validation")
    np.testing.assert_allclose(score.explained_variance[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(score.alpha[:, 0], penalties)
    assert any("the validation images alone" in step.text for step in explain(score, load_plugins()))
    misled, _ = by_hand(memorised, "all", first=1)
    assert misled.mean() < 0.2  # by all rows, what was memorised looks predictable
    assert expected[0].mean() > misled.mean() + 0.2


BY_VALIDATION = {
    "ridge": ("-l", "both"),
    "one penalty for all sites": ("-l", "both", "-o", "per_site=false"),
    "predicted-cka": ("--metric", "predicted-cka", "-l", "both"),
    "stacked": ("--metric", "stacked", "-l", "seen", "-l", "memory"),
    "banded": ("--metric", "banded", "-l", "seen", "-l", "memory", "-o", "n_iter=10"),
}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", BY_VALIDATION.values(), ids=BY_VALIDATION)
def test_every_choice_leaves_out_what_was_memorised(arguments, memorised):
    seen, _ = scored(memorised, "-l", "seen", *QUARTER)
    score, said = scored(memorised, *arguments, *QUARTER)
    assert summary(score)["explained_variance"] > summary(seen)["explained_variance"] - 0.03
    assert "validation" not in said


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["strange", "strange-joint"])
def test_a_metric_that_takes_no_validation_rows_works_and_is_named(metric, memorised):
    score, said = scored(memorised, "--metric", metric, "-l", "seen", "-l", "both", *QUARTER)
    assert np.isfinite(score.explained_variance).all()
    assert f"{metric} takes no argument validation" in said


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["ridge", "stacked"])
def test_without_validation_rows_the_score_says_what_chose(metric, memorised):
    changes = ("--recipe", "validation=0", "--recipe", "patience=0")
    score, said = scored(memorised, "--metric", metric, "-l", "seen", "-l", "both", *changes)
    assert np.isfinite(score.explained_variance).all()
    assert f"{metric}: without a validation set" in said
