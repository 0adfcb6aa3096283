"""Layer names that users give: a layer, a pattern such as ``blocks.*``, or a sum such as ``layer3+layer4``."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping

from itbench.errors import BadOption, UnknownName

Shapes = Mapping[str, tuple[int, ...] | str]  # of every layer, without the batch; the reason where it has none
LIST_LAYERS = "List them with: itbench layers MODEL"


def is_pattern(name: str) -> bool:
    """Return whether a layer name holds the wildcards ``*`` or ``?``."""
    return "*" in name or "?" in name


def split_sum(name: str, known: Container[str] = ()) -> tuple[str, ...]:
    """Split a sum of layer names such as ``layer3+layer4`` into its layers; a layer whose name has a + is not split.

    Parameters
    ----------
    name : str
    known : container of str
        Layers of the model: the longest parts that are such layers are kept whole.

    >>> split_sum("layer3+layer4")
    ('layer3', 'layer4')
    >>> split_sum("a+b+c", known=("a", "b+c"))
    ('a', 'b+c')

    Raises
    ------
    BadOption
        If a layer name is empty, repeated or a pattern.
    """
    if name in known:
        return (name,)
    pieces, found = name.split("+"), []
    while pieces:
        sizes = range(len(pieces), 0, -1)
        size = next((size for size in sizes if "+".join(pieces[:size]).strip() in known), 1)
        found.append("+".join(pieces[:size]).strip())
        pieces = pieces[size:]
    if not all(found) or len(set(found)) < len(found):
        raise BadOption(
            f"The layers of {name!r} must differ, and none be empty.", todo="Such as: --layer layer3+layer4"
        )
    if len(found) > 1 and any(is_pattern(part) and part not in known for part in found):
        raise BadOption(f"A sum of layers cannot hold a pattern: {name!r}.", todo="Name each of them.")
    return tuple(found)


def expand_patterns(names: Iterable[str], shapes: Shapes) -> tuple[str, ...]:
    """Replace layer name patterns by the matching layers that return a tensor, in the model's order.

    ``*`` stands for any letters up to the next dot, ``**`` for any letters, ``?`` for one. The whole name of a layer is
    no pattern.

    >>> expand_patterns(["blocks.*", "head"], {"blocks": "tuple", "blocks.0": (4,), "blocks.0.fc": (4,), "head": (9,)})
    ('blocks.0', 'head')

    Raises
    ------
    UnknownName
        If a pattern matches no layer.
    """
    found: dict[str, None] = {}
    for name in names:
        matching = [name]
        if is_pattern(name) and name not in shapes:
            regular = re.compile(_regular(name))
            matching = [layer for layer, shape in shapes.items() if regular.fullmatch(layer) and _has_tensor(shape)]
            if not matching:
                usable = [layer for layer, shape in shapes.items() if _has_tensor(shape)]
                raise UnknownName.of("layer pattern", name, usable, todo=f"{LIST_LAYERS}; ** also stands for dots.")
        found |= dict.fromkeys(matching)
    return tuple(found)


def evenly_spaced(names: Iterable[str], most: int) -> tuple[str, ...]:
    """Choose at most `most` layer names at equal distances, including the first and the last.

    >>> evenly_spaced("abcdefg", 3)
    ('a', 'd', 'g')
    """
    listed = list(names)
    if len(listed) <= most:
        return tuple(listed)
    return tuple(listed[round(step * (len(listed) - 1) / (most - 1))] for step in range(most))


def _has_tensor(shape: tuple[int, ...] | str) -> bool:
    return not isinstance(shape, str)


def _regular(pattern: str) -> str:
    kinds = {"**": ".*", "*": "[^.]*", "?": "[^.]"}
    return "".join(kinds.get(piece, re.escape(piece)) for piece in re.split(r"(\*\*|\*|\?)", pattern))
