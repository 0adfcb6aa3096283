"""Figures of plots: the styles `default` and `paper`, colours and markers, panels, legends, and files."""

from __future__ import annotations

import contextlib
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from itbench.errors import BadOption, UnknownName
from itbench.util.files import check_writable, whole_file

MM = 1 / 25.4  # inches
Size = tuple[float, float]  # width and height, mm

# Okabe & Ito (2008), Color Universal Design: told apart by all kinds of colour vision; yellow is too light for lines
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES = ("-", "--", "-.", ":")
GREY, LIGHT = "#6E6E6E", "#D9D9D9"
VALUES = "cividis"  # colour map of values, made for all kinds of colour vision
MISSING = "no value"

_COMMON: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # which matplotlib brings along
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.grid": False,
    "legend.frameon": False,
    "legend.borderaxespad": 0.2,
    "image.cmap": VALUES,
    "svg.hashsalt": "itbench",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "hatch.linewidth": 0.6,
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Style:
    """Style of a figure.

    Parameters
    ----------
    width : float
        Of the figure, mm.
    points : float
        Size of all text.
    dot : float
        Diameter of a dot of few, points.
    line : float
        Width of lines, points.
    dpi : int
        Of a PNG, dots per inch.
    """

    width: float
    points: float
    dot: float
    line: float
    dpi: int

    @property
    def parameters(self) -> dict[Any, Any]:
        """Return matplotlib's parameters of the style."""
        sizes = ("font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize")
        text = dict.fromkeys((*sizes, "legend.fontsize", "legend.title_fontsize", "figure.titlesize"), self.points)
        thin = ("axes.linewidth", "xtick.major.width", "ytick.major.width", "patch.linewidth")
        lines = {"lines.linewidth": self.line, "lines.markersize": self.dot, **dict.fromkeys(thin, self.line * 0.6)}
        ticks = dict.fromkeys(("xtick.major.size", "ytick.major.size"), self.points * 0.35)
        return {**_COMMON, **text, **lines, **ticks, "savefig.dpi": self.dpi, "figure.dpi": self.dpi}


STYLES = {"default": Style(160, 10, 6, 1.5, 150), "paper": Style(89, 7, 3.6, 1.0, 300)}


def style_of(name: str) -> Style:
    """Return the style of a name.

    Raises
    ------
    UnknownName
    """
    if name not in STYLES:
        raise UnknownName.of("style", name, STYLES)
    return STYLES[name]


