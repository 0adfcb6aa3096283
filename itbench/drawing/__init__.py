"""Pictures of objects: shaded solids at varied position, size and pose, on cluttered backgrounds."""

from itbench.drawing.objects import CATEGORIES, make_object
from itbench.drawing.scene import View, draw, mask, sample_view
from itbench.drawing.solids import Solid, Surface

__all__ = ["CATEGORIES", "Solid", "Surface", "View", "draw", "make_object", "mask", "sample_view"]
