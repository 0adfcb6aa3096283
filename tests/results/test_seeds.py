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
from itbench.results.seeds import pool_alike, pooled_seeds, seed_draws, seed_row, without_seed
from itbench.results.summary import summary
from itbench.scoring.plan import plan_seeds
from itbench.util.checksum import digest
from tests.kit.commands import ROOT, run
from tests.kit.scores import comparison_score, readout_score

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


def plain_seed_draws(values, draws, seed):
    """Return the draws of the mean over seeds by plain loops; draws that are no numbers for some seed are NaN."""
    n, n_draws = draws.shape
    known = [b for b in range(n_draws) if np.isfinite(draws[:, b]).all()]
    centres = [np.mean([own[b] for b in known]) for own in draws]
    shared = {b: np.mean([own[b] - centre for own, centre in zip(draws, centres, strict=True)]) for b in known}
    within = np.mean([np.var([own[b] - c for own, c in zip(draws, centres, strict=True)], ddof=1) for b in known])
    total = np.mean([shared[b] ** 2 for b in known])
    kept = np.sqrt(max(1 - within / n / total, 0))
    student = stats.t(n - 1)
    order = np.random.default_rng(seed).permutation(student.ppf([(b + 0.5) / n_draws for b in range(n_draws)]))
    spread = np.sqrt(sum((value - np.mean(values)) ** 2 for value in values) / (n - 1) / n)
    return [np.mean(values) + kept * shared.get(b, np.nan) + order[b] * spread for b in range(n_draws)]


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize(("common", "own"), [(1.0, 0.1), (0.5, 0.5), (0.0, 1.0)])
@pytest.mark.parametrize("missing", [0, 30])
def test_draws_over_seeds_are_those_of_the_formula(n, common, own, missing):
    rng = np.random.default_rng(0)
    values = rng.normal(0.3, 0.05, n)
    draws = 4 + common * rng.standard_normal(200) + own * rng.standard_normal((n, 200))
    draws[0, :missing] = draws[1, 7 : 7 + missing] = np.nan
    np.testing.assert_allclose(seed_draws(values, draws, 5), plain_seed_draws(values, draws, 5), atol=1e-12)
    np.testing.assert_array_equal(seed_draws(values, draws), seed_draws(values, draws, 0))


# ---- rows of scores


def responses(seed):
    """Responses (stimulus, site), and predictions of them that a seed changes."""
    recorded = np.random.default_rng(0).standard_normal((80, 5))
    return recorded, 0.6 * recorded + 0.3 * np.random.default_rng(seed).standard_normal((80, 5))


def of_seed(seed, *, kind="random", members=None, **how):
    """Score a network of random weights, or a trained one, of a seed."""
    weights = {"model": "net", "weights": {"kind": kind, "seed": seed, "file": None}}
    recipe = {} if kind == "random" else {"recipe": {"epochs": 3} | ({} if members is None else {"members": members})}
    how = {"sources": [weights | recipe], **how}
    return readout_score(*responses(seed), weights=f"{kind}-{seed}", **how)


def test_a_row_over_seeds_has_the_mean_of_figures_and_the_spread_of_values():
    scores = [of_seed(seed, seconds={"readout": number + 0.13}) for number, seed in enumerate((4, 5, 6))]
    each = [summary(score) for score in scores]
    row = pooled_seeds([seed_row(score) for score in scores])
    for name in ("value", "explained_variance", "correlation"):
        assert row[name] == pytest.approx(np.mean([one[name] for one in each])), name
    assert row["by_seed"] == [one["value"] for one in each]
    assert row["between_seeds"] == pytest.approx(np.std([one["value"] for one in each], ddof=1))
    assert (row["seeds"], row["weights"], row["seconds"]) == ([4, 5, 6], "random (3 seeds)", 3.39)
    assert (row["seed"], row["layer"], row["layers_chosen"]) == (4, "late", {"late": 12})
    assert (row["layers"], row["models"], row["oracle_layer"]) == ([], [], None)
    assert row["brainscore"] is None
    chance = int(digest([seed_row(scores[0])["alike"], [4, 5, 6]])[:8], 16)  # other models' seeds are drawn otherwise
    draws = plain_seed_draws(row["by_seed"], np.stack([draws_of(score) for score in scores]), chance)
    np.testing.assert_allclose(row["draws"], draws, rtol=1e-6)
    assert (row["low"], row["high"]) == pytest.approx(tuple(ends(draws)))
    assert SeedScores(tuple(scores)).summary.keys() == row.keys() - {"alike", "seed"}


