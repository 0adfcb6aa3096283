"""Models × benchmarks: a mean only over what was scored alike everywhere, and what its interval and ranks stand on."""

import csv
import io
import json

import numpy as np
import pytest

import itbench
from itbench.results.benchmark_mean import benchmark_means, render_means
from itbench.results.leaderboard import read_tables
from itbench.results.score_file import write_score
from tests.kit.commands import run
from tests.kit.scores import ABOUT, comparison_score, readout_score

N, SITES, DRAWS = 40, 5, 400
RELIABILITY = np.array([0.9, 0.8, 0.7, 0.6, np.nan])


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "scores"


def put(folder, model, quality, benchmark, *, images="1", n_draws=DRAWS, seed=0, **how):
    """Write a score on a benchmark whose images have the digest `images`; return its draws of EV."""
    rng = np.random.default_rng(seed)
    recorded = rng.standard_normal((N, SITES))
    predicted = quality * recorded + 0.1 * np.random.default_rng(1).standard_normal((N, SITES))
    digests = {**ABOUT["digests"], "stimuli": images * 64}
    score = readout_score(
        recorded, predicted, model=model, benchmark=benchmark, n_draws=n_draws, digests=digests, **how
    )
    write_score(score, folder)
    values = score["explained_variance"].sel(layer="late").values
    ev = (values * score["sst"].values).sum(axis=0) / score["sst"].values.sum(axis=0)  # (site,)
    draws = score["draws"].sel(measure="explained_variance").values.astype(float) if n_draws else None
    return ev[np.isfinite(ev)].mean(), draws


def fail(folder, model, benchmark):
    names = {"model": model, "weights": "pretrained", "benchmark": benchmark, "metric": "ridge"}
    (folder / f"{model}-{benchmark}.failed.json").write_text(json.dumps({**names, "failed": "out of memory"}))


def means_of(folder, *benchmarks):
    (means,) = benchmark_means(read_tables(folder, benchmarks))
    return means


def row_of(means, model):
    (row,) = [row for row in means.rows if row["model"] == model]
    return row


def test_the_mean_is_of_every_benchmark(folder):
    a, b = put(folder, "net", 0.5, "a")[0], put(folder, "net", 0.9, "b", seed=3)[0]
    row = row_of(means_of(folder), "net")
    assert row["mean"] == pytest.approx((a + b) / 2, abs=1e-12)
    assert [row["cells"][name].value for name in "ab"] == pytest.approx([a, b], abs=1e-12)


def test_the_interval_of_benchmarks_with_the_same_images_is_of_paired_draws(folder):
    draws = [put(folder, "net", quality, name, seed=seed)[1] for quality, name, seed in ((0.5, "a", 0), (0.9, "b", 3))]
    row = row_of(means_of(folder), "net")
    expected = np.quantile(np.mean(draws, axis=0), [0.025, 0.975])
    np.testing.assert_allclose([row["low"], row["high"]], expected, rtol=1e-12)


@pytest.mark.slow
def test_draws_of_other_images_are_independent(folder):
    """The variance of a mean of two is a quarter of the sum; of the same draws, paired, it is that of one."""
    draws = put(folder, "net", 0.3, "a", n_draws=2000)[1]
    put(folder, "net", 0.3, "b", n_draws=2000)
    paired = row_of(means_of(folder), "net")["draws"]
    assert paired.std() == pytest.approx(draws.std(), rel=1e-9)
    put(folder, "net", 0.3, "b", n_draws=2000, images="5")
    apart = row_of(means_of(folder), "net")["draws"]
    assert apart.std() == pytest.approx(draws.std() / np.sqrt(2), rel=0.05)
    assert apart.mean() == pytest.approx(draws.mean(), abs=1e-12)


@pytest.mark.slow
def test_differences_of_models_stay_paired_on_other_images(folder):
    """The better model is better in every draw by nearly the same, so both have a rank of their own."""
    for images, name in (("1", "a"), ("5", "b")):
        put(folder, "good", 0.5, name, images=images)
        put(folder, "bad", 0.48, name, images=images)
    means = means_of(folder)
    good, bad = (row_of(means, model) for model in ("good", "bad"))
    assert (good["rank"], bad["rank"]) == ("1", "2")
    spread = np.std(good["draws"] - bad["draws"])
    assert spread < 0.3 * np.std(good["draws"])
    assert good["low"] < bad["high"]  # so intervals alone would not tell them apart


