"""Chairs."""

from __future__ import annotations

import numpy as np

from .furniture import legs
from .parts import block, dome, ellipsoid, frustum, limb
from .solids import Solid, Surface

_STEEL = Surface(0.85, 0.4, 0.5)
_DARK = Surface(0.25, 0.6, 0.2)


def make_chair(kind: int, rng: np.random.Generator) -> list[Solid]:
    """Return the parts of a chair.

    Parameters
    ----------
    kind : int
        0..7 for slatted, armchair, swivel, rocking, spindle, shell, throne, tube.
    rng : numpy.random.Generator
        Source of proportions and tones.

    Returns
    -------
    list of Solid
        The parts.
    """
    wood = Surface(rng.uniform(0.45, 0.9), 0.0, 0.2, 0.18)
    cloth = Surface(rng.uniform(0.5, 0.95), 1.0, 0.05, 0.12)
    wide, deep = rng.uniform(0.36, 0.5), rng.uniform(0.34, 0.46)
    makers = (_slatted, _armchair, _swivel, _rocking, _spindle, _tub, _throne, _tube)
    return makers[kind](rng, wood, cloth, wide, deep)


def _slatted(rng: np.random.Generator, wood: Surface, cloth: Surface, wide: float, deep: float) -> list[Solid]:
    """Return a kitchen chair with horizontal slats."""
    posts = [block((s * wide * 0.9, 0.32, -deep * 1.05), (0.05, 0.62, 0.05), wood, (0, -6, 0)) for s in (-1, 1)]
    count = int(rng.integers(2, 5))
    slats = [
        block((0, y, -deep * 1.02 - 0.1 * y), (wide * 0.88, 0.32 / count, 0.03), wood)
        for y in np.linspace(0.28, 0.8, count)
    ]
    rails = [block((s * wide * 0.9, -0.55, 0), (0.025, 0.03, deep), wood) for s in (-1, 1)]
    return [
        block((0, -0.13, 0), (wide, 0.05, deep), cloth, softness=0.05),
        *posts,
        *slats,
        *rails,
        *legs(wide * 0.88, deep * 0.88, -0.15, -0.95, 0.055, wood, 1.02),
    ]


def _armchair(rng: np.random.Generator, wood: Surface, cloth: Surface, wide: float, deep: float) -> list[Solid]:
    """Return an upholstered armchair."""
    arms = [block((s * wide * 1.25, -0.12, 0.02), (0.13, 0.36, deep * 1.15), cloth, softness=0.15) for s in (-1, 1)]
    rolls = [
        frustum((s * wide * 1.25, 0.22, -deep), (s * wide * 1.25, 0.22, deep * 1.25), (0.16, 0.16), cloth)
        for s in (-1, 1)
    ]
    back = block((0, 0.28, -deep * 1.05), (wide * 1.2, 0.62, 0.15), cloth, (0, -10, 0), softness=0.2)
    return [
        back,
        *arms,
        *rolls,
        block((0, -0.3, 0), (wide * 1.1, 0.18, deep * 1.1), wood, softness=0.1),
        block((0, -0.05, 0.06), (wide * 1.08, 0.11, deep * 1.1), Surface(cloth.tone * 1.1, 1.0), softness=0.2),
        *legs(wide, deep * 0.9, -0.45, -0.68, 0.06, _DARK),
    ]


def _swivel(rng: np.random.Generator, wood: Surface, cloth: Surface, wide: float, deep: float) -> list[Solid]:
    """Return an office chair on a star of castors."""
    parts = [
        block((0, -0.05, 0), (wide, 0.075, deep), cloth, softness=0.2),
        frustum((0, -0.1, 0), (0, -0.75, 0), (0.06, 0.07), _STEEL),
        block((0, 0.58, -deep * 1.1), (wide * 0.9, 0.36, 0.06), cloth, (0, -8, 0), softness=0.2, taper=(0.85, 1)),
        block((0, 0.12, -deep * 1.12), (0.07, 0.26, 0.03), _DARK),
    ]
    for angle in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1):
        x, z = 0.52 * np.cos(angle), 0.52 * np.sin(angle)
        parts += [
            limb((0, -0.72, 0), (x, -0.8, z), (0.06, 0.04), _STEEL),
            ellipsoid((x, -0.88, z), (0.08, 0.08, 0.08), _DARK),
        ]
    for s in (-1, 1):
        parts += [
            block((s * wide * 1.12, 0.24, 0.02), (0.05, 0.03, 0.24), _DARK),
            block((s * wide * 1.12, 0.07, -0.02), (0.025, 0.16, 0.05), _DARK),
        ]
    return parts


