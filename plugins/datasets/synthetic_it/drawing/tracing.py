"""Which part of an object each pixel sees, where, and with what normal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shapes import Floats
from .solids import Solid

_SIDES = np.array([[-1, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0]], float)


@dataclass(frozen=True, eq=False)
class Sight:
    """The visible points of some solids, in order of the solid they belong to.

    Parameters
    ----------
    pixel : (n,) array of int
        Flat index of the pixel of each point.
    owner : (n,) array of int
        Which solid it belongs to.
    points, normals : (3, n) array of float32
        Where it lies, and the outward unit normal there.
    """

    pixel: NDArray[np.intp]
    owner: NDArray[np.intp]
    points: Floats
    normals: Floats


def lines(size: int, radius: float = 1.0, centre: tuple[float, float] = (0.0, 0.0)) -> tuple[Floats, Floats]:
    """Return where the lines of sight of a square image cross its plane.

    Parameters
    ----------
    size : int
        Pixels along a side.
    radius, centre : float, (float, float)
        Half the side, and the middle, of the square.

    Returns
    -------
    x : (size,) array of float32
        From left to right.
    y : (size,) array of float32
        From top to bottom, y pointing up.
    """
    steps = ((np.arange(size) + 0.5) * (2 / size) - 1) * radius
    return (centre[0] + steps).astype(np.float32), (centre[1] - steps).astype(np.float32)


def trace(solids: Sequence[Solid], x: Floats, y: Floats) -> tuple[Floats, NDArray[np.int16]]:
    """Return the nearest surface along each line of sight.

    Parameters
    ----------
    solids : sequence of Solid
        What there is to see.
    x, y : (w,), (h,) array
        Lines of sight, as from `lines`.

    Returns
    -------
    depth : (h, w) array of float32
        The z of the nearest surface, -inf where there is none.
    owner : (h, w) array of int16
        Index of its solid, -1 where there is none.
    """
    depth = np.full((len(y), len(x)), -np.inf, np.float32)
    owner = np.full(depth.shape, -1, np.int16)
    for index, solid in enumerate(solids):
        left, right, top, bottom = solid.reach(_SIDES)
        columns = slice(*np.searchsorted(x, [-left, right]))
        rows = slice(*np.searchsorted(-y, [-top, bottom]))
        if columns.start == columns.stop or rows.start == rows.stop:
            continue
        found = solid.depth(x[columns], y[rows, None])
        nearer = found > depth[rows, columns]
        np.copyto(depth[rows, columns], found, where=nearer)
        owner[rows, columns][nearer] = index
    return depth, owner


def look(solids: Sequence[Solid], x: Floats, y: Floats) -> Sight:
    """Return the visible points of some solids, with their normals.

    Parameters
    ----------
    solids, x, y
        As for `trace`.

    Returns
    -------
    Sight
        One point per line of sight that meets a solid.
    """
    depth, owner = trace(solids, x, y)
    seen = np.flatnonzero(owner >= 0)
    # Sorted by owner, each solid's points are contiguous and its normals one batch.
    pixel = seen[np.argsort(owner.ravel()[seen], kind="stable")]
    whose = owner.ravel()[pixel]
    points = np.stack([x[pixel % len(x)], y[pixel // len(x)], depth.ravel()[pixel]])
    normals = np.empty_like(points)
    bounds = np.searchsorted(whose, np.arange(len(solids) + 1))
    for solid, start, stop in zip(solids, bounds[:-1], bounds[1:], strict=True):
        if stop > start:
            normals[:, start:stop] = solid.normals(points[:, start:stop])
    return Sight(pixel, whose.astype(np.intp), points, normals)