def test_a_row_without_a_value_or_draws_of_a_seed_has_no_interval():
    rows = [seed_row(of_seed(seed)) for seed in (4, 5, 6)]
    without = pooled_seeds([*rows[:2], rows[2] | {"draws": None}])
    assert (without["low"], without["high"], without["draws"]) == (None, None, None)
    assert without["between_seeds"] > 0
    for missing in ([2], [0, 1, 2]):
        unknown = [row | {"value": None, "brainscore": None} if i in missing else row for i, row in enumerate(rows)]
        found = pooled_seeds(unknown)
        assert [found[name] for name in ("value", "low", "high", "between_seeds", "draws")] == [None] * 5
        assert found["correlation"] is not None
    partly = pooled_seeds([rows[0] | {"brainscore": 0.3}, *rows[1:]])
    assert partly["brainscore"] is None


def test_seeds_that_change_nothing_have_an_interval_of_one_value():
    scores = [comparison_score([0.5] * 6, weights=weights) for weights in ("random-0", "random-7")]
    row = pooled_seeds([seed_row(score) for score in scores])
    assert [row[name] for name in ("value", "low", "high", "between_seeds")] == pytest.approx([0.5, 0.5, 0.5, 0])


def test_the_layer_of_a_row_over_seeds_is_the_one_that_most_splits_chose():
    rows = [seed_row(of_seed(seed)) for seed in (4, 5)]
    chosen = [{"early": 3, "late": 1}, {"late": 4}]
    row = pooled_seeds([one | {"layers_chosen": layers} for one, layers in zip(rows, chosen, strict=True)])
    assert (row["layer"], row["layers_chosen"]) == ("late", {"late": 5, "early": 3})


def test_scores_that_differ_in_their_seed_alone_are_pooled_by_the_order_of_the_first():
    trained = [seed_row(of_seed(seed, kind="trained")) for seed in (3, 2)]
    random = [seed_row(of_seed(seed)) for seed in (9, 8, 7)]
    fixed = [seed_row(readout_score(*responses(seed))) for seed in (0, 1)]
    other = seed_row(of_seed(4, metric="pls"))
    found = pool_alike([trained[0], *fixed, random[0], other, trained[1], *random[1:]])
    assert [(row["weights"], row["seeds"]) for row in found] == [
        ("trained (2 seeds)", [2, 3]),
        ("random (3 seeds)", [7, 8, 9]),
    ]
    assert fixed[0]["alike"] == ""
    assert fixed[0]["seed"] is None


def test_scores_of_other_images_or_responses_are_not_alike_and_those_of_other_weights_are():
    known = {"stimuli": "1", "responses": "2", "content": "3", "weights": "4"}
    of_known = seed_row(of_seed(4, digests=known))["alike"]
    assert seed_row(of_seed(5, digests=known | {"weights": "5"}))["alike"] == of_known
    for name in ("stimuli", "responses", "content"):
        assert seed_row(of_seed(5, digests=known | {name: "5"}))["alike"] != of_known
    assert seed_row(of_seed(4, digests=None))["alike"] == seed_row(of_seed(5, digests=None))["alike"] != of_known


def test_a_score_has_the_seed_of_all_that_a_seed_changes():
    def source(kind, seed, **more):
        return {"model": "net", "weights": {"kind": kind, "seed": seed, "file": None}, **more}

    def row(*sources):
        return seed_row(readout_score(*responses(0), sources=list(sources)))

    assert row(source("random", 3))["seed"] == 3
    assert row(source("pretrained", 5, recipe={}))["seed"] == 5
    assert row(source("random", 3), source("pretrained", 0))["seed"] == 3
    assert row(source("random", 3), source("random", 3))["seed"] == 3
    assert row(source("random", 3), source("random", 4))["seed"] is None
    assert row(source("pretrained", 3))["seed"] is None
    assert row()["seed"] is None


def test_ensembles_are_alike_where_they_share_no_network():
    def alike(seed, members):
        return seed_row(of_seed(seed, kind="trained", members=members))["alike"]

    assert alike(0, 1) == alike(1, 1)
    assert alike(0, None) == alike(1, None)
    assert alike(3, 3) == alike(6, 3)
    assert len({alike(seed, 3) for seed in (3, 4, 5)}) == 3
    one, two = (
        [seed_row(of_seed(seed, sources=[source(seed, 3), source(seed, 1)]))["alike"] for seed in (0, gap)]
        for gap in (1, 3)
    )
    assert one[0] != one[1]
    assert two[0] == two[1]


def source(seed, members):
    """Return the record of a trained network of an ensemble of `members`."""
    return {"model": "net", "weights": {"kind": "trained", "seed": seed, "file": None}, "recipe": {"members": members}}


# ---- intervals, names and commands


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