def _rocking(rng: np.random.Generator, wood: Surface, cloth: Surface, wide: float, deep: float) -> list[Solid]:
    """Return a rocking chair: a tall slatted back on curved runners."""
    parts = _slatted(rng, wood, wood, wide, deep)[:-4] + legs(wide * 0.88, deep * 0.88, -0.15, -0.8, 0.05, wood, 1.0)
    z = np.linspace(-0.85, 0.8, 6)
    y = -0.92 + 0.24 * z**2
    for s in (-1, 1):
        x = s * wide * 0.9
        parts += [limb((x, y[i], z[i]), (x, y[i + 1], z[i + 1]), (0.045, 0.045), wood) for i in range(5)]
        parts += [
            limb((x, 0.22, -deep), (x, 0.2, deep), (0.04, 0.05), wood),
            frustum((x, 0.2, deep * 0.8), (x, -0.15, deep * 0.8), (0.035, 0.035), wood),
        ]
    return parts


def _spindle(rng: np.random.Generator, wood: Surface, cloth: Surface, wide: float, deep: float) -> list[Solid]:
    """Return a Windsor chair: a fan of spindles under a bow."""
    count = int(rng.integers(5, 8))
    feet, tops = np.linspace(-0.8, 0.8, count) * wide, np.linspace(-1.05, 1.05, count) * wide
    heights = 0.86 - 0.35 * np.linspace(-1, 1, count) ** 2
    spindles = [
        frustum((a, -0.1, -deep * 0.85), (b, h, -deep * 1.15), (0.028, 0.02), wood)
        for a, b, h in zip(feet, tops, heights, strict=True)
    ]
    bow = [
        limb(
            (tops[i], heights[i], -deep * 1.15),
            (tops[i + 1], heights[i + 1], -deep * 1.15),
            (0.05, 0.05),
            wood,
        )
        for i in range(count - 1)
    ]
    return [
        frustum((0, -0.18, 0), (0, -0.08, 0), (wide * 1.12, wide * 1.15), wood),
        *spindles,
        *bow,
        *legs(wide * 0.65, deep * 0.65, -0.15, -0.95, 0.055, wood, 1.6),
    ]


def _tub(rng: np.random.Generator, wood: Surface, cloth: Surface, wide: float, deep: float) -> list[Solid]:
    """Return a shell chair on thin legs: a curved back made of staves."""
    staves, broad, high = [], wide * 1.18, rng.uniform(0.3, 0.5)
    for angle in np.radians(np.linspace(-105, 105, 11)):
        x, z = broad * np.sin(angle), -deep * 1.1 * np.cos(angle)
        top = 0.18 + high * np.cos(angle / 1.4) ** 2
        staves.append(limb((x * 0.85, -0.15, z * 0.85), (x * 1.12, top, z * 1.12), (0.1, 0.08), cloth))
    return [
        *staves,
        ellipsoid((0, -0.12, 0.06), (broad, 0.12, deep * 1.12), Surface(cloth.tone, 1.0)),
        *legs(0.26, 0.24, -0.2, -0.92, 0.04, wood, 1.8),
    ]


def _throne(rng: np.random.Generator, wood: Surface, cloth: Surface, wide: float, deep: float) -> list[Solid]:
    """Return a high panelled chair with arms and finials."""
    parts = [
        block((0, 0.42, -deep), (wide, 0.62, 0.06), wood),
        block((0, 0.4, -deep + 0.04), (wide * 0.75, 0.42, 0.05), cloth, softness=0.1),
        dome((0, 1.02, -deep), (wide * 0.8, 0.2, 0.07), wood),
        block((0, -0.4, 0), (wide, 0.32, deep), wood),
        block((0, -0.06, 0.02), (wide * 0.92, 0.07, deep * 0.95), cloth, softness=0.2),
    ]
    for s in (-1, 1):
        x = s * wide
        parts += [
            frustum((x, -0.95, -deep), (x, 1.1, -deep), (0.07, 0.06), wood),
            ellipsoid((x, 1.15, -deep), (0.1, 0.1, 0.1), wood),
            frustum((x, -0.95, deep), (x, 0.22, deep), (0.07, 0.06), wood),
            block((x, 0.24, 0), (0.075, 0.04, deep * 1.2), wood),
        ]
    return parts


def _tube(rng: np.random.Generator, wood: Surface, cloth: Surface, wide: float, deep: float) -> list[Solid]:
    """Return a cantilever chair of bent steel tube."""
    parts = [
        block((0, -0.12, 0), (wide, 0.045, deep), cloth, softness=0.1),
        block((0, 0.62, -deep * 1.12), (wide * 0.95, 0.24, 0.04), cloth, (0, -10, 0), softness=0.1),
    ]
    for s in (-1, 1):
        path = np.array([(0.92, -1.2), (-0.17, -0.95), (-0.17, 0.98), (-0.9, 0.85), (-0.92, -1.05)])
        knots = np.column_stack([np.full(5, s * wide * 0.95), path[:, 0], path[:, 1] * deep])
        parts += [limb(knots[i], knots[i + 1], (0.045, 0.045), _STEEL) for i in range(4)]
    return [
        *parts,
        limb((-wide * 0.95, -0.92, -deep * 1.05), (wide * 0.95, -0.92, -deep * 1.05), (0.045, 0.045), _STEEL),
    ]
