"""Scores by several seeds: their mean, and an interval that holds images, sites and seeds."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import itbench
from itbench import BadOption, SeedScores
from itbench.plugins import load_plugins
from itbench.results.leaderboard import compile_leaderboard
from itbench.results.score_file import read_score
from itbench.results.score_variables import draws_of
from itbench.results.seeds import seed_draws, without_seed
from itbench.scoring.plan import plan_seeds
from tests.kit.commands import ROOT, run

VALUES = [0.1, 0.16, 0.13]


def ends(draws):
    return np.quantile(draws, [0.025, 0.975])


def test_seeds_alone_give_students_interval():
    low, high = stats.t(2, np.mean(VALUES), np.std(VALUES, ddof=1) / np.sqrt(3)).interval(0.95)
    np.testing.assert_allclose(ends(seed_draws(VALUES, np.zeros((3, 2000)))), [low, high], rtol=0.02)


def test_seeds_without_spread_keep_the_draws_of_images_and_sites():
    draws = 0.2 + np.random.default_rng(0).standard_normal(2000)
    np.testing.assert_allclose(seed_draws([0.2] * 3, np.stack([draws] * 3)), draws - draws.mean() + 0.2)


@pytest.mark.parametrize("n", [3, 10])
def test_seeds_are_drawn_once_where_images_change_with_them(n):
    """Of draws of each seed alone, nothing shared, all chance is in the spread between seeds."""
    rng = np.random.default_rng(0)
    values, draws = rng.standard_normal(n), rng.standard_normal((n, 4000))
    low, high = stats.t(n - 1, values.mean(), values.std(ddof=1) / np.sqrt(n)).interval(0.95)
    np.testing.assert_allclose(ends(seed_draws(values, draws)), [low, high], atol=0.05 * (high - low))


# standard deviations of images and sites, of seeds, and of what a seed changes on some of them
CHANCE = {"images": (1, 0.05, 0.05), "seeds": (0.1, 1, 0.1), "both": (1, 1, 0.3), "some images": (0.3, 0.1, 1)}


@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("chance", CHANCE.values(), ids=CHANCE)
def test_intervals_cover_the_mean_over_all_images_sites_and_seeds(chance, n):
    rng, hits, repeats = np.random.default_rng(1), 0, 400
    common, between, some = chance
    for number in range(repeats):
        values = common * rng.standard_normal() + between * rng.standard_normal(n) + some * rng.standard_normal(n)
        draws = values[:, None] + common * rng.standard_normal(400) + some * rng.standard_normal((n, 400))
        low, high = ends(seed_draws(values, draws, number))
        hits += low <= 0 <= high
    assert 0.92 <= hits / repeats <= 0.995


def test_values_and_draws_that_are_missing_stay_out():
    draws = np.random.default_rng(0).standard_normal((3, 500))
    draws[1, :10] = np.nan
    found = seed_draws(VALUES, draws)
    assert np.isnan(found[:10]).all()
    assert np.isfinite(found[10:]).all()


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("random-3", "random"),
        ("trained-3", "trained"),
        ("random-3:trained-3", "random:trained"),
        ("model-3.pt:trained-3", "model-3.pt:trained"),
        ("random-3+pretrained", "random+pretrained"),
        ("random-31", "random-31"),
        ("my-random-3", "my-random-3"),
    ],
)
def test_the_seed_leaves_the_name_of_the_weights(weights, expected):
    assert without_seed(weights, 3) == expected


def scored(toy, *arguments):
    done = run("score", "-b", toy, "--json", *arguments)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_the_command_keeps_every_score_and_prints_their_mean(toy):
    (*each, mean), said = scored(toy, "-m", "toy-net", "--weights", "random", "--seed", "4", "--seeds", "3")
    scores = [read_score(Path(row["file"])) for row in each]
    values = [row["value"] for row in each]
    assert [row["weights"] for row in each] == ["random-4", "random-5", "random-6"]
    assert mean["weights"] == "random (3 seeds)"
    assert (mean["seeds"], mean["by_seed"]) == ([4, 5, 6], values)
    assert mean["value"] == pytest.approx(np.mean(values))
    assert mean["between_seeds"] == pytest.approx(np.std(values, ddof=1))
    assert mean["explained_variance_corrected"] == pytest.approx(
        np.mean([row["explained_variance_corrected"] for row in each])
    )
    drawn = np.stack([draws_of(score) for score in scores])
    width = mean["high"] - mean["low"]
    assert width == pytest.approx(np.diff(ends(seed_draws(values, drawn)))[0], rel=0.1)
    assert "standard deviation between seeds" in said

    (row,) = compile_leaderboard(Path("leaderboard/scores"))
    assert (row["model"], row["weights"]) == ("toy-net", "random (3 seeds)")
    assert [row[key] for key in ("value", "low", "high")] == [mean[key] for key in ("value", "low", "high")]


@pytest.mark.slow
def test_other_settings_are_other_rows_of_the_leaderboard(toy):
    for more in (
        (),
        ("-l", "first"),
        ("--seed", "1", "-l", "second"),
        ("--seed", "1", "--precision", "bfloat16", "-l", "first"),
    ):
        scored(toy, "-m", "toy-net", "--weights", "random", *more)
    weights = sorted(row["weights"] for row in compile_leaderboard(Path("leaderboard/scores")))
    assert weights == ["random-0", "random-0", "random-1", "random-1"]


@pytest.mark.slow
def test_a_model_scored_by_several_seeds_is_absent_elsewhere_by_each(toy):
    scored(toy, "-m", "toy-net", "--weights", "random", "--seeds", "2")
    other = toy.with_name("other.yaml")
    other.write_text(toy.read_text().replace("name: toy", "name: other"))
    scored(other, "-m", "toy")
    rows = compile_leaderboard(Path("leaderboard/scores"), every=True)
    absent = sorted((row["benchmark"], row["weights"]) for row in rows if row["note"] == "not run")
    assert absent == [("other", "random-0"), ("other", "random-1"), ("toy", "none")]


@pytest.mark.slow
def test_trained_models_have_a_training_a_seed(toy, monkeypatch):
    monkeypatch.setenv("ITBENCH_PLUGINS", str(ROOT / "tests" / "kit" / "plain_trainables.py"))
    (*each, mean), _ = scored(toy, "-m", "shrunk", "--seeds", "2")
    assert [row["weights"] for row in each] == ["trained-0", "trained-1"]
    assert mean["weights"] == "trained (2 seeds)"
    assert mean["between_seeds"] > 0  # other rows stop the training


@pytest.mark.slow
def test_python_returns_every_score_and_their_mean(toy):
    found = itbench.score("toy-net", toy, weights="random", seeds=2)
    assert isinstance(found, SeedScores)
    alone = [itbench.score("toy-net", toy, weights="random", seed=seed) for seed in (0, 1)]
    for one, other in zip(found.scores, alone, strict=True):
        np.testing.assert_allclose(one.explained_variance, other.explained_variance)
    whole = found.summary
    assert whole["by_seed"] == pytest.approx([itbench.summary(score)["value"] for score in alone])
    assert whole["low"] < whole["value"] < whole["high"]


@pytest.mark.parametrize("model", ["toy", "pixels"])
def test_a_seed_that_changes_nothing_is_refused(toy, model):
    done = run("score", "-m", model, "-b", toy, "--seeds", "3")
    assert done.exit_code == 1
    assert done.stderr.count("Error: ") == 1
    assert f"Seeds change nothing of {model}." in done.stderr
    assert not Path("leaderboard/scores").exists() or not list(Path("leaderboard/scores").glob("*.nc"))


def test_pretrained_weights_have_no_seed_but_random_ones_do(toy):
    with pytest.raises(BadOption, match=r"(?s)toy-net.*or use --weights random"):
        plan_seeds(load_plugins(), "toy-net", str(toy), 3)
    with pytest.raises(BadOption, match="1 seeds have no spread"):
        plan_seeds(load_plugins(), "toy-net", str(toy), 1, weights="random")


def test_seeds_of_ensembles_share_no_network(toy, monkeypatch):
    monkeypatch.setenv("ITBENCH_PLUGINS", str(ROOT / "tests" / "kit" / "plain_trainables.py"))
    runs = plan_seeds(load_plugins(), "shrunk", str(toy), 3, seed=2, recipe=["members=5"])
    assert [one.spec.weights.seed for one in runs] == [2, 7, 12]
