"""Checksums: the digest of arrays, text and JSON values, and the seal at the end of a sealed file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True, eq=False)
class ArrayInBlocks:
    """An array for `digest` whose blocks come one at a time, in C order; its digest is that of the array."""

    dtype: DTypeLike
    shape: tuple[int, ...]
    blocks: Iterable[NDArray[Any]]


def digest(*parts: Any) -> str:
    """Return the digest (SHA-256) of arrays, bytes, text and JSON-able values, in order.

    Every part is preceded by its kind, shape and length, so that no two sequences share a digest by concatenation.
    """
    return digest_stream(parts)


def digest_stream(parts: Iterable[Any]) -> str:
    """Return the digest (SHA-256) of parts that come one at a time, in the memory of one."""
    sha = hashlib.sha256()
    for part in parts:
        head, length, bodies = _bytes(part)
        sha.update(f"{head}:{length}:".encode())
        for body in bodies:
            sha.update(body)
    return sha.hexdigest()


def check_digest(stored: object, *parts: Any) -> None:
    """Raise ValueError if the digest of the parts read from a file is not the digest stored in it."""
    if stored != digest(*parts):
        raise ValueError("its content is not what its checksum says")


def canonical_json(value: Any) -> str:
    """Return `value` as JSON that is the same for equal values, for a digest."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def _bytes(part: Any) -> tuple[str, int, Iterable[bytes | memoryview]]:
    """Return kind, length and bytes."""
    if isinstance(part, np.ndarray) and part.dtype.kind in "biufc":
        array = np.ascontiguousarray(part)
        part = ArrayInBlocks(array.dtype, array.shape, [array])
    if isinstance(part, ArrayInBlocks):
        dtype, filled = np.dtype(part.dtype), (block for block in part.blocks if block.size)
        bodies = (np.ascontiguousarray(block).reshape(-1).data.cast("B") for block in filled)
        return f"{dtype.str}{part.shape}", math.prod(part.shape) * dtype.itemsize, bodies
    if isinstance(part, np.ndarray):
        part = [str(item) for item in part.ravel()]
    kind, body = ("bytes", part) if isinstance(part, bytes) else ("json", canonical_json(part).encode())
    return kind, len(body), [body]


# ---- sealed files end in the SHA-256 of their content; readers of netCDF and zip ignore what follows the content

Seal = Callable[[bytes], bytes]  # how the 32 bytes of the SHA-256 stand at the end; `bytes` leaves them as they are
SHA_BYTES = 32
PIECE = 2**20  # bytes read at once


def seal_line(sha: bytes) -> bytes:
    """Return the checksum at the end of a sealed file as a line of text."""
    return f"\nitbench SHA-256 {sha.hex()}\n".encode()


def seal_file(path: Path, seal: Seal) -> None:
    """Seal a file: append the checksum (SHA-256) of its content."""
    with path.open("r+b") as file:
        file.write(seal(hashlib.file_digest(file, "sha256").digest()))


def is_sealed(path: Path, seal: Seal) -> bool:
    """Return whether the checksum at the end of a sealed file fits its content, read a piece at a time."""
    sha, rest = hashlib.sha256(), path.stat().st_size - len(seal(bytes(SHA_BYTES)))
    with path.open("rb") as file:
        while rest > 0 and (piece := file.read(min(rest, PIECE))):
            sha.update(piece)
            rest -= len(piece)
        return file.read() == seal(sha.digest())


def unseal(data: bytes, seal: Seal) -> bytes | None:
    """Return the content of a sealed file without its checksum, or None if the checksum does not fit."""
    content = data[: -len(seal(bytes(SHA_BYTES)))]
    return content if data == content + seal(hashlib.sha256(content).digest()) else None
