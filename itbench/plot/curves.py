"""Plots of curves: a measure by layer, over time windows, and the training history of a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from itbench.errors import BadScore
from itbench.plot.figure import (
    GREY,
    LIGHT,
    MISSING,
    Size,
    caps,
    characters,
    drawing,
    entitle,
    head,
    look,
    mark_missing,
    name_ticks,
)
from itbench.plot.recordings import Plugins, Source, trainings, window_of
from itbench.plot.scores import (
    RATIOS,
    Given,
    by_layer,
    headline,
    label_of,
    labels_of,
    one_score,
    read_scores,
    shared_measure,
    student,
)
from itbench.results.score_setup import name_of
from itbench.results.score_variables import SITE_MEASURES, ceiling_of, layer_names, model_layers, pooled
from itbench.util.arrays import Array
from itbench.util.tables import counted


def layers(
    *scores: Given, measure: str = "", ax: Axes | None = None, style: str = "default", size: Size | None = None
) -> Figure:
    """Plot a measure by layer, with intervals, the headline and the ceiling; several scores in one picture.

    Lines are the values of all layers on held-out images. The single mark with a bar is the headline, whose layer was
    chosen on training images; its bar is the score's 95 % interval. The ceiling is that of EV, the mean over the sites
    that are scored, with Student's interval over sites; of correlation, the mean of its square roots. Scores with other
    layers share a relative depth; one of a single layer is a horizontal line.

    Parameters
    ----------
    *scores : Dataset, path of a score file, or SeedScores
        By one measure.
    measure : str, optional
        Another measure than the headline, such as ``correlation`` or ``EV/ceiling``.
    ax : matplotlib Axes, optional
        To draw into; its figure is returned. By default a new figure is made.
    style : str
        ``default``, or ``paper``: 89 mm wide, all text of 7 points.
    size : (float, float), optional
        Width and height of a new figure, mm.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    BadScore
        If the scores have several measures.
    UnknownName
    """
    read = read_scores(scores, measure)
    name, labels, values = shared_measure(read), labels_of(read), [by_layer(score) for score in read]
    depth = _Depth.of(read)
    with drawing(ax, style, size) as (figure, (axes,)):
        missing: list[float] = []
        for number, (score, one, label) in enumerate(zip(read, values, labels, strict=True)):
            own, top, names = look(number), headline(score), model_layers(score)
            index = [one.layers.index(layer) for layer in names]
            value, low, high = (part[index] for part in (one.value, one.low, one.high))
            if len(names) == 1 and len(depth.layers) > 1:
                label += "" if np.isfinite(value[0]) else f" ({MISSING})"
                across = {**own, "linestyle": ":", "transform": axes.get_yaxis_transform(), "clip_on": False}
                axes.plot([0, 1], [value[0], value[0]], label=label, **across)  # marks at both sides of the axes
                continue
            at = depth.places(names)
            axes.plot(at, value, label=label, **own)
            axes.fill_between(at, low, high, color=own["color"], alpha=0.18, linewidth=0)
            missing += at[~np.isfinite(value)].tolist()
            x = at[names.index(top.layer)] if top.layer in names else depth.of_joint(top.layer, number, len(read))
            bar = {"fmt": own["marker"], "color": own["color"], "mfc": "white", "zorder": 4, **caps()}
            axes.errorbar(x, top.value, np.abs([[top.low - top.value], [top.high - top.value]]), **bar)
        _ceilings(axes, read, labels, name)
        for over in sorted({one.over for one in values if np.isfinite(one.low).any()}):
            axes.fill_between([], [], color=GREY, alpha=0.3, linewidth=0, label=f"95 % over {over}")
        for drawn in sorted({f", 95 % over {top.drawn}" * bool(top.drawn) for top in map(headline, read)}):
            axes.errorbar([], [], [], fmt="o", color=GREY, mfc="white", label=f"headline{drawn}", **caps())
        mark_missing(axes, missing)
        if depth.same:
            name_ticks(axes, [*depth.layers, *depth.joint], room=characters(style, size))
        axes.set_xlabel("layer" if depth.same else "relative depth (0: first layer scored, 1: last)")
        axes.set_ylabel(f"{label_of(name)}{', mean over sites' if name in SITE_MEASURES else ''}")
        axes.axhline(0, color=LIGHT, linewidth=0.8, zorder=0)
        head(axes, title_of(read))
    return figure


class _Depth(NamedTuple):
    """Places along the axis of layers: their number where all scores have the same ones, else their relative depth."""

    layers: list[str]
    joint: list[str]
    same: bool

    @classmethod
    def of(cls, scores: Sequence[xr.Dataset]) -> _Depth:
        own = [model_layers(score) for score in scores]
        every = [layer for score in scores for layer in layer_names(score)]
        joint = [layer for layer in dict.fromkeys(every) if not any(layer in names for names in own)]
        several = [names for names in own if len(names) > 1]
        if not several:  # as many places as there are names
            return cls(list(dict.fromkeys(every)), [], True)
        return cls(several[0], joint, all(names == several[0] for names in several))

    def places(self, names: Sequence[str]) -> Array:
        if self.same:
            return np.array([self.layers.index(layer) for layer in names], float)
        return np.linspace(0, 1, len(names))

    def of_joint(self, layer: str, number: int, n_scores: int) -> float:
        """Return the place, beyond all layers, of a readout that reads them together; no two scores have the same."""
        beside = 0.12 * (number - (n_scores - 1) / 2)
        first = len(self.layers) if self.same else 1.08
        return first + (self.joint.index(layer) + beside) * (1.0 if self.same else 0.08)


def _ceilings(axes: Axes, scores: Sequence[xr.Dataset], labels: Sequence[str], measure: str) -> None:
    """Draw the ceiling of EV, its root for correlation, and 1 of a ratio to the ceiling; equal ones once."""
    found: list[tuple[tuple[float, float, float], str, str]] = []
    for score, label in zip(scores, labels, strict=True):
        ceiling, rooted, lacking = ceiling_of(score), measure == "correlation", 0
        if measure in RATIOS:
            one = (1.0, np.nan, np.nan)
        elif measure in SITE_MEASURES and ceiling is not None:
            scored = np.isfinite(pooled(score, measure, chosen=True).values) & np.isfinite(ceiling)
            limit = np.where(scored & ((ceiling >= 0) | (not rooted)), ceiling, np.nan)
            lacking = int(scored.sum() - np.isfinite(limit).sum())
            one = student(np.sqrt(limit) if rooted else limit)
        else:
            continue
        without = f" (none at {counted(lacking, 'site')} below 0)" if lacking else ""
        name = f"ceiling √reliability{without}" if rooted else "ceiling"
        if np.isfinite(one[0]) and not any(np.allclose(one, other, equal_nan=True) for other, *_ in found):
            found.append((one, name, label))
    for number, ((mean, low, high), name, label) in enumerate(found):
        of, line = f" of {label}" if len(found) > 1 else "", ("--", ":", "-.")[number % 3]
        axes.axhline(mean, color="black", linestyle=line, linewidth=1, label=f"{name}{of}")
        if np.isfinite(low):
            axes.axhspan(low, high, color=LIGHT, alpha=0.6, linewidth=0, zorder=0)


def title_of(scores: Sequence[xr.Dataset]) -> str:
    """Return the title of a plot: what all scores share of benchmark and metric."""
    shared = [{str(score.attrs[key]) for score in scores} for key in ("benchmark", "metric")]
    return ", ".join(found.pop() for found in shared if len(found) == 1)


def time(
    *scores: Given,
    measure: str = "",
    benchmark: Source | None = None,
    plugins: Plugins = (),
    ax: Axes | None = None,
    style: str = "default",
    size: Size | None = None,
) -> Figure:
    """Plot a measure over time: headlines of scores on benchmarks with other time windows, at their middle.

    Parameters
    ----------
    *scores : Dataset, path of a score file, or SeedScores
        Of one or several models, each on benchmarks whose ``window`` differs. A horizontal bar is the window, a
        vertical one the 95 % interval.
    measure, ax, style, size : optional
        As of `itbench.plot.layers`.
    benchmark : str, Path, Benchmark or Recordings, optional
        Where that of the scores is no registered one.
    plugins : sequence of str or Path, optional

    Raises
    ------
    BadScore
        If the scores have one window alone, or two of a model have the same.
    """
    read = read_scores(scores, measure)
    name = shared_measure(read)
    windows = [window_of(score, benchmark, plugins) for score in read]
    if len(set(windows)) < 2:
        start, end = windows[0]
        raise BadScore(
            f"All {len(read)} scores are of one time window, {start:g} to {end:g} ms.",
            known="A plot over time needs scores of one model on benchmarks with different windows.",
            todo="Pack the responses of each window, name it in a benchmark (window: [70, 90]), and score on each.",
        )
    series = labels_of([score.assign_attrs(benchmark="") for score in read])
    series = [label.split(" · ")[0] for label in series]
    order = sorted(range(len(read)), key=lambda i: (list(dict.fromkeys(series)).index(series[i]), windows[i]))
    with drawing(ax, style, size) as (figure, (axes,)):
        for number, (label, group) in enumerate(groupby(order, key=lambda i: series[i])):
            rows = list(group)
            if len({windows[i] for i in rows}) < len(rows):
                raise BadScore(f"Two scores of {label} have the same time window.", todo="Name one for each window.")
            tops = [headline(read[i]) for i in rows]
            middle = np.array([sum(windows[i]) / 2 for i in rows])
            half = np.array([(windows[i][1] - windows[i][0]) / 2 for i in rows])
            value, low, high = (np.array([getattr(top, part) for top in tops]) for part in ("value", "low", "high"))
            error = np.nan_to_num(np.stack([value - low, high - value]), nan=0.0)
            axes.errorbar(middle, value, error, half, label=label, **caps(), **look(number))
            mark_missing(axes, middle[~np.isfinite(value)])
        axes.set_xlabel("time after stimulus onset (ms)")
        axes.set_ylabel(label_of(name))
        axes.axhline(0, color=LIGHT, linewidth=0.8, zorder=0)
        drawn = {top for score in read if (top := headline(score).drawn)}
        head(axes, f"bars: window, 95 % over {drawn.pop()}" if len(drawn) == 1 else "bars: window, 95 % interval")
    return figure


LOSSES = {"loss": "training loss", "inner_loss": "validation loss"}
SCORES = {"explained_variance": "inner EV", "correlation": "inner correlation", "accuracy": "inner accuracy"}


def training(score: Given, *, ax: Axes | None = None, style: str = "default", size: Size | None = None) -> Figure:
    """Plot the training history of a trained model: loss and validation score by epoch, one line a split.

    The open mark is the best epoch, whose weights were kept. Validation images are training images of the split that
    were held back; the score's headline is of others.

    Parameters
    ----------
    score : Dataset or path of a score file
    ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadScore
        If the score is of no trained model, or its trained weights, which hold the history, are not there any more.
    """
    one = one_score(score)
    found = trainings(one)
    held = {key for each in found.values() for epoch in each.epochs for key in epoch}
    measured = next((key for key in SCORES if key in held), "")
    with drawing(ax, style, size, aspect=0.5, panels=2 if measured else 1, stacked=True) as (figure, axes):
        shown = [(axes[0], "loss", "-"), (axes[0], "inner_loss", "--")]
        for number, (split, (epochs, best)) in enumerate(found.items()):
            own, at = look(number), [epoch["epoch"] for epoch in epochs]
            for panel, key, line in [*shown, *([(axes[1], measured, own["linestyle"])] if measured else [])]:
                values = [epoch.get(key, np.nan) for epoch in epochs]
                label = split if key == measured else None
                panel.plot(at, values, color=own["color"], linestyle=line, label=label)
                if key in (measured or "loss",):
                    panel.plot(best, values[at.index(best)], own["marker"], color=own["color"], mfc="white")
        for panel, key, line in shown:
            if key in held:
                panel.plot([], [], color=GREY, linestyle=line, label=LOSSES[key])
        for panel, label in zip(axes, ("loss", SCORES.get(measured, "")), strict=False):
            panel.set_xlabel("epoch")
            panel.set_ylabel(label)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[-1].plot([], [], "o", color=GREY, mfc="white", label="best epoch")
        head(axes[0])
        if measured:
            head(axes[1], side=True)
        entitle(figure, axes, f"{name_of(one)}, {one.attrs['benchmark']}", ax is None)
    return figure
