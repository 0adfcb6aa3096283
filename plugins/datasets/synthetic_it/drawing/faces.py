"""Faces: frontal, with a neck and some of the shoulders left out."""

from __future__ import annotations

import numpy as np

from .parts import block, dome, ellipsoid, frustum, limb
from .solids import Solid, Surface

_WHITE = Surface(1.25, 0.0, 0.3)
_PUPIL = Surface(0.12, 0.5, 0.6)


def make_face(kind: int, rng: np.random.Generator) -> list[Solid]:
    """Return the parts of a head.

    Parameters
    ----------
    kind : int
        0..7 for bald, cropped, long-haired, curly, with a bun, bearded, with glasses, with a hat.
    rng : numpy.random.Generator
        Source of proportions and tones.

    Returns
    -------
    list of Solid
        The parts.
    """
    skin = Surface(rng.uniform(0.6, 0.85), 0.0, 0.1, 0.05)
    hair = Surface(rng.choice([0.2, 0.3, 0.45, 0.95]), 1.0, 0.2, 0.3)
    wide, long, jaw = rng.uniform(0.5, 0.6), rng.uniform(0.7, 0.78), rng.uniform(0.32, 0.44)
    skull = [
        ellipsoid((0, 0.12, -0.05), (wide, long * 0.82, 0.6), skin),
        limb((0, -0.05, 0.06), (0, -0.46 - 0.15 * long, 0.2), (wide * 0.88, jaw * 0.72), skin),
        frustum((0, -0.3, -0.12), (0, -0.95, -0.15), (0.26, 0.3), skin),
    ]
    return [
        *skull,
        *_eyes(rng, wide, skin, hair),
        *_nose(rng, skin),
        *_mouth(rng, jaw),
        *_ears(rng, wide, skin),
        *_dress(kind, wide, long, hair, rng),
    ]


def _eyes(rng: np.random.Generator, wide: float, skin: Surface, hair: Surface) -> list[Solid]:
    """Return eyeballs, irises, lids and brows."""
    apart, opening = wide * rng.uniform(0.4, 0.46), rng.uniform(0.075, 0.1)
    tilt, arch, thick = rng.uniform(-8, 8), rng.uniform(0.15, 0.19), rng.uniform(0.022, 0.045)
    brow, parts = Surface(min(hair.tone, 0.4), 1.0, 0.05), []
    for side in (-1, 1):
        x, y = side * apart, 0.1
        parts += [
            ellipsoid((x, y, 0.48), (0.135, opening, 0.07), _WHITE, (side * 12, 0, side * tilt)),
            ellipsoid((x, y, 0.525), (0.062, 0.062, 0.045), _PUPIL, (side * 8, 0, 0)),
            dome(
                (x, y + 0.01, 0.475),
                (0.15, opening * 1.25, 0.085),
                skin,
                (side * 12, 0, side * tilt),
                floor=0.45,
            ),
            limb(
                (x - side * 0.13, y + arch, 0.53),
                (x + side * 0.15, y + arch + 0.02, 0.44),
                (thick * 1.3, thick),
                brow,
            ),
        ]
    return parts


def _nose(rng: np.random.Generator, skin: Surface) -> list[Solid]:
    """Return bridge, tip and wings of the nose."""
    tip, broad, length = rng.uniform(0.68, 0.78), rng.uniform(0.09, 0.14), rng.uniform(0.2, 0.3)
    y = 0.08 - length
    return [
        limb((0, 0.12, 0.5), (0, y, tip - 0.06), (0.06, broad * 0.75), skin),
        *[ellipsoid((s * broad * 0.85, y - 0.03, 0.58), (broad * 0.55, broad * 0.5, 0.1), skin) for s in (-1, 1)],
        *[ellipsoid((s * broad * 0.55, y - 0.085, 0.62), (0.035, 0.02, 0.05), _PUPIL) for s in (-1, 1)],
    ]


def _mouth(rng: np.random.Generator, jaw: float) -> list[Solid]:
    """Return two lips and the line between them."""
    lips = Surface(rng.uniform(0.42, 0.55), 0.7, 0.3)
    half, full, y = jaw * rng.uniform(0.5, 0.65), rng.uniform(0.03, 0.055), -0.4
    return [
        ellipsoid((0, y + full * 0.7, 0.52), (half, full, 0.09), lips),
        ellipsoid((0, y - full * 0.8, 0.52), (half * 0.85, full * 1.2, 0.1), lips),
        ellipsoid((0, y, 0.545), (half * 0.95, 0.013, 0.09), _PUPIL),
    ]


