"""Plots of leaderboards: models with intervals and ranks, and models × benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from itbench.errors import BadScore
from itbench.plot.curves import title_of
from itbench.plot.figure import (
    COLOURS,
    GREY,
    LIGHT,
    MISSING,
    VALUES,
    Size,
    balanced,
    caps,
    characters,
    drawing,
    head,
    in_characters,
    mark_missing,
    style_of,
)
from itbench.plot.scores import Given, label_of, read_scores
from itbench.results.leaderboard import rank_scores
from itbench.results.score_variables import drawn_text, measure_of
from itbench.util.tables import counted

MOST_COLUMNS = 6  # benchmarks side by side, if there are fewer models
POINT = 25.4 / 72  # mm
Row = Mapping[str, Any]
NOT_RUN, LEFT_OUT = "not run", "not comparable"
HATCHES = {NOT_RUN: "////", MISSING: "....", LEFT_OUT: "\\\\\\\\"}  # of cells without a value
UNRANKED = "not comparable, not ranked"
KINDS = {  # of a row: mark, colour and filling
    "ranked": ("o", COLOURS[0], COLOURS[0]),
    "baseline, not ranked": ("s", "black", "white"),
    UNRANKED: ("^", GREY, "white"),
}


def models(
    *scores: Given, measure: str = "", ax: Axes | None = None, style: str = "default", size: Size | None = None
) -> Figure:
    """Plot models as dots with 95 % intervals, and their ranks at the right, as a leaderboard has them.

    Models that the data cannot tell apart share a rank such as 2–3; scores that differ in their seed alone are one dot.
    Baselines, and scores that are not comparable with most (of another setup, or by earlier rules), have no rank.

    Parameters
    ----------
    *scores : Dataset, path of a score file, or SeedScores
        On one benchmark, by one metric.
    measure, ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadScore
        If the scores are of several benchmarks or metrics.
    """
    read = read_scores(scores, measure)
    rows = rank_scores(read)
    tables = list(dict.fromkeys(f"{row['benchmark']} by {row['table']}" for row in rows))
    if len(tables) > 1:
        raise BadScore(
            f"A ranking is of one benchmark and metric; these scores are of {len(tables)}: {', '.join(tables)}.",
            todo="Choose some by --benchmark and --metric, or plot them all with heatmap.",
        )
    names = [_name(row, rows) for row in rows]
    height = _height([name.count("\n") + 1 for name in names], style)
    with drawing(ax, style, size, aspect=height / style_of(style).width) as (figure, (axes,)):
        missing = []
        for kind, (marker, colour, filling) in KINDS.items():
            here = [i for i, row in enumerate(rows) if _kind(row) == kind]
            known = [i for i in here if rows[i]["value"] is not None]
            missing += [i for i in here if i not in known]
            value = np.array([rows[i]["value"] for i in known], float)
            ends = np.array([[rows[i]["low"], rows[i]["high"]] for i in known], float).reshape(-1, 2)
            error = np.nan_to_num(np.abs(ends.T - value), nan=0.0)
            if known:
                label = kind if len({_kind(row) for row in rows}) > 1 else None
                axes.errorbar(value, known, xerr=error, fmt=marker, color=colour, mfc=filling, label=label, **caps())
        mark_missing(axes, missing, along="y")
        for i, row in enumerate(rows):
            axes.axhline(i, color=LIGHT, linewidth=0.5, zorder=0)
            if row["rank"]:
                axes.text(1.02, i, row["rank"], transform=axes.get_yaxis_transform(), va="center")
        axes.text(1.02, 1, "rank", transform=axes.transAxes, va="bottom", color=GREY)
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", left=False)
        axes.spines["left"].set_visible(False)
        for text, row in zip(axes.get_yticklabels(), rows, strict=True):
            text.set_fontstyle("italic" if row["baseline"] else "normal")
        axes.axvline(0, color=LIGHT, linewidth=0.8, zorder=0)
        axes.set_xlabel(f"{label_of(measure_of(read[0]))}{_interval(read)}")
        head(axes, title_of(read))
    return figure


def _interval(scores: Sequence[xr.Dataset]) -> str:
    drawn = {text for score in scores if (text := drawn_text(score))}
    return f" (95 % over {drawn.pop()})" if len(drawn) == 1 else " (95 % interval)" if drawn else ""


def _kind(row: Row) -> str:
    return "ranked" if row["rank"] else "baseline, not ranked" if row["baseline"] else UNRANKED


def _name(row: Row, rows: Sequence[Row]) -> str:
    """Return model and weights of a row; the weights if they say something, on a line of their own if they are long."""
    others = {other["weights"] for other in rows if other["model"] == row["model"]}
    model, weights = str(row["model"]), str(row["weights"])
    if weights == "none" or (weights == "pretrained" and len(others) == 1):
        return model
    return f"{model}\n{weights}" if len(model) + len(weights) > 24 else f"{model}, {weights}"


def _height(lines: Sequence[int], style: str) -> float:
    """Return the height of a figure with rows of some lines of text, mm."""
    points = style_of(style).points
    return (1.35 * max(lines, default=1) + 0.6) * len(lines) * points * POINT + 8.5 * points * POINT


def heatmap(
    *scores: Given, measure: str = "", ax: Axes | None = None, style: str = "default", size: Size | None = None
) -> Figure:
    """Plot models × benchmarks as a table of coloured values, with patterns in cells that have none.

    A cell that was not run is hatched, one of no value dotted, one of a score that is left out hatched the other way.
    Colours are those of the values; where columns have several measures, of their share of the largest value of the
    column. Models stand by their mean place in the columns. Scores that are not comparable with most, of another setup
    or by earlier rules, are left out, which the title says; scores that differ in their seed alone are one.

    Parameters
    ----------
    *scores : Dataset, path of a score file, or SeedScores
    measure, ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadScore
        If several scores belong into one cell.
    """
    every = rank_scores(read_scores(scores, measure))
    rows = [row for row in every if row["value"] is None or _kind(row) != UNRANKED]
    if not rows:
        notes = list(dict.fromkeys(str(row["note"]) for row in every))
        raise BadScore(f"None of {counted(len(every), 'score')} can be compared.", known=f"{'; '.join(notes)}.")
    columns = list(dict.fromkeys((row["benchmark"], row["table"]) for row in rows))
    shown = list(dict.fromkeys((row["model"], row["weights"]) for row in rows))
    values = np.full((len(shown), len(columns)), np.nan)
    state = np.full(values.shape, NOT_RUN, object)
    for row in rows:
        cell = shown.index((row["model"], row["weights"])), columns.index((row["benchmark"], row["table"]))
        if state[cell] != NOT_RUN:
            raise BadScore(
                f"Several scores of {row['model']}:{row['weights']} on {row['benchmark']} by {row['table']}.",
                todo="Name the files of those to plot.",
            )
        state[cell] = MISSING if row["value"] is None else ""
        values[cell] = np.nan if row["value"] is None else row["value"]
    for row in every:
        model, column = (row["model"], row["weights"]), (row["benchmark"], row["table"])
        if row not in rows and model in shown and column in columns:
            cell = shown.index(model), columns.index(column)
            state[cell] = LEFT_OUT if state[cell] == NOT_RUN else state[cell]
    order = sorted(range(len(shown)), key=lambda i: (-_mean_place(values)[i], shown[i]))
    values, state, shown = values[order], state[order], [shown[i] for i in order]
    first = {(row["model"], row["weights"]): row for row in rows}
    names = [_name(first[key], rows) for key in shown]
    measures = {(row["benchmark"], row["table"]): row["measure"] for row in rows if row["measure"]}
    one_measure = len(set(measures.values())) == 1
    largest = np.nanmax(np.where(np.isfinite(values), values, -np.inf), axis=0)
    colours = values if one_measure else values / np.where(largest > 0, largest, np.inf)
    italic = [bool(first[key]["baseline"]) for key in shown]
    heads = [_column(column, columns, "" if one_measure else label_of(measures.get(column, ""))) for column in columns]
    if turned := len(columns) > max(len(shown), MOST_COLUMNS):  # models side by side then
        values, state, colours, names, heads = values.T, state.T, colours.T, heads, names
    longest = max(len(line) for name in names for line in name.split("\n"))
    room = (1.2 * characters(style, size) - 0.9 * longest - 10) / len(heads)
    slanted = max(len(line) for text in heads for line in text.split("\n")) + 1 > room
    below = max(map(len, heads)) // 4 if slanted else 1
    points = style_of(style).points
    height = _height([*(name.count("\n") + 1 for name in names)], style) + below * points * POINT
    with drawing(ax, style, size, aspect=height / style_of(style).width) as (figure, (axes,)):
        norm = Normalize(0, max(float(np.max(colours[np.isfinite(colours)], initial=0)), 1e-9))
        image = axes.imshow(np.ma.masked_invalid(colours), VALUES, norm, aspect="auto")
        blank: dict[str, Any] = {"facecolor": "white", "edgecolor": GREY, "linewidth": 0}
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                red, green, blue, _ = colormaps[VALUES](norm(colours[i, j]))
                dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
                text = f"{value:.3f}" if room > 6.5 else f"{value:.2f}" if room > 5.5 else ""
                axes.text(j, i, text.replace("-", "−"), ha="center", va="center", color="white" if dark else "black")
            else:
                axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, hatch=HATCHES[str(state[i, j])], **blank))
        axes.set_yticks(range(len(names)), names)
        axes.set_xticks(range(len(heads)), heads)
        for tick in axes.get_xticklabels() if slanted else ():
            tick.set(rotation=30, ha="right", rotation_mode="anchor")
        for tick, is_italic in zip(axes.get_xticklabels() if turned else axes.get_yticklabels(), italic, strict=True):
            tick.set_fontstyle("italic" if is_italic else "normal")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        label = label_of(next(iter(measures.values()))) if one_measure else "share of the largest in its column"
        label = label.replace("column", "row") if turned else label
        below_0 = bool((colours[np.isfinite(colours)] < 0).any())
        bar = figure.colorbar(image, ax=axes, pad=0.02, aspect=25, extend="min" if below_0 else "neither")
        along = (size or (0, height))[1] - below * points * POINT - 4 * points * POINT  # mm beside the cells
        bar.set_label(balanced(label, max(8, int(in_characters(along / 25.4)))))
        left_out = len(every) - len(rows)
        title = f"{counted(left_out, 'score')} left out: not comparable" if left_out else ""
        for name, hatch in HATCHES.items():
            if (state == name).any():
                axes.fill_between([], [], **{**blank, "linewidth": 0.6}, hatch=hatch, label=name)
        head(axes, title, room=room * len(heads))
    return figure


def _mean_place(values: Any) -> Any:
    """Return the mean over columns of the share of models that a model is not behind; models are rows."""
    with np.errstate(invalid="ignore"):
        at_least = (values[:, None] >= values[None]).astype(float)
    known = np.isfinite(values)
    both = known[:, None] & known[None]
    count = both.sum(axis=1)
    place = np.where(both, at_least, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(known, place, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _column(column: tuple[str, str], columns: Sequence[tuple[str, str]], measure: str) -> str:
    """Return the name of a column: benchmark, metric where there are several, and measure where there are several."""
    below = [column[1]] if len({one[1] for one in columns}) > 1 else []
    below += [measure] if measure and measure != column[1] else []
    return "\n".join([column[0], *([", ".join(below)] if below else [])])
