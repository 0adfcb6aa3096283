"""The numbers on pages: those of the leaderboard, of compare, and of NumPy on the responses and predictions."""

import numpy as np
import pytest

from itbench.data.recordings_file import read_recordings
from itbench.data.responses import mean_over_repetitions
from itbench.plugins import load_plugins
from itbench.results.explain.readout import metric_description
from itbench.results.leaderboard import compile_leaderboard
from itbench.results.paired_comparison import compare_scores
from itbench.results.score_file import scores_in, write_score
from itbench.site.benchmark_page import grouped
from itbench.site.pages import Names
from itbench.site.site import write_site
from tests.kit.scores import readout_score
from tests.kit.site_scores import ABSENT, MARKUP, RECORDED, read_page, site_scores
from tests.kit.toy import toy_recordings


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folders of a site, of its scores, and of the data folder's home."""
    base = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITBENCH_HOME", str(base / "home"))
        site_scores(base / "home", base / "scores")
        write_site(base / "scores", base / "site", load_plugins(()))
    return base / "site", base / "scores", base / "home"


@pytest.fixture(scope="module")
def index(built):
    return read_page(built[0], "index")


def row_of(index, model, metric="ridge"):
    return next(
        (number, row)
        for number, row in enumerate(index["rows"])
        if index["models"][row["m"]]["model"] == model and index["tables"][row["t"]]["metric"] == metric
    )


def entry_of(built, index, model, metric="ridge"):
    number, row = row_of(index, model, metric)
    page = read_page(built[0], f"model/{index['models'][row['m']]['slug']}")
    return next(entry for entry in page["entries"] if entry["row"] == number)


def score_of(built, model, metric="ridge"):
    return next(s for _, s in scores_in(built[1]) if (s.attrs["model"], s.attrs["metric"]) == (model, metric))


def test_rows_are_those_of_the_leaderboard(built, index):
    expected = compile_leaderboard(built[1])
    assert len(index["rows"]) == len(expected) == 12 - 1  # two seeds are one
    for row, known in zip(index["rows"], expected, strict=True):
        model = index["models"][row["m"]]
        assert (model["model"], model["weights"]) == (known["model"], known["weights"])
        assert row.get("rank") == ([known["rank_low"], known["rank_high"]] if known["rank"] else None)
        if known["value"] is not None:
            shown = row["v"][known["measure"]]
            np.testing.assert_allclose(shown, [known["value"], known["low"], known["high"]], atol=6e-5)


def test_rows_say_why_they_have_no_rank(index):
    states = {
        model: row_of(index, model)[1]["state"]
        for model in ("best", "a-baseline", "other-options", "earlier", "broken")
    }
    assert states == {
        "best": "ranked",
        "a-baseline": "baseline",
        "other-options": "other setup",
        "earlier": "earlier",
        "broken": "failed",
    }
    assert "components: 5" in row_of(index, "other-options")[1]["note"]


def test_a_difference_is_that_of_compare(built, index):
    a, b = score_of(built, "best"), score_of(built, "twin-a")
    recorded = mean_over_repetitions(read_recordings(built[2] / "data" / f"{RECORDED}.h5").require_responses())
    known = compare_scores(a, b, recorded)
    other = row_of(index, "twin-a")[0]
    difference, low, high, p, better = entry_of(built, index, "best")["pairs"][str(other)]
    np.testing.assert_allclose(
        [difference, low, high, p], [known.difference, known.low, known.high, known.p], atol=6e-5
    )
    assert (better, known.verdict) == (1, "A is better than B.")
    turned = entry_of(built, index, "twin-a")["pairs"][str(row_of(index, "best")[0])]
    assert turned == [-difference, -high, -low, p, -1]


@pytest.mark.parametrize(("other", "said"), [("earlier", "earlier rules"), ("twin-b", "")])
def test_no_difference_is_claimed_where_there_is_none(other, said, built, index):
    pair = entry_of(built, index, "twin-a")["pairs"][str(row_of(index, other)[0])]
    assert said in pair if said else pair[4] == 0
    assert said or pair[1] < 0 < pair[2]


def test_images_are_ordered_by_the_variance_over_sites_that_is_predicted(built, index):
    recordings = read_recordings(built[2] / "data" / f"{RECORDED}.h5")
    y = mean_over_repetitions(recordings.require_responses())
    score = score_of(built, "best")
    predicted, fold = np.empty_like(y), np.empty(len(y), int)
    predicted[score["row_stimulus"].values] = score["predictions"].values
    fold[score["row_stimulus"].values] = score["row_split"].values
    for one in range(4):
        at = fold == one
        spread = y[at].std(axis=0)
        y[at] = (y[at] - y[at].mean(axis=0)) / spread
        predicted[at] = (predicted[at] - predicted[at].mean(axis=0)) / spread
    expected = 1 - np.square(y - predicted).sum(axis=1) / np.square(y).sum(axis=1)
    images = entry_of(built, index, "best")["images"]
    order = np.argsort(-expected)
    assert [row for row, _ in images["best"]] == order[:6].tolist()
    assert [row for row, _ in images["worst"]] == order[::-1][:6].tolist()
    np.testing.assert_allclose([value for _, value in images["best"]], expected[order[:6]], atol=6e-5)
    shown = {f"{row}.webp" for row in order[:6]}
    assert shown <= {path.name for path in (built[0] / "images").glob("synthetic-it/*")}


