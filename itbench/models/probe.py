"""Probe of a model: two batches of different size, and the shape of a layer that both agree on, or why it has none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
