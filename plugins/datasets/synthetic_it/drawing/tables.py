"""Tables."""

from __future__ import annotations

import numpy as np

from .furniture import CORNERS, legs
from .parts import block, ellipsoid, frustum, limb
from .solids import Solid, Surface

_DARK = Surface(0.25, 0.6, 0.2)


def make_table(kind: int, rng: np.random.Generator) -> list[Solid]:
    """Return the parts of a table.

    Parameters
    ----------
    kind : int
        0..7 for dining, pedestal, coffee, trestle, desk, three-legged, picnic, draped.
    rng : numpy.random.Generator
        Source of proportions and tones.

    Returns
    -------
    list of Solid
        The parts.
    """
    wood = Surface(rng.uniform(0.45, 0.9), 0.0, 0.25, 0.18)
    trim = Surface(rng.uniform(0.4, 0.95), 1.0, 0.2, 0.15)
    makers = (_dining, _pedestal, _coffee, _trestle, _desk, _tripod, _picnic, _draped)
    return makers[kind](rng, wood, trim)


def _dining(rng: np.random.Generator, wood: Surface, trim: Surface) -> list[Solid]:
    """Return a rectangular table on square legs."""
    wide, deep, tall = rng.uniform(0.85, 1.0), rng.uniform(0.48, 0.6), rng.uniform(0.9, 1.05)
    legs = [
        block((x * wide * 0.88, 0.4 - tall / 2, z * deep * 0.85), (0.065, tall / 2, 0.065), wood) for x, z in CORNERS
    ]
    return [
        block((0, 0.42, 0), (wide, 0.05, deep), wood, softness=0.02),
        block((0, 0.3, 0), (wide * 0.88, 0.09, deep * 0.85), trim),
        *legs,
    ]


def _pedestal(rng: np.random.Generator, wood: Surface, trim: Surface) -> list[Solid]:
    """Return a round table on a turned column."""
    radius = rng.uniform(0.75, 0.9)
    feet = [
        limb((0, -0.55, 0), (0.5 * np.cos(a), -0.78, 0.5 * np.sin(a)), (0.1, 0.06), trim)
        for a in np.arange(4) * np.pi / 2 + 0.6
    ]
    return [
        frustum((0, 0.36, 0), (0, 0.46, 0), (radius, radius), wood),
        frustum((0, 0.36, 0), (0, -0.6, 0), (0.09, 0.12), trim),
        ellipsoid((0, -0.2, 0), (0.17, 0.2, 0.17), trim),
        *feet,
    ]


def _coffee(rng: np.random.Generator, wood: Surface, trim: Surface) -> list[Solid]:
    """Return a low oval table on splayed legs, with a shelf."""
    wide = rng.uniform(0.95, 1.1)
    top = frustum((0, 0.16, 0), (0, 0.23, 0), (wide, wide), wood, flat=0.55)
    shelf = frustum((0, -0.2, 0), (0, -0.16, 0), (wide * 0.7, wide * 0.7), trim, flat=0.55)
    return [top, shelf, *legs(wide * 0.6, 0.3, 0.18, -0.42, 0.055, wood, 1.25)]


def _trestle(rng: np.random.Generator, wood: Surface, trim: Surface) -> list[Solid]:
    """Return a board on two crossed trestles."""
    wide, deep = rng.uniform(0.9, 1.05), rng.uniform(0.4, 0.5)
    legs = [
        frustum(
            (x * wide * 0.68, 0.34, z * deep * 0.9),
            (x * wide * 0.68, -0.5, -z * deep * 1.1),
            (0.055, 0.055),
            trim,
        )
        for x, z in CORNERS
    ]
    boards = [block((0, 0.38, z * deep), (wide, 0.045, deep * 0.31), wood) for z in (-0.66, 0, 0.66)]
    return [*boards, *legs, frustum((-wide * 0.68, -0.08, 0), (wide * 0.68, -0.08, 0), (0.045, 0.045), trim)]


def _desk(rng: np.random.Generator, wood: Surface, trim: Surface) -> list[Solid]:
    """Return a desk with drawers on one side or both."""
    wide, deep = rng.uniform(0.85, 0.95), 0.42
    sides = (-1, 1) if rng.random() < 0.5 else (1,)
    parts = [
        block((0, 0.42, 0), (wide, 0.045, deep), trim, softness=0.02),
        *[block((-wide * 0.92, -0.05, z * deep * 0.85), (0.05, 0.45, 0.05), wood) for z in (-1, 1)],
    ]
    for s in sides:
        x = s * wide * 0.66
        parts.append(block((x, -0.06, 0), (0.26, 0.44, deep * 0.92), wood))
        for y in (0.2, -0.08, -0.36):
            parts += [
                block((x, y, deep * 0.93), (0.22, 0.115, 0.02), trim),
                ellipsoid((x, y, deep * 1.0), (0.05, 0.025, 0.03), _DARK),
            ]
    return parts


def _tripod(rng: np.random.Generator, wood: Surface, trim: Surface) -> list[Solid]:
    """Return a small high table on three legs."""
    radius, turn = rng.uniform(0.52, 0.62), rng.uniform(0.3, 0.8)
    angles = np.arange(3) * 2 * np.pi / 3 + turn
    legs = [
        frustum(
            (0.3 * np.cos(a), 0.6, 0.3 * np.sin(a)),
            (0.58 * np.cos(a), -0.9, 0.58 * np.sin(a)),
            (0.06, 0.035),
            trim,
        )
        for a in angles
    ]
    return [
        frustum((0, 0.6, 0), (0, 0.68, 0), (radius, radius), wood),
        frustum((0, -0.35, 0), (0, -0.31, 0), (0.38, 0.38), wood),
        *legs,
    ]


def _picnic(rng: np.random.Generator, wood: Surface, trim: Surface) -> list[Solid]:
    """Return a picnic table with two benches."""
    wide = rng.uniform(0.85, 0.95)
    boards = [block((0, 0.36, z), (wide, 0.035, 0.085), wood) for z in (-0.3, -0.1, 0.1, 0.3)]
    benches = [block((0, -0.08, s * 0.72), (wide, 0.035, 0.12), wood) for s in (-1, 1)]
    legs = [limb((x * 0.6, 0.32, s * 0.2), (x * 0.6, -0.48, s * 0.62), (0.05, 0.05), trim) for x, s in CORNERS]
    return [
        *boards,
        *benches,
        *legs,
        *[block((x * 0.6, -0.12, 0), (0.035, 0.045, 0.75), trim) for x in (-1, 1)],
    ]


def _draped(rng: np.random.Generator, wood: Surface, trim: Surface) -> list[Solid]:
    """Return a table under a short cloth, with a jug on it."""
    wide, deep, drop = rng.uniform(0.75, 0.85), rng.uniform(0.5, 0.58), rng.uniform(0.14, 0.22)
    cloth = block((0, 0.3 - drop, 0), (wide * 1.04, drop, deep * 1.04), trim, taper=(0.96, 0.95), softness=0.03)
    jug = [
        frustum((0.2, 0.3, 0), (0.2, 0.58, 0), (0.15, 0.1), wood),
        ellipsoid((0.2, 0.42, 0), (0.17, 0.14, 0.17), wood),
    ]
    return [cloth, *jug, *legs(wide * 0.9, deep * 0.9, 0.2, -0.75, 0.07, wood, 1.0)]
