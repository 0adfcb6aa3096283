"""Blocks of an array on disk: whole chunks each, so that none is decompressed twice and little is held at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

BYTES = 8 * 10**6  # of one block, unless a single chunk is larger


def blocks(
    shape: Sequence[int], itemsize: int, chunks: Sequence[int] | None = None, size: int = BYTES
) -> Iterator[tuple[slice, ...]]:
    """Yield the index of every block of an array.

    Parameters
    ----------
    shape : sequence of int
    itemsize : int
        Bytes a value.
    chunks : sequence of int, optional
        Shape of the chunks; without, the array is contiguous, and so are the blocks, in C order.
    size : int
        Bytes that a block has at most, unless one chunk has more.
    """
    extent = list(chunks or [1] * len(shape))
    for axis in reversed(range(len(shape))):
        fitting = max(1, size // (math.prod(extent) * itemsize))
        extent[axis] = max(1, min(shape[axis], extent[axis] * fitting))
    starts = (range(0, length, step) for length, step in zip(shape, extent, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(at, min(at + step, n)) for at, step, n in zip(corner, extent, shape, strict=True))
