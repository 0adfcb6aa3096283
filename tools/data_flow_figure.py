"""Draw the data flow of a score, from real arrays of itbench-tiny on synthetic-it: docs/data-flow.png.

    python -m tools.data_flow_figure

One panel each for images, activations, Gram, predictions, score and leaderboard. Needs matplotlib; takes a minute where
synthetic-it is not drawn yet.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from PIL import Image

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch

import itbench
from itbench import Weights, load_plugins
from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions
from itbench.results.score_variables import pooled
from itbench.results.summary import summary

FIGURE = Path(__file__).resolve().parent.parent / "docs" / "data-flow.png"
MODEL, LAYER, BENCHMARK = "itbench-tiny", "stage4", "synthetic-it"
PANELS = ("images", "activations", "Gram", "predictions", "score", "leaderboard")
STEPS = ("network,\none pass", "inner\nproducts", "ridge,\nper site", "held-out\nimages", "more\nmodels")
SHOWN = 160  # images whose activations and Gram are drawn
INK, ACCENT, PALE = "#22303c", "#c8553d", "#9fb3c8"


def activations(recordings: Recordings) -> np.ndarray[Any, Any]:
    """Return the activations (stimulus, feature) of one layer of the trained network."""
    network = load_plugins().model(MODEL).factory(Weights("pretrained"))
    network.place("cpu", "float32")
    found = network.activations(network.prepare(recordings.stimuli.images[:]), [LAYER])[LAYER]
    return np.asarray(found).reshape(len(found), -1)


def draw_images(axes: Any, recordings: Recordings) -> None:
    """Lay out nine images, three in a row."""
    images = recordings.stimuli.images
    tiles = np.stack([images[row] for row in range(5, len(images), 71)][:9])
    y, x, channels = tiles.shape[1:]
    axes.imshow(tiles.reshape(3, 3, y, x, channels).swapaxes(1, 2).reshape(3 * y, 3 * x, channels))
    axes.set_xlabel("640 images\n(stimulus, y, x, 3)")


def draw_matrix(axes: Any, matrix: np.ndarray[Any, Any], label: str, colours: str, top: float) -> None:
    """Draw a matrix between two percentiles of its values."""
    low, high = np.percentile(matrix, [100 - top, top])
    axes.imshow(matrix, aspect="auto", cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axes.set_xlabel(label)


def draw_predictions(axes: Any, recordings: Recordings, score: xr.Dataset) -> None:
    """Plot predicted against recorded responses of held-out images at the site that is explained best."""
    site = int(pooled(score, "explained_variance").sel(layer=LAYER).argmax())
    recorded = mean_over_repetitions(recordings.responses)[score["row_stimulus"].values, site]
    predicted = itbench.predictions(score)[:, site]
    axes.scatter(predicted, recorded, s=3, color=ACCENT, alpha=0.5, linewidths=0)
    axes.set_xlabel("a site: recorded against\npredicted (stimulus, site)")


def draw_score(axes: Any, score: xr.Dataset) -> None:
    """Plot the explained variance of every layer, the mean noise ceiling, and the interval of the headline."""
    values = pooled(score, "explained_variance").mean("site")
    names = [str(name) for name in score["layer"].values]
    axes.bar(names, values, color=[ACCENT if name == LAYER else PALE for name in names], width=0.7)
    found, ceiling = summary(score), float(score["ceiling"].mean())
    axes.errorbar(
        [names.index(LAYER)],
        [found["value"]],
        [[found["value"] - found["low"]], [found["high"] - found["value"]]],
        color=INK,
        capsize=3,
    )
    axes.axhline(ceiling, color=INK, linestyle=":", linewidth=1)
    axes.text(-0.4, ceiling - 0.02, "noise ceiling", fontsize=7, color=INK, va="top")
    axes.set_ylim(0, ceiling + 0.05)
    axes.set_xticks(range(len(names)), names, rotation=60, fontsize=6, ha="right", rotation_mode="anchor")
    axes.text(0, 0.45, "explained variance\n(layer, site), 95 %", fontsize=7, color=INK)


def draw_leaderboard(axes: Any, scores: list[xr.Dataset]) -> None:
    """Write the models, best first, with their explained variance."""
    found = sorted((summary(score) for score in scores), key=lambda row: -row["value"])
    for rank, row in enumerate(found, start=1):
        height = 0.86 - 0.25 * (rank - 1)
        axes.text(0.04, height, f"{rank}", fontsize=10, color=ACCENT, weight="bold")
        axes.text(0.17, height, row["model"], fontsize=8, color=INK)
        axes.text(0.17, height - 0.09, str(row["weights"]), fontsize=6.5, color="#66788a")
        axes.text(0.97, height, f"{row['value']:.3f}", fontsize=8, color=INK, ha="right")
    axes.set_xlabel("a folder of score files,\none table")


def main() -> None:
    """Score three models and draw the six panels."""
    recordings = load_plugins().benchmark(BENCHMARK).load()
    scores = [
        itbench.score(MODEL, BENCHMARK),
        itbench.score(MODEL, BENCHMARK, weights="random"),
        itbench.score("pixels", BENCHMARK),
    ]
    features = activations(recordings)
    by_category = np.argsort(np.asarray(recordings.stimuli.metadata["category"]), kind="stable")
    rows = by_category[:: len(by_category) // SHOWN]
    centred = features[rows] - features.mean(axis=0)
    widest = np.argsort(-features.var(axis=0))[:SHOWN]
    with plt.rc_context({"font.family": "DejaVu Sans", "axes.edgecolor": PALE, "axes.labelcolor": INK}):
        figure, panels = plt.subplots(1, 6, figsize=(13, 2.75), gridspec_kw={"wspace": 0.42})
        figure.subplots_adjust(left=0.01, right=0.99, top=0.87, bottom=0.22)
        for axes, title in zip(panels, PANELS, strict=True):
            axes.set_title(title, fontsize=11, color=INK, weight="bold")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.xaxis.label.set_size(7.5)
            axes.set_box_aspect(1)
        draw_images(panels[0], recordings)
        width = features.shape[1]
        draw_matrix(panels[1], features[rows][:, widest], f"layer {LAYER}\n(stimulus, {width:,} features)", "magma", 98)
        draw_matrix(panels[2], centred @ centred.T, "K = X Xᵀ\n(stimulus, stimulus)", "RdBu_r", 98)
        draw_predictions(panels[3], recordings, scores[0])
        draw_score(panels[4], scores[0])
        draw_leaderboard(panels[5], scores)
        for step, left, right in zip(STEPS, panels, panels[1:], strict=False):
            start, end = left.get_position().x1, right.get_position().x0
            middle = (left.get_position().y0 + left.get_position().y1) / 2
            arrow = FancyArrowPatch(
                (start + 0.004, middle), (end - 0.004, middle), arrowstyle="-|>", mutation_scale=12, color=INK
            )
            figure.add_artist(arrow)
            figure.text((start + end) / 2, middle + 0.06, step, ha="center", fontsize=7.5, color=INK)
        drawn = BytesIO()
        figure.savefig(drawn, dpi=150, facecolor="white")
        Image.open(drawn).convert("RGB").quantize(256).save(FIGURE, optimize=True)  # a third of the bytes


if __name__ == "__main__":
    main()
