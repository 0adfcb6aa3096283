"""A model that learns without torch, all the way: scored, read out, kept, exported; the oracle is scikit-learn."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import explained_variance_score

from itbench.data.recordings_file import write_recordings
from itbench.plugins import load_plugins
from itbench.results.score_file import provenance, read_score
from itbench.results.score_variables import predictions
from tests.kit.commands import ROOT, run, run_python
from tests.kit.plain_trainables import features
from tests.kit.toy import toy_recordings

BEST = ["--recipe", "lr=0.02", "--recipe", "options.tilt=0"]  # predictions are not shrunk


@pytest.fixture
def plain(toy, monkeypatch, tmp_path):
    """The toy benchmark, plugins without torch, and a log of their fits."""
    monkeypatch.setenv("ITBENCH_PLUGINS", str(ROOT / "tests" / "kit" / "plain_trainables.py"))
    monkeypatch.setenv("ITBENCH_TEST_LOG", str(tmp_path / "log"))
    return toy


def scored(toy, *arguments):
    done = run("score", "-m", "shrunk", "-b", toy, "--json", *BEST, *arguments)
    assert done.exit_code == 0, done.stderr
    return read_score(Path(json.loads(done.stdout)[0]["file"]))


def splits_of(toy):
    stimuli = toy_recordings().stimuli
    return load_plugins().benchmark(str(toy)).splits.divide(len(stimuli), stimuli.metadata)


@pytest.mark.slow
def test_its_score_is_that_of_the_same_regression_by_hand(plain):
    score = scored(plain, "--recipe", "validation=0.0125")  # 1 of 60 images
    recordings = toy_recordings()
    x, y = features(recordings.stimuli.images), recordings.responses.mean("repetition").values
    for number, split in enumerate(splits_of(plain)):
        (kept,) = np.random.default_rng(0).permutation(60)[:1]
        learnt = np.delete(split.train, kept)
        predicted = LinearRegression().fit(x[learnt], y[learnt]).predict(x[split.test])
        expected = explained_variance_score(y[split.test], predicted, multioutput="raw_values")
        np.testing.assert_allclose(score.explained_variance[number, 0], expected, atol=1e-6)
        np.testing.assert_allclose(predictions(score)[score.row_split == number], predicted, atol=1e-5)


@pytest.mark.slow
def test_it_is_fitted_once_a_split(plain, tmp_path):
    first, second = scored(plain), scored(plain)
    assert (tmp_path / "log").read_text().count("began") == 4
    np.testing.assert_array_equal(first.predictions, second.predictions)
    scored(plain, "--seed", "1")
    assert (tmp_path / "log").read_text().count("began") == 8


@pytest.mark.slow
def test_a_readout_sees_the_layers_of_each_splits_own_fit(plain, home):
    score = scored(plain, "--metric", "ridge", "-l", "features", "-l", "responses")
    assert list(score.layer.values) == ["features", "responses"]
    assert float(score.explained_variance.mean()) > 0.7
    grams = list((home / "cache" / "grams").glob("*/*.gram"))
    assert len(grams) == 8  # two layers of four fits, none taken for another's
    assert scored(plain, "--metric", "ridge", "-l", "features", "-l", "responses").equals(score)
    assert len(list((home / "cache" / "grams").glob("*/*.gram"))) == 8


@pytest.mark.slow
def test_held_out_responses_reach_no_fit(plain, home, tmp_path):
    before = [split["trained"] for split in provenance(scored(plain))["sources"][0]["splits"]]
    recordings = toy_recordings()
    held_out = splits_of(plain)[2].test
    recordings.responses[:, held_out] = np.random.default_rng(1).standard_normal((4, len(held_out), 5))
    (home / "data" / "toy.h5").unlink()
    write_recordings(recordings, home / "data" / "toy.h5")
    after = [split["trained"] for split in provenance(scored(plain))["sources"][0]["splits"]]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True, False]
    assert (tmp_path / "log").read_text().count("began") == 4 + 3


@pytest.mark.slow
def test_scoring_and_tuning_it_import_no_torch(plain):
    for command in (["score", "-m", "shrunk"], ["tune", "shrunk", "--trials", "2"]):
        code = f"""
import sys
from itbench.cli import main
main({command!r} + ["-b", {str(plain)!r}], standalone_mode=False)
print("torch" in sys.modules)
"""
        done = run_python(code)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "False"
