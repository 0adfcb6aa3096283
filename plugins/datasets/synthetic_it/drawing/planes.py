"""Planes: side on, nose to the right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .parts import block, ellipsoid, frustum, hull, limb
from .solids import Solid, Surface
from .variation import varied

_GLASS = Surface(0.22, 0.5, 0.5)
_TYRE = Surface(0.18, 0.2, 0.05)
_STEEL = Surface(0.9, 0.3, 0.4)
_DARK = Surface(0.3, 0.8, 0.1)


@dataclass(frozen=True)
class _Build:
    """Half-length and radius of the body; half-span, half-chord, sweep and height of the wings; fin."""

    length: float
    radius: float
    span: float
    chord: float
    sweep: float
    height: float
    fin: float
    sharp: bool = False


_BUILDS = (
    _Build(1.0, 0.125, 1.0, 0.26, 0.45, -0.04, 0.34),  # airliner
    _Build(1.0, 0.1, 0.62, 0.42, 0.55, 0.0, 0.34, sharp=True),  # fighter
    _Build(0.78, 0.14, 0.85, 0.22, 0.0, -0.12, 0.26),  # biplane
    _Build(0.78, 0.15, 0.95, 0.2, 0.02, 0.14, 0.28),  # light plane
    _Build(0.78, 0.095, 1.25, 0.15, 0.05, 0.03, 0.28),  # glider
    _Build(1.0, 0.13, 1.0, 0.24, 0.08, -0.05, 0.32),  # twin
    _Build(1.0, 0.08, 0.55, 0.75, 0.95, -0.03, 0.3, sharp=True),  # delta
    _Build(1.0, 0.16, 1.05, 0.3, 0.5, -0.06, 0.42),  # jumbo
)


def make_plane(kind: int, rng: np.random.Generator) -> list[Solid]:
    """Return the parts of a plane.

    Parameters
    ----------
    kind : int
        0..7 for airliner, fighter, biplane, light plane, glider, twin, delta, jumbo.
    rng : numpy.random.Generator
        Source of proportions and tones.

    Returns
    -------
    list of Solid
        The parts.
    """
    build = varied(_BUILDS[kind], rng)
    paint = Surface(rng.uniform(0.75, 1.0), 0.0, 0.35)
    wing = Surface(rng.uniform(0.6, 0.95), rng.choice([0.0, 0.5]), 0.25)
    mark = Surface(rng.uniform(0.35, 0.6), 1.0, 0.2)
    wings = _wings(build.height, build.span, build.chord, build.sweep, wing)
    return [*_body(build, paint), *wings, *_tail(kind, build, mark, wing), *_fittings(kind, build, mark)]


def _body(build: _Build, paint: Surface) -> list[Solid]:
    """Return the fuselage and the cockpit."""
    length, radius = build.length, build.radius
    nose = length * (0.55 if build.sharp else 0.82)
    body = [
        limb((nose, 0, 0), (-length * 0.35, 0, 0), (radius, radius), paint),
        limb((-length * 0.35, 0, 0), (-length, radius * 0.5, 0), (radius, radius * 0.35), paint),
    ]
    if build.sharp:
        body.append(frustum((nose, 0, 0), (length * 1.15, -radius * 0.3, 0), (radius, 0.0), paint))
    cockpit = nose * (0.75 if build.sharp else 0.92)
    return [*body, ellipsoid((cockpit, radius * 0.72, 0), (radius * 1.3, radius * 0.6, radius * 0.6), _GLASS)]


def _wings(height: float, span: float, chord: float, sweep: float, surface: Surface, x: float = 0.12) -> list[Solid]:
    """Return a pair of tapered wings, swept back from the given x."""
    tip, rise, thick = (0.05 if sweep > 0.9 else chord * 0.42), height + 0.05 * span, 0.028
    root = [(x + chord, height, 0), (x - chord, height, 0), (x, height + thick, 0), (x, height - thick, 0)]
    back = x - sweep * span
    ends = [(back + tip, rise), (back - tip, rise), (back, rise + 0.012)]
    return [hull([*root, *((a, b, s * span) for a, b in ends)], surface) for s in (-1, 1)]


def _tail(kind: int, build: _Build, mark: Surface, wing: Surface) -> list[Solid]:
    """Return the fin or fins and the tailplane."""
    length, radius, size = build.length, build.radius, build.fin
    root, lean = -length + size * 0.55, size * 0.6
    fin = [(root, radius * 0.5, s * 0.025) for s in (-1, 1)]
    fin += [(-length - 0.02, radius * 0.4, s * 0.02) for s in (-1, 1)]
    fin += [(root - lean, size + radius, 0.008), (-length - lean * 0.35, size + radius, -0.008)]
    if kind == 1:
        twins = [hull([(x, y, z + s * (0.1 + y * 0.25)) for x, y, z in fin], mark) for s in (-1, 1)]
        return [*twins, *_wings(0.0, 0.38, 0.16, 0.6, wing, -0.75)]
    if kind == 6:
        return [hull(fin, mark)]
    high = size + radius * 0.9 if kind == 4 else radius * 0.4
    return [hull(fin, mark), *_wings(high, size * 1.1, size * 0.36, 0.4, wing, -length + size * 0.2)]


def _fittings(kind: int, build: _Build, mark: Surface) -> list[Solid]:
    """Return the engines, wheels and markings that only some kinds have."""
    if kind in (0, 7):
        windows = block((0.05, 0.03, 0), (build.length * 0.72, 0.016, build.radius), _GLASS)
        stripe = block((0.05, -0.03, 0), (build.length * 0.76, 0.014, build.radius), mark)
        return [*_jets(build, mark, (0.36,) if kind == 0 else (0.36, 0.66)), windows, stripe]
    if kind == 2:
        upper = _wings(0.32, build.span, 0.2, 0.0, Surface(mark.tone + 0.3, 1.0), 0.2)
        outer = 0.55 * build.span
        struts = [
            frustum((x, -0.1, z), (x + 0.06, 0.34, z), (0.016, 0.016), _DARK)
            for z in (-outer, -0.2, 0.2, outer)
            for x in (0.05, 0.22)
        ]
        return [*upper, *struts, *_nose_engine(build, mark)]
    if kind == 3:
        return _nose_engine(build, mark)
    if kind == 5:
        pods = []
        for z in (-0.38 * build.span, 0.38 * build.span):
            pods.append(limb((0.42, build.height + 0.02, z), (-0.05, build.height, z), (0.085, 0.05), mark))
            pods += _propeller(0.52, build.height + 0.02, z, 0.24)
        return pods
    return []


def _jets(build: _Build, mark: Surface, places: tuple[float, ...]) -> list[Solid]:
    """Return pods under the wings, at shares of the span."""
    parts = []
    for out in places:
        for side in (-1, 1):
            x, y, z = 0.3 - build.sweep * build.span * out, build.height - 0.07, side * out * build.span
            parts.append(frustum((x - 0.14, y, z), (x + 0.16, y, z), (0.055, 0.085), mark))
            parts.append(frustum((x + 0.1, y, z), (x + 0.165, y, z), (0.06, 0.068), _DARK))
    return parts


def _propeller(x: float, y: float, z: float, reach: float) -> list[Solid]:
    """Return a spinner with two crossed blades."""
    blades = [ellipsoid((x, y, z), half, _DARK) for half in ((0.015, reach, 0.045), (0.015, 0.045, reach))]
    return [*blades, ellipsoid((x, y, z), (0.09, 0.055, 0.055), _STEEL)]


def _nose_engine(build: _Build, mark: Surface) -> list[Solid]:
    """Return the engine in the nose and the fixed wheels of a light plane."""
    radius = build.radius
    parts = [
        frustum((0.5, 0, 0), (0.74, 0, 0), (radius * 1.04, radius * 0.9), mark),
        *_propeller(0.8, 0, 0, 0.3),
    ]
    for side in (-1, 1):
        parts.append(frustum((0.25, -radius * 0.7, side * 0.05), (0.3, -0.34, side * 0.2), (0.025, 0.02), _DARK))
        parts.append(frustum((0.3, -0.36, side * 0.18), (0.3, -0.36, side * 0.24), (0.1, 0.1), _TYRE))
    return parts
