"""Plots of geometry: RDMs of images in a layer and in the brain, and multidimensional scaling of the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from itbench.extraction.gram_cache import GramCache
from itbench.metrics.neural_data import centred_from_distances
from itbench.plot.figure import COLOURS, Size, characters, drawing, entitle, look, many
from itbench.plot.recordings import MOST_GROUPS, Plugins, Source, groups_of, rdms_of_score, recordings_of_score
from itbench.plot.scores import Given, one_score
from itbench.results.score_setup import name_of
from itbench.util.arrays import Array


def rdms(
    score: Given,
    *,
    layer: str = "",
    distance: str = "",
    by: str = "",
    benchmark: Source | None = None,
    plugins: Plugins = (),
    cache: str | Path | None = None,
    ax: Axes | None = None,
    style: str = "default",
    size: Size | None = None,
) -> Figure:
    """Plot the representational dissimilarity matrices (RDMs) of a layer and of the brain, side by side.

    Colours are percentiles of the dissimilarities of each matrix, so that two scales can be compared. Images are
    ordered by category.

    Parameters
    ----------
    score : Dataset or path of a score file
        Of a model with fixed weights, by any metric, whose Grams are cached.
    layer : str, optional
        By default the one that was chosen most often.
    distance : str, optional
        As of the metric rsa; by default that of the score's metric, or ``correlation``.
    by : str, optional
        Stimulus coordinate that orders the images; by default the category or object.
    benchmark : str, Path, Benchmark or Recordings, optional
        Where that of the score is no registered one.
    plugins : sequence of str or Path, optional
    cache : str or Path, optional
        Folder of the Gram cache.
    ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadScore
        If the Gram of the layer is not cached.
    BadRecordings
        If the recordings are not those of the score.
    """
    one = one_score(score)
    recordings = recordings_of_score(one, benchmark, plugins)
    layer, distance, model, brain = rdms_of_score(
        one, layer, distance, recordings, GramCache(None if cache is None else Path(cache))
    )
    name, values = groups_of(recordings.stimuli, by)
    order = np.argsort(values, kind="stable") if values else np.arange(len(model))
    with drawing(ax, style, size, aspect=0.5, panels=2) as (figure, panels):
        titles, heading = (layer, str(one.attrs.get("region") or "brain")), _heading(one, distance, len(model), name)
        for panel, rdm, title in zip(panels, (model, brain), titles, strict=True):
            image = panel.imshow(_percentiles(rdm)[np.ix_(order, order)], vmin=0, vmax=100, interpolation="none")
            panel.set_title(title)
            _name_groups(panel, sorted(values), len(model), named=panel is panels[0])
        entitle(figure, panels, f"{heading}{'' if ax is None else f', {layer}'}", ax is None)
        figure.colorbar(image, ax=panels, label="percentile of distances", shrink=0.8, pad=0.02)
    return figure


def _heading(score: xr.Dataset, distance: str, n: int, by: str) -> str:
    images = f"{n} images{f' by {by}' if by else ''}"
    return f"{name_of(score)}, {score.attrs['benchmark']}, {distance} distance, {images}"


def _percentiles(rdm: Array) -> Array:
    """Return the percentile of every dissimilarity among those of pairs of images; NaN on the diagonal."""
    upper = np.triu_indices(len(rdm), 1)
    values = rdm[upper]
    ranks = (stats.rankdata(values) - 1) / max(len(values) - 1, 1) * 100
    found = np.full(rdm.shape, np.nan)
    found[upper] = ranks
    found.T[upper] = ranks
    return found


def _name_groups(axes: Axes, ordered: list[str], n: int, *, named: bool) -> None:
    """Draw lines between groups of images, and name them along the y axis."""
    axes.set_xticks([])
    axes.set_yticks([])
    names = list(dict.fromkeys(ordered))
    if not names or len(names) > 2 * MOST_GROUPS:
        return
    starts = np.array([ordered.index(name) for name in names] + [n])
    if named:
        axes.set_yticks((starts[:-1] + starts[1:] - 1) / 2, names)
        axes.tick_params(axis="y", length=0)
    for start in starts[1:-1]:
        axes.axhline(start - 0.5, color="white", linewidth=0.5)
        axes.axvline(start - 0.5, color="white", linewidth=0.5)


def mds(
    score: Given,
    *,
    layer: str = "",
    distance: str = "",
    by: str = "",
    benchmark: Source | None = None,
    plugins: Plugins = (),
    cache: str | Path | None = None,
    ax: Axes | None = None,
    style: str = "default",
    size: Size | None = None,
) -> Figure:
    """Plot images in two dimensions by their dissimilarities in a layer and in the brain, coloured by category.

    Classical multidimensional scaling (Torgerson 1952): the first two principal axes of −½ H D H, D the squared
    Euclidean distances that `itbench.plot.rdms` shows; axes say their share of the variance. The axes of the layer are
    turned to fit those of the brain (orthogonal Procrustes), which changes no distance.

    Parameters
    ----------
    score, layer, distance, benchmark, plugins, cache
        As of `itbench.plot.rdms`.
    by : str, optional
        Stimulus coordinate that colours the images; by default the category or object.
    ax, style, size : optional
        As of `itbench.plot.layers`.

    Raises
    ------
    BadScore, BadRecordings
        As of `itbench.plot.rdms`.
    """
    one = one_score(score)
    recordings = recordings_of_score(one, benchmark, plugins)
    layer, distance, model, brain = rdms_of_score(
        one, layer, distance, recordings, GramCache(None if cache is None else Path(cache))
    )
    (places, shares), (others, brain_shares) = scaled(model), scaled(brain)
    left, _, right = np.linalg.svd(places.T @ others)
    name, values = groups_of(recordings.stimuli, by, MOST_GROUPS)
    kinds = sorted(set(values)) or [""]
    with drawing(ax, style, size, aspect=0.85 if style == "paper" else 0.74, panels=2) as (figure, panels):
        titles, heading = (layer, str(one.attrs.get("region") or "brain")), _heading(one, distance, len(model), name)
        drawn = zip(panels, (places @ (left @ right), others), (shares, brain_shares), titles, strict=True)
        for panel, at, share, title in drawn:
            size_of_dot = many() * min(1.0, float(np.sqrt(300 / len(at))))
            for number, kind in enumerate(kinds):
                rows = np.array([value == kind for value in values or [""] * len(at)])
                panel.plot(
                    *at[rows].T, label=kind or None, markersize=size_of_dot, alpha=0.8, **mark(number, size_of_dot)
                )
            reach = 1.06 * float(np.abs(at).max())
            panel.set(xticks=[], yticks=[], xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
            panel.spines[:].set_visible(True)
            panel.set_title(title)
            panel.set_xlabel(f"{100 * share:.0f} % of the variance")
        entitle(figure, panels, f"{heading}{'' if ax is None else f', {layer}'}", ax is None)
        if values:
            handles, labels = panels[0].get_legend_handles_labels()
            columns = max(1, characters(style, size) // (max(map(len, labels)) + 4))
            figure.legend(
                handles, labels, title=name, loc="outside lower center", ncols=min(columns, 6), markerscale=1.5
            )
    return figure


def mark(number: int, size: float) -> dict[str, Any]:
    """Return marker, colour and filling of the dots of a category, open where another has the colour already."""
    own, again = look(number), number >= len(COLOURS)
    filling = {"mfc": "none", "markeredgewidth": 0.2 * size} if again else {"mfc": own["color"], "markeredgewidth": 0}
    return {"marker": own["marker"], "color": own["color"], "linestyle": "none", **filling}


def scaled(rdm: Array) -> tuple[Array, float]:
    """Return places of images in two dimensions (stimulus, 2) from an RDM of squared distances, and their variance.

    Returns
    -------
    array of shape (stimulus, 2)
    float
        The share of the variance, the sum of the positive eigenvalues, that the two dimensions have.
    """
    values, vectors = np.linalg.eigh(centred_from_distances(rdm))
    first = np.clip(values[::-1][:2], 0, None)
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(axes.shape[1])])  # a sign of its own
    return axes * np.sqrt(first), float(first.sum() / np.clip(values, 0, None).sum())
