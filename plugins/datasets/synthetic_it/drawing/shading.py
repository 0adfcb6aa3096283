"""Light on the visible points: a key light with shadows, a sky, and a highlight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shapes import Floats
from .solids import Solid, rotation
from .tracing import Sight, lines, trace


@dataclass(frozen=True)
class Light:
    """A distant lamp and the sky around it.

    Parameters
    ----------
    azimuth, height : float
        Where the lamp stands, degrees to the right of the viewer and above.
    ambient : float
        Strength of the sky relative to the lamp.
    """

    azimuth: float
    height: float
    ambient: float

    @property
    def frame(self) -> NDArray[np.float64]:
        """The rotation after which the lamp stands where the viewer was, (3, 3)."""
        return rotation(pitch=self.height) @ rotation(yaw=-self.azimuth)


OVERHEAD = Light(0.0, 75.0, 0.0)


def random_light(rng: np.random.Generator) -> Light:
    """Return a lamp above the viewer's left or right shoulder.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the choice.

    Returns
    -------
    Light
        The lamp.
    """
    return Light(rng.choice([-1, 1]) * rng.uniform(15, 60), rng.uniform(20, 60), rng.uniform(0.3, 0.5))


def random_colour(rng: np.random.Generator, saturation: tuple[float, float]) -> Floats:
    """Return a colour of luminance 1 and random hue.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the choice.
    saturation : (float, float)
        Range of the distance from grey, 0 for grey, 1 for the most vivid.

    Returns
    -------
    (3,) array of float32
        Linear red, green and blue.
    """
    angle = rng.uniform(0, 2 * np.pi)
    # Natural hues spread from orange to blue, some are green, few magenta.
    warm, green = np.cos(angle), 0.35 * max(np.sin(angle), -0.4)
    strength = rng.uniform(*saturation)
    colour = 1 + strength * (warm * np.array([1.0, 0.15, -1.15]) + green * np.array([-0.8, 1.0, -0.8]))
    return (colour / (colour @ [0.2126, 0.7152, 0.0722])).astype(np.float32)


def shade(
    sight: Sight,
    solids: Sequence[Solid],
    hues: Floats,
    light: Light,
    lit: Floats | float = 1.0,
    open_sky: Floats | float = 1.0,
) -> Floats:
    """Return the light that reaches the viewer from each visible point.

    Parameters
    ----------
    sight : Sight
        The visible points.
    solids : sequence of Solid
        The solids they belong to.
    hues : (2, 3) array
        Colours of the first and second hue of the object.
    light : Light
        The lamp.
    lit : (n,) array or float
        Share of the lamp that reaches each point, see `lit_share`.
    open_sky : (n,) array or float
        Share of the sky that reaches each point.

    Returns
    -------
    (n, 3) array of float32
        Linear red, green and blue.
    """
    surfaces = [solid.surface for solid in solids]
    tone, accent, gloss = (
        np.array([getattr(surface, name) for surface in surfaces], np.float32) for name in ("tone", "accent", "gloss")
    )
    lamp = light.frame[2].astype(np.float32)
    halfway = lamp + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway)
    diffuse = np.maximum(lamp @ sight.normals, 0) * lit
    # The sky is brightest overhead, and a little light comes from where the viewer stands.
    sky = np.float32(light.ambient) * (0.6 + 0.35 * sight.normals[1] + 0.3 * sight.normals[2]) * open_sky
    highlight = gloss[sight.owner] * np.maximum(halfway @ sight.normals, 0) ** 24 * lit
    albedo = tone[:, None] ** 1.5 * ((1 - accent[:, None]) * hues[0] + accent[:, None] * hues[1])
    return albedo[sight.owner] * (diffuse + sky)[:, None] + highlight[:, None]


def lit_share(
    sight: Sight, solids: Sequence[Solid], light: Light, centre: Sequence[float], radius: float, cells: int
) -> Floats:
    """Return how much of the lamp each visible point sees past the other parts.

    Parameters
    ----------
    sight, solids, light
        As for `shade`.
    centre, radius : (3,) sequence of float, float
        A ball that contains the solids.
    cells : int
        Resolution of the shadows, across the ball.

    Returns
    -------
    (n,) array of float32
        0 in full shadow, 1 in full light.
    """
    turn = light.frame
    middle = turn @ np.asarray(centre, float)
    x, y = lines(cells, radius, (middle[0], middle[1]))
    depth, _ = trace([solid.moved(turn) for solid in solids], x, y)
    cell = np.float32(2 * radius / cells)
    # Lifted off the surface, points at a slant to the lamp do not fall into their own shadow.
    across, up, towards = turn.astype(np.float32) @ (sight.points + 2 * cell * sight.normals)
    column, row = (across - x[0]) / cell, (y[0] - up) / cell
    total = np.zeros_like(towards)
    for right, below in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
        i = np.clip(row + np.float32(below), 0, cells - 1).astype(np.intp)
        j = np.clip(column + np.float32(right), 0, cells - 1).astype(np.intp)
        total += np.clip(1 - (depth[i, j] - towards) / cell, 0, 1)
    return total / 4


def mottle(sight: Sight, solids: Sequence[Solid], points: Floats) -> Floats:
    """Return the surface texture at each visible point: grain, blotches or brush strokes.

    Parameters
    ----------
    sight, solids
        As for `shade`.
    points : (3, n) array
        The visible points in the object's own frame, where the texture is fixed.

    Returns
    -------
    (n,) array of float32
        Factor on the light, about 1.
    """
    grain = np.array([solid.surface.grain for solid in solids], np.float32)
    x, y, z = points
    coarse = np.sin(7 * x + 3 * np.sin(5 * y)) * np.sin(9 * y - 2 * z) + np.sin(8 * z + 4 * np.sin(6 * x) + y)
    fine = np.sin(31 * x + 17 * z + 2 * coarse) * np.sin(29 * y - 13 * z + 2 * coarse)
    return 1 + grain[sight.owner] * (0.6 * coarse + 0.7 * fine)
