"""Makers of placed solids: the parts that objects and clutter are built from."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .shapes import Ball, Dome, Frustum, Limb, Polyhedron, Shape
from .solids import PLAIN, Solid, Surface, rotation


def by(x: float, y: float, z: float) -> NDArray[np.float64]:
    """Return a displacement.

    Parameters
    ----------
    x, y, z : float
        Its coordinates: right, up, towards the viewer.

    Returns
    -------
    (3,) array
        The displacement.
    """
    return np.array([x, y, z], float)


def ellipsoid(centre: ArrayLike, half: ArrayLike, surface: Surface = PLAIN, turn: ArrayLike = (0, 0, 0)) -> Solid:
    """Return an ellipsoid.

    Parameters
    ----------
    centre, half : (3,) array_like
        Centre, and half-axes before turning.
    surface : Surface
        What it is made of.
    turn : (3,) array_like
        Yaw, pitch and roll in degrees.

    Returns
    -------
    Solid
        The ellipsoid.
    """
    return _placed(Ball(), centre, half, surface, turn)


def dome(
    centre: ArrayLike,
    half: ArrayLike,
    surface: Surface = PLAIN,
    turn: ArrayLike = (0, 0, 0),
    floor: float = 0.0,
) -> Solid:
    """Return the part of an ellipsoid above a plane across its y axis.

    Parameters
    ----------
    centre, half, surface, turn
        Of the whole ellipsoid, as for `ellipsoid`.
    floor : float
        Height of the plane as a fraction of the y half-axis, -1..1.

    Returns
    -------
    Solid
        The dome.
    """
    return _placed(Dome(floor), centre, half, surface, turn)


def block(
    centre: ArrayLike,
    half: ArrayLike,
    surface: Surface = PLAIN,
    turn: ArrayLike = (0, 0, 0),
    *,
    taper: tuple[float, float] = (1.0, 1.0),
    shift: tuple[float, float] = (0.0, 0.0),
    softness: float = 0.0,
) -> Solid:
    """Return a box, whose top (largest y) may be scaled and shifted against its bottom.

    Parameters
    ----------
    centre, half, surface, turn
        As for `ellipsoid`.
    taper : (float, float)
        Size of the top along x and z relative to the bottom.
    shift : (float, float)
        Shift of the top along x and z, in half-lengths of the bottom.
    softness : float
        Width of the rounding of the edges in the shading, relative to the half-axes.

    Returns
    -------
    Solid
        The box.
    """
    square = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], float)
    bottom, top = square, square * taper + shift
    corners = [(x, y, z) for y, ring in ((-1, bottom), (1, top)) for x, z in ring]
    return _placed(_polyhedron(np.array(corners, float), softness), centre, half, surface, turn)


def hull(corners: ArrayLike, surface: Surface = PLAIN, *, softness: float = 0.0) -> Solid:
    """Return the convex hull of a few points.

    Parameters
    ----------
    corners : (n, 3) array_like
        Points not all in one plane; n should be small (12 or so).
    surface : Surface
        What it is made of.
    softness : float
        Width of the rounding of the edges in the shading, in the units of the points.

    Returns
    -------
    Solid
        The polyhedron.
    """
    points = np.asarray(corners, float)
    middle = points.mean(axis=0)
    return Solid(_polyhedron(points - middle, softness), middle, np.eye(3), surface)


def frustum(
    start: ArrayLike, end: ArrayLike, radii: tuple[float, float], surface: Surface = PLAIN, flat: float = 1.0
) -> Solid:
    """Return a cylinder, cone or cone frustum between two points.

    Parameters
    ----------
    start, end : (3,) array_like
        Centres of its two ends.
    radii : (float, float)
        Radii at the start and at the end, not both 0.
    surface : Surface
        What it is made of.
    flat : float
        Thickness of the cross-section along the horizontal direction nearest z, relative to the radius.

    Returns
    -------
    Solid
        The frustum.
    """
    if radii[0] < radii[1]:
        start, end, radii = end, start, (radii[1], radii[0])
    start, end = np.asarray(start, float), np.asarray(end, float)
    half = np.array([radii[0], np.linalg.norm(end - start) / 2, radii[0] * flat])
    return Solid(Frustum(radii[1] / radii[0]), (start + end) / 2, _frame(end - start) * half, surface)


def limb(start: ArrayLike, end: ArrayLike, radii: tuple[float, float], surface: Surface = PLAIN) -> Solid:
    """Return the hull of two balls.

    Parameters
    ----------
    start, end : (3,) array_like
        Centres of the balls.
    radii : (float, float)
        Their radii; neither ball may contain the other.
    surface : Surface
        What it is made of.

    Returns
    -------
    Solid
        The limb.
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    half = float(np.linalg.norm(end - start)) / 2
    if abs(radii[0] - radii[1]) >= 2 * half:
        raise ValueError(f"one ball of a limb contains the other: radii {radii}, {2 * half:.3g} apart")
    return Solid(Limb(radii[0] / half, radii[1] / half), (start + end) / 2, _frame(end - start) * half, surface)


def _placed(shape: Shape, centre: ArrayLike, half: ArrayLike, surface: Surface, turn: ArrayLike) -> Solid:
    """Return a shape scaled to its half-axes, turned, and centred."""
    axes = rotation(*np.asarray(turn, float)) * np.asarray(half, float)
    return Solid(shape, np.asarray(centre, float), axes, surface)


def _frame(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal frame whose second column points along the axis, its third towards z."""
    second = axis / np.linalg.norm(axis)
    first = np.cross(second, np.eye(3)[2 if abs(second[2]) < 0.9 else 0])
    first /= np.linalg.norm(first)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _polyhedron(corners: NDArray[np.float64], softness: float) -> Polyhedron:
    """Return the hull of the corners: every plane through three of them with all others behind it."""
    a, b, c = (corners[list(chosen)] for chosen in zip(*combinations(range(len(corners)), 3), strict=True))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1)
    normals, a = normals[length > 1e-9] / length[length > 1e-9, None], a[length > 1e-9]
    planes = np.column_stack([normals, np.einsum("fk,fk->f", normals, a)])
    planes = np.concatenate([planes, -planes])
    outer = (corners @ planes[:, :3].T <= planes[:, 3] + 1e-9).all(axis=0)
    return Polyhedron(np.unique(planes[outer].round(7) + 0.0, axis=0), corners, softness)
