"""Layers of a model: names, patterns and sums of names, and the shape that two probe batches agree on."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


SIZES = (2, 3)  # images of the two batches: one could be the number of tokens, or of channels, by chance

IMAGES_FIRST = "the first dimension must be that of the images"
NO_FEATURES = "it must be (image, …)"
COMPLEX = "gives complex numbers, not real ones"


def probe_batches(image: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield two batches (image, y, x, 3) of different images, of 2 and 3, that are as large as an image (y, x, 3)."""
    noise = np.random.default_rng(0).integers(0, 256, (sum(SIZES) - 1, *np.shape(image)), np.uint8)
    images = np.concatenate([np.asarray(image)[None], noise.astype(image.dtype)])
    yield images[-SIZES[0] :]
    yield images[: SIZES[1]]


def common_shape(outputs: Iterable[tuple[int, tuple[int, ...] | str]]) -> tuple[int, ...] | str:
    """Return the shape of a layer's output for one image, from its outputs for batches, or why it has none.

    Parameters
    ----------
    outputs : iterable of (int, tuple of int or str)
        Size of each batch and the shape of the layer's output for it, or why there is none.

    >>> common_shape([(2, (2, 8, 5)), (3, (3, 8, 5))])
    (8, 5)
    >>> common_shape([(2, (16, 2, 5)), (3, (16, 3, 5))])
    'gives shape (16, 2, 5) for 2 images: the first dimension must be that of the images'
    """
    seen: list[tuple[int, ...]] = []
    for size, shape in outputs:
        if isinstance(shape, str):
            return shape
        seen.append(shape)
        if len(shape) < 2 or shape[0] != size:
            return f"gives shape {shape} for {size} images: {IMAGES_FIRST if len(shape) > 1 else NO_FEATURES}"
    first, *others = seen
    for other in (found for found in others if found[1:] != first[1:]):
        return f"gives shapes {first} and {other}: they must not depend on the batch or the image"
    return first[1:]