def test_sites_and_layers_are_those_of_the_score(built, index):
    entry, score = entry_of(built, index, "best"), score_of(built, "best")
    sst = score["sst"].values
    expected = (score["explained_variance"].values[:, 1] * sst).sum(axis=0) / sst.sum(axis=0)
    np.testing.assert_allclose(entry["sites"], expected, atol=6e-5)
    assert [layer[0] for layer in entry["layers"]] == ["early", "late"]
    np.testing.assert_allclose(entry["layers"][1][3], expected.mean(), atol=6e-5)
    page = read_page(built[0], "benchmark/synthetic-it")
    np.testing.assert_allclose(page["ceilings"][entry["ceilings"]], score["ceiling"], atol=6e-5)
    assert page["names"][entry["names"]] == score["site"].values.tolist()


def test_provenance_is_that_of_the_score(built, index):
    found = dict(entry_of(built, index, "best")["provenance"])
    assert found["Commit"] == "0123456789ab, with uncommitted changes"
    assert (found["Versions"], found["Scored"]) == ("numpy 2.0", "2026-01-02")
    assert (found["Model"], found["Weights"], found["Default options"]) == ("best", "pretrained", "components = 1000")
    assert "Preprocessing" not in found
    assert entry_of(built, index, "best")["commands"] == ["itbench score -m best -b synthetic-it --metric ridge"]
    assert "current" in dict(entry_of(built, index, "earlier")["provenance"])["Rules"]
    assert row_of(index, "best")[1]["depth"] == 1
    kinds = {one["model"]: (one["kind"], one["source"]) for one in index["models"]}
    assert (kinds["best"], kinds["a-baseline"]) == (("network", "pretrained"), ("baseline", "none"))


def test_scores_of_several_seeds_are_shown_as_their_mean(built, index):
    entry = entry_of(built, index, "seeded")
    both = [s for _, s in scores_in(built[1]) if s.attrs["model"] == "seeded"]
    sums = [
        (s["explained_variance"].values[:, 1] * s["sst"].values).sum(axis=0) / s["sst"].values.sum(axis=0) for s in both
    ]
    np.testing.assert_allclose(entry["sites"], np.mean(sums, axis=0), atol=6e-5)
    assert [seed for seed, _ in entry["seeds"]] == [0, 7]
    assert len(entry["commands"]) == 2


def test_scores_of_other_recordings_show_no_images(built, index):
    page = read_page(built[0], f"benchmark/{index['benchmarks'][0]['slug']}")
    assert index["benchmarks"][0]["name"] == ABSENT
    assert "not registered" in page["missing"]
    assert "gallery" not in page


def test_no_text_can_end_the_script_that_holds_it(built):
    for path in (built[0] / "data").rglob("*.js"):
        assert "<" not in path.read_text()


def test_file_names_of_models_are_safe_and_different():
    names = Names()
    for texts in [
        (MARKUP, "a"),
        ("../../etc", "x"),
        ("Net", "a"),
        ("net", "a"),
        ("net--a", ""),
        ("x" * 300, ""),
        ("é", ""),
        ("ü", ""),
    ]:
        names.number(*texts)
    slugs = list(names.slugs.values())
    assert len({slug.lower() for slug in slugs}) == len(slugs)
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-") and len(slug) < 100 for slug in slugs)
    assert not any(slug.startswith(".") for slug in slugs)


PLANS = {
    "kfold": {"kind": "kfold", "folds": 4, "seed": 0, "stratify": "object"},
    "group": {"kind": "kfold", "folds": 4, "seed": 0, "group": "object"},
    "leave-group-out": {"kind": "leave-group-out", "group": "object"},
    "file": {"kind": "file", "path": "splits.csv", "columns": ["a"], "digest": "0" * 64},
    "provided": {"kind": "provided"},
}


@pytest.mark.parametrize("kind", PLANS)
def test_a_benchmark_counts_the_images_of_splits_in_which_images_train(kind, tmp_path):
    recorded = np.random.default_rng(0).normal(size=(24, 3))
    for model, baseline, part in (("ceiling", "ceiling", 0), ("net", "", 18)):  # a ceiling is first, and has no fit
        score = readout_score(recorded, recorded, model=model, baseline=baseline, splits=PLANS[kind], n_draws=0)
        parts = {"n_train": ("split", [part] * 4), "n_test": ("split", [24 - part] * 4)}
        write_score(score.assign_coords(parts), tmp_path / "scores")
    write_site(tmp_path / "scores", tmp_path / "site", load_plugins(()))
    text = read_page(tmp_path / "site", "benchmark/toy")["splits"]
    assert "4 splits, each with 18 training images and 6 held out." in text
    assert " 0 training" not in text


def test_stimuli_of_a_category_stand_together_in_the_heat_map():
    recordings = toy_recordings(sites=3)
    texts = np.asarray(recordings.stimuli.metadata["category"]).astype(str)
    order, groups, name = grouped(recordings)
    assert name == "category"
    assert groups == [(text, int((texts == text).sum())) for text in sorted(set(texts))]
    assert texts[order].tolist() == sorted(texts)
    assert all((np.diff(order[texts[order] == text]) > 0).all() for text in set(texts))  # each in its former order


def test_metrics_of_one_file_are_described_apart():
    metrics = load_plugins(()).metrics
    first = [metric_description(metrics[name]).split("\n\n")[0] for name in metrics]
    assert len(set(first)) == len(first)
