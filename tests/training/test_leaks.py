"""Nothing that was recorded to a held-out image reaches what is learnt: noise in its place changes no bit of it."""

import numpy as np
import pytest

from itbench.results.score_file import read_score
from tests.kit.training import differing, first_split, halves, record_anew, scored, weights_in

SPLIT = "fold0"


@pytest.fixture
def benchmark(toy):
    return halves(toy)


def learnt(benchmark, kept, monkeypatch, *more, **how):
    """Score a learner with nothing kept from before; return its weights and its predictions of the split's test."""
    monkeypatch.setenv("ITBENCH_TRAINED", str(kept))
    monkeypatch.setenv("ITBENCH_CACHE", str(kept / "cache"))
    monkeypatch.setenv("ITBENCH_RESULTS", str(kept / "scores"))
    scored(benchmark, *more, **how)
    (path,) = (kept / "scores").glob("*.nc")
    predictions = read_score(path).predictions
    return weights_in(kept)[SPLIT], predictions.values[: len(first_split(benchmark).test)]


CASES = {
    "direct": {},
    "several members": {"recipe": ("epochs=2", "members=2")},
    "ridge of a trained layer": {"more": ("--metric", "ridge", "-l", "conv")},
    "ridge of a chosen layer": {"more": ("--metric", "ridge")},
    "stacked": {"more": ("--metric", "stacked")},
    "early stopping": {"recipe": ("epochs=8", "members=1", "patience=2", "lr=0.05")},
    "starts from ridge": {"recipe": ("epochs=2", "members=1", "probe=true")},
    "a teacher": {"recipe": ("epochs=2", "members=1", "losses.teacher=1", "teacher.model=pixels")},
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_responses_to_held_out_images_do_not_reach_the_weights(case, benchmark, home, tmp_path, monkeypatch):
    how = {"recipe": case["recipe"]} if "recipe" in case else {}
    before = learnt(benchmark, tmp_path / "before", monkeypatch, *case.get("more", ()), **how)
    record_anew(home, first_split(benchmark).test)
    after = learnt(benchmark, tmp_path / "after", monkeypatch, *case.get("more", ()), **how)
    assert differing(before[0], after[0]) == []
    np.testing.assert_array_equal(before[1], after[1])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["direct", "a teacher"])
def test_one_response_that_is_learnt_from_reaches_them(case, benchmark, home, tmp_path, monkeypatch):
    how = {"recipe": CASES[case]["recipe"]} if "recipe" in CASES[case] else {}
    before = learnt(benchmark, tmp_path / "before", monkeypatch, **how)
    record_anew(home, first_split(benchmark).train[:1], slice(2, 3))
    after = learnt(benchmark, tmp_path / "after", monkeypatch, **how)
    assert "0.readout.weight" in differing(before[0], after[0])
    assert not np.array_equal(before[1], after[1])
