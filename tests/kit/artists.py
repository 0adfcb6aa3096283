"""Values that a matplotlib axes shows: its lines, error bars, bands and labels."""

import numpy as np
from matplotlib.collections import FillBetweenPolyCollection


def labels(axes):
    """Return the labels of the legend, as they stand there."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def line(axes, label):
    """Return the one line of a label, of an error bar the one through its marks."""
    bars = {container.get_label(): container.lines[0] for container in axes.containers if hasattr(container, "lines")}
    found = [one for one in axes.lines if one.get_label() == label]
    return found[0] if found else bars[label]


def xy(one):
    """Return x and y of a line."""
    return np.asarray(one.get_xdata(), float), np.asarray(one.get_ydata(), float)


def bars(axes):
    """Return x, y, and both ends of every mark with a vertical error bar."""
    found = []
    for container in axes.containers:
        marks, _, parts = container.lines
        for (x, y), ends in zip(zip(*xy(marks), strict=True), parts[-1].get_segments() if parts else (), strict=False):
            found.append((x, y, *ends[:, 1]))
    return found


def bands(axes):
    """Return low and high of every shaded band with several places."""
    found = []
    for collection in axes.collections:
        if isinstance(collection, FillBetweenPolyCollection):
            corners = collection.get_paths()[0].vertices if collection.get_paths() else np.empty((0, 2))
            x = np.unique(corners[:, 0])
            if len(x):
                found.append([[extreme(corners[corners[:, 0] == at, 1]) for at in x] for extreme in (min, max)])
    return [[np.array(part) for part in one] for one in found]
