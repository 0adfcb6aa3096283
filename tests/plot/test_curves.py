"""Plots of layers, time and training: the values drawn are those of the scores."""

import json

import numpy as np
import pytest
from scipy import stats

import itbench
from itbench.errors import BadScore, ItbenchError, UnknownName
from itbench.plot.figure import GREY
from itbench.results.score_file import write_score
from itbench.statistics.noise_ceiling import ceiling_corrected
from itbench.training.trained_weights import write_trained
from itbench.util import folders
from tests.kit.artists import bands, bars, labels, line, xy
from tests.kit.scores import comparison_score


def pooled_ev(score, layer):
    """Return 1 − Σ SSR / Σ SST over splits at every site."""
    total = score["sst"].values
    residual = (1 - score["explained_variance"].sel(layer=layer).values) * total
    return 1 - residual.sum(axis=0) / total.sum(axis=0)


def test_layers_draws_the_mean_of_pooled_ev_with_students_interval(good):
    (axes,) = itbench.plot.layers(good).axes
    ev = np.array([pooled_ev(good, layer) for layer in ("early", "late")])
    x, y = xy(line(axes, "good"))
    assert x.tolist() == [0, 1]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["early", "late"]
    np.testing.assert_allclose(y, np.nanmean(ev, axis=1))
    scored = ev[:, np.isfinite(ev[0])]
    low, high = stats.t.interval(0.95, scored.shape[1] - 1, scored.mean(axis=1), stats.sem(scored, axis=1))
    np.testing.assert_allclose(bands(axes)[0], [low, high])
    assert axes.get_ylabel() == "EV, mean over sites"
    assert "95 % over sites, images fixed" in labels(axes)


def test_layers_draws_the_headline_with_the_interval_of_its_draws(good):
    (axes,) = itbench.plot.layers(good).axes
    (x, y, low, high) = bars(axes)[0]
    found = itbench.summary(good)
    assert (x, y) == (1, pytest.approx(found["value"]))
    draws = good["draws"].sel(measure="explained_variance").values
    np.testing.assert_allclose([low, high], np.percentile(draws, [2.5, 97.5]), rtol=1e-5)
    assert "headline, 95 % over 80 images × 11 sites" in labels(axes)


def test_layers_draws_the_ceiling_of_the_sites_that_are_scored(good, ceiling):
    (axes,) = itbench.plot.layers(good).axes
    scored = np.delete(ceiling, [3, 11])
    assert xy(line(axes, "ceiling"))[1].tolist() == pytest.approx([scored.mean()] * 2)
    (correlation,) = itbench.plot.layers(good, measure="correlation").axes
    assert xy(line(correlation, "ceiling √reliability"))[1].tolist() == pytest.approx([np.sqrt(scored).mean()] * 2)
    assert correlation.get_ylabel() == "correlation, mean over sites"


def test_a_reliability_below_0_has_no_root_and_is_counted(good, ceiling):
    broken = good.assign(ceiling=("site", np.where(np.arange(12) == 5, -0.1, ceiling)))
    (axes,) = itbench.plot.layers(broken, measure="correlation").axes
    scored = np.delete(ceiling, [3, 5, 11])
    shown = line(axes, "ceiling √reliability (none at 1 site below 0)")
    assert xy(shown)[1].tolist() == pytest.approx([np.sqrt(scored).mean()] * 2)
    (ev,) = itbench.plot.layers(broken).axes
    assert xy(line(ev, "ceiling"))[1].tolist() == pytest.approx([np.append(scored, -0.1).mean()] * 2)


def test_equal_ceilings_are_drawn_once_and_others_each(good, poor):
    rounded = poor.assign(ceiling=poor["ceiling"] * (1 + 1e-12))
    (axes,) = itbench.plot.layers(good, rounded).axes
    assert [label for label in labels(axes) if "ceiling" in label] == ["ceiling"]
    one_site = [score.isel(site=[0]) for score in (good, rounded)]
    assert [label for label in labels(itbench.plot.layers(*one_site).axes[0]) if "ceiling" in label] == ["ceiling"]
    (axes,) = itbench.plot.layers(good, poor.assign(ceiling=poor["ceiling"] / 2)).axes
    assert [label for label in labels(axes) if "ceiling" in label] == ["ceiling of good", "ceiling of poor"]


@pytest.mark.parametrize("style", ["default", "paper"])
def test_an_interval_shorter_than_its_mark_is_seen(style, good):
    """Its caps are wider than the mark, and it lies above the mark."""
    (axes,) = itbench.plot.layers(good, style=style).axes
    marks, ends, (bar,) = axes.containers[0].lines
    assert all(cap.get_markersize() > marks.get_markersize() for cap in ends)
    drawn = axes.get_children()
    assert all(
        drawn.index(part) > drawn.index(marks) or part.get_zorder() > marks.get_zorder() for part in (*ends, bar)
    )


