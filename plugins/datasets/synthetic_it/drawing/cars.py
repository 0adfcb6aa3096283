"""Cars and lorries: side on, bonnet to the right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .parts import block, dome, ellipsoid, frustum, hull
from .solids import Solid, Surface
from .variation import varied

_GLASS = Surface(0.22, 0.5, 0.5)
_TYRE = Surface(0.18, 0.2, 0.05)
_STEEL = Surface(0.9, 0.3, 0.4)
_DARK = Surface(0.3, 0.8, 0.1)


@dataclass(frozen=True)
class _Build:
    """Half-length, heights, wheel radius, and the x of the cab's ends at its foot and at its roof."""

    length: float
    sill: float
    waist: float
    roof: float
    wheel: float
    foot: tuple[float, float]
    top: tuple[float, float]
    axles: tuple[float, ...] = (-0.6, 0.6)


_BUILDS = (
    _Build(1.0, -0.2, 0.1, 0.42, 0.2, (-0.75, 0.55), (-0.45, 0.2)),  # saloon
    _Build(0.78, -0.2, 0.12, 0.5, 0.2, (-0.76, 0.52), (-0.62, 0.18)),  # hatchback
    _Build(0.92, -0.25, 0.2, 0.78, 0.19, (-0.91, 0.72), (-0.88, 0.35)),  # van
    _Build(1.0, -0.15, 0.14, 0.55, 0.22, (-0.1, 0.5), (-0.05, 0.3)),  # pickup
    _Build(1.0, -0.2, 0.12, 0.55, 0.2, (0.48, 0.98), (0.5, 0.88), (-0.68, -0.4, 0.62)),  # lorry
    _Build(1.05, -0.25, 0.1, 0.65, 0.17, (-1.04, 1.04), (-1.0, 0.98), (-0.6, 0.66)),  # bus
    _Build(0.85, -0.1, 0.2, 0.62, 0.26, (-0.82, 0.36), (-0.75, 0.22)),  # jeep
    _Build(0.8, -0.2, 0.08, 0.5, 0.2, (-0.72, 0.4), (-0.35, 0.1)),  # beetle
)


def make_car(kind: int, rng: np.random.Generator) -> list[Solid]:
    """Return the parts of a car.

    Parameters
    ----------
    kind : int
        0..7 for saloon, hatchback, van, pickup, lorry, bus, jeep, beetle.
    rng : numpy.random.Generator
        Source of proportions and tones.

    Returns
    -------
    list of Solid
        The parts.
    """
    build = varied(_BUILDS[kind], rng, 0.1)
    length, width = build.length, rng.uniform(0.34, 0.4)
    paint = Surface(rng.uniform(0.5, 0.95), 0.0, 0.45)
    roof = paint if rng.random() < 0.6 else Surface(rng.uniform(0.4, 1.0), 1.0, 0.4)
    middle = (build.sill + build.waist) / 2
    if kind == 7:
        shell = [
            ellipsoid((0, -0.02, 0), (length, 0.3, width), paint),
            ellipsoid((-0.12, 0.1, 0), (0.56, 0.42, width * 0.85), roof),
            dome((-0.12, 0.1, 0), (0.48, 0.35, width * 0.9), _GLASS, floor=0.3),
        ]
    else:
        half = (length, (build.waist - build.sill) / 2, width)
        shell = [
            block((0, middle, 0), half, paint, taper=(0.97, 0.97), softness=0.05),
            *_cab(build, width, roof),
        ]
    return [
        *shell,
        *_wheels(build, length, width),
        *_lamps(length, middle, width),
        *_load(kind, rng, length, build.waist, width),
    ]


def _cab(build: _Build, width: float, paint: Surface) -> list[Solid]:
    """Return the cab and its windows, two dark slabs that show a little on all sides of it."""
    return [
        _slice(build, width, (0.0, 1.0), 0.0, 0.0, paint),
        _slice(build, width, (0.12, 0.85), -0.07, 0.012, _GLASS),
        _slice(build, width, (0.14, 0.86), 0.015, -0.06, _GLASS),
    ]


def _slice(
    build: _Build, width: float, span: tuple[float, float], ahead: float, aside: float, surface: Surface
) -> Solid:
    """Return the cab between two shares of its height, grown along and across."""
    corners = []
    for share in span:
        left, right = (a + share * (b - a) for a, b in zip(build.foot, build.top, strict=True))
        y = build.waist + share * (build.roof - build.waist)
        half = width * (0.97 - 0.17 * share) + aside
        corners += [(x, y, s * half) for x in (left - ahead, right + ahead) for s in (-1, 1)]
    return hull(corners, surface, softness=0.02)


def _wheels(build: _Build, length: float, width: float) -> list[Solid]:
    """Return tyres and hubs."""
    parts = []
    for axle in build.axles:
        for side in (-1, 1):
            x, y, radius = axle * length, build.sill, build.wheel
            inner, outer = side * width * 0.6, side * (width + 0.03)
            parts.append(frustum((x, y, inner), (x, y, outer), (radius, radius), _TYRE))
            hub = (x, y, outer + side * 0.015)
            parts.append(frustum((x, y, inner), hub, (radius * 0.55, radius * 0.5), _STEEL))
    return parts


def _lamps(length: float, y: float, width: float) -> list[Solid]:
    """Return headlamps, bumpers and a radiator grille."""
    shine = Surface(1.1, 1.0, 0.6)
    lamps = [ellipsoid((length * 0.98, y + 0.04, s * width * 0.7), (0.05, 0.06, 0.08), shine) for s in (-1, 1)]
    bumpers = [block((s * length, y - 0.12, 0), (0.03, 0.04, width * 0.95), _STEEL) for s in (-1, 1)]
    return [*lamps, *bumpers, block((length * 0.985, y + 0.03, 0), (0.025, 0.05, width * 0.35), _DARK)]


def _load(kind: int, rng: np.random.Generator, length: float, waist: float, width: float) -> list[Solid]:
    """Return what only one kind of car carries."""
    bright = Surface(rng.uniform(0.75, 1.0), 1.0)
    if kind == 2:
        return [block((-0.4, 0.1, 0), (0.5, 0.03, width * 1.01), bright)]
    if kind == 3:
        side = (0.43 * length, 0.07, 0.03)
        sides = [block((-0.55 * length, waist + 0.06, s * width * 0.93), side, _DARK) for s in (-1, 1)]
        return [*sides, block((-0.55, waist + 0.1, 0), (0.28, 0.1, 0.2), bright, (20, 0, 0))]
    if kind == 4:
        return [block((-0.3, waist + 0.32, 0), (0.72 * length, 0.46, width * 1.08), bright)]
    if kind == 5:
        post = (0.02, 0.26, width * 0.95)
        posts = [block((x, waist + 0.28, 0), post, bright) for x in np.linspace(-0.8, 0.8, 6)]
        return [*posts, block((0, waist - 0.08, 0), (length * 0.99, 0.03, width * 1.02), bright)]
    if kind == 6:
        spare = frustum((-length, 0.2, 0), (-length - 0.12, 0.2, 0), (0.2, 0.2), _TYRE)
        rails = [block((-0.27, 0.68, z), (0.45, 0.02, 0.02), _DARK) for z in np.linspace(-0.25, 0.25, 4)]
        return [spare, *rails, *[block((x, 0.65, 0), (0.02, 0.05, 0.25), _DARK) for x in (-0.6, 0.1)]]
    return []
