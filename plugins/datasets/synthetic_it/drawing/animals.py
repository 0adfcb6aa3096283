"""Four-legged animals: side on, head to the right."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .parts import by, dome, ellipsoid, frustum, limb
from .solids import Solid, Surface
from .variation import varied

_DARK = Surface(0.2, 0.6, 0.5)
_HORN = Surface(0.95, 0.5, 0.3)


@dataclass(frozen=True)
class _Build:
    """Proportions; lengths relative to a body about 1.2 long, angles in degrees above the horizontal."""

    girth: float
    leg: float
    thickness: float
    neck: float
    neck_angle: float
    neck_width: float
    head: float
    snout: float
    ears: str
    tail: tuple[float, float, float]
    chest: float = 1.0
    length: float = 0.52


_BUILDS = (
    _Build(0.22, 0.48, 0.07, 0.34, 48, 0.12, 0.17, 0.22, "pointed", (0.42, 0.045, 50), 1.12),  # dog
    _Build(0.27, 0.78, 0.075, 0.62, 52, 0.13, 0.16, 0.36, "pointed", (0.6, 0.07, -60), 1.0, 0.58),  # horse
    _Build(0.44, 0.55, 0.16, 0.22, 25, 0.26, 0.3, 0.0, "fans", (0.45, 0.03, -65)),  # elephant
    _Build(0.25, 0.95, 0.06, 1.2, 66, 0.1, 0.13, 0.24, "pointed", (0.5, 0.03, -70), 1.15, 0.42),  # giraffe
    _Build(0.34, 0.5, 0.085, 0.34, 12, 0.19, 0.19, 0.24, "sideways", (0.65, 0.035, -75), 1.2, 0.62),  # bull
    _Build(0.36, 0.36, 0.14, 0.26, 18, 0.24, 0.24, 0.22, "round", (0.1, 0.07, 20), 0.95, 0.5),  # bear
    _Build(0.29, 0.22, 0.08, 0.2, 55, 0.13, 0.2, 0.09, "long", (0.06, 0.11, 30), 0.78, 0.36),  # rabbit
    _Build(0.28, 0.8, 0.075, 0.6, 38, 0.1, 0.14, 0.26, "pointed", (0.4, 0.03, -70), 1.0, 0.5),  # camel
)


def make_animal(kind: int, rng: np.random.Generator) -> list[Solid]:
    """Return the parts of an animal.

    Parameters
    ----------
    kind : int
        0..7 for dog, horse, elephant, giraffe, bull, bear, rabbit, camel.
    rng : numpy.random.Generator
        Source of proportions and tones.

    Returns
    -------
    list of Solid
        The parts.
    """
    build = varied(_BUILDS[kind], rng)
    coat = Surface(rng.uniform(0.55, 0.9), 0.0, 0.08, 0.14)
    points = Surface(rng.uniform(0.35, 0.95), rng.uniform(0.3, 1.0), 0.08, 0.14)
    leg = build.leg
    rear, front, half = build.girth, build.girth * build.chest, build.length
    body = [
        limb((-half, 0, 0), (half, 0.02, 0), (rear * 0.85, front * 0.9), coat),
        ellipsoid((half * 0.75, 0, 0), (front * 1.35, front * 1.02, front * 0.9), coat),
        ellipsoid((-half * 0.8, 0.02, 0), (rear * 1.4, rear * 1.02, rear * 0.9), coat),
    ]
    angle = np.radians(build.neck_angle)
    root = by(half + front * 0.3, front * 0.35, 0)
    head = root + (build.neck + front * 0.4) * np.array([np.cos(angle), np.sin(angle), 0])
    neck = limb(root, head, (build.neck_width * 1.5, build.neck_width), coat)
    tail_length, tail_width, tail_angle = build.tail
    start = np.array([-half - rear * 0.75, rear * 0.5, 0])
    away = np.radians(tail_angle)
    end = start + (tail_length + 0.1) * np.array([-np.cos(away), np.sin(away), 0])
    tail = limb(start, end, (tail_width, tail_width * 0.7), points)
    return [
        *body,
        neck,
        tail,
        *_legs(build, leg, rear, half, coat, points),
        *_head(build, head, coat, points),
        *_extras(kind, build, head, coat, points, rng),
    ]


def _legs(build: _Build, leg: float, rear: float, half: float, coat: Surface, points: Surface) -> list[Solid]:
    """Return four legs in mid-stride, each a thigh, a shank and a foot."""
    parts = []
    thick, spread = build.thickness, build.girth * 0.52
    for x, side, stride in (
        (half, 1, 0.1),
        (half * 0.9, -1, -0.1),
        (-half, 1, -0.08),
        (-half * 0.95, -1, 0.12),
    ):
        hip, z = np.array([x, -rear * 0.3, side * spread]), side * spread
        knee = hip + by(stride * 0.6, -leg * 0.5 - rear * 0.25, 0)
        foot = np.array([x + stride * (0.6 if x > 0 else 1.2), -rear * 0.7 - leg, z])
        parts.append(limb(hip, knee, (thick * 1.55, thick), coat))
        parts.append(limb(knee, foot, (thick, thick * 0.8), coat))
        parts.append(ellipsoid(foot + by(thick * 0.3, -thick * 0.3, 0), (thick * 1.3, thick * 0.7, thick), points))
    return parts


def _head(build: _Build, head: np.ndarray, coat: Surface, points: Surface) -> list[Solid]:
    """Return skull, snout, eyes and ears."""
    size = build.head
    parts = [ellipsoid(head, (size, size * 0.95, size * 0.85), coat)]
    if build.snout:
        tip = head + by(size * 0.5 + build.snout, -size * 0.2 - build.snout * 0.45, 0)
        parts.append(limb(head + by(size * 0.3, -size * 0.1, 0), tip, (size * 0.7, size * 0.48), coat))
        parts.append(ellipsoid(tip + by(size * 0.3, size * 0.12, 0), (size * 0.26, size * 0.25, size * 0.36), _DARK))
    for side in (-1, 1):
        parts.append(ellipsoid(head + by(size * 0.62, size * 0.32, side * size * 0.62), [size * 0.16] * 3, _DARK))
        parts.append(_ear(build.ears, head, size, side, points))
    return parts


def _ear(style: str, head: np.ndarray, size: float, side: int, surface: Surface) -> Solid:
    """Return one ear."""
    if style == "fans":
        return ellipsoid(head + by(-0.18, -0.05, side * 0.36), (0.3, 0.38, 0.04), surface, (side * 35, 0, 0))
    if style == "long":
        return ellipsoid(head + by(-0.1, size * 1.9, side * 0.09), (0.075, 0.34, 0.05), surface, (0, side * 10, 14))
    if style == "sideways":
        return ellipsoid(head + by(-0.06, 0.06, side * size * 1.25), (0.06, 0.06, 0.13), surface)
    if style == "round":
        return ellipsoid(head + by(-0.05, size * 0.85, side * size * 0.65), (0.05, 0.1, 0.1), surface)
    base = head + by(-size * 0.35, size * 0.6, side * size * 0.5)
    return frustum(base, base + by(-0.02, size * 0.85, side * 0.05), (size * 0.36, 0.01), surface)


def _extras(
    kind: int, build: _Build, head: np.ndarray, coat: Surface, points: Surface, rng: np.random.Generator
) -> list[Solid]:
    """Return what only one kind of animal has."""
    if kind == 0:
        return [limb(head + by(-0.16, -0.24, 0), head + by(-0.1, -0.27, 0), (0.15, 0.15), points)]
    if kind == 1:
        crest = [head + by(-0.12 - 0.37 * t, 0.12 - 0.52 * t, 0) for t in (0, 0.35, 0.7, 1.0)]
        return [limb(a, b, (0.08, 0.09), _DARK) for a, b in pairwise(crest)]
    if kind == 2:
        knots = [head + by(*d, 0) for d in ((0.2, -0.05), (0.42, -0.35), (0.46, -0.7), (0.6, -0.92))]
        widths = (0.17, 0.12, 0.09, 0.06)
        trunk = [limb(knots[i], knots[i + 1], (widths[i], widths[i + 1]), coat) for i in range(3)]
        tusks = [
            frustum(head + by(0.2, -0.22, s * 0.16), head + by(0.6, -0.42, s * 0.2), (0.05, 0.015), _HORN)
            for s in (-1, 1)
        ]
        return [*trunk, *tusks]
    if kind == 3:
        horns = [
            limb(head + by(-0.02, 0.08, s * 0.05), head + by(-0.06, 0.28, s * 0.07), (0.025, 0.04), _DARK)
            for s in (-1, 1)
        ]
        flank = rng.uniform((-0.45, -0.12), (0.5, 0.2), (9, 2))
        spots = [ellipsoid((x, y, s * 0.2), (0.1, 0.08, 0.07), points) for x, y in flank for s in (-1, 1)]
        return [*horns, *spots]
    if kind == 4:
        tips = [
            (head + by(-0.03, 0.16, s * 0.1), head + by(0.02, 0.2, s * 0.34), head + by(0.06, 0.42, s * 0.4))
            for s in (-1, 1)
        ]
        horns = [
            part for a, b, c in tips for part in (limb(a, b, (0.06, 0.05), _HORN), limb(b, c, (0.05, 0.02), _HORN))
        ]
        return [*horns, ellipsoid((build.length * 0.7, 0.28, 0), (0.34, 0.22, 0.24), coat)]
    if kind == 6:
        return [ellipsoid((-0.26, -0.1, s * 0.2), (0.26, 0.26, 0.14), coat) for s in (-1, 1)]
    if kind == 7:
        return [dome((x, 0.2, 0), (0.2, rng.uniform(0.28, 0.36), 0.17), points) for x in (-0.24, 0.24)]
    return []
