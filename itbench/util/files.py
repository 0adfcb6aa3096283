"""Atomic writing of files, checksums, locks between processes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import psutil
from numpy.typing import DTypeLike, NDArray

from itbench.errors import ItbenchError, NoSpace

PARTIAL = ".partial"  # the ending of a file that is still being written
FORGOTTEN = 24 * 3600  # seconds after which a partial file belongs to nobody
DAMAGED = ".damaged"  # the ending of a file that failed its checksum


@dataclass(frozen=True, eq=False)
class ArrayInBlocks:
    """An array for `digest` whose blocks come one at a time, in C order; its digest is that of the whole array."""

    dtype: DTypeLike
    shape: tuple[int, ...]
    blocks: Iterable[NDArray[Any]]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` that becomes `path` once the block has ended well.

    Raises
    ------
    NoSpace
        If the disk is full; nothing is left under either name.
    """
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.{_writer()}.", suffix=PARTIAL, dir=path.parent)
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            _flush(partial)
            partial.chmod(0o666 & ~_umask())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full or read-only disk into an error that names the folder."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # HDF5 wraps the system's errno in its own message, of a RuntimeError if the file was being closed
        code = getattr(error, "errno", None)
        if code == errno.ENOSPC or f"errno = {errno.ENOSPC}" in str(error):
            raise NoSpace(f"No space left in {folder}.", todo="Free some, or name another folder.") from error
        if isinstance(error, OSError) and code in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise NoSpace(f"Cannot write in {folder}: {error.strerror}.", todo="Name another folder.") from error
        raise


def check_space(folder: Path, size: int) -> None:
    """Raise if `folder` has not `size` bytes free; for HDF5, which crashes when the disk fills up while it writes."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise NoSpace(
            f"No space left in {folder}.",
            known=f"{size / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free.",
            todo="Free some, or name another folder.",
        )


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def set_aside(path: Path) -> Path:
    """Rename a damaged file out of the way and return its new name."""
    aside = path.with_name(path.name + DAMAGED)
    with suppress(FileNotFoundError):  # another process has just done so
        os.replace(path, aside)
    return aside


def digest(*parts: Any) -> str:
    """Return the SHA-256 of arrays, bytes, text and JSON-able values, in order.

    Every part is preceded by its kind, shape and length, so that no two sequences share a digest by concatenation.
    """
    return digest_stream(parts)


def digest_stream(parts: Iterable[Any]) -> str:
    """Return the `digest` of parts that come one at a time, in the memory of one."""
    sha = hashlib.sha256()
    for part in parts:
        head, length, bodies = _bytes(part)
        sha.update(f"{head}:{length}:".encode())
        for body in bodies:
            sha.update(body)
    return sha.hexdigest()


def canonical_json(value: Any) -> str:
    """Return `value` as JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def _bytes(part: Any) -> tuple[str, int, Iterable[bytes | memoryview]]:
    """Return kind and shape, number of bytes, and the bytes of a part."""
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


def _sweep(path: Path) -> None:
    """Remove what killed writers of `path` left: of processes of this machine that have ended, or a day old."""
    for partial in path.parent.glob(f".{path.name}.*{PARTIAL}"):
        machine, _, process = partial.name.removeprefix(f".{path.name}.").split(".")[0].rpartition("-")
        ended = machine == _machine() and process.isdecimal() and not psutil.pid_exists(int(process))
        with suppress(FileNotFoundError):  # its writer has just ended
            if ended or time.time() - partial.stat().st_mtime > FORGOTTEN:
                partial.unlink()


def _writer() -> str:
    return f"{_machine()}-{os.getpid()}"


def _machine() -> str:
    return re.sub(r"[^\w-]", "_", platform.node())


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the file `path` as a lock while the block runs, and remove it at the end.

    Parameters
    ----------
    path : Path
    what : str
        What its holder does, for the error of whoever comes second: ``IT_data.h5 is being fetched``.

    Raises
    ------
    ItbenchError
        If another process holds it, naming that process.
    """
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _take(path, what)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _take(path: Path, what: str) -> TextIO:
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _names(path, file):
                return file
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read() or "another process"
            file.close()
            raise ItbenchError(
                f"{what} by {holder} already.", todo="Wait until it has ended, or end it; then run the same again."
            ) from error
        file.close()  # its last holder removed it after it was opened here


def _names(path: Path, file: TextIO) -> bool:
    """Say whether `path` is still the name of an open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
