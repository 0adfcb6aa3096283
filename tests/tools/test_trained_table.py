"""The table of trained models: differences to the frozen core, of one training and of several."""

import re

import numpy as np
import pytest
from scipy import stats

from itbench.errors import BadScore
from itbench.plugins import load_plugins
from itbench.results.paired_comparison import compare_scores
from itbench.results.score_file import write_score
from itbench.results.score_variables import draws_of
from itbench.results.summary import summary
from itbench.scoring.provenance import ScoredModel, file_stem
from tests.kit.scores import readout_score
from tools.trained_table import difference, has_score, planned, rows

RECORDED = np.random.default_rng(0).standard_normal((80, 5))


def score_of(gain, noise=0.0, seed=0, **how):
    """Score predictions that have a part of the recorded responses, and noise of a seed."""
    return readout_score(
        RECORDED, gain * RECORDED + noise * np.random.default_rng(seed).standard_normal((80, 5)), **how
    )


def numbers(cell):
    return [float(number) for number in re.findall(r"[+-]?\d+\.\d+", cell)]


def test_the_difference_of_one_training_is_that_of_compare():
    base, score = score_of(0.4), score_of(0.6, 0.5)
    found, expected = difference([score], base), compare_scores(score, base, RECORDED)
    assert numbers(found["difference"]) == [pytest.approx(expected.difference, abs=5e-4)]
    assert numbers(found["95 % of it"]) == pytest.approx([expected.low, expected.high], abs=5e-4)


def test_the_difference_of_several_trainings_holds_their_spread():
    """Where images and sites change nothing, the interval is that of Student."""
    base, scores = score_of(0.4), [score_of(0.6, noise) for noise in (0.2, 0.4, 0.6)]
    still = [score.assign(draws=draws - draws + summary(score)["value"]) for score in scores for draws in [score.draws]]
    values = [summary(score)["value"] - summary(base)["value"] for score in scores]
    found = difference(still, base.assign(draws=base.draws - base.draws + summary(base)["value"]))
    student = stats.t(2, np.mean(values), np.std(values, ddof=1) / np.sqrt(3)).interval(0.95)
    assert numbers(found["difference"]) == [pytest.approx(np.mean(values), abs=5e-4)]
    assert numbers(found["95 % of it"]) == pytest.approx(student, rel=0.02)
    low, high = numbers(difference(scores, base)["95 % of it"])
    one = np.quantile(draws_of(scores[0]) - draws_of(base), [0.025, 0.975])
    assert high - low > 3 * (one[1] - one[0])


def test_scores_of_other_images_have_no_difference():
    other = score_of(0.6, digests={"stimuli": "5", "responses": "2", "content": "3", "weights": "4"})
    with pytest.raises(BadScore, match="cannot be compared"):
        difference([other], score_of(0.4))


@pytest.mark.slow
def test_a_row_is_of_the_trainings_that_are_kept(tmp_path):
    """Of three, one was not scored, and one was by earlier rules."""
    registry = load_plugins()
    runs = planned(registry, "cnn-2", "synthetic-it", "pretrained", 3)
    frozen = planned(registry, "itbench-tiny:ridge", "synthetic-it", "pretrained", 3)
    assert (len(runs), len(frozen)) == (3, 1)

    def keep(run, score, **attrs):
        path = write_score(score.assign_attrs(attrs), tmp_path)
        path.rename(tmp_path / f"{file_stem(ScoredModel.of(run), run.metric, run.benchmark.name)}.nc")

    keep(*frozen, score_of(0.4))
    keep(runs[0], score_of(0.6, seed=1, model="cnn-2", weights="trained-0", sources=[trained(0)]))
    keep(runs[1], score_of(0.6, seed=2, model="cnn-2", weights="trained-1", sources=[trained(1)]), edition=1)
    assert [has_score(run, tmp_path) for run in runs] == [True, False, False]
    texts = ["itbench-tiny:ridge", "cnn-2", "cnn-4"]
    first, second = rows(registry, "synthetic-it", texts, "pretrained", tmp_path, 3, kept=True)
    assert (first["seeds"], second["seeds"]) == ("", "1")
    assert "difference" not in first
    keep(runs[2], score_of(0.6, 0.3, seed=3, model="cnn-2", weights="trained-2", sources=[trained(2)]))
    _, pooled = rows(registry, "synthetic-it", texts, "pretrained", tmp_path, 3, kept=True)
    assert pooled["seeds"] == "2"
    assert pooled["EV"] < second["EV"]


def trained(seed):
    return {"model": "cnn-2", "weights": {"kind": "random", "seed": seed, "file": None}, "recipe": {"epochs": 3}}
