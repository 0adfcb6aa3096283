"""Solids that an orthographic ray meets in closed form.

The eye looks down the z axis from above: x runs right, y up, z towards the viewer, and of all the
points of a solid on one line of sight the visible one has the largest z. A solid is a unit shape
placed by a centre and three axes, so that only the shapes need any geometry of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .shapes import Floats, Shape


@dataclass(frozen=True)
class Surface:
    """What a part is made of; the hues themselves belong to the scene, not to the object.

    Parameters
    ----------
    tone : float
        Lightness relative to the rest of the object, about 0..1.
    accent : float
        0 for the first of the scene's two object hues, 1 for the second.
    gloss : float
        Strength of the highlight.
    grain : float
        Strength of the fine surface texture.
    """

    tone: float = 0.7
    accent: float = 0.0
    gloss: float = 0.15
    grain: float = 0.1


PLAIN = Surface()


@dataclass(frozen=True, eq=False)
class Solid:
    """A unit shape placed in space.

    Parameters
    ----------
    shape : Shape
        The unit shape.
    centre : (3,) array
        Where the origin of the shape lies.
    axes : (3, 3) array
        Columns are the images of the unit vectors of the shape: direction and half-length of each axis.
    surface : Surface
        What it is made of.
    """

    shape: Shape
    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    surface: Surface = PLAIN

    @cached_property
    def _inverse(self) -> Floats:
        """The matrix that takes displacements to the coordinates of the shape."""
        return np.linalg.inv(self.axes).astype(np.float32)

    def moved(self, matrix: ArrayLike, offset: ArrayLike = (0.0, 0.0, 0.0)) -> Solid:
        """Return the solid after the affine motion ``p -> matrix @ p + offset``.

        Parameters
        ----------
        matrix : (3, 3) array_like
            A rotation times a scale; balls at the ends of limbs stay round only under those.
        offset : (3,) array_like
            Translation, applied last.

        Returns
        -------
        Solid
            The moved solid.
        """
        matrix = np.asarray(matrix, float)
        return replace(self, centre=matrix @ self.centre + np.asarray(offset, float), axes=matrix @ self.axes)

    def reach(self, directions: ArrayLike) -> NDArray[np.float64]:
        """Return how far the solid extends along each direction (its support function).

        Parameters
        ----------
        directions : (k, 3) array_like
            Unit vectors.

        Returns
        -------
        (k,) array
            Largest dot product of each direction with a point of the solid.
        """
        directions = np.asarray(directions, float)
        return directions @ self.centre + self.shape.support(directions @ self.axes)

    def depth(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the z of the visible surface along lines of sight.

        Parameters
        ----------
        x, y : array_like
            Where the lines of sight cross the image plane; broadcast against each other.

        Returns
        -------
        array of float32
            Depth of the visible point, -inf where the line of sight misses the solid.
        """
        inverse = self._inverse
        start = -inverse @ self.centre.astype(np.float32)
        x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
        origin = [x * row[0] + (y * row[1] + base) for row, base in zip(inverse, start, strict=True)]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self.shape.front(origin, inverse[:, 2])

    def normals(self, points: ArrayLike) -> Floats:
        """Return outward unit normals at points of the surface.

        Parameters
        ----------
        points : (3, n) array_like
            Points on the surface of the solid.

        Returns
        -------
        (3, n) array of float32
            Outward unit normals.
        """
        inverse = self._inverse
        local = inverse @ (np.asarray(points, np.float32) - self.centre.astype(np.float32)[:, None])
        normals = inverse.T @ self.shape.normal(local)
        return normals / (np.sqrt(np.einsum("kn,kn->n", normals, normals)) + np.float32(1e-12))


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> NDArray[np.float64]:
    """Return the matrix that turns by yaw about y, then by pitch about x, then by roll about z.

    Parameters
    ----------
    yaw, pitch, roll : float
        Degrees. Positive pitch shows the top, positive roll turns anticlockwise in the image.

    Returns
    -------
    (3, 3) array
        Rotation matrix.
    """
    (a, b, c), (i, j, k) = (f(np.radians([yaw, pitch, roll])) for f in (np.cos, np.sin))
    about_y = np.array([[a, 0, i], [0, 1, 0], [-i, 0, a]])
    about_x = np.array([[1, 0, 0], [0, b, -j], [0, j, b]])
    about_z = np.array([[c, -k, 0], [k, c, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y
