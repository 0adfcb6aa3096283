"""Draw the picture of the README: the demo's layers, trained beside random weights, and its models with intervals.

python -m tools.readme_picture FOLDER    # of the demo's scores: writes docs/demo.png
"""

from __future__ import annotations

from pathlib import Path

import click
from matplotlib.figure import Figure

from itbench import plot
from itbench.plot.figure import MM
from itbench.results.find import find_scores

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "demo.png"
WIDTH, HEIGHT, DPI = 230, 84, 110  # mm, and dots per inch
MODELS = ("itbench-tiny:pretrained", "itbench-tiny:random-0", "pixels:none")


def draw(folder: Path) -> Figure:
    """Return the picture of the demo's scores in a folder."""
    scores = [score for _, score in find_scores(folder, MODELS, metric="ridge")]
    figure = Figure(figsize=(WIDTH * MM, HEIGHT * MM), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    plot.layers(*scores, ax=left)
    plot.models(*scores, ax=right)
    right.set_title("", loc="left")
    left.get_legend().remove()
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=PICTURE, show_default=True)
def main(folder: Path, output: Path) -> None:
    """Draw the demo's scores in FOLDER."""
    plot.save(draw(folder), output)


if __name__ == "__main__":
    main()