@pytest.mark.parametrize("measure", ["explained_variance_corrected", "EV/ceiling", "ev/CEILING"])
def test_layers_over_the_ceiling_are_ratios_of_sums(measure, good, ceiling):
    (axes,) = itbench.plot.layers(good, measure=measure).axes
    expected = [ceiling_corrected(pooled_ev(good, layer), ceiling) for layer in ("early", "late")]
    np.testing.assert_allclose(xy(line(axes, "good"))[1], expected)
    assert xy(line(axes, "ceiling"))[1].tolist() == [1, 1]
    assert axes.get_ylabel() == "EV/ceiling"


def test_layers_by_brainscores_formula_are_ratios_of_medians(good, ceiling):
    (axes,) = itbench.plot.layers(good, measure="brainscore").axes
    r = np.nanmedian(good["correlation"].values, axis=2).mean(axis=0)
    np.testing.assert_allclose(xy(line(axes, "good"))[1], (r / np.nanmedian(ceiling)) ** 2)


def test_a_layer_without_a_value_is_marked_and_not_0(good):
    broken = good.copy(deep=True)
    broken["explained_variance"].loc[{"layer": "early"}] = np.nan
    (axes,) = itbench.plot.layers(broken).axes
    assert np.isnan(xy(line(axes, "good"))[1][0])
    mark = line(axes, "no value")
    assert xy(mark)[0].tolist() == [0]
    assert mark.get_color() == GREY


def test_layers_of_other_models_share_a_relative_depth(good, poor):
    longer = poor.assign_coords(layer=["one", "two"], chosen_layer=("split", ["two"] * 4))
    (axes,) = itbench.plot.layers(good, longer).axes
    assert axes.get_xlabel().startswith("relative depth")
    for name in ("good", "poor"):
        assert xy(line(axes, name))[0].tolist() == [0, 1]


def test_a_score_of_one_layer_is_a_horizontal_line_beside_others(good, poor):
    (axes,) = itbench.plot.layers(good, poor.sel(layer=["late"])).axes
    assert xy(line(axes, "poor"))[1].tolist() == pytest.approx([np.nanmean(pooled_ev(poor, "late"))] * 2)
    assert line(axes, "poor").get_marker() != line(axes, "good").get_marker()
    (alone,) = itbench.plot.layers(poor.sel(layer=["late"])).axes
    assert xy(line(alone, "poor"))[0].tolist() == [0]


@pytest.mark.slow
def test_labels_tell_scores_apart(make):
    def names(*scores):
        return [label for label in labels(itbench.plot.layers(*scores).axes[0]) if label[:1] in "ab"]

    a, b = make(model="a"), make(model="b", seed=2)
    assert names(a, b) == ["a", "b"]
    assert names(a, make(model="a", weights="random-0")) == ["a:pretrained", "a:random-0"]
    few = make(model="a", options={"given": {"components": "5"}, "defaulted": {}})
    assert names(a, few) == ["a · components=1000", "a · components=5"]
    assert names(a, a)[0] != names(a, a)[1]
    assert names(a, b.assign_attrs(edition=1)) == ["a", "b, scored by earlier rules (1)"]


def test_layers_of_a_comparison_have_the_jackknifes_interval():
    without = np.random.default_rng(0).normal(0.4, 0.01, 40)
    score = comparison_score(without, n_draws=2000)
    (axes,) = itbench.plot.layers(score).axes
    deviation = (len(without) - 1) / len(without) * ((without - without.mean()) ** 2).sum()
    half = stats.t.ppf(0.975, len(without) - 1) * np.sqrt(deviation)
    low, high = bands(axes)[0]
    np.testing.assert_allclose([low[0], high[0]], without.mean() + np.array([-half, half]), atol=0.15 * half)
    assert axes.get_ylabel() == "CKA"


def test_scores_of_several_measures_are_refused(good):
    other = comparison_score(np.random.default_rng(0).normal(0.4, 0.01, 40))
    with pytest.raises(BadScore, match="EV, CKA"):
        itbench.plot.layers(good, other)
    with pytest.raises(UnknownName, match="correlation"):
        itbench.plot.layers(good, measure="corelation")
    with pytest.raises(BadScore, match=r"--measure EV$"):
        itbench.plot.layers(good, good.assign_attrs(measure="correlation"))


