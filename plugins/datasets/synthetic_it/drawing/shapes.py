"""Unit shapes: where the last point of a ray inside each lies, and the normal there.

Every shape is convex, so the point the viewer sees is the last one along the ray. A ray is given in
the coordinates of the shape as ``origin + z * step``; the origin varies from pixel to pixel, the step
does not, because the rays of an orthographic image are parallel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_MISS = np.float32(-np.inf)


class Shape(Protocol):
    """What a solid asks of its shape."""

    def front(self, origin: Sequence[Floats], step: Floats) -> Floats:
        """Return the largest z at which ``origin + z * step`` lies in the shape, -inf if none."""

    def normal(self, points: Floats) -> Floats:
        """Return outward normals, of any length, at (3, n) points of the surface."""

    def support(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest dot product of each of (k, 3) directions with a point of the shape."""


@dataclass(frozen=True)
class Ball:
    """The unit ball; placed by unequal axes it is an ellipsoid."""

    def front(self, origin: Sequence[Floats], step: Floats) -> Floats:
        """See `Shape`."""
        middle, half = _chord(origin, step)
        return np.where(half >= 0, middle + half, _MISS)

    def normal(self, points: Floats) -> Floats:
        """See `Shape`."""
        return points

    def support(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Shape`."""
        return np.sqrt(np.einsum("kn,kn->k", directions, directions))


@dataclass(frozen=True)
class Dome:
    """The part of the unit ball with y at least `floor`.

    Parameters
    ----------
    floor : float
        Height of the flat side, -1..1.
    """

    floor: float = 0.0

    def front(self, origin: Sequence[Floats], step: Floats) -> Floats:
        """See `Shape`."""
        middle, half = _chord(origin, step)
        # Along a level ray the plane is never crossed, or only at a great distance behind the viewer.
        rise = step[1] if abs(step[1]) > 1e-6 else np.float32(-1e-6)
        crossing = (np.float32(self.floor) - origin[1]) / rise
        if rise > 0:
            return np.where((half >= 0) & (crossing <= middle + half), middle + half, _MISS)
        last = np.minimum(middle + half, crossing)
        return np.where((half >= 0) & (last >= middle - half), last, _MISS)

    def normal(self, points: Floats) -> Floats:
        """See `Shape`."""
        flat = (points[1] - self.floor) < 1 - np.sqrt(np.einsum("kn,kn->n", points, points))
        return np.where(flat, np.array([[0], [-1], [0]], np.float32), points)

    def support(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Shape`."""
        length = np.sqrt(np.einsum("kn,kn->k", directions, directions))
        rim = np.sqrt(max(0.0, 1 - self.floor**2)) * np.hypot(directions[:, 0], directions[:, 2])
        return np.where(directions[:, 1] >= self.floor * length, length, rim + self.floor * directions[:, 1])


@dataclass(frozen=True, eq=False)
class Polyhedron:
    """A convex polyhedron.

    Parameters
    ----------
    faces : (f, 4) array
        Outward unit normal and distance from the origin of each face.
    corners : (n, 3) array
        The corners.
    softness : float
        Width over which the shading, not the outline, rounds the edges; 0 for sharp edges.
    """

    faces: NDArray[np.float64]
    corners: NDArray[np.float64]
    softness: float = 0.0

    def front(self, origin: Sequence[Floats], step: Floats) -> Floats:
        """See `Shape`."""
        last, first = np.float32(np.inf), _MISS
        for a, b, c, distance in self.faces.astype(np.float32):
            room = distance - (a * origin[0] + b * origin[1] + c * origin[2])
            slope = a * step[0] + b * step[1] + c * step[2]
            if slope > 1e-6:
                last = np.minimum(last, room / slope)
            else:
                # A face along the ray admits it everywhere or nowhere, which dividing by -0 also says.
                first = np.maximum(first, room / min(slope, np.float32(-1e-6)))
        return np.where(first <= last, last, _MISS)

    def normal(self, points: Floats) -> Floats:
        """See `Shape`."""
        faces = self.faces.astype(np.float32)
        gaps = faces[:, :3] @ points - faces[:, 3:]
        gaps -= gaps.max(axis=0)
        weights = np.exp(gaps / np.float32(self.softness)) if self.softness else (gaps == 0)
        return faces[:, :3].T @ weights.astype(np.float32)

    def support(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Shape`."""
        return (directions @ self.corners.T).max(axis=1)


@dataclass(frozen=True)
class Frustum:
    """A cone frustum about y, of radius 1 at y = -1 and radius `top` at y = 1.

    Parameters
    ----------
    top : float
        0 for a cone, 1 for a cylinder.
    """

    top: float = 1.0

    def front(self, origin: Sequence[Floats], step: Floats) -> Floats:
        """See `Shape`."""
        (x, y, z), (u, v, w) = origin, step
        base, slope = np.float32((1 + self.top) / 2), np.float32((self.top - 1) / 2)
        radius, narrowing = base + slope * y, slope * v
        a = u * u + w * w - narrowing**2
        a = a if abs(a) > 1e-6 else np.float32(1e-6)
        b = x * u + z * w - radius * narrowing
        root = np.sqrt(b * b - a * (x * x + z * z - radius * radius))
        best = np.maximum(_where_within((root - b) / a, y, v), _where_within((-root - b) / a, y, v))
        end = np.float32(np.sign(v))
        cap = (end - y) / v
        on_cap = (x + cap * u) ** 2 + (z + cap * w) ** 2 <= (base + slope * end) ** 2
        return np.where(on_cap, cap, best)

    def normal(self, points: Floats) -> Floats:
        """See `Shape`."""
        x, y, z = points
        slope = (self.top - 1) / 2
        radius = (1 + self.top) / 2 + slope * y
        side = np.stack([x, -slope * radius, z])
        cap = np.stack([0 * x, np.sign(y), 0 * x])
        return np.where(1 - np.abs(y) < radius - np.hypot(x, z), cap, side)

    def support(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Shape`."""
        across = np.hypot(directions[:, 0], directions[:, 2])
        return np.maximum(across - directions[:, 1], self.top * across + directions[:, 1])


@dataclass(frozen=True)
class Limb:
    """The hull of two balls on the y axis, at y = -1 and y = 1; its axes must be of equal length.

    Parameters
    ----------
    start, end : float
        Radii of the balls, which must differ by less than 2.
    """

    start: float
    end: float

    def front(self, origin: Sequence[Floats], step: Floats) -> Floats:
        """See `Shape`."""
        x, y, z = origin[0], origin[1] + np.float32(1), origin[2]
        u, v, w = step
        start, shrink = np.float32(self.start), np.float32(self.start - self.end)
        square = 4 - shrink**2
        along, rise = 2 * y, 2 * v
        inner = x * u + y * v + z * w
        outer = x * x + y * y + z * z
        a = square * (u * u + v * v + w * w) - rise**2
        a = a if abs(a) > 1e-6 else np.float32(1e-6)
        b = square * inner - along * rise + rise * shrink * start
        c = square * outer - along**2 + (2 * along * shrink - 4 * start) * start
        root = np.sqrt(b * b - a * c)
        best = np.full(np.shape(inner), _MISS)
        for flank in ((root - b) / a, (-root - b) / a):
            height = along - start * shrink + flank * rise
            best = np.maximum(best, np.where((height > 0) & (height < square), flank, _MISS))
        for middle, radius in ((0, self.start), (2, self.end)):
            centre, half = _chord([x, y - np.float32(middle), z], step, radius)
            best = np.maximum(best, np.where(half >= 0, centre + half, _MISS))
        return best

    def normal(self, points: Floats) -> Floats:
        """See `Shape`."""
        shrink = self.start - self.end
        share = (2 * (points[1] + 1) - self.start * shrink) / (4 - shrink**2)
        return np.stack([points[0], points[1] + 1 - 2 * np.clip(share, 0, 1), points[2]])

    def support(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Shape`."""
        length, rise = np.sqrt(np.einsum("kn,kn->k", directions, directions)), directions[:, 1]
        return np.maximum(self.start * length - rise, self.end * length + rise)


def _chord(origin: Sequence[Floats], step: Floats, radius: float = 1.0) -> tuple[Floats, Floats]:
    """Return the middle and half-length of the ray's chord in a ball, half being NaN for a miss."""
    (x, y, z), (u, v, w) = origin, step
    square = u * u + v * v + w * w
    middle = -(x * u + y * v + z * w) / square
    return middle, np.sqrt(middle * middle - (x * x + y * y + z * z - np.float32(radius**2)) / square)


def _where_within(z: Floats, height: Floats, rise: np.float32) -> Floats:
    """Return z where the ray then lies between the two ends of a frustum, -inf elsewhere."""
    return np.where(np.abs(height + z * rise) <= 1, z, _MISS)
