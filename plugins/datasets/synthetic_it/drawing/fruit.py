"""Fruit."""

from __future__ import annotations

import numpy as np

from .parts import by, dome, ellipsoid, frustum, limb
from .solids import Solid, Surface

_STEM = Surface(0.3, 0.8, 0.1, 0.2)
_SEED = Surface(0.2, 0.5, 0.4)


def make_fruit(kind: int, rng: np.random.Generator) -> list[Solid]:
    """Return the parts of a fruit.

    Parameters
    ----------
    kind : int
        0..7 for apple, pear, bananas, grapes, pineapple, cherries, strawberry, slice of melon.
    rng : numpy.random.Generator
        Source of proportions and tones.

    Returns
    -------
    list of Solid
        The parts.
    """
    skin = Surface(rng.uniform(0.6, 0.9), 0.0, 0.35, 0.15)
    leaf = Surface(rng.uniform(0.4, 0.6), 1.0, 0.15)
    return (_apple, _pear, _bananas, _grapes, _pineapple, _cherries, _strawberry, _melon)[kind](rng, skin, leaf)


def _leaf(base: tuple[float, float, float], length: float, turn: float, leaf: Surface) -> Solid:
    """Return a leaf that sets out from a point in the image plane at an angle in degrees."""
    out = np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn)), 0.15]) * length
    return ellipsoid(np.array(base) + out, (length, length * 0.4, 0.04), leaf, (0, 25, turn))


def _apple(rng: np.random.Generator, skin: Surface, leaf: Surface) -> list[Solid]:
    """Return five lobes about a dimple, a stem and a leaf."""
    parts = [ellipsoid((0, -0.02, 0), (0.66, 0.55, 0.66), skin)]
    for angle in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1):
        x, z = 0.27 * np.cos(angle), 0.27 * np.sin(angle)
        parts.append(limb((x * 0.75, -0.32, z * 0.75), (x, 0.12, z), (0.36, 0.5), skin))
    return [
        *parts,
        limb((0, 0.45, 0), (0.08, 0.88, 0), (0.04, 0.055), _STEM),
        _leaf((0.05, 0.72, 0.0), 0.26, rng.uniform(5, 40), leaf),
    ]


def _pear(rng: np.random.Generator, skin: Surface, leaf: Surface) -> list[Solid]:
    """Return a round bottom that narrows to a stem."""
    lean, neck = rng.uniform(-0.1, 0.1), rng.uniform(0.24, 0.3)
    return [
        ellipsoid((0, -0.4, 0), (0.6, 0.54, 0.6), skin),
        limb((0, -0.3, 0), (lean, 0.42, 0), (0.54, neck), skin),
        limb((lean, 0.6, 0), (lean + 0.1, 1.0, 0), (0.04, 0.05), _STEM),
        _leaf((lean + 0.03, 0.8, 0), 0.24, rng.uniform(130, 170), leaf),
    ]


def _bananas(rng: np.random.Generator, skin: Surface, leaf: Surface) -> list[Solid]:
    """Return a hand of curved fingers."""
    parts, count = [], int(rng.integers(2, 5))
    for index in range(count):
        z = (index - (count - 1) / 2) * 0.27
        angles = np.radians(np.linspace(175 - 4 * index, 318 - 6 * index, 7))
        knots = np.stack([0.95 * np.cos(angles), 0.95 * np.sin(angles) + 0.3, z * np.linspace(0.2, 1.2, 7)], axis=1)
        widths = (0.05, 0.13, 0.18, 0.19, 0.18, 0.13, 0.05)
        parts += [limb(knots[i], knots[i + 1], (widths[i], widths[i + 1]), skin) for i in range(6)]
        parts.append(limb(knots[6], knots[6] + by(0.05, 0.04, 0), (0.05, 0.04), _STEM))
    return [*parts, limb((-0.94, 0.36, 0), (-0.9, 0.66, 0), (0.1, 0.07), _STEM)]


def _grapes(rng: np.random.Generator, skin: Surface, leaf: Surface) -> list[Solid]:
    """Return a bunch of berries that narrows downwards."""
    parts, radius = [], rng.uniform(0.17, 0.2)
    for level, ring in enumerate((6, 7, 6, 5, 3, 1)):
        wide = 0.11 * (ring - 1) * 0.75
        for angle in np.arange(ring) * 2 * np.pi / ring + level * 0.6:
            jitter = rng.uniform(-0.03, 0.03, 3)
            centre = np.array([wide * np.cos(angle), 0.4 - 0.25 * level, wide * np.sin(angle)]) + jitter
            parts.append(ellipsoid(centre, (radius, radius * 1.08, radius), skin))
    stem = [
        limb((0, 0.4, 0), (0.05, 0.85, 0), (0.05, 0.04), _STEM),
        limb((0.05, 0.85, 0), (0.3, 0.95, 0), (0.04, 0.05), _STEM),
    ]
    return [
        *parts,
        ellipsoid((0, 0.1, 0), (0.4, 0.4, 0.4), skin),
        *stem,
        _leaf((0.0, 0.68, 0.1), 0.28, 170, leaf),
    ]


