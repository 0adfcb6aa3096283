"""Resumable HDF5 file of activations, and its progress file."""

from __future__ import annotations

import json
import math
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadActivations, BadOption, DamagedFile, NoSpace
from itbench.extraction.activations_layout import (
    FLOAT,
    Shapes,
    compressed_copy,
    lay_out,
    places,
    size_of,
    variable_names,
)
from itbench.extraction.gram_reducer import not_finite
from itbench.util.files import PARTIAL, check_space, disk_errors, whole_file, write_text

SECONDS = 3.0  # between two notes of what is done
PIECE_BYTES = 4 * 2**20  # brought into order, checked and written at once: what a processor keeps near


class PartialFile:
    """Takes the activations of one batch after another; use `partial_file` to get one.

    Parameters
    ----------
    path : Path
        Of the file in the end; until then, ``.partial`` stands behind its name.
    ids : sequence of str
    shapes : mapping of str to tuple of int
    progress : Progress
    compress : bool
        Whether it is compressed in the end.
    """

    def __init__(
        self, path: Path, ids: Sequence[str], shapes: Shapes, progress: Progress, compress: bool = False
    ) -> None:
        self.path, self.ids, self.shapes, self.progress = path, tuple(ids), shapes, progress
        self.compress = compress
        self.partial = partial_of(path)
        self._noted = time.monotonic()
        with h5py.File(self.partial, "r") as file:
            self._places = places(file, shapes)
        self._file = os.open(self.partial, os.O_RDWR)

    def put(self, rows: slice, activations: Mapping[str, NDArray[np.floating]]) -> None:
        """Write the activations (batch, …) of the stimuli in `rows`, which follow those of the call before.

        Raises
        ------
        BadActivations
            For a NaN or an infinity, and for activations of another shape than those of the first image.
        NoSpace
            If the disk is full.
        """
        ids = self.ids[rows]
        checksums = dict(self.progress.checksums)
        for layer, shape in self.shapes.items():
            values = activations[layer]
            if values.shape != (len(ids), *shape):
                raise BadActivations(
                    f"Layer {layer!r} gave {values.shape} for the images {ids[0]} … {ids[-1]}.",
                    known=f"{(len(ids), *shape)} was expected, after the first image.",
                    todo="Bring the images to one size.",
                )
            checksum = checksums.get(layer, 0)
            step = max(1, PIECE_BYTES // max(1, math.prod(shape) * FLOAT.itemsize))
            for start in range(0, len(ids), step):
                piece = values[start : start + step]
                checksum = self._write(layer, rows.start + start, piece, checksum)
            checksums[layer] = checksum
        self.progress.checksums, self.progress.done = checksums, rows.stop
        if time.monotonic() - self._noted > SECONDS:
            self.note_progress()

    def note_progress(self) -> None:
        """Bring what was written to the disk, then note how far it goes."""
        with disk_errors(self.path.parent):
            os.fdatasync(self._file)
        self.progress.note(self.path)
        self._noted = time.monotonic()

    def finish(self) -> None:
        """Give the file its checksums and its name; compressed, it is written once more."""
        if self.compress:
            self._compress()
        else:
            _write_checksums(self.partial, self.shapes, self.progress)
            with disk_errors(self.path.parent):
                os.fsync(self._file)
                os.replace(self.partial, self.path)
        forget(self.path)

    def close(self) -> None:
        """Close the file; what it holds stays."""
        os.close(self._file)

    def _write(self, layer: str, row: int, values: NDArray[np.floating], checksum: int) -> int:
        """Write the activations of some images from `row` on; return the checksum that goes on with theirs."""
        data = np.ascontiguousarray(values, FLOAT)  # channels may come last in memory, not in the file
        features = data.reshape(len(data), math.prod(data.shape[1:]))
        if not np.isfinite(features.sum(axis=1)).all() and not np.isfinite(features).all():
            raise not_finite(layer, self.ids[row : row + len(data)], features)
        view = data.reshape(-1).view(np.uint8).data
        checksum = zlib.crc32(view, checksum)
        place = self._places[layer] + row * features.shape[1] * FLOAT.itemsize
        with disk_errors(self.path.parent):
            while view:
                written = os.pwrite(self._file, view, place)
                view, place = view[written:], place + written
        return checksum

    def _compress(self) -> None:
        with whole_file(self.path) as target:
            check_space(self.path.parent, size_of(len(self.ids), self.shapes))
            compressed_copy(self.partial, target, self.ids, self.shapes)
            _write_checksums(target, self.shapes, self.progress)


@contextmanager
def partial_file(
    path: Path,
    ids: Sequence[str],
    shapes: Shapes,
    attributes: Mapping[str, Any],
    key: Mapping[str, Any],
    *,
    compress: bool = False,
    restart: bool = False,
) -> Iterator[PartialFile]:
    """Yield the file to put activations into: a new one, or the one that an earlier call left unfinished.

    Parameters
    ----------
    path : Path
        Of the file in the end.
    ids, shapes, attributes
        As of `lay_out`.
    key : mapping
        All that the numbers depend on, as JSON has it.
    compress : bool
        Compress the file in the end.
    restart : bool
        Forget what an earlier call left.

    Raises
    ------
    BadOption
        If an earlier call left activations of another key.
    DamagedFile
        If what it left cannot be read.
    NoSpace
        If there is no room for the rest, or the disk fills up; what is there stays.
    """
    progress = None if restart else progress_of(path, key)
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        rest = size_of(len(ids) - (progress.done if progress else 0), shapes)
        check_space(path.parent, rest + compress * size_of(len(ids), shapes))
        if progress is None:
            progress = Progress(key)
            forget(path)
            lay_out(partial_of(path), ids, shapes, attributes)
    try:
        file = PartialFile(path, ids, shapes, progress, compress)
    except (OSError, KeyError) as error:
        raise unusable(path, error) from error
    try:
        yield file
    except BaseException as error:
        if progress.done:
            with suppress(NoSpace):
                file.note_progress()
        else:
            forget(path)
        if isinstance(error, NoSpace):
            kept = f"The activations of {progress.done} of {len(ids)} images are kept in {file.partial}."
            again = "Free some, then run the same again: it goes on from there."
            raise NoSpace(error.what, known=f"{error.known} {kept}".strip(), todo=again) from error
        raise
    finally:
        file.close()


def _write_checksums(file_path: Path, shapes: Shapes, progress: Progress) -> None:
    with disk_errors(file_path.parent), h5py.File(file_path, "r+") as file:
        for layer, name in variable_names(shapes).items():
            file[name].attrs.modify("crc32", np.array([progress.checksums[layer]], np.uint32))


@dataclass
class Progress:
    """What a file of activations holds so far.

    Parameters
    ----------
    key : mapping
        All that its numbers depend on, as JSON has it.
    done : int
        Images whose activations are on the disk.
    checksums : dict of str to int
        CRC-32 of those of every layer.
    """

    key: Mapping[str, Any]
    done: int = 0
    checksums: dict[str, int] = field(default_factory=dict)

    def note(self, path: Path) -> None:
        """Note it beside the file that becomes `path`."""
        write_text(notes_of(path), json.dumps(asdict(self)))


def partial_of(path: Path) -> Path:
    """Return where a file lies until it is whole."""
    return path.with_name(path.name + PARTIAL)


def notes_of(path: Path) -> Path:
    """Return where it is noted how far a file has come."""
    return path.with_name(f"{path.name}{PARTIAL}.json")


def forget(path: Path) -> None:
    """Remove what is there of an unfinished file, and the notes on it."""
    notes_of(path).unlink(missing_ok=True)
    partial_of(path).unlink(missing_ok=True)


def progress_of(path: Path, key: Mapping[str, Any]) -> Progress | None:
    """Return how far an earlier call came with the file that becomes `path`, or None if it left nothing.

    Raises
    ------
    BadOption
        If its numbers depend on something else than those of `key`; names what.
    DamagedFile
        If its notes cannot be read.
    """
    if not (partial_of(path).exists() and notes_of(path).exists()):
        return None
    try:
        progress = Progress(**json.loads(notes_of(path).read_text(encoding="utf-8")))
        begun = dict(progress.key)
    except (ValueError, TypeError) as error:
        raise unusable(path, error) from error
    other = sorted(part for part in {*begun, *key} if begun.get(part) != key.get(part))
    if other:
        raise BadOption(
            f"{partial_of(path)} was begun with other {', '.join(other)}.",
            known=f"It holds the activations of {progress.done} images.",
            todo="Go on as it was begun, or begin anew with --restart.",
        )
    return progress


def unusable(path: Path, error: Exception) -> DamagedFile:
    """Return the error for what an earlier call left and nobody can read."""
    return DamagedFile(f"{partial_of(path)} cannot be gone on with: {error}.", todo="Begin anew with --restart.")