@pytest.mark.slow
def test_what_lacks_one_benchmark_has_no_mean(folder):
    for model in ("whole", "part", "broken", "empty"):
        put(folder, model, 0.5, "a")
    put(folder, "whole", 0.5, "b")
    fail(folder, "broken", "b")
    score = readout_score(np.ones((N, SITES)), np.full((N, SITES), np.nan), model="empty", benchmark="b", n_draws=0)
    write_score(score, folder)
    means = means_of(folder)
    assert row_of(means, "whole")["mean"] is not None
    lacking = {model: row_of(means, model) for model in ("part", "broken", "empty")}
    assert {row["mean"] for row in lacking.values()} == {None}
    assert not any(row.get("rank") for row in lacking.values())
    assert {model: row["cells"]["b"].text for model, row in lacking.items()} == {
        "part": "not run",
        "broken": "failed",
        "empty": "no value: no site scored",
    }
    assert means.rows[0]["model"] == "whole"


def test_a_score_of_another_setup_is_in_no_mean(folder):
    for name in "ab":
        for model in ("one", "two"):
            put(folder, model, 0.5, name)
    put(folder, "odd", 0.9, "a")
    put(folder, "odd", 0.9, "b", options={"given": {"components": "5"}, "defaulted": {}})
    means = means_of(folder)
    odd = row_of(means, "odd")
    assert odd["mean"] is None
    assert odd["cells"]["b"].text.startswith("0.9")
    assert "†" in odd["cells"]["b"].text
    (line,) = [line for line in means.lines if line.startswith("†")]
    assert "odd (pretrained) on b: components: 5" in line


def test_benchmarks_that_were_not_scored_alike_have_no_mean(folder):
    put(folder, "net", 0.5, "a")
    put(folder, "net", 0.5, "b", options={"given": {"components": "5"}, "defaulted": {}})
    means = means_of(folder)
    assert row_of(means, "net")["mean"] is None
    assert means.lines[0] == "No mean: the benchmarks were not scored alike (components: 1000 on a, 5 on b)."


def test_scores_without_draws_have_a_mean_and_no_rank(folder):
    for name in "ab":
        put(folder, "net", 0.5, name, n_draws=0)
    means = means_of(folder)
    row = row_of(means, "net")
    assert row["mean"] is not None
    assert (row["low"], row.get("rank")) == (None, None)
    assert "no interval and no rank" in means.lines[1]