def _pineapple(rng: np.random.Generator, skin: Surface, leaf: Surface) -> list[Solid]:
    """Return a barrel studded in spirals, under a tuft."""
    parts = [ellipsoid((0, -0.3, 0), (0.43, 0.62, 0.43), Surface(skin.tone * 0.6, 0.2))]
    for level, y in enumerate(np.linspace(-0.78, 0.18, 7)):
        ring = 0.43 * np.sqrt(1 - ((y + 0.3) / 0.62) ** 2) + 0.01
        for angle in (np.arange(9) + 0.5 * (level % 2)) * 2 * np.pi / 9:
            parts.append(ellipsoid((ring * np.cos(angle), y, ring * np.sin(angle)), (0.105, 0.09, 0.105), skin))
    for turn in np.arange(12) * 2.4:
        lean = 0.1 + 0.4 * (turn / 26.4)
        out = np.array([lean * np.cos(turn), 0.85 - 0.7 * lean, lean * np.sin(turn)])
        parts.append(frustum((0.3 * out[0], 0.2, 0.3 * out[2]), (out[0], 0.22 + out[1], out[2]), (0.1, 0.0), leaf))
    return parts


def _cherries(rng: np.random.Generator, skin: Surface, leaf: Surface) -> list[Solid]:
    """Return two or three cherries that hang from one knot."""
    parts, knot = [], np.array([0.05, 0.9, 0])
    spots = [(-0.5, -0.5, 0.1), (0.42, -0.62, -0.1), (0.0, -0.35, -0.35)][: int(rng.integers(2, 4))]
    for spot in np.array(spots):
        bend = 0.5 * (spot + knot) + by(0.12 * np.sign(spot[0]), 0.18, 0)
        parts += [
            ellipsoid(spot, (0.37, 0.35, 0.37), skin),
            ellipsoid(spot + by(0, 0.31, 0), (0.09, 0.05, 0.09), _STEM),
            limb(spot + by(0, 0.32, 0), bend, (0.025, 0.025), _STEM),
            limb(bend, knot, (0.025, 0.035), _STEM),
        ]
    return [*parts, _leaf((0.05, 0.88, 0), 0.3, -15, leaf)]


def _strawberry(rng: np.random.Generator, skin: Surface, leaf: Surface) -> list[Solid]:
    """Return a blunt cone with seeds and a crown of leaves."""
    tip, parts = rng.uniform(0.72, 0.85), []
    parts += [
        limb((0, 0.12, 0), (0, -tip, 0), (0.56, 0.13), skin),
        ellipsoid((0, 0.2, 0), (0.57, 0.38, 0.57), skin),
    ]
    for level, y in enumerate(np.linspace(-0.68, 0.2, 6)):
        ring = 0.6 - 0.46 * max(0.0, (0.12 - y) / (tip + 0.12))
        for angle in (np.arange(8) + 0.5 * (level % 2)) * np.pi / 4:
            parts.append(ellipsoid((ring * np.cos(angle), y, ring * np.sin(angle)), (0.03, 0.05, 0.03), _SEED))
    for angle in np.arange(7) * 2 * np.pi / 7:
        out = np.array([np.cos(angle), 0, np.sin(angle)])
        knee = 0.38 * out + by(0, 0.6, 0)
        parts += [
            limb((0, 0.58, 0), knee, (0.08, 0.13), leaf),
            frustum(knee, 0.66 * out + by(0, 0.36, 0), (0.12, 0.0), leaf),
        ]
    return [*parts, limb((0, 0.5, 0), (0.08, 0.9, 0), (0.06, 0.05), _STEM)]


def _melon(rng: np.random.Generator, skin: Surface, leaf: Surface) -> list[Solid]:
    """Return a slice: rind, pith and flesh with seeds."""
    flesh, pith = Surface(rng.uniform(0.7, 0.85), 1.0, 0.2), Surface(1.1, 0.3, 0.1)
    thick, parts = rng.uniform(0.16, 0.24), []
    for radius, deep, surface in (
        (1.0, thick, Surface(0.35, 0.0, 0.4)),
        (0.9, thick + 0.015, pith),
        (0.84, thick + 0.03, flesh),
    ):
        parts.append(dome((0, 0.35, 0), (radius, radius, deep), surface, (0, 0, 180)))
    for side in (-1, 1):
        for angle in np.radians(np.linspace(205, 335, 7)):
            parts.append(
                ellipsoid(
                    (0.52 * np.cos(angle), 0.35 + 0.52 * np.sin(angle), side * thick * 0.86),
                    (0.03, 0.055, 0.03),
                    _SEED,
                    (0, 0, np.degrees(angle) + 90),
                )
            )
    return parts
