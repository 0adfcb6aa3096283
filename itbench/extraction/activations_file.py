"""Activations file: a resumable HDF5 file that takes batch after batch, and its progress file."""

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
    create_layout,
    layer_offsets,
    layout_bytes,
    variable_names,
)
from itbench.extraction.gram_reducer import not_finite_error
from itbench.util.files import PARTIAL, check_space, disk_errors, whole_file, write_text

SECONDS = 3.0  # between two writes of the progress file
PIECE_BYTES = 4 * 2**20  # reordered, checked and written at once: fits a processor's cache


class PartialFile:
    """Partial activations file that takes the activations of one batch after another; opened by `partial_file`.

    Parameters
    ----------
    path : Path
        Of the finished file; the partial one ends in ``.partial``.
    ids : sequence of str
    shapes : mapping of str to tuple of int
    progress : Progress
    compress : bool
        Whether the finished file is compressed.
    """

    def __init__(
        self, path: Path, ids: Sequence[str], shapes: Shapes, progress: Progress, compress: bool = False
    ) -> None:
        self.path, self.ids, self.shapes, self.progress = path, tuple(ids), shapes, progress
        self.compress = compress
        self.partial = partial_path(path)
        self._saved = time.monotonic()
        with h5py.File(self.partial, "r") as file:
            self._offsets = layer_offsets(file, shapes)
        self._file = os.open(self.partial, os.O_RDWR)

    def put(self, rows: slice, activations: Mapping[str, NDArray[np.floating]]) -> None:
        """Write activations (batch, …) of the stimuli in `rows`, which follow those of the last call, into the file.

        Raises
        ------
        BadActivations
            For a NaN or an infinity, and for activations of another shape than the first image's.
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
        if time.monotonic() - self._saved > SECONDS:
            self.save_progress()

    def save_progress(self) -> None:
        """Flush the activations file to the disk, then write its progress file."""
        with disk_errors(self.path.parent):
            os.fdatasync(self._file)
        self.progress.write(self.path)
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Finish the activations file: write its checksums, and rename it or write it compressed."""
        if self.compress:
            self._compress()
        else:
            _write_checksums(self.partial, self.shapes, self.progress)
            with disk_errors(self.path.parent):
                os.fsync(self._file)
                os.replace(self.partial, self.path)
        remove_partial(self.path)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, layer: str, row: int, values: NDArray[np.floating], checksum: int) -> int:
        """Write activations of images from `row` on; return the checksum continued with theirs."""
        data = np.ascontiguousarray(values, FLOAT)  # channels may be last in memory, not in the file
        features = data.reshape(len(data), math.prod(data.shape[1:]))
        if not np.isfinite(features.sum(axis=1, dtype=np.float64)).all() and not np.isfinite(features).all():
            raise not_finite_error(layer, self.ids[row : row + len(data)], features)
        view = data.reshape(-1).view(np.uint8).data
        checksum = zlib.crc32(view, checksum)
        place = self._offsets[layer] + row * features.shape[1] * FLOAT.itemsize
        with disk_errors(self.path.parent):
            while view:
                written = os.pwrite(self._file, view, place)
                view, place = view[written:], place + written
        return checksum

    def _compress(self) -> None:
        with whole_file(self.path) as target:
            check_space(self.path.parent, layout_bytes(len(self.ids), self.shapes))
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
    """Open the partial activations file: a new one, or the one that an interrupted call left.

    Parameters
    ----------
    path : Path
        Of the finished file.
    ids, shapes, attributes
        As of `create_layout`.
    key : mapping
        All that the activations depend on, as JSON has it.
    compress : bool
        Compress the finished file.
    restart : bool
        Remove what an interrupted call left.

    Raises
    ------
    BadOption
        If an interrupted call left activations of another key.
    DamagedFile
        If what it left is damaged.
    NoSpace
        If there is no room for the rest, or the disk fills up; the partial file stays.
    """
    progress = None if restart else read_progress(path, key)
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        rest = layout_bytes(len(ids) - (progress.done if progress else 0), shapes)
        check_space(path.parent, rest + compress * layout_bytes(len(ids), shapes))
        if progress is None:
            progress = Progress(key)
            remove_partial(path)
            create_layout(partial_path(path), ids, shapes, attributes)
    try:
        file = PartialFile(path, ids, shapes, progress, compress)
    except (OSError, KeyError) as error:
        raise damaged_partial(path, error) from error
    try:
        yield file
    except BaseException as error:
        if progress.done:
            with suppress(NoSpace):
                file.save_progress()
        else:
            remove_partial(path)
        if isinstance(error, NoSpace):
            kept = f"The activations of {progress.done} of {len(ids)} images are kept in {file.partial}."
            again = "Free some, then run the same command again: it resumes there."
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
    """Progress of an activations file: the images and checksums written so far.

    Parameters
    ----------
    key : mapping
        All that the activations depend on, as JSON has it.
    done : int
        Images whose activations are on the disk.
    checksums : dict of str to int
        CRC-32 of the activations of every layer.
    """

    key: Mapping[str, Any]
    done: int = 0
    checksums: dict[str, int] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the progress file beside the partial activations file of `path`."""
        write_text(progress_path(path), json.dumps(asdict(self)))


def partial_path(path: Path) -> Path:
    """Return the path of a partial activations file."""
    return path.with_name(path.name + PARTIAL)


def progress_path(path: Path) -> Path:
    """Return the path of the progress file of an activations file."""
    return path.with_name(f"{path.name}{PARTIAL}.json")


def remove_partial(path: Path) -> None:
    """Remove a partial activations file and its progress file."""
    progress_path(path).unlink(missing_ok=True)
    partial_path(path).unlink(missing_ok=True)


def read_progress(path: Path, key: Mapping[str, Any]) -> Progress | None:
    """Read the progress file of a partial activations file, or return None if there is none.

    Raises
    ------
    BadOption
        If its activations depend on something else than `key`; names what.
    DamagedFile
        If the progress file cannot be read.
    """
    if not (partial_path(path).exists() and progress_path(path).exists()):
        return None
    try:
        progress = Progress(**json.loads(progress_path(path).read_text(encoding="utf-8")))
        started = dict(progress.key)
    except (ValueError, TypeError) as error:
        raise damaged_partial(path, error) from error
    other = sorted(part for part in {*started, *key} if started.get(part) != key.get(part))
    if other:
        raise BadOption(
            f"{partial_path(path)} was started with other {', '.join(other)}.",
            known=f"It holds the activations of {progress.done} images.",
            todo="Resume with the same settings, or start again with --restart.",
        )
    return progress


def damaged_partial(path: Path, error: Exception) -> DamagedFile:
    """Return the error for a partial activations file that cannot be read."""
    return DamagedFile(f"{partial_path(path)} cannot be resumed: {error}.", todo="Start again with --restart.")
