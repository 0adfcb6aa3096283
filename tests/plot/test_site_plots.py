"""Plots of sites: values of each site, sites that differ, ceilings and penalties."""

import numpy as np
import pytest
from scipy import stats

import itbench
from itbench.errors import BadOption, BadRecordings, BadScore, UnknownName
from itbench.statistics.permutation import permutation_test
from tests.kit.artists import labels, line, xy
from tests.kit.scores import comparison_score


def at_sites(score, variable="explained_variance"):
    """Return the pooled EV of the chosen layer at every site."""
    total = score["sst"].values
    residual = (1 - score["explained_variance"].sel(layer="late").values) * total
    return 1 - residual.sum(axis=0) / total.sum(axis=0)


def test_sites_draws_every_site_of_every_animal(good, poor):
    (axes,) = itbench.plot.sites(good, poor).axes
    drawn = [xy(one)[1] for one in axes.lines if one.get_alpha()]
    expected = [np.sort(part[np.isfinite(part)]) for part in np.split(at_sites(good), [5])]
    expected += [np.sort(part) for part in np.split(at_sites(poor), [5])]
    for found, values in zip(drawn, expected, strict=True):
        np.testing.assert_allclose(found, values[np.isfinite(values)])
    medians = [xy(one)[1][0] for one in axes.lines if len(one.get_xdata()) == 1 and one.get_color() == "black"]
    np.testing.assert_allclose(medians, [np.nanmedian(values) for values in expected])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["A (5 sites)", "B (7 sites)"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("animal", "EV of a site")


def test_sites_counts_those_without_a_value(good):
    (axes,) = itbench.plot.sites(good, by="none").axes
    assert "no value (1 site)" in labels(axes)
    assert axes.get_xlabel() == "12 sites"


def test_sites_of_another_coordinate_or_measure(good):
    halves = good.assign_coords(layer_of_cortex=("site", ["deep", "upper"] * 6))
    (axes,) = itbench.plot.sites(halves, by="layer_of_cortex", measure="correlation").axes
    assert axes.get_ylabel() == "correlation of a site"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["deep (6 sites)", "upper (6 sites)"]
    with pytest.raises(UnknownName, match="animal"):
        itbench.plot.sites(good, by="anmal")
    with pytest.raises(BadScore, match="one value for all sites"):
        itbench.plot.sites(comparison_score(np.random.default_rng(0).normal(0.4, 0.01, 40)))


@pytest.mark.parametrize("measure", ["EV/ceiling", "brainscore", "Brain-Score"])
def test_a_measure_that_sites_have_not_is_refused_with_those_they_have(measure, good, poor, recordings):
    for draw in (
        lambda: itbench.plot.sites(good, measure=measure),
        lambda: itbench.plot.scatter(good, poor, measure=measure),
    ):
        with pytest.raises(UnknownName, match=r"Known: EV, correlation\.$"):
            draw()


def test_sites_of_many_numbers_are_drawn_along_their_axis(good):
    depth = np.array([10.0, 9, 2, 1.5, *np.arange(100, 107), np.nan, 5, 6])
    good = good.isel(site=[*range(12), 0, 1])
    score = good.assign_coords(depth=("site", depth, {"units": "mm"}))
    (axes,) = itbench.plot.sites(score, by="depth").axes
    (dots,) = [one for one in axes.lines if one.get_alpha()]
    shown = [site for site in range(14) if site not in (3, 11)]
    np.testing.assert_allclose(xy(dots), [depth[shown], at_sites(good)[shown]])
    assert axes.get_xlabel() == "depth (mm)"
    assert xy(line(axes, "no value (1 site)"))[0].tolist() == [1.5]
    assert xy(line(axes, "no depth (1 site)"))[1].tolist() == pytest.approx([at_sites(good)[11]])


def test_sites_of_few_numbers_are_groups_in_their_order(good):
    (axes,) = itbench.plot.sites(good.assign_coords(array=("site", [10] * 6 + [9] * 6)), by="array").axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["9 (6 sites)", "10 (6 sites)"]
    drawn = [xy(one)[1] for one in axes.lines if one.get_alpha()]
    np.testing.assert_allclose(drawn[0], np.sort(at_sites(good)[6:]))


def test_sites_of_many_names_are_refused_and_each_alone(good):
    many = good.isel(site=[*range(12), 0]).assign_coords(cell=("site", list("abcdefghijklm")))
    with pytest.raises(BadOption, match="cell has 13 values; this plot shows 12 at most"):
        itbench.plot.sites(many, by="cell")
    with pytest.raises(UnknownName, match=r"Known: animal\."):
        itbench.plot.sites(good, by="site")


def test_sites_of_other_numbers_in_each_score_are_counted_for_each(good, poor):
    (axes,) = itbench.plot.sites(good, poor.isel(site=[0, 1, 5]), by="animal").axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["A (5/2 sites)", "B (7/1 site)"]


def test_scatter_marks_sites_that_differ_at_a_false_discovery_rate_over_all(good, poor, recordings, recorded):
    (axes,) = itbench.plot.scatter(good, poor, benchmark=recordings).axes
    rows = good["row_stimulus"].values
    both = good["predictions"].values, poor["predictions"].values
    found = permutation_test(recorded[rows], both, rows, good["row_split"].values)
    tested = np.flatnonzero(np.isfinite(found.site_p))
    differs = tested[stats.false_discovery_control(found.site_p[tested]) <= 0.05]
    x, y = at_sites(poor), at_sites(good)
    better = [site for site in differs if y[site] > x[site]]
    shown = line(axes, f"above: {len(better)} sites")
    assert 5 < len(better) < 12
    np.testing.assert_allclose(xy(shown), [x[better], y[better]])
    rest = [site for site in tested if site not in differs]
    np.testing.assert_allclose(
        xy(line(axes, f"not told apart: {len(rest)} site{'s' * (len(rest) != 1)}")), [x[rest], y[rest]]
    )
    assert "no value (1 site)" in labels(axes)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("EV of poor", "EV of good")
    assert "permutation, 5 % false discoveries" in axes.get_legend().get_title().get_text()


def test_scatter_refuses_other_recordings_and_splits(good, poor, make, recordings):
    with pytest.raises(BadScore, match="splits differ"):
        itbench.plot.scatter(good, make(folds=5), benchmark=recordings)
    elsewhere = {"stimuli": "1" * 64, "responses": "2" * 64}
    others = [make(seed=seed, digests=elsewhere) for seed in (1, 2)]
    with pytest.raises(BadRecordings, match="other recordings"):
        itbench.plot.scatter(*others, benchmark=recordings)
    with pytest.raises(UnknownName, match="toy"):
        itbench.plot.scatter(good, poor)


def test_ceiling_draws_a_histogram_and_ev_against_the_ceiling(good, ceiling):
    left, right = itbench.plot.ceiling(good).axes
    known = ceiling[np.isfinite(ceiling)]
    counts, edges = np.histogram(known, bins="auto")
    assert [patch.get_height() for patch in left.patches] == counts.tolist()
    np.testing.assert_allclose([patch.get_x() for patch in left.patches], edges[:-1])
    assert f"median {np.median(known):.3f}" in labels(left)
    assert "no ceiling (1 site)" in labels(left)
    both = np.isfinite(ceiling) & np.isfinite(at_sites(good))
    np.testing.assert_allclose(xy(right.lines[0]), [ceiling[both], at_sites(good)[both]])
    assert xy(line(right, "EV has no value"))[0].tolist() == [ceiling[3]]
    assert xy(line(right, "no ceiling"))[1].tolist() == pytest.approx([at_sites(good)[11]])


def test_a_score_without_ceiling_or_penalty_says_so(make, good):
    with pytest.raises(BadScore, match="two repetitions"):
        itbench.plot.ceiling(make(ceiling=np.full(12, np.nan)))
    with pytest.raises(BadScore, match="holds no penalty"):
        itbench.plot.penalties(good)


def test_penalties_draws_the_median_over_splits_of_every_site(good):
    alpha = 10.0 ** np.random.default_rng(0).integers(0, 5, (4, 12))
    alpha[:, 3] = np.nan
    layers = np.stack([np.full_like(alpha, 7.0), alpha], axis=1)
    (axes,) = itbench.plot.penalties(good.assign(alpha=(("split", "layer", "site"), layers))).axes
    _, y = xy(line(axes, "median over splits"))
    expected = np.sort(np.median(np.delete(alpha, 3, axis=1), axis=0))
    np.testing.assert_allclose(y[:-1], expected)
    assert np.isnan(y[-1])
    assert xy(line(axes, "no penalty (1 site)"))[0].tolist() == [11]
    segments = [one for one in axes.collections[0].get_segments() if one.size and np.isfinite(one).all()]
    low, high = np.delete([alpha.min(axis=0), alpha.max(axis=0)], 3, axis=1)
    assert sorted(tuple(one[:, 1]) for one in segments) == sorted(zip(low, high, strict=True))
    assert axes.get_yscale() == "log"
