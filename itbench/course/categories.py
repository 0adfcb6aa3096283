"""The 64 objects of the HvM pictures and their 8 categories.

Majaj, Hong, Solomon & DiCarlo (2015), J. Neurosci. 35, 13402-13418. The names are those of their 3-D models.
They speak for themselves but for chairs and tables, numbered with three digits and with two. `itbench data link` puts
the categories that the public files state in the place of these.
"""

from __future__ import annotations

from collections.abc import Iterable

OBJECTS = {
    "Animals": "bear ELEPHANT_M GORILLA LIONESS TURTLE_L blCow breed_pug hedgehog",
    "Boats": "BAHRAIN CGTG_L DTUG_L MQUEEN_L SISTER_L cruiser motoryacht support",
    "Cars": "Beetle alfa155 astra bmw325 bora_a celica clio z3",
    "Chairs": "_001 _004 _008 _010 _011 _014 _031 _033",
    "Faces": "face0001 face0002 face0003 face0004 face0005 face0006 face0007 face0008",
    "Fruits": "Apple_Fruit_obj Apricot_obj Peach_obj Pear_obj Strawberry_obj raspberry_obj walnut_obj watermelon_obj",
    "Planes": "_01_Airliner_2jetEngines _05_future _19_flyingBoat f16 junkers88 mig29 rdbarren sopwith",
    "Tables": "_08 _10 _11 _12 _18 _37 _38 _44",
}
CATEGORY_OF = {name: category for category, names in OBJECTS.items() for name in names.split()}


def unknown_objects(objects: Iterable[str]) -> list[str]:
    """Return the names that are none of the 64, sorted, each once."""
    return sorted(set(objects) - set(CATEGORY_OF))
