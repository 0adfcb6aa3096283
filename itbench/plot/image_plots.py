"""Plots of images: the best and worst predicted ones of a site, and a montage of a benchmark's stimuli."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from itbench.api.sources import named_benchmark
from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption, BadScore, UnknownName
from itbench.plot.figure import COLOURS, GREY, Size, drawing, entitle, head, many
from itbench.plot.recordings import Plugins, Source, groups_of, recordings_of_score, thumbnails
from itbench.plot.scores import Given, at_sites, one_score
from itbench.plugins import load_plugins
from itbench.results.score_command import score_command
from itbench.results.score_setup import name_of
from itbench.results.score_variables import has_predictions, held_out_rows, site_names
from itbench.results.score_variables import predictions as predicted_responses
from itbench.util.arrays import Array

MOST_ROWS = 24  # of a montage: categories
SHOWN = 4  # images predicted best, and as many predicted worst


def predictions(
    score: Given,
    *,
    site: str = "",
    benchmark: Source | None = None,
    plugins: Plugins = (),
    ax: Axes | None = None,
    style: str = "default",
    size: Size | None = None,
) -> Figure:
    """Plot predicted against recorded responses of one site to held-out images, with the best and worst predicted ones.

    Parameters
    ----------
    score : Dataset or path of a score file
        Of a readout.
    site : str, optional
        By default the site of the median EV.
    benchmark : str, Path, Benchmark or Recordings, optional
        Where that of the score is no registered one.
    plugins : sequence of str or Path, optional
    ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadScore
        If the score holds no predictions.
    BadRecordings
        If the recordings are not those of the score.
    UnknownName
    """
    one = one_score(score, of_sites=True)
    rows = held_out_rows(one)
    if not has_predictions(one) or rows is None:
        raise BadScore(
            f"The score of {name_of(one)} holds no predictions.", todo=f"Make it again: {score_command(one)}"
        )
    names, ev = site_names(one) or [], at_sites(one, "explained_variance")
    number = _median_site(ev, name_of(one)) if not site else names.index(site) if site in names else -1
    if number < 0:
        raise UnknownName.of("site", site, names)
    recordings = recordings_of_score(one, benchmark, plugins)
    stimulus, predicted = _means_by_stimulus(rows[0], predicted_responses(one)[:, number])
    recorded = mean_over_repetitions(recordings.require_responses())[stimulus, number]
    known = np.flatnonzero(np.isfinite(predicted) & np.isfinite(recorded))
    if not len(known):
        raise BadScore(f"The site {names[number]} of {name_of(one)} is not scored.", todo="Name another: --site SITE")
    order = known[np.argsort(np.abs(predicted - recorded)[known], kind="stable")]
    best, worst = order[:SHOWN], order[::-1][: min(SHOWN, max(0, len(order) - SHOWN))]
    with drawing(ax, style, size, aspect=0.55, panels=2, widths=(1, 0.42)) as (figure, (left, right)):
        left.plot(
            predicted[known], recorded[known], "o", color=GREY, markersize=many() * 0.7, alpha=0.5, markeredgewidth=0
        )
        ends = [min(predicted[known].min(), recorded[known].min()), max(predicted[known].max(), recorded[known].max())]
        left.plot(ends, ends, color="black", linewidth=0.8, linestyle="--", zorder=0)
        for label, at, colour, marker in (
            ("best predicted", best, COLOURS[0], "^"),
            ("worst predicted", worst, COLOURS[1], "v"),
        ):
            left.plot(predicted[at], recorded[at], marker, color=colour, label=label)
        left.set_xlabel("predicted response")
        several = ", means over splits" if len(stimulus) < len(rows[0]) else ""
        left.set_ylabel("recorded response")
        head(left)
        for column, (at, colour) in enumerate(((best, COLOURS[0]), (worst, COLOURS[1]))):
            _frames(right, thumbnails(recordings.stimuli, stimulus[at]), column, colour)
        right.set(xlim=(-0.05, 2.15), ylim=(SHOWN * 1.08, -0.3), aspect="equal")
        right.set_axis_off()
        place = names[number] if names[number].startswith("site") else f"site {names[number]}"
        title = f"{name_of(one)}, {one.attrs['benchmark']}, {place}, EV {ev[number]:.3f}{several}"
        entitle(figure, [left, right], title, ax is None)
    return figure


def _median_site(ev: Array, name: str) -> int:
    finite = np.flatnonzero(np.isfinite(ev))
    if not len(finite):
        raise BadScore(f"No site of {name} is scored.")
    return int(finite[np.argsort(ev[finite], kind="stable")[(len(finite) - 1) // 2]])


def _means_by_stimulus(stimulus: NDArray[np.integer], values: Array) -> tuple[NDArray[np.integer], Array]:
    """Return every stimulus once, with the mean of its values over the splits that test it."""
    each, index = np.unique(stimulus, return_inverse=True)
    return each, np.bincount(index, values) / np.bincount(index)


def _frames(axes: Axes, images: list[NDArray[np.uint8]], column: int, colour: str) -> None:
    """Draw images below one another, each in a frame of one colour, under the word for their column."""
    x = column * 1.12
    if images:
        axes.text(x + 0.5, -0.06, ("best", "worst")[column], ha="center", va="bottom", color=colour)
    for row, image in enumerate(images):
        y, (height, width) = row * 1.08, image.shape[:2]
        w, h = width / max(height, width), height / max(height, width)
        axes.imshow(image, extent=(x, x + w, y + h, y), zorder=1)
        axes.plot([x, x + w, x + w, x, x], [y, y, y + h, y + h, y], color=colour, clip_on=False)


def montage(
    source: Given | Source,
    *,
    n: int = 48,
    by: str = "",
    benchmark: Source | None = None,
    plugins: Plugins = (),
    ax: Axes | None = None,
    style: str = "default",
    size: Size | None = None,
) -> Figure:
    """Plot images of a benchmark, a row or more for each category.

    Parameters
    ----------
    source : Dataset, path of a score file, name or path of a benchmark, Benchmark, or Recordings
        Of a score, the benchmark that it is on.
    n : int
        Number of images: the same of each category, spread over its images.
    by : str, optional
        Stimulus coordinate; by default the category or object.
    benchmark : str, Path, Benchmark or Recordings, optional
        Of a score, where it is no registered one.
    plugins : sequence of str or Path, optional
    ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadOption
        If n is below 1.
    """
    if n < 1:
        raise BadOption(f"A montage of {n} images.", known="At least 1 is needed.")
    stimuli, title = _stimuli(source, benchmark, plugins)
    name, values = groups_of(stimuli, by, min(n, MOST_ROWS))
    kinds = list(dict.fromkeys(values)) or [""]
    each = max(1, n // len(kinds))
    rows = [_spread(np.flatnonzero([value == kind for value in values or [""] * len(stimuli)]), each) for kind in kinds]
    columns = min(max(map(len, rows)), 12)
    lines = [
        (kind, part)
        for kind, own in zip(kinds, rows, strict=True)
        for part in np.array_split(own, max(1, int(np.ceil(len(own) / columns))))
    ]
    with drawing(ax, style, size, aspect=0.95 * len(lines) / (columns + 1.5) + 0.08) as (figure, (axes,)):
        for line, (kind, part) in enumerate(lines):
            for column, image in enumerate(thumbnails(stimuli, part)):
                height, width = image.shape[:2]
                w, h = width / max(height, width), height / max(height, width)
                axes.imshow(image, extent=(column * 1.05, column * 1.05 + w, line * 1.05 + h, line * 1.05))
            if line == 0 or lines[line - 1][0] != kind:
                axes.text(-0.12, line * 1.05 + 0.5, kind, ha="right", va="center")
        axes.set(xlim=(0, columns * 1.05), ylim=(len(lines) * 1.05, 0), aspect="equal")
        axes.set_axis_off()
        shown = sum(map(len, rows))
        axes.set_title(f"{title}: {shown} of {len(stimuli)} images{f', by {name}' if name else ''}")
    return figure


def _stimuli(source: Given | Source, benchmark: Source | None, plugins: Plugins) -> tuple[StimulusSet, str]:
    if isinstance(source, Benchmark | Recordings) or (isinstance(source, str) and not source.endswith(".nc")):
        bench = named_benchmark(load_plugins(plugins), source)
        return bench.load().stimuli, bench.name
    one = one_score(source)
    return recordings_of_score(one, benchmark, plugins).stimuli, str(one.attrs["benchmark"])


def _spread(rows: NDArray[np.integer], n: int) -> NDArray[np.integer]:
    """Return n of the rows, or all, spread evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(n, len(rows))).round().astype(int)]
