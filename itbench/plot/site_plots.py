"""Plots of sites: distributions, two models site by site, ceilings, and penalties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from itbench.errors import BadOption, BadScore, UnknownName
from itbench.plot.curves import title_of
from itbench.plot.figure import (
    COLOURS,
    GREY,
    LIGHT,
    MARKERS,
    MISSING,
    Size,
    drawing,
    entitle,
    head,
    look,
    many,
    mark_missing,
    name_ticks,
)
from itbench.plot.recordings import MOST_GROUPS, Plugins, Source, benchmark_of_score
from itbench.plot.scores import Given, at_sites, label_of, labels_of, one_score, read_scores, site_measure
from itbench.results.paired_comparison import responses_of, swap_predictions
from itbench.results.score_setup import name_of, refuse_unlike
from itbench.results.score_variables import ceiling_of, penalties_at_sites, site_names
from itbench.statistics.permutation import benjamini_hochberg
from itbench.util.arrays import Array
from itbench.util.tables import counted

BY = ("animal", "region")  # site coordinates that divide sites unless another is named
MOST = 8  # values of such a coordinate
LONG = 30  # characters of a label that stands in two lines
RATE = 0.05  # false discovery rate of sites that differ


def sites(
    *scores: Given,
    measure: str = "",
    by: str = "",
    ax: Axes | None = None,
    style: str = "default",
    size: Size | None = None,
) -> Figure:
    """Plot the distribution over sites of EV or correlation by animal or region: every site, median and quartiles.

    Parameters
    ----------
    *scores : Dataset, path of a score file, or SeedScores
        Of readouts.
    measure, ax, style, size : optional
        As of `itbench.plot.layers`; the measure is one that each site has, ``EV`` or ``correlation``.
    by : str, optional
        Site coordinate that divides the sites; by default the animal or region, if the sites are of several. ``none``
        divides them not. One of more than 12 numbers is the x axis.

    Raises
    ------
    BadScore
        If a score has one value for all sites.
    BadOption
        If the coordinate has more than 12 values that are no numbers.
    UnknownName
    """
    read = read_scores(scores, measure, of_sites=True)
    name, labels = site_measure(read), labels_of(read)
    by = by or next((key for key in BY if 1 < len(set(_of_sites(read[0], key))) <= MOST), "none")
    groups = [["all"] * score.sizes["site"] if by == "none" else _of_sites(score, by) for score in read]
    if by == "site" or not all(groups):
        known = sorted(str(key) for key, coord in read[0].coords.items() if coord.dims == ("site",) and key != "site")
        raise UnknownName.of("coordinate that divides sites", by, known, todo="With none, all are shown together.")
    numeric = by != "none" and all(score[by].dtype.kind in "iuf" for score in read)
    found = sorted({value for one in groups for value in one}, key=float if numeric else None)
    along = numeric and len(found) > MOST_GROUPS
    if len(found) > MOST_GROUPS and not numeric:
        raise BadOption(f"{by} has {len(found)} values; this plot shows {MOST_GROUPS} at most.")
    with drawing(ax, style, size) as (figure, (axes,)):
        if along:
            _along(axes, read, labels, name, by)
        else:
            _in_groups(axes, read, labels, name, groups, found)
            axes.set_xlabel(by)
        if by == "none":
            axes.set_xticks([])
            axes.set_xlabel(_counted_sites([score.sizes["site"] for score in read]))
        axes.set_ylabel(f"{label_of(name)} of a site")
        axes.axhline(0, color=LIGHT, linewidth=0.8, zorder=0)
        head(axes, _title(read))
    return figure


def _in_groups(
    axes: Axes,
    scores: Sequence[xr.Dataset],
    labels: Sequence[str],
    measure: str,
    groups: Sequence[Sequence[str]],
    found: Sequence[str],
) -> None:
    """Draw the sites of every group, each score beside the others, with median and quartiles."""
    crosses, absent, width = [], 0, 0.8 / len(scores)
    for number, (score, group) in enumerate(zip(scores, groups, strict=True)):
        values, own = at_sites(score, measure), look(number)
        dots = {"color": own["color"], "markersize": many(), "alpha": 0.55, "markeredgewidth": 0}
        for place, value in enumerate(found):
            here = values[np.array(group) == value]
            middle = place + (number - (len(scores) - 1) / 2) * width
            finite = np.sort(here[np.isfinite(here)])
            spread = (np.arange(len(finite)) * 0.618034 % 1 - 0.5) * width * 0.6
            label = labels[number] if place == 0 and len(scores) > 1 else None
            axes.plot(middle + spread, finite, own["marker"], label=label, **dots)
            if len(finite):
                low, median, high = np.percentile(finite, (25, 50, 75))
                axes.plot([middle, middle], [low, high], color="black", linewidth=2.2, solid_capstyle="butt")
                axes.plot(middle, median, own["marker"], color="black", mfc="white")
            absent += len(here) - len(finite)
            crosses += [middle] * (len(here) > len(finite))
    axes.plot([], [], "o-", color="black", mfc="white", label="median, quartiles")
    mark_missing(axes, crosses, label=f"{MISSING} ({counted(absent, 'site')})")
    counts = [_counted_sites([list(group).count(value) for group in groups]) for value in found]
    name_ticks(axes, [f"{value} ({n})" for value, n in zip(found, counts, strict=True)])
    axes.set_xlim(*(-1, 1) if len(found) * len(scores) == 1 else (-0.6, len(found) - 0.4))


def _along(axes: Axes, scores: Sequence[xr.Dataset], labels: Sequence[str], measure: str, by: str) -> None:
    """Draw the sites against a coordinate that is a number."""
    absent, unplaced = [], []
    for number, (score, label) in enumerate(zip(scores, labels, strict=True)):
        x, y, own = np.asarray(score[by].values, float), at_sites(score, measure), look(number)
        dots = {"color": own["color"], "markersize": many(), "alpha": 0.7, "markeredgewidth": 0}
        both = np.isfinite(x) & np.isfinite(y)
        axes.plot(x[both], y[both], own["marker"], label=label if len(scores) > 1 else None, **dots)
        absent += x[np.isfinite(x) & ~np.isfinite(y)].tolist()
        unplaced += y[np.isfinite(y) & ~np.isfinite(x)].tolist()
    mark_missing(axes, absent, label=f"{MISSING} ({counted(len(absent), 'site')})")
    mark_missing(axes, unplaced, along="y", label=f"no {by} ({counted(len(unplaced), 'site')})")
    unit = scores[0][by].attrs.get("units") or scores[0][by].attrs.get("unit")
    axes.set_xlabel(f"{by} ({unit})" if unit else by)


def _counted_sites(counts: Sequence[int]) -> str:
    """Return the number of sites of each score, once where all have as many."""
    different = list(dict.fromkeys(counts))
    return "/".join(map(str, [*different[:-1], counted(different[-1], "site")])) if different else ""


def _title(scores: Sequence[xr.Dataset]) -> str:
    return ": ".join(filter(None, [name_of(scores[0]) if len(scores) == 1 else "", title_of(scores)]))


def _of_sites(score: xr.Dataset, coordinate: str) -> list[str]:
    """Return a coordinate of the sites of a score; empty where there is none of this name."""
    found = score.coords.get(coordinate)
    return [] if found is None or found.dims != ("site",) else [str(value) for value in found.values]


def scatter(
    a: Given,
    b: Given,
    *,
    measure: str = "",
    benchmark: Source | None = None,
    plugins: Plugins = (),
    ax: Axes | None = None,
    style: str = "default",
    size: Size | None = None,
) -> Figure:
    """Plot two models site by site, and mark the sites that differ significantly.

    A site differs where a permutation of the predicted images, or objects, between the two models is significant at a
    false discovery rate of 5 % over all sites (Benjamini & Hochberg), as in `itbench.compare`. This needs the recorded
    responses.

    Parameters
    ----------
    a, b : Dataset or path of a score file
        Of readouts on the same images, splits and sites; `a` is the y axis.
    measure, ax, style, size : optional
        As of `itbench.plot.sites`.
    benchmark : str, Path, Benchmark or Recordings, optional
        Where that of the scores is no registered one.
    plugins : sequence of str or Path, optional

    Raises
    ------
    BadScore
        If the two cannot be compared.
    """
    both = [one_score(given, measure, of_sites=True) for given in (a, b)]
    name, labels = site_measure(both), labels_of(both)
    refuse_unlike(both[0], both[1])
    responses = responses_of(both[0], benchmark_of_score(both[0], benchmark, plugins))
    differs = benjamini_hochberg(swap_predictions(both[0], both[1], responses, name).site_p, RATE)
    y, x = (at_sites(score, name) for score in both)
    known = np.isfinite(x) & np.isfinite(y)
    parts: list[tuple[str, NDArray[np.bool_], str, str, bool]] = [
        ("above", differs & known & (y > x), COLOURS[0], MARKERS[2], True),
        ("below", differs & known & (y < x), COLOURS[1], MARKERS[4], True),
        ("not told apart", known & ~differs, GREY, MARKERS[0], False),
    ]
    with drawing(ax, style, size, aspect=1.0 if style == "paper" else 0.8) as (figure, (axes,)):
        ends = (
            np.array([min(0.0, *x[known], *y[known]), max(0.0, *x[known], *y[known])])
            if known.any()
            else np.array([0.0, 1.0])
        )
        ends += np.array([-0.04, 0.04]) * np.ptp(ends)
        axes.plot(ends, ends, color=GREY, linewidth=0.8, zorder=0)
        for label, at, colour, marker, filled in parts:
            fill = colour if filled else "none"
            text = f"{label}: {counted(int(at.sum()), 'site')}"
            axes.plot(x[at], y[at], marker, color=colour, mfc=fill, markersize=many() * 1.2, alpha=0.8, label=text)
        absent = f"{MISSING} of one model"
        mark_missing(axes, x[np.isfinite(x) & ~np.isfinite(y)], label=absent)
        mark_missing(axes, y[np.isfinite(y) & ~np.isfinite(x)], along="y", label=absent)
        mark_missing(
            axes,
            np.full(int((~np.isfinite(x) & ~np.isfinite(y)).any()), ends[0]),
            label=f"{MISSING} ({counted(int((~known).sum()), 'site')})",
        )
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        names = [label.replace(":", ":\n") if len(label) > LONG else label for label in labels]
        axes.set_xlabel(f"{label_of(name)} of {names[1]}")
        axes.set_ylabel(f"{label_of(name)} of {names[0]}")
        head(axes, f"{title_of(both)}\npermutation, 5 % false discoveries")
    return figure


def ceiling(score: Given, *, ax: Axes | None = None, style: str = "default", size: Size | None = None) -> Figure:
    """Plot the noise ceilings of sites: their histogram, and EV against the ceiling of every site.

    Parameters
    ----------
    score : Dataset or path of a score file
        Of a readout.
    ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadScore
        If no site has a ceiling: it needs repetitions.
    """
    one = one_score(score, of_sites=True)
    limit = ceiling_of(one)
    if limit is None or not np.isfinite(limit).any():
        raise BadScore(
            f"The score of {name_of(one)} on {one.attrs['benchmark']} has no noise ceiling.",
            known="A ceiling needs two repetitions of every image at least.",
        )
    ev, known = at_sites(one, "explained_variance"), np.isfinite(limit)
    with drawing(ax, style, size, aspect=0.5, panels=2, stacked=True) as (figure, (left, right)):
        left.hist(limit[known], bins="auto", color=COLOURS[0], edgecolor="white", linewidth=0.5)
        median = float(np.median(limit[known]))
        left.axvline(median, color="black", linestyle="--", label=f"median {median:.3f}")
        left.set_xlabel("ceiling of a site (EV of a perfect model)")
        left.set_ylabel("sites")
        left.yaxis.set_major_locator(MaxNLocator(integer=True))
        absent = int((~known).sum())
        if absent:
            left.plot([], [], "x", color=GREY, label=f"no ceiling ({counted(absent, 'site')})")
        head(left)
        both = known & np.isfinite(ev)
        right.plot(limit[both], ev[both], "o", color=COLOURS[0], markersize=many(), alpha=0.7)
        ends = np.array([min(0.0, limit[known].min()), max(limit[known].max(), 0.0)])
        right.plot(ends, ends, color="black", linestyle="--", linewidth=1, label="EV = ceiling")
        mark_missing(right, limit[known & ~both], label="EV has no value")
        mark_missing(right, ev[np.isfinite(ev) & ~known], along="y", label="no ceiling")
        right.axhline(0, color=LIGHT, linewidth=0.8, zorder=0)
        right.set_xlabel("ceiling of a site")
        right.set_ylabel("EV of a site")
        head(right)
        entitle(figure, [left, right], _title([one]), ax is None)
    return figure


def penalties(score: Given, *, ax: Axes | None = None, style: str = "default", size: Size | None = None) -> Figure:
    """Plot the penalty of a readout at every site: the median over splits, and a line from the least to the largest.

    Penalties are those at the layer that each split chose, in the unit of the metric's option ``alphas``.

    Parameters
    ----------
    score : Dataset or path of a score file
        By a metric with a penalty, such as ridge.
    ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadScore
        If the score holds no penalty.
    """
    one = one_score(score)
    alpha = penalties_at_sites(one)
    if alpha is None or not (np.isfinite(alpha) & (alpha > 0)).any():
        raise BadScore(
            f"The score of {name_of(one)} by {one.attrs['metric']} holds no penalty of its sites.",
            known="ridge, for example, has one.",
        )
    names = site_names(one) or []
    with drawing(ax, style, size) as (figure, (axes,)):
        found = np.where((np.isfinite(alpha) & (alpha > 0)).all(axis=0), alpha, np.nan)
        low, median, high = (_over_splits(found, share) for share in (0.0, 0.5, 1.0))
        order = np.argsort(median, kind="stable")  # NaN comes last
        at = np.arange(len(order))
        axes.vlines(
            at,
            low[order],
            high[order],
            color=LIGHT,
            linewidth=1,
            label=f"least to largest of {counted(len(alpha), 'split')}",
        )
        axes.plot(at, median[order], "o", color=COLOURS[0], markersize=many(), label="median over splits")
        mark_missing(
            axes,
            at[~np.isfinite(median[order])],
            label=f"no penalty ({counted(int((~np.isfinite(median)).sum()), 'site')})",
        )
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"{len(names)} sites, by penalty")
        axes.set_ylabel("penalty α")
        head(axes, _title([one]))
    return figure


def _over_splits(values: Array, share: float) -> Array:
    whole = np.isfinite(values).all(axis=0)
    found = np.full(values.shape[1], np.nan)
    found[whole] = np.quantile(values[:, whole], share, axis=0)
    return found
