"""Cluttered backgrounds: a backdrop with solids out of focus in front of it."""

from __future__ import annotations

import numpy as np

from .backdrops import BACKDROPS
from .noise import noise, soften
from .parts import block, ellipsoid, frustum, limb
from .shading import random_colour, random_light, shade
from .shapes import Floats
from .solids import Solid, Surface
from .tracing import lines, look

_CLUTTER_CELLS = 48


def draw_background(rng: np.random.Generator, size: int) -> Floats:
    """Draw a background.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of every choice.
    size : int
        Pixels along a side.

    Returns
    -------
    (size, size, 3) array of float32
        Linear light, about 0.05..1.
    """
    hues = np.stack([random_colour(rng, (0.05, 0.5)) for _ in range(4)])
    light = BACKDROPS[rng.integers(len(BACKDROPS))](rng, size, hues)
    for _ in range(rng.integers(1, 3)):
        light = _clutter(rng, light, hues)
    light = soften(light, int(rng.integers(1, 4)))
    texture = np.exp(np.float32(rng.uniform(0.06, 0.2)) * noise(rng, size, 1.5))
    return light * texture[..., None]


def _clutter(rng: np.random.Generator, light: Floats, hues: Floats) -> Floats:
    """Return the light with a few shaded solids, out of focus, laid over it."""
    cells = _CLUTTER_CELLS
    solids = [_random_solid(rng) for _ in range(rng.integers(3, 8))]
    lamp = random_light(rng)
    sight = look(solids, *lines(cells))
    shaded = np.zeros((cells * cells, 4), np.float32)
    shaded[sight.pixel, :3] = shade(sight, solids, np.float32(0.75) * hues[2:4], lamp)
    shaded[sight.pixel, 3] = 1
    blurred = soften(shaded.reshape(cells, cells, 4), int(rng.choice([1, 2, 5])))
    # Enlarged by repetition, and softened until no cell shows.
    size = len(light)
    nearest = np.arange(size) * cells // size
    blurred = soften(blurred[nearest][:, nearest], max(1, round((size / cells) ** 2 / 2)))
    return light * (1 - blurred[..., 3:]) + blurred[..., :3]


def _random_solid(rng: np.random.Generator) -> Solid:
    """Return one piece of clutter: a bar, box, cylinder, ball or rod anywhere in the image."""
    surface = Surface(rng.uniform(0.25, 1.0), rng.uniform(0, 1), rng.choice([0.0, 0.2]))
    centre = np.append(rng.uniform(-1.1, 1.1, 2), rng.uniform(-0.5, 0.5))
    turn = rng.uniform(-180, 180, 3)
    kind = rng.integers(5)
    if kind == 0:
        bar = (rng.uniform(0.02, 0.09), rng.uniform(0.6, 2), 0.05)
        return block(centre, bar, surface, (turn[0], 0, turn[2] / 2))
    if kind == 1:
        return block(centre, rng.uniform(0.08, 0.35, 3), surface, turn)
    if kind == 2:
        return ellipsoid(centre, rng.uniform(0.08, 0.3, 3), surface, turn)
    end = centre + rng.normal(0, 0.35, 3) + (0, 0.25, 0)
    radius = rng.uniform(0.04, 0.2)
    if kind == 3:
        return frustum(centre, end, (radius, radius * rng.uniform(0.3, 1)), surface)
    return limb(centre, end, (radius / 2, radius / 2), surface)