@contextlib.contextmanager
def drawing(
    ax: Axes | None,
    style: str,
    size: Size | None,
    *,
    aspect: float = 0.6,
    panels: int = 1,
    stacked: bool = False,
    widths: Sequence[float] | None = None,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a figure and the axes of its panels to draw into, under the parameters of a style alone.

    Parameters
    ----------
    ax : Axes, optional
        Panels are put into it, side by side; by default a new figure is made.
    style : str
    size : (float, float), optional
        Width and height, mm; by default the width of the style, and its `aspect` of that in height.
    aspect : float
    panels : int
    stacked : bool
        Whether the panels of a narrow figure are put one above the other.
    widths : sequence of float, optional
        Of panels side by side, in any unit.

    Raises
    ------
    UnknownName, BadOption
    """
    looks = style_of(style)
    narrow = stacked and panels > 1 and (size[0] if size else looks.width) < 120
    width, height = size or (looks.width, looks.width * aspect * (panels if narrow else 1))
    if not (5 <= width <= 1000 and 5 <= height <= 1000):
        raise BadOption(f"A picture of {width:g} × {height:g} mm.", known="Both must be 5 to 1000 mm.")
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(looks.parameters)
        if ax is None:
            figure = Figure(figsize=(width * MM, height * MM), layout="constrained")
            FigureCanvasAgg(figure)
            shape = (panels, 1) if narrow else (1, panels)
            axes = list(figure.subplots(*shape, squeeze=False, width_ratios=widths).flat)
        else:
            found = ax.get_figure(root=True)
            assert found is not None
            figure, axes = found, _panels_in(ax, panels)
        yield figure, axes
        if ax is None and size is None:
            _make_room(figure, axes, 1 if panels == 1 or not narrow else panels)
        for one in figure.axes if ax is None else axes:  # later ticks take their size from here, not from the user's
            for axis in (one.xaxis, one.yaxis):
                axis.set_tick_params(labelsize=looks.points, width=looks.line * 0.6, length=looks.points * 0.35)
        if ax is None:
            _lay_out(figure)


def _make_room(figure: Figure, axes: Sequence[Axes], rows: int) -> None:
    """Make a matplotlib figure higher by the height of the legends above its axes."""
    legends = [legend for one in axes if (legend := one.get_legend()) is not None and legend.get_gid() == ABOVE]
    if legends:
        highest = max(legend.get_window_extent().height for legend in legends) / figure.dpi
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + rows * highest)


def _lay_out(figure: Figure) -> None:
    """Lay out a figure of its own; refuse one that its labels leave no room in."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="constrained_layout not applied", category=UserWarning)
        try:
            figure.draw_without_rendering()
        except UserWarning as error:
            width, height = figure.get_size_inches() / MM
            raise BadOption(
                f"A picture of {width:.0f} × {height:.0f} mm has no room beside its labels.", todo="Make it larger."
            ) from error


def _panels_in(ax: Axes, panels: int) -> list[Axes]:
    if panels == 1:
        return [ax]
    ax.set_axis_off()
    each = 1 / panels
    return [
        ax.inset_axes((number * each, 0, each * (0.75 if number < panels - 1 else 1), 1)) for number in range(panels)
    ]


def look(number: int) -> dict[str, Any]:
    """Return colour, marker and line of a series; no two of the first 77 are alike, none by colour alone."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": LINES[number % len(LINES)],
    }


ABOVE = "legend above the axes"


def in_characters(inches: float) -> float:
    """Return how many characters a width has room for, by their mean width in DejaVu Sans with a reserve."""
    return inches * 72 / (0.57 * float(mpl.rcParams["font.size"]))


def many() -> float:
    """Return the size of one of many dots, in points."""
    return float(mpl.rcParams["lines.markersize"]) * 0.6


def caps() -> dict[str, Any]:
    """Return parameters of error bars whose caps are seen beside and above the mark, however short the bar is."""
    return {"capsize": float(mpl.rcParams["lines.markersize"]) * 0.9, "barsabove": True}


def head(ax: Axes, title: str = "", *, side: bool = False, room: float | None = None) -> None:
    """Put a title above axes, and the legend of what is drawn there between, or at the right; `room` in characters."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles or side:
        ax.set_title(title)
    if side and handles:
        ax.legend(handles, labels, loc="center left", bbox_to_anchor=(1.02, 0.5))
    if not handles or side:
        return
    width = room or in_characters(ax.get_window_extent().width / ax.figure.dpi)
    title = balanced(title, max(20, int(width))) if room else title
    labels = [textwrap.fill(label, max(20, int(width) - 5), break_long_words=False) for label in labels]
    longest = max(len(line) for label in labels for line in label.split("\n")) + 5
    columns = int(np.clip(width // longest, 1, len(labels)))
    legend = ax.legend(
        handles,
        labels,
        title=title or None,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0, 1.01),
        ncols=columns,
        columnspacing=1.2,
        handlelength=1.8,
    )
    legend.set_gid(ABOVE)


def balanced(text: str, width: int) -> str:
    """Return a text in as few lines as a width in characters allows, of about the same length."""
    lines = len(textwrap.wrap(text, width, break_long_words=False))
    narrowest = next(n for n in range(1, width + 1) if len(textwrap.wrap(text, n, break_long_words=False)) <= lines)
    return textwrap.fill(text, narrowest, break_long_words=False)


def entitle(figure: Figure, panels: Sequence[Axes], title: str, own: bool) -> None:
    """Put a title above all panels of a figure of its own, or above the first of those in given axes."""
    if own:
        figure.suptitle(balanced(title, int(in_characters(figure.get_figwidth()))), x=0.01, ha="left")
    else:
        panels[0].set_title(title)


def mark_missing(ax: Axes, places: ArrayLike, *, along: str = "x", label: str = MISSING) -> None:
    """Mark places along an axis that have no value by grey crosses at its edge, which the legend names."""
    at = np.asarray(places)
    if not at.size:
        return
    edge = np.full(at.shape, 0.02)
    transform = ax.get_xaxis_transform() if along == "x" else ax.get_yaxis_transform()
    x, y = (at, edge) if along == "x" else (edge, at)
    ax.plot(x, y, "x", color=GREY, transform=transform, clip_on=False, label=label, zorder=3)


def name_ticks(ax: Axes, names: Sequence[str], *, room: int = 60) -> None:
    """Name whole numbers along the x axis; turn names that are long, and leave out some of very many.

    Parameters
    ----------
    ax : Axes
    names : sequence of str
    room : int
        Characters that fit along the axis.
    """
    turned = sum(map(len, names)) + 2 * len(names) > room
    step = max(1, int(np.ceil(len(names) * 2.8 / room))) if turned else 1
    shown = list(range(0, len(names), step))
    ax.set_xticks(shown, [names[i] for i in shown], rotation=45 if turned else 0, ha="right" if turned else "center")
    if turned:
        for text in ax.get_xticklabels():
            text.set_rotation_mode("anchor")


def characters(style: str, size: Size | None) -> int:
    """Return how many characters fit along the x axis of a figure."""
    looks = style_of(style)
    return int((size[0] if size else looks.width) * 0.8 * MM * 72 / (0.6 * looks.points))


FORMATS: dict[str, dict[str, str | None]] = {  # by ending: metadata that would differ from one call to the next
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": "itbench"},
    ".pdf": {"CreationDate": None, "ModDate": None, "Producer": "itbench", "Creator": "itbench"},
}


def save(figure: Figure, path: str | Path, *, replace: bool = True) -> Path:
    """Save a figure to a file whose ending, .png, .svg or .pdf, says its format; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    path : str or Path
    replace : bool
        Whether an existing file is replaced.

    Raises
    ------
    BadOption
        For another ending, or an existing file that shall not be replaced.
    NoSpace
    """
    path = check_picture_path(path, replace=replace)
    with (
        whole_file(path) as partial,
        mpl.rc_context({"svg.hashsalt": "itbench", "svg.fonttype": "path", "pdf.fonttype": 42}),
    ):
        metadata = FORMATS[path.suffix.lower()]
        figure.savefig(partial, format=path.suffix.lower()[1:], dpi=figure.dpi, metadata=metadata)
    return path


def check_picture_path(path: str | Path, *, replace: bool = True) -> Path:
    """Return the path of a picture; refuse an unknown ending, a folder that is not writable, or an existing file.

    Raises
    ------
    BadOption, NoSpace
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in FORMATS:
        what = f"{path}: a picture cannot end in {path.suffix}." if path.suffix else f"{path}: the file has no ending."
        raise BadOption(what, known=f"Known endings: {', '.join(FORMATS)}.")
    if path.exists() and not replace:
        raise BadOption(f"There is a file {path} already.", todo="Put it elsewhere, or replace it: --replace")
    check_writable(path.absolute().parent)
    return path