def test_the_same_images_in_other_clusters_have_no_interval(folder):
    put(folder, "net", 0.5, "a")
    put(folder, "net", 0.5, "b", objects=np.arange(N) // 4)
    put(folder, "net", 0.5, "c", images="5")
    means = means_of(folder)
    assert row_of(means, "net")["low"] is None
    assert "draw other clusters" in means.lines[1]


@pytest.mark.slow
def test_several_seeds_have_a_mean_and_no_interval(folder):
    for name in "ab":
        put(folder, "net", 0.5, name, weights="random-0")
        put(folder, "net", 0.4, name, weights="random-7")
        put(folder, "other", 0.4, name)
    means = means_of(folder)
    row = row_of(means, "net")
    assert row["weights"] == "random (2 seeds)"
    assert row["mean"] is not None
    assert row["low"] is None
    assert row_of(means, "other")["low"] is not None
    assert "of several seeds: net" in means.lines[1]


def test_two_scores_of_one_setup_are_not_one(folder):
    put(folder, "net", 0.5, "a", layers="named", stem="first", n_draws=DRAWS - 1)
    put(folder, "net", 0.9, "a", layers="named", stem="second")
    put(folder, "net", 0.9, "b", layers="named")
    means = means_of(folder)
    row = row_of(means, "net")
    assert (row["mean"], row["cells"]["a"].text) == (None, "several scores")
    assert means.lines[0].startswith("No mean: no model has a comparable score on each of a, b.")


def test_models_that_cannot_be_told_apart_share_a_rank(folder):
    for name in "ab":
        put(folder, "one", 0.5, name)
        put(folder, "two", 0.5, name)
    row = row_of(means_of(folder), "two")
    assert (row["rank"], row["rank_low"], row["rank_high"]) == ("1–2", 1, 2)


def test_predictions_of_a_trained_model_are_a_row_that_names_their_metric(folder):
    for name in "ab":
        put(folder, "net", 0.5, name)
        recorded = np.random.default_rng(0).standard_normal((N, SITES))
        score = readout_score(recorded, recorded, model="net", metric="direct", benchmark=name)
        write_score(score.assign_attrs(beside="ridge"), folder)
    assert [(row["model"], row["note"]) for row in means_of(folder).rows] == [("net", "direct"), ("net", "")]


def test_the_ceiling_is_the_mean_reliability_of_the_scored_sites(folder):
    put(folder, "net", 0.5, "a", ceiling=RELIABILITY)
    put(folder, "net", 0.5, "b", ceiling=RELIABILITY / 2)
    means = means_of(folder)
    row = means.rows[0]
    assert row["model"] == "noise ceiling"
    assert [row["cells"][name].value for name in "ab"] == pytest.approx([0.75, 0.375])
    assert row["mean"] == pytest.approx(0.5625)
    shown = run("leaderboard", "--results", folder, "-b", "a").stdout
    assert "Noise ceiling of EV: 0.750 (mean reliability of the sites)." in shown


def test_baselines_have_a_mean_and_no_rank(folder):
    for name in "ab":
        put(folder, "net", 0.5, name)
        put(folder, "pixels", 0.9, name, baseline="pixels")
    means = means_of(folder)
    assert [(row["model"], row.get("rank")) for row in means.rows] == [("pixels", None), ("net", "1")]
    assert "*pixels*" in render_means([means])


def test_names_of_benchmarks_break_no_table(folder):
    for name in ("model", "a|b"):
        put(folder, "net", 0.5, name)
    lines = run("leaderboard", "--results", folder, "--summary").stdout.splitlines()
    assert lines[2].replace("\\|", "").count("|") == lines[4].count("|")
    assert "benchmark model" in lines[2]
    (row,) = csv.DictReader(io.StringIO(run("leaderboard", "--results", folder, "--summary", "--format", "csv").stdout))
    assert (row["model"], float(row["benchmark model"])) == ("net", float(row["a|b"]))


def test_lines_of_all_tables_follow_the_last(folder):
    for name in "ab":
        put(folder, "net", 0.5, name)
        write_score(comparison_score([0.1, 0.2, 0.3], metric="cka", benchmark=name, n_draws=50), folder)
    text = run("leaderboard", "--results", folder, "--summary").stdout
    assert text.count("Comparable are the rows of a column") == text.count("not over other benchmarks") == 1
    assert text.rindex("|") < text.index("Comparable are the rows of a column")
    assert (text.count("The mean is of EV"), text.count("The mean is of CKA")) == (1, 1)


def test_an_undefined_comparison_is_no_value(folder):
    for name, without in (("a", [0.1, 0.2, 0.4]), ("b", [np.nan] * 3)):
        write_score(comparison_score(without, model="net", metric="cka", benchmark=name, n_draws=9), folder)
        write_score(comparison_score([0.1, 0.2, 0.3], model="other", metric="cka", benchmark=name, n_draws=9), folder)
    means = means_of(folder)
    row = row_of(means, "net")
    assert (row["mean"], row["cells"]["b"].text) == (None, "no value: it is undefined")
    assert row_of(means, "other")["mean"] == pytest.approx(0.2)


def test_a_benchmark_without_any_score_is_left_out_and_named(folder):
    for name in "ab":
        put(folder, "net", 0.5, name)
    put(folder, "part", 0.5, "a")
    fail(folder, "net", "c")
    means = means_of(folder)
    assert means.benchmarks == ["a", "b"]
    assert means.lines[0].startswith("The mean is of EV over a, b,")
    assert "Left out, without a comparable score: c." in means.lines


def test_csv_and_json_hold_exact_numbers(folder):
    a, _ = put(folder, "net", 0.5, "a")
    put(folder, "net", 0.9, "b")
    put(folder, "part", 0.9, "a")
    printed = {
        form: run("leaderboard", "--results", folder, "--summary", "--format", form).stdout for form in ("csv", "json")
    }
    net, part = list(csv.DictReader(io.StringIO(printed["csv"])))
    assert float(net["a"]) == json.loads(printed["json"])[0]["benchmarks"]["a"]["value"] == pytest.approx(a)
    assert float(net["mean"]) == json.loads(printed["json"])[0]["mean"]
    assert (part["mean"], part["b"], part["b status"]) == ("", "", "not run")
    frame = itbench.leaderboard(folder, summary=True).set_index("model")
    assert frame.loc["net", "mean"] == float(net["mean"])
    assert frame.loc["part", "b status"] == "not run"


@pytest.mark.slow
def test_markdown_of_several_benchmarks_begins_with_the_summary(folder):
    put(folder, "net", 0.5, "a")
    assert "benchmarks ·" not in run("leaderboard", "--results", folder).stdout
    put(folder, "net", 0.9, "b")
    whole = run("leaderboard", "--results", folder).stdout
    alone = run("leaderboard", "--results", folder, "--summary").stdout
    assert [line for line in whole.splitlines() if line.startswith("## ")] == [
        *("## 2 benchmarks · ridge", "## a · ridge", "## b · ridge")
    ]
    assert whole.startswith(alone.rstrip("\n"))
    assert len(json.loads(run("leaderboard", "--results", folder, "--json").stdout)) == 2


def test_a_summary_of_one_benchmark_is_refused(folder):
    put(folder, "net", 0.5, "a")
    shown = run("leaderboard", "--results", folder, "--summary")
    assert shown.exit_code == 1
    assert "no metric has scores on two benchmarks" in shown.stderr
