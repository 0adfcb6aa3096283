"""Layers as a user names them: a name, a pattern such as ``blocks.*``, or a sum such as ``layer3+layer4``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from itbench.errors import BadOption, UnknownName

Shapes = Mapping[str, tuple[int, ...] | str]  # of every layer, without the batch; words where it has none
LIST = "List them with: itbench layers MODEL"


def is_pattern(name: str) -> bool:
    """Say whether a name stands for several layers."""
    return "*" in name or "?" in name


def parts(name: str) -> tuple[str, ...]:
    """Return the layers that a name puts side by side.

    >>> parts("layer3+layer4")
    ('layer3', 'layer4')

    Raises
    ------
    BadOption
        If one is empty, given twice or a pattern: which layers are one would not be clear.
    """
    found = tuple(part.strip() for part in name.split("+"))
    if not all(found) or len(set(found)) < len(found):
        raise BadOption(
            f"The layers of {name!r} must differ, and none be empty.", todo="Such as: --layer layer3+layer4"
        )
    if len(found) > 1 and any(map(is_pattern, found)):
        raise BadOption(f"A sum of layers cannot hold a pattern: {name!r}.", todo="Name each of them.")
    return found


def expand(names: Iterable[str], shapes: Shapes) -> tuple[str, ...]:
    """Replace every pattern by the layers that it fits and that give a tensor, in the model's order.

    ``*`` stands for any letters up to the next dot, ``**`` for any letters, ``?`` for one.

    >>> expand(["blocks.*", "head"], {"blocks": "a tuple", "blocks.0": (4,), "blocks.0.fc": (4,), "head": (9,)})
    ('blocks.0', 'head')

    Raises
    ------
    UnknownName
        If nothing fits.
    """
    found: dict[str, None] = {}
    for name in names:
        fitting = [name]
        if is_pattern(name):
            regular = re.compile(_regular(name))
            fitting = [layer for layer, shape in shapes.items() if regular.fullmatch(layer) and _has_tensor(shape)]
            if not fitting:
                usable = [layer for layer, shape in shapes.items() if _has_tensor(shape)]
                raise UnknownName.of("layer pattern", name, usable, todo=f"{LIST}; ** also stands for dots.")
        found |= dict.fromkeys(fitting)
    return tuple(found)


def spread(names: Iterable[str], most: int) -> tuple[str, ...]:
    """Choose at most `most` of the names at equal distances, the first and the last among them.

    >>> spread("abcdefg", 3)
    ('a', 'd', 'g')
    """
    known = list(names)
    if len(known) <= most:
        return tuple(known)
    return tuple(known[round(step * (len(known) - 1) / (most - 1))] for step in range(most))


def _has_tensor(shape: tuple[int, ...] | str) -> bool:
    return not isinstance(shape, str)


def _regular(pattern: str) -> str:
    kinds = {"**": ".*", "*": "[^.]*", "?": "[^.]"}
    return "".join(kinds.get(piece, re.escape(piece)) for piece in re.split(r"(\*\*|\*|\?)", pattern))