def _ears(rng: np.random.Generator, wide: float, skin: Surface) -> list[Solid]:
    """Return ears."""
    tall = rng.uniform(0.14, 0.2)
    return [ellipsoid((s * (wide + 0.03), 0.0, -0.06), (0.06, tall, 0.11), skin, (s * 25, 0, s * -8)) for s in (-1, 1)]


def _dress(kind: int, wide: float, long: float, hair: Surface, rng: np.random.Generator) -> list[Solid]:
    """Return hair, beard, glasses or hat."""
    w, top = wide * 1.07, 0.12
    cap = dome((0, top, -0.1), (w, long * 0.92, 0.62), hair, (0, -32, 0), floor=0.28)
    if kind == 0:
        return [ellipsoid((s * wide * 0.86, 0.08, -0.25), (0.13, 0.24, 0.28), hair) for s in (-1, 1)]
    if kind == 1:
        return [cap, ellipsoid((0.1, 0.66, 0.22), (0.38, 0.16, 0.3), hair, (0, 0, -12))]
    if kind == 2:
        locks = [limb((s * w * 0.88, 0.3, -0.12), (s * w * 1.02, -0.75, -0.1), (0.2, 0.2), hair) for s in (-1, 1)]
        fringe = ellipsoid((-0.16, 0.56, 0.3), (0.36, 0.15, 0.22), hair, (0, 0, 22))
        return [cap, *locks, fringe, ellipsoid((0, -0.2, -0.4), (w, 0.65, 0.26), hair)]
    if kind == 3:
        turns = np.linspace(-0.15, 1.15, 9) * np.pi
        curls = [
            ellipsoid((0.62 * np.cos(a), 0.3 + 0.52 * np.sin(a), z), [rng.uniform(0.2, 0.27)] * 3, hair)
            for a in turns
            for z in (-0.3, 0.06)
        ]
        return [cap, *curls]
    if kind == 4:
        return [
            cap,
            ellipsoid((0, 0.95, -0.15), (0.26, 0.22, 0.26), hair),
            ellipsoid((0, 0.2, -0.3), (w, 0.55, 0.48), hair),
            *[ellipsoid((s * (wide + 0.06), -0.24, -0.02), [0.05] * 3, Surface(1.2, 1.0, 0.6)) for s in (-1, 1)],
        ]
    if kind == 5:
        beard = [dome((0, -0.36, 0.08), (wide * 0.92, 0.5, 0.44), hair, (0, 0, 180), floor=0.1)]
        beard += [limb((s * 0.03, -0.285, 0.6), (s * 0.22, -0.36, 0.52), (0.055, 0.04), hair) for s in (-1, 1)]
        return [cap, *beard]
    if kind == 6:
        return [cap, *_glasses(wide)]
    band, felt = Surface(0.3, 0.0), Surface(rng.uniform(0.5, 0.9), 1.0, 0.05)
    return [
        frustum((0, 0.42, -0.04), (0, 0.5, -0.06), (0.98, 0.95), felt),
        frustum((0, 0.45, -0.06), (0, 0.6, -0.06), (0.64, 0.62), band),
        frustum((0, 0.5, -0.06), (0, 0.98, -0.1), (0.62, 0.5), felt),
        *[ellipsoid((s * wide * 0.92, 0.15, -0.2), (0.14, 0.34, 0.3), hair) for s in (-1, 1)],
    ]


def _glasses(wide: float) -> list[Solid]:
    """Return square rims, a bridge and arms."""
    parts, frame = [], Surface(0.15, 0.3, 0.4)
    for s in (-1, 1):
        x, y = s * wide * 0.44, 0.08
        parts += [block((x, y + d, 0.63), (0.2, 0.025, 0.02), frame) for d in (-0.14, 0.14)]
        parts += [block((x + d, y, 0.63), (0.025, 0.16, 0.02), frame) for d in (-0.19, 0.19)]
        parts.append(
            frustum(
                (s * (wide * 0.44 + 0.19), 0.14, 0.62),
                (s * (wide + 0.05), 0.06, -0.05),
                (0.025, 0.025),
                frame,
            )
        )
    return [*parts, block((0, 0.12, 0.64), (0.08, 0.022, 0.02), frame)]
