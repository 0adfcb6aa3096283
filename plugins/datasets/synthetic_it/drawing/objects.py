"""The objects: eight categories, and any number of exemplars of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .animals import make_animal
from .boats import make_boat
from .cars import make_car
from .chairs import make_chair
from .faces import make_face
from .fruit import make_fruit
from .planes import make_plane
from .solids import Solid, rotation
from .tables import make_table

_Maker = Callable[[int, np.random.Generator], list[Solid]]

# Each maker builds its category as is easiest; pitch and yaw turn it to show its best side.
_MAKERS: dict[str, tuple[_Maker, float, float]] = {
    "animal": (make_animal, 8, -10),
    "boat": (make_boat, 14, -12),
    "car": (make_car, 14, -18),
    "chair": (make_chair, 14, -28),
    "face": (make_face, 0, 0),
    "fruit": (make_fruit, 8, 0),
    "plane": (make_plane, 38, -32),
    "table": (make_table, 20, -22),
}

CATEGORIES = tuple(_MAKERS)

_KINDS = 8


def make_object(category: str, seed: int) -> tuple[Solid, ...]:
    """Make an exemplar of a category.

    Parameters
    ----------
    category : str
        One of `CATEGORIES`.
    seed : int
        Which exemplar. Any eight consecutive seeds give eight kinds (eight species of animal, say);
        seeds eight apart give the same kind in other proportions and tones.

    Returns
    -------
    tuple of Solid
        The parts, all within the unit ball, in the order drawn.

    Raises
    ------
    ValueError
        If there is no such category.
    """
    if category not in _MAKERS:
        raise ValueError(f"unknown category {category!r}; there are {', '.join(CATEGORIES)}")
    maker, pitch, yaw = _MAKERS[category]
    rng = np.random.default_rng((seed % 2**63, CATEGORIES.index(category)))
    turn = rotation(yaw, pitch)
    return _fitted([solid.moved(turn) for solid in maker(seed % _KINDS, rng)])


def _fitted(solids: list[Solid]) -> tuple[Solid, ...]:
    """Return the solids moved and scaled together to fill the unit ball."""
    directions = _directions(256)
    reach = np.max([solid.reach(directions) for solid in solids], axis=0)
    # The middle of the narrowest ball around the object: where opposite reaches balance best.
    middle = np.linalg.lstsq(2 * directions, reach - reach[_opposite(directions)], rcond=None)[0]
    radius = float((reach - directions @ middle).max())
    return tuple(solid.moved(np.eye(3) * 0.98 / radius, -0.98 * middle / radius) for solid in solids)


def _directions(count: int) -> NDArray[np.float64]:
    """Return unit vectors spread evenly over the sphere, with the opposite of each."""
    steps = np.arange(count // 2) + 0.5
    z = 1 - steps / (count // 2)
    angle = steps * np.pi * (3 - np.sqrt(5))
    half = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)
    return np.concatenate([half, -half])


def _opposite(directions: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the index of the opposite of each direction."""
    return np.roll(np.arange(len(directions)), len(directions) // 2)
