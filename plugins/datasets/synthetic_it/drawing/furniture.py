"""What chairs and tables share."""

from __future__ import annotations

from .parts import frustum
from .solids import Solid, Surface

CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))


def legs(
    wide: float, deep: float, top: float, foot: float, thick: float, surface: Surface, splay: float = 1.1
) -> list[Solid]:
    """Return four round legs.

    Parameters
    ----------
    wide, deep : float
        Half-distances between the tops of the legs, along x and z.
    top, foot : float
        Heights of their ends.
    thick : float
        Radius at the top; it is 0.7 of that at the foot.
    surface : Surface
        What they are made of.
    splay : float
        How much wider they stand at the foot than at the top.

    Returns
    -------
    list of Solid
        The legs.
    """
    return [
        frustum(
            (x * wide, top, z * deep),
            (x * wide * splay, foot, z * deep * splay),
            (thick, thick * 0.7),
            surface,
        )
        for x, z in CORNERS
    ]