@pytest.mark.slow
def test_paths_folders_of_scores_and_seeds_are_read(good, poor, tmp_path):
    paths = [write_score(score, tmp_path) for score in (good, poor)]
    (axes,) = itbench.plot.layers(*map(str, paths)).axes
    (again,) = itbench.plot.layers(itbench.load_scores(tmp_path)).axes
    assert labels(axes) == labels(again)
    seeds = itbench.SeedScores((good.assign_attrs(weights="random-0"), good.assign_attrs(weights="random-1")))
    assert labels(itbench.plot.layers(seeds).axes[0])[:2] == ["good:random-0", "good:random-1"]
    with pytest.raises(ItbenchError, match="None was given"):
        itbench.plot.layers()


def in_window(make, start, end, quality, **how):
    return make(quality, benchmark=f"toy-{start}", window=[start, end], **how)


def test_time_draws_headlines_at_their_windows(make):
    scores = [in_window(make, start, start + 20, quality) for start, quality in ((90, 0.9), (50, 0.3), (70, 0.6))]
    (axes,) = itbench.plot.time(*scores).axes
    x, y = xy(line(axes, "net1"))
    assert x.tolist() == [60, 80, 100]
    expected = [itbench.summary(scores[i])["value"] for i in (1, 2, 0)]
    np.testing.assert_allclose(y, expected)
    widths = axes.containers[0].lines[2][0].get_segments()
    assert [segment[:, 0].tolist() for segment in widths] == [[50, 70], [70, 90], [90, 110]]
    assert axes.get_xlabel() == "time after stimulus onset (ms)"


def test_time_needs_several_windows(make, good):
    one = in_window(make, 70, 170, 0.5)
    with pytest.raises(BadScore, match="one time window, 70 to 170 ms"):
        itbench.plot.time(one, one)
    with pytest.raises(BadScore, match="same time window"):
        itbench.plot.time(one, in_window(make, 90, 170, 0.5), one)


def test_a_score_that_names_no_window_says_what_is_needed(good, recordings):
    with pytest.raises(ItbenchError, match=r"window: \[70, 170\]"):
        itbench.plot.time(good, benchmark=recordings)


HISTORY = [
    {"epoch": n + 1, "loss": 1 / (n + 1), "inner_loss": 0.5 + 1 / (n + 1), "explained_variance": value}
    for n, value in enumerate((0.1, 0.3, 0.2))
]


@pytest.fixture
def trained(home, make):
    """Score of a model trained on two splits, whose trained weights lie in their folder."""
    splits = []
    for number in range(2):
        about = {"history": HISTORY[: 3 - number], "best_epoch": 2, "key": f"key{number}"}
        write_trained(folders.trained() / f"key{number}.safetensors", {"w": np.zeros(1)}, about)
        splits.append({"split": f"fold{number}", "trained": f"key{number}"})
    source = {"model": "cnn", "weights": {"kind": "random", "seed": 0, "file": None}, "recipe": {}, "splits": splits}
    return make(model="cnn", weights="trained-0", sources=[source])


def test_training_draws_loss_and_validation_of_every_split(trained):
    loss, score = itbench.plot.training(trained).axes
    assert xy(loss.lines[0])[1].tolist() == [1, 1 / 2, 1 / 3]
    assert xy(loss.lines[1])[1].tolist() == [1.5, 1, 0.5 + 1 / 3]
    assert xy(line(score, "fold0"))[1].tolist() == [0.1, 0.3, 0.2]
    assert xy(line(score, "fold1"))[0].tolist() == [1, 2]
    assert xy(score.lines[1]) == ([2], [0.3])
    assert (loss.get_ylabel(), score.get_ylabel()) == ("loss", "inner EV")
    assert {"fold0", "fold1", "best epoch"} <= set(labels(score))


def test_training_of_an_ensemble_draws_its_members(trained):
    about = {"history": [HISTORY, HISTORY[:2]], "best_epoch": [2, 1], "key": "key0"}
    write_trained(folders.trained() / "key0.safetensors", {"w": np.zeros(1)}, about)
    score = itbench.plot.training(trained).axes[1]
    assert xy(line(score, "fold0, member 2"))[0].tolist() == [1, 2]


def test_what_training_lacks_is_said(trained, good):
    with pytest.raises(BadScore, match="not trained on recordings"):
        itbench.plot.training(good)
    write_trained(folders.trained() / "key1.safetensors", {"w": np.zeros(1)}, {"key": "key1"})
    with pytest.raises(BadScore, match="recorded no history"):
        itbench.plot.training(trained)
    (folders.trained() / "key0.safetensors").unlink()
    with pytest.raises(BadScore, match="Train it again"):
        itbench.plot.training(trained)
    assert json.loads(trained.attrs["provenance"])["sources"]
