"""Files: atomic writing, damaged files set aside, errors of a full disk, and lock files between processes."""

from __future__ import annotations

import codecs
import errno
import fcntl
import os
import platform
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import psutil

from itbench.errors import BadOption, ItbenchError, ItbenchWarning, NoSpace

PARTIAL = ".partial"  # the ending of a file that is still being written
UNWRITABLE = (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST)  # the last two: a file is in the way
FORGOTTEN = 24 * 3600  # seconds after which a partial file belongs to nobody
LONGEST = 255  # bytes of a file name
DAMAGED = ".damaged"  # the ending of a file that failed its checksum


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write a file atomically: yield a temporary name that is renamed to `path` once the block has ended well.

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
    """Turn the errors of a full or read-only disk into NoSpace, which names the folder."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # HDF5 wraps the system's errno in its own message, of a RuntimeError if the file was being closed
        code = getattr(error, "errno", None)
        if code == errno.ENOSPC or f"errno = {errno.ENOSPC}" in str(error):
            raise NoSpace(f"No space left in {folder}.", todo="Free some, or name another folder.") from error
        if code == errno.ENAMETOOLONG:
            raise ItbenchError(f"A file name in {folder} is too long.", todo="Choose shorter names.") from error
        if isinstance(error, OSError) and code in UNWRITABLE:
            raise NoSpace(f"Cannot write in {folder}: {error.strerror}.", todo="Name another folder.") from error
        raise


def check_space(folder: Path, size: int) -> None:
    """Raise NoSpace if the disk of `folder` has fewer than `size` bytes free.

    For HDF5, which crashes when the disk fills up while it writes.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise NoSpace(
            f"No space left in {folder}.",
            known=f"{size / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free.",
            todo="Free some, or name another folder.",
        )


def check_writable(folder: Path) -> None:
    """Raise NoSpace if no file can be written in a folder, or the folder cannot be made; nothing is left there."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise NoSpace(f"Cannot write in {folder}: {error.strerror}.", todo="Name another folder.") from error


def refuse_ending(path: Path, known: Iterable[str], todo: str = "") -> None:
    """Raise BadOption if the ending of an output file, such as ``.html``, is none of the known; ``.5`` is no ending."""
    endings = list(known)
    ending = path.suffix.lower()
    if re.fullmatch(r"\.[a-z]\w*", ending) and ending not in endings:
        raise BadOption(
            f"{path}: no file ends in {ending} here.", known=f"Known endings: {', '.join(endings)}.", todo=todo
        )


def check_file_name(name: str, what: str) -> str:
    """Return a file name that `whole_file` can write; refuse one that is too long for a file system.

    Parameters
    ----------
    name : str
    what : str
        The names that it is made of, for the error: ``The names of the model and the benchmark``.

    Raises
    ------
    BadOption
    """
    longest = LONGEST - len(f"..{_writer()}.{8 * '_'}{PARTIAL}")  # the temporary name has all that besides
    if len(name.encode()) > longest:
        raise BadOption(
            f"{what} are too long for a file: {len(name.encode())} bytes, {name[:60]}….",
            known=f"A file name has at most {longest} bytes.",
            todo="Choose shorter names.",
        )
    return name


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


SIGNATURES = {
    b"version https://git-lfs": "a Git LFS pointer, without the file itself: git lfs pull",
    b"\x89HDF\r\n": "an HDF5 or netCDF file",
    b"CDF\x01": "a netCDF file",
    b"CDF\x02": "a netCDF file",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x93NUMPY": "a NumPy file",
    b"MATLAB": "a MATLAB file",
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}


def kind_of_file(path: Path) -> str:
    """Return in words what a file is by its first bytes, such as ``a web page`` or ``empty``; empty if unknown.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if path.is_dir():
        return "a folder"
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "empty"
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "a web page"
    with suppress(UnicodeDecodeError):
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut off
        if all(one.isprintable() or one.isspace() for one in text):
            return "text"
    return ""


def replace_damaged(path: Path, damage: str, remedy: str, stacklevel: int = 2) -> None:
    """Rename a damaged file out of the way, and warn of it.

    Parameters
    ----------
    path : Path
    damage : str
        A sentence: ``The checkpoint PATH is damaged.``
    remedy : str
        What happens instead of reading it: ``the training starts again``.
    stacklevel : int
        Of the warning, as `warnings.warn` counts it from here.
    """
    aside = set_aside(path)
    warnings.warn(f"{damage} The file is now {aside.name}, and {remedy}.", ItbenchWarning, stacklevel=stacklevel + 1)


def set_aside(path: Path) -> Path:
    """Rename a damaged file out of the way and return its new name."""
    aside = path.with_name(path.name + DAMAGED)
    with suppress(FileNotFoundError):  # another process has just done so
        os.replace(path, aside)
    return aside


def _sweep(path: Path) -> None:
    """Remove partial files that killed writers of `path` left, or that are a day old."""
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
    """Hold a lock file while the block runs, against other processes, and remove it at the end.

    Parameters
    ----------
    path : Path
    what : str
        What the holder of the lock does, for the error of a second process: ``IT_data.h5 is being fetched``.

    Raises
    ------
    ItbenchError
        If another process holds the lock; names that process.
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
            if _is_open_file(path, file):
                return file
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read() or "another process"
            file.close()
            raise ItbenchError(
                f"{what} by {holder} already.", todo="Wait until it has ended, or end it; then run the same again."
            ) from error
        file.close()  # its last holder removed it after it was opened here


def _is_open_file(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
