"""Plots of leaderboards: their values, intervals, ranks and gaps are those of the leaderboard."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

import itbench
from itbench.errors import BadScore
from itbench.results.leaderboard import compile_leaderboard
from itbench.results.score_file import write_score
from tests.kit.artists import labels, line, xy
from tests.kit.scores import comparison_score


@pytest.fixture(scope="module")
def several(make):
    """Four models, of which two are equal but for their noise, and a baseline."""
    models = [
        make(quality, 7 + n, model=name)
        for n, (name, quality) in enumerate(zip("abcd", (0.9, 0.5, 0.5, 0.1), strict=True))
    ]
    return [*models, make(0.3, 20, model="pixels", weights="none", baseline="pixels")]


def texts(axes):
    return [(text.get_position()[1], text.get_text()) for text in axes.texts]


@pytest.mark.slow
def test_models_have_the_ranks_and_intervals_of_the_leaderboard(several, tmp_path):
    for score in several:
        write_score(score, tmp_path)
    rows = compile_leaderboard(tmp_path)
    (axes,) = itbench.plot.models(*several).axes
    assert texts(axes)[:-1] == [(i, row["rank"]) for i, row in enumerate(rows) if row["rank"]]
    assert "2–3" in dict(texts(axes)).values()
    ranked = [(i, row) for i, row in enumerate(rows) if row["rank"]]
    x, y = xy(line(axes, "ranked"))
    assert y.tolist() == [i for i, _ in ranked]
    np.testing.assert_allclose(x, [row["value"] for _, row in ranked])
    ends = [segment[:, 0] for segment in axes.containers[0].lines[2][0].get_segments()]
    np.testing.assert_allclose(ends, [[row["low"], row["high"]] for _, row in ranked], rtol=1e-6)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [row["model"] for row in rows]
    assert axes.get_xlabel() == "EV (95 % over 80 images × 11 sites)"


def test_a_baseline_has_no_rank_and_a_mark_of_its_own(several):
    (axes,) = itbench.plot.models(*several).axes
    place = [tick.get_text() for tick in axes.get_yticklabels()].index("pixels")
    assert place not in dict(texts(axes))
    assert xy(line(axes, "baseline, not ranked"))[1].tolist() == [place]
    assert line(axes, "baseline, not ranked").get_marker() != line(axes, "ranked").get_marker()
    assert [tick.get_fontstyle() for tick in axes.get_yticklabels()][place] == "italic"


def test_a_score_of_another_setup_is_not_ranked(several, make):
    other = make(0.95, 30, model="e", precision="bfloat16")
    (axes,) = itbench.plot.models(*several, other).axes
    assert xy(line(axes, "not comparable, not ranked"))[1].tolist() == [5]


def test_a_model_without_a_value_is_marked_and_not_0(several):
    broken = several[0].copy(deep=True).assign_attrs(model="none scored")
    broken["explained_variance"][:] = np.nan
    (axes,) = itbench.plot.models(*several, broken).axes
    assert xy(line(axes, "no value"))[1].tolist() == [5]


def test_seeds_are_one_model(make):
    scores = [make(0.4, 40 + n, model="net", weights=f"random-{n}", sources=[seeded(n)]) for n in (0, 7)]
    (axes,) = itbench.plot.models(*scores, make(0.9, 1, model="a")).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "net, random (2 seeds)"]


def seeded(seed):
    return {"model": "net", "weights": {"kind": "random", "seed": seed, "file": None}}


def test_models_by_another_measure_are_ranked_by_it(several):
    (axes,) = itbench.plot.models(*several, measure="correlation").axes
    expected = sorted((itbench.summary(score)["correlation"] for score in several[:4]), reverse=True)
    np.testing.assert_allclose(xy(line(axes, "ranked"))[0], expected)


def test_models_of_several_benchmarks_are_refused(several, make):
    with pytest.raises(BadScore, match="other by ridge, toy by ridge"):
        itbench.plot.models(*several, make(benchmark="other"))


def ticks_of(figure):
    return figure.axes[0].get_yticklabels(), figure.axes[0].get_xticklabels()


@pytest.mark.parametrize("style", ["default", "paper"])
def test_the_label_of_the_colours_is_inside_a_small_heatmap(style, several):
    cka = comparison_score(np.random.default_rng(0).normal(0.4, 0.01, 40), model="a")
    below = several[3].assign_attrs(model="below").copy(deep=True)
    below["explained_variance"][:] = -0.25
    figure = itbench.plot.heatmap(several[0], cka, below, style=style)
    assert "−0.250" in cells(figure)[1].values()
    label = figure.axes[1].yaxis.label.get_window_extent()
    assert min(label.x0, label.y0) >= 0
    assert (label.x1 <= figure.bbox.width, label.y1 <= figure.bbox.height) == (True, True)


def cells(figure):
    axes = figure.axes[0]
    return np.ma.getdata(axes.images[0].get_array()), {
        (y, x): text.get_text() for text in axes.texts for x, y in [text.get_position()]
    }


def test_heatmap_draws_values_and_hatches_what_is_missing(several, make):
    figure = itbench.plot.heatmap(*several[:2], make(0.7, 50, model="a", benchmark="other"))
    axes = figure.axes[0]
    models = [tick.get_text() for tick in axes.get_yticklabels()]
    columns = [tick.get_text() for tick in axes.get_xticklabels()]
    values, written = cells(figure)
    assert (sorted(models), sorted(columns)) == (["a", "b"], ["other", "toy"])
    for score in several[:2]:
        at = models.index(score.attrs["model"]), columns.index("toy")
        assert values[at] == pytest.approx(itbench.summary(score)["value"])
        assert written[at] == f"{values[at]:.3f}"
    missing = models.index("b"), columns.index("other")
    assert np.isnan(values[missing])
    assert missing not in written
    (hatched,) = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert (hatched.get_y() + 0.5, hatched.get_x() + 0.5) == missing
    assert labels(axes) == ["not run"]
    assert figure.axes[1].get_ylabel() == "EV"


def test_heatmap_of_several_measures_colours_shares_of_the_largest(several):
    random = np.random.default_rng(0)
    cka = [comparison_score(random.normal(value, 0.01, 40), model=name) for name, value in (("a", 0.2), ("b", 0.8))]
    figure = itbench.plot.heatmap(*several[:2], *cka)
    axes = figure.axes[0]
    columns = [tick.get_text() for tick in axes.get_xticklabels()]
    values, written = cells(figure)
    column = columns.index("toy\ncka, CKA")
    place = [tick.get_text() for tick in axes.get_yticklabels()].index("a")
    expected = [float(score["headline"]) for score in cka]
    assert values[place, column] == pytest.approx(expected[0] / expected[1])
    assert written[place, column] == f"{expected[0]:.3f}"
    assert figure.axes[1].get_ylabel().replace("\n", " ") == "share of the largest in its column"


def test_heatmap_hatches_a_score_of_no_site_and_refuses_earlier_rules_alone(several):
    broken = several[0].copy(deep=True).assign_attrs(model="none scored")
    broken["explained_variance"][:] = np.nan
    figure = itbench.plot.heatmap(broken, several[1].assign_attrs(benchmark="other"), several[2])
    models, columns = ([tick.get_text() for tick in ticks] for ticks in ticks_of(figure))
    hatches = {
        (models[round(patch.get_y() + 0.5)], columns[round(patch.get_x() + 0.5)]): patch.get_hatch()
        for patch in figure.axes[0].patches
    }
    expected = {
        ("none scored", "toy"): "....",
        ("none scored", "other"): "////",
        ("b", "toy"): "////",
        ("c", "other"): "////",
    }
    assert hatches == expected
    assert labels(figure.axes[0]) == ["not run", "no value"]
    with pytest.raises(BadScore, match=r"scored by earlier rules"):
        itbench.plot.heatmap(several[0].assign_attrs(edition=1))


def test_heatmap_refuses_two_scores_in_a_cell_and_says_what_is_left_out(several, make):
    twin = make(0.5, 60, model="a").isel(draw=slice(100))  # of other draws: another score
    with pytest.raises(BadScore, match=r"Several scores of a:pretrained on toy by ridge"):
        itbench.plot.heatmap(several[0], twin)
    other = make(0.95, 30, model="e", precision="bfloat16")
    assert itbench.plot.heatmap(*several, other).axes[0].get_title(loc="left") == "1 score left out: not comparable"
    elsewhere = [make(0.5, 61, model=name, benchmark="other") for name in ("a", "e")]
    figure = itbench.plot.heatmap(*several[:4], other, *elsewhere)
    assert labels(figure.axes[0]) == ["not run", "not comparable"]
    narrow = itbench.plot.heatmap(*several[:4], other, *elsewhere, style="paper").axes[0]
    assert narrow.get_position().width > 0.5  # which the legend leaves
    models, columns = ([tick.get_text() for tick in ticks] for ticks in ticks_of(figure))
    (patch,) = [patch for patch in figure.axes[0].patches if patch.get_hatch() != "////"]
    assert (models[round(patch.get_y() + 0.5)], columns[round(patch.get_x() + 0.5)]) == ("e", "toy")
