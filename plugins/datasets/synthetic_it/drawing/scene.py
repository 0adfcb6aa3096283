"""An object in view, lit, over a background that knows nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .background import draw_background
from .photograph import develop, luminance
from .shading import OVERHEAD, lit_share, mottle, random_colour, random_light, shade
from .shapes import Floats
from .solids import Solid, rotation
from .tracing import lines, look, trace

_OVERSAMPLING = 2
_SHADOW_CELLS = 112


@dataclass(frozen=True)
class View:
    """Where the object stands and how it is turned.

    Parameters
    ----------
    x, y : float
        Centre of the object, as a fraction of half the image: x to the right, y up, -1..1.
    size : float
        Radius of the object, as a fraction of half the image.
    yaw, pitch, roll : float
        Degrees, applied in this order; see `rotation`.
    """

    x: float = 0.0
    y: float = 0.0
    size: float = 0.6
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


def sample_view(rng: np.random.Generator) -> View:
    """Return a view varied in position, size and pose.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the choice.

    Returns
    -------
    View
        Centre within 0.35 of the middle, size 0.45..0.8, yaw within 60, pitch 30, roll 20 degrees.
    """
    x, y = rng.uniform(-0.35, 0.35, 2)
    yaw, pitch, roll = rng.uniform(-1, 1, 3) * (60, 30, 20)
    return View(x, y, rng.uniform(0.45, 0.8), yaw, pitch, roll)


def place(solids: Sequence[Solid], view: View) -> list[Solid]:
    """Return the solids of an object as they stand in a view.

    Parameters
    ----------
    solids : sequence of Solid
        Parts of an object within the unit ball.
    view : View
        Where it stands.

    Returns
    -------
    list of Solid
        The parts in image coordinates, half the image being 1.
    """
    turn = view.size * rotation(view.yaw, view.pitch, view.roll)
    return [solid.moved(turn, (view.x, view.y, 0.0)) for solid in solids]


def mask(solids: Sequence[Solid], view: View, size: int = 128) -> NDArray[np.bool_]:
    """Return which pixels the object covers.

    Parameters
    ----------
    solids : sequence of Solid
        Parts of an object within the unit ball.
    view : View
        Where it stands.
    size : int
        Pixels along a side.

    Returns
    -------
    (size, size) array of bool
        True where the middle of the pixel shows the object.
    """
    return trace(place(solids, view), *lines(size))[1] >= 0


def draw(solids: Sequence[Solid], view: View, *, seed: int, size: int = 128) -> NDArray[np.uint8]:
    """Draw an object in a scene.

    Parameters
    ----------
    solids : sequence of Solid
        Parts of an object within the unit ball, as from `make_object`.
    view : View
        Where it stands and how it is turned.
    seed : int
        Sets everything else: light, hues, contrast and background.
    size : int
        Pixels along a side.

    Returns
    -------
    (size, size, 3) array of uint8
        The image, sRGB.
    """
    rng = np.random.default_rng((seed % 2**63, 2))
    behind = draw_background(rng, size)
    colour, cover = _draw_object(solids, view, rng, size)
    weight = cover.sum() + 1e-6
    hidden = float((luminance(behind) * cover).sum() / weight)
    around = 0.8 * hidden + 0.2 * float(luminance(behind).mean())
    inside = float(luminance(colour).sum() / weight) + 1e-6
    # Lighter or darker than what it hides, as a coin falls, so that brightness tells nothing.
    contrast = rng.uniform(1.6, 2.6) ** rng.choice([-1, 1])
    colour *= np.float32(contrast * around / inside)
    return develop(behind * (1 - cover[..., None]) + colour, rng)


def _draw_object(solids: Sequence[Solid], view: View, rng: np.random.Generator, size: int) -> tuple[Floats, Floats]:
    """Return the object's light, weighted by coverage, (size, size, 3), and its coverage (size, size)."""
    light = random_light(rng)
    hues = np.stack([random_colour(rng, (0.05, 0.4)), random_colour(rng, (0.05, 0.45))])
    placed = place(solids, view)
    fine = size * _OVERSAMPLING
    sight = look(placed, *lines(fine))
    ball = (view.x, view.y, 0.0), view.size
    cells = min(size, _SHADOW_CELLS)
    lit = lit_share(sight, placed, light, *ball, cells)
    # Coarse shadows from overhead stand for the sky that nooks do not see.
    overhead = lit_share(sight, placed, OVERHEAD, *ball, cells // 2)
    shaded = shade(sight, placed, hues, light, lit, 0.45 + 0.55 * overhead)
    own = (rotation(view.yaw, view.pitch, view.roll).T / view.size).astype(np.float32)
    middle = np.array([[view.x], [view.y], [0]], np.float32)
    shaded *= mottle(sight, placed, own @ (sight.points - middle))[:, None]
    row, column = np.divmod(sight.pixel, fine)
    pixel = row // _OVERSAMPLING * size + column // _OVERSAMPLING
    sums = [
        np.bincount(pixel, values, size * size).reshape(size, size) / _OVERSAMPLING**2
        for values in (*shaded.T, np.ones(len(pixel)))
    ]
    return np.stack(sums[:3], axis=-1).astype(np.float32), sums[3].astype(np.float32)
