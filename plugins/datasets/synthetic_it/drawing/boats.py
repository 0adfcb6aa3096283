"""Boats: side on, bow to the right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .parts import block, frustum, hull
from .solids import Solid, Surface
from .variation import varied

_GLASS = Surface(0.22, 0.5, 0.5)
_STEEL = Surface(0.9, 0.3, 0.4)
_DARK = Surface(0.3, 0.8, 0.1)


@dataclass(frozen=True)
class _Hull:
    """Half-length, half-depth, half-width, and how far the bow rises."""

    length: float
    depth: float
    beam: float
    sheer: float


_HULLS = (
    _Hull(0.68, 0.15, 0.22, 0.1),  # sloop
    _Hull(1.0, 0.2, 0.22, 0.06),  # liner
    _Hull(0.75, 0.22, 0.28, 0.2),  # tug
    _Hull(0.82, 0.22, 0.23, 0.22),  # galleon
    _Hull(0.95, 0.22, 0.23, 0.14),  # speedboat
    _Hull(1.0, 0.2, 0.23, 0.1),  # freighter
    _Hull(0.9, 0.17, 0.28, 0.14),  # rowing boat
    _Hull(0.9, 0.21, 0.25, 0.24),  # trawler
)


def make_boat(kind: int, rng: np.random.Generator) -> list[Solid]:
    """Return the parts of a boat.

    Parameters
    ----------
    kind : int
        0..7 for sloop, liner, tug, galleon, speedboat, freighter, rowing boat, trawler.
    rng : numpy.random.Generator
        Source of proportions and tones.

    Returns
    -------
    list of Solid
        The parts.
    """
    form = varied(_HULLS[kind], rng, 0.12)
    paint = Surface(rng.uniform(0.35, 0.95), 0.0, 0.25)
    trim = Surface(rng.uniform(0.7, 1.0), 1.0, 0.2)
    parts = _boat_hull(form, paint, _DARK if kind == 6 else trim)
    makers = (_sloop, _liner, _tug, _galleon, _speedboat, _freighter, _rowing_boat, _trawler)
    return [*parts, *makers[kind](form, rng, trim)]


def _boat_hull(form: _Hull, paint: Surface, trim: Surface) -> list[Solid]:
    """Return a hull, pointed at the right and rising there, with its deck at about y = 0.18."""
    length, beam, low, high = form.length, form.beam, 0.18 - 2 * form.depth, 0.18
    middle, bow, deck, stripe = [], [], [], []
    for s in (-1, 1):
        midship = [(length * 0.35, high, s * beam), (length * 0.35, low, s * beam * 0.4)]
        middle += [(-length, high + 0.06, s * beam * 0.7), (-length * 0.8, low, s * beam * 0.4), *midship]
        bow += midship
        deck += [(-length * 0.97, high + 0.07, s * beam * 0.68), (length * 0.3, high + 0.03, s * beam * 0.98)]
        at = (-length * 0.3, high - 0.08, s * beam * 0.84)
        stripe.append(block(at, (length * 0.6, 0.02, 0.03), trim))
    bow += [(length, high + form.sheer, 0), (length * 0.66, low, 0), (length * 0.3, high + 0.02, 0)]
    deck += [(length * 0.9, high + form.sheer, 0), (0.0, high - 0.06, 0)]
    return [hull(middle, paint, softness=0.02), hull(bow, paint, softness=0.02), hull(deck, trim), *stripe]


def _tug(form: _Hull, rng: np.random.Generator, trim: Surface) -> list[Solid]:
    """Return a wheelhouse and a fat funnel."""
    funnel = frustum((-0.35, 0.2, 0), (-0.37, rng.uniform(0.55, 0.75), 0), (0.12, 0.1), _DARK)
    return [*_wheelhouse(-0.05, 0.42, trim), funnel]


def _speedboat(form: _Hull, rng: np.random.Generator, trim: Surface) -> list[Solid]:
    """Return a raked windscreen, a bench and an outboard motor."""
    foot, top = form.beam * 0.9, rng.uniform(0.36, 0.44)
    screen = [(0.42, 0.16, 0.0)]
    for s in (-1, 1):
        screen += [(0.1, 0.2, s * foot), (-0.05, top, s * 0.12), (-0.12, 0.2, s * 0.2)]
    bench = block((-0.5, 0.24, 0), (0.12, 0.1, 0.16), trim, softness=0.1)
    motor = block((-form.length - 0.05, 0.1, 0), (0.07, 0.2, 0.07), _DARK, softness=0.1)
    return [hull(screen, _GLASS), bench, motor]


def _rowing_boat(form: _Hull, rng: np.random.Generator, trim: Surface) -> list[Solid]:
    """Return oars, gunwales and seats."""
    parts, reach = [], rng.uniform(0.7, 0.85)
    for s in (-1, 1):
        parts.append(frustum((0.05, 0.24, s * 0.2), (-0.35, -0.2, s * reach), (0.025, 0.03), trim))
        parts.append(block((-0.1, 0.2, s * form.beam * 0.96), (0.62, 0.03, 0.03), trim))
    return [*parts, *(block((x, 0.19, 0), (0.06, 0.03, form.beam), trim) for x in (-0.45, 0.0, 0.35))]


def _sloop(form: _Hull, rng: np.random.Generator, sail: Surface) -> list[Solid]:
    """Return a mast with a mainsail and a jib."""
    top = rng.uniform(1.35, 1.6)
    cloth = Surface(1.0, sail.accent, 0.05)
    main = [(0.04, top, 0), (0.04, 0.36, 0.02), (-0.6, 0.36, 0.1), (-0.25, 0.8, 0.09), (-0.2, 0.4, -0.02)]
    jib = [(0.12, top * 0.9, 0), (0.14, 0.36, 0.03), (0.62, 0.3, 0.0), (0.3, 0.5, 0.09), (0.3, 0.45, -0.02)]
    return [
        frustum((0.08, 0.1, 0), (0.08, top + 0.05, 0), (0.03, 0.02), _DARK),
        hull(main, cloth),
        hull(jib, cloth),
        frustum((0.08, 0.3, 0), (-0.62, 0.3, 0.08), (0.025, 0.02), _DARK),
        block((-0.2, 0.24, 0), (0.2, 0.07, 0.12), sail, softness=0.1),
    ]


def _liner(form: _Hull, rng: np.random.Generator, trim: Surface) -> list[Solid]:
    """Return decks with rows of windows and raked funnels."""
    parts: list[Solid] = []
    for level in range(3):
        half, y = 0.68 - 0.13 * level, 0.27 + 0.13 * level
        parts.append(block((-0.12, y, 0), (half, 0.065, 0.19 - 0.02 * level), trim))
        parts.append(block((-0.12, y, 0), (half - 0.06, 0.022, 0.197 - 0.02 * level), _GLASS))
    for x in np.linspace(-0.42, 0.2, int(rng.integers(2, 5))):
        parts.append(frustum((x, 0.55, 0), (x - 0.07, 0.95, 0), (0.085, 0.075), Surface(0.4, 0.0)))
        parts.append(frustum((x - 0.06, 0.88, 0), (x - 0.075, 0.98, 0), (0.082, 0.08), _DARK))
    return parts


def _wheelhouse(x: float, height: float, trim: Surface) -> list[Solid]:
    """Return a cabin with a band of windows and a mast."""
    y = 0.18 + height / 2
    return [
        block((x, y, 0), (0.2, height / 2 + 0.05, 0.17), trim, taper=(0.85, 0.9)),
        block((x + 0.01, y + height * 0.22, 0), (0.195, 0.055, 0.168), _GLASS),
        block((x, 0.24 + height, 0), (0.23, 0.03, 0.19), _DARK),
        frustum((x - 0.05, 0.2 + height, 0), (x - 0.05, 0.55 + height, 0), (0.02, 0.015), _DARK),
    ]


def _galleon(form: _Hull, rng: np.random.Generator, sail: Surface) -> list[Solid]:
    """Return masts with square sails, a stern castle and a bowsprit."""
    cloth = Surface(1.0, sail.accent, 0.05)
    parts = [
        block((-0.6, 0.32, 0), (0.2, 0.2, 0.2), sail, taper=(1.1, 0.9)),
        frustum((0.7, 0.4, 0), (1.15, 0.62, 0), (0.03, 0.02), _DARK),
    ]
    for x, scale in zip((-0.45, 0.03, 0.5), rng.uniform(0.85, 1.1, 3), strict=True):
        parts.append(frustum((x, 0.1, 0), (x, 0.3 + 1.05 * scale, 0), (0.03, 0.02), _DARK))
        for y, half, wide in ((0.58, 0.22, 0.36), (1.02, 0.16, 0.28)):
            parts.append(_square_sail(x + 0.05, y * scale + 0.06, half * scale, wide, cloth))
    return parts


def _square_sail(x: float, y: float, half: float, wide: float, cloth: Surface) -> Solid:
    """Return a sail on a yard braced round, bellied by the wind."""
    along, ahead = np.array([-0.7, 0.0, 0.7]), np.array([0.12, 0.0, 0.12])
    middle, up = np.array([x, y, 0]), np.array([0, half, 0])
    rim = [middle + s * wide * (0.85 if t > 0 else 1.0) * along + t * up for s in (-1, 1) for t in (-1, 1)]
    belly = [middle + s * 0.45 * wide * along + t * 0.45 * up + ahead for s in (-1, 1) for t in (-1, 1)]
    return hull([*rim, *belly], cloth, softness=0.05)


def _freighter(form: _Hull, rng: np.random.Generator, trim: Surface) -> list[Solid]:
    """Return stacks of containers and a wheelhouse astern."""
    parts = _wheelhouse(-0.72, 0.5, trim)
    for x in np.linspace(-0.38, 0.55, 5):
        for level in range(int(rng.integers(1, 4))):
            surface = Surface(rng.uniform(0.35, 1.0), rng.choice([0.0, 0.5, 1.0]))
            parts.append(block((x, 0.28 + 0.15 * level, 0), (0.108, 0.07, 0.2), surface))
    return parts


def _trawler(form: _Hull, rng: np.random.Generator, trim: Surface) -> list[Solid]:
    """Return a wheelhouse, a mast, booms and a net drum."""
    top = rng.uniform(0.95, 1.2)
    return [
        *_wheelhouse(0.22, 0.45, trim),
        frustum((-0.3, 0.1, 0), (-0.3, top, 0), (0.035, 0.025), _DARK),
        frustum((-0.3, 0.4, 0), (-0.85, top * 0.85, 0), (0.025, 0.02), _DARK),
        frustum((-0.3, 0.45, 0), (0.12, top * 0.95, 0), (0.02, 0.02), _DARK),
        frustum((-0.6, 0.28, -0.18), (-0.6, 0.28, 0.18), (0.1, 0.1), _STEEL),
    ]
