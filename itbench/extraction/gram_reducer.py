"""Gram reducer: activations of many layers, streamed in batches, to one Gram each in bounded memory.

Activations arrive a batch of images at a time, but a Gram needs every pair of images. So they are kept in panels of
columns (all images × some features): in memory up to a limit, the rest in one scratch file without a name, which the
system removes however the process ends. K is the sum over panels P Pᵀ, each read once.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadActivations, NoSpace
from itbench.gram import Gram, times_transpose
from itbench.util.arrays import Array
from itbench.util.files import disk_errors

PANEL_BYTES = 192 * 2**20
EXACT_FEATURES = 16_384  # up to here the product is in float64: narrow layers have rank to lose
FLOAT = np.dtype(np.float32)
LARGE = 1e15  # activations whose products may overflow in float32
COLUMNS = 4096  # taken to float64 at a time

Product = Callable[[NDArray[np.floating]], NDArray[np.floating]]


class GramReducer:
    """Gram reducer: takes activations of several layers batch by batch and returns one Gram per layer.

    Parameters
    ----------
    widths : mapping of str to int
        Features of every layer.
    stimulus_ids : sequence of str
    memory : int
        Largest number of bytes of activations in memory; the rest goes to scratch.
    scratch : Path
        Folder of the scratch file.
    product : callable, optional
        P → P Pᵀ, on a faster device.

    Raises
    ------
    NoSpace
        At the start, if the scratch folder has too little room.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        stimulus_ids: Sequence[str],
        *,
        memory: int,
        scratch: Path,
        product: Product = times_transpose,
    ) -> None:
        self.ids, self.widths = tuple(stimulus_ids), dict(widths)
        self.product = product
        self.scratch_bytes = 0
        self._scratch: IO[bytes] | None = None
        self._folder = scratch
        n = len(self.ids)
        step = panel_width(n)
        self._layers: dict[str, _Layer] = {}
        for name in sorted(widths, key=lambda name: widths[name]):  # narrow ones first into memory
            panels = []
            for start in range(0, widths[name], step):
                columns = slice(start, min(start + step, widths[name]))
                size = n * (columns.stop - columns.start) * FLOAT.itemsize
                if size <= memory:
                    memory -= size
                    panels.append(_Panel(columns, None))
                else:
                    panels.append(_Panel(columns, self.scratch_bytes))
                    self.scratch_bytes += size
            self._layers[name] = _Layer(panels, np.zeros(n))
        self._require_room()

    def __enter__(self) -> GramReducer:
        return self

    def __exit__(self, *_: object) -> None:
        self._layers.clear()
        if self._scratch is not None:
            self._scratch.close()

    def put(self, name: str, rows: slice, activations: NDArray[np.floating]) -> None:
        """Add a batch of activations (batch, …) of one layer to the panels of the reducer.

        Raises
        ------
        BadActivations
            For a NaN or an infinity, naming the layer and the image.
        """
        layer = self._layers[name]
        features = layer.flatten(activations)
        if features.dtype != np.float64:
            features = features.astype(FLOAT, copy=False)
        if layer.reference is None:
            mean = features.mean(axis=0, dtype=np.float64)
            layer.reference = (mean if self.widths[name] > EXACT_FEATURES else _coarse(mean)).astype(features.dtype)
        reference, width = layer.reference, len(layer.reference)
        sums, along = _times(features, np.stack([np.ones(width), reference]))
        if not np.isfinite(sums).all():
            raise not_finite_error(name, self.ids[rows], features)
        layer.row_sums[rows], layer.along[rows] = sums, along
        if width > EXACT_FEATURES:  # the product of fewer is in float64
            shift = ((sums - reference.sum(dtype=np.float64)) / width).astype(features.dtype)
            layer.shift[rows] = shift
        for panel in layer.panels:
            part = features[:, panel.columns] - reference[panel.columns]
            if width > EXACT_FEATURES:
                part -= shift[:, None]
            if panel.offset is None:
                if panel.array is None:
                    panel.array = np.empty((len(self.ids), part.shape[1]), FLOAT)
                panel.array[rows] = part
            else:
                self._write(panel, rows, part)

    def gram(self, name: str) -> Gram:
        """Reduce the panels of one layer to its Gram, and free them.

        Panels hold Z = X − 1rᵀ − c1ᵀ, with a reference row r (the first batch's mean) and, of wide layers, the mean c
        of every image less that of r: in single precision, products of Z lose fewer digits than those of X. With X r
        and X 1 in float64, K = X Xᵀ = Z Zᵀ + 1aᵀ + a1ᵀ + c bᵀ + b cᵀ, where a = X r − |r|² / 2 and
        b = X 1 − r · 1 − c p / 2, with p features.

        Raises
        ------
        BadActivations
            For activations so large that K overflows.
        """
        n, width, layer = len(self.ids), self.widths[name], self._layers[name]
        matrix = np.zeros((n, n))
        square, total = 0.0, 0.0
        for values, reference in self._panels(name):
            exact = width <= EXACT_FEATURES or max(values.max(), -values.min()) > LARGE
            matrix += self.product(values.astype(np.float64) if exact else values)
            square += float(reference @ reference)
            total += float(reference.sum())
        a, b = layer.along - 0.5 * square, layer.row_sums - total - 0.5 * width * layer.shift
        with np.errstate(over="ignore", invalid="ignore"):
            matrix += a[:, None] + a  # sums of two, symmetric to the last bit
            matrix += np.outer(b, layer.shift) + np.outer(layer.shift, b)
        if not np.isfinite(matrix).all():
            raise BadActivations(
                f"Layer {name!r} gives values so large that their products overflow.",
                todo="Look at the preprocessing and the weights, or leave the layer out.",
            )
        return Gram(matrix, layer.row_sums, width, self.ids)

    def panels(self, name: str) -> Iterator[tuple[NDArray[np.floating], NDArray[np.floating]]]:
        """Yield and free the reducer's panels (stimulus, some features) of one layer minus a row, and that row."""
        shift = self._layers[name].shift.astype(FLOAT)[:, None]
        for values, reference in self._panels(name):
            yield values + shift, reference

    def _panels(self, name: str) -> Iterator[tuple[NDArray[np.float32], Array]]:
        layer = self._layers.pop(name)
        assert layer.reference is not None, "put every batch before reading the panels"
        reference = layer.reference.astype(np.float64)
        while layer.panels:
            panel = layer.panels.pop()
            yield self._read(panel), reference[panel.columns]

    def _write(self, panel: _Panel, rows: slice, part: NDArray[np.floating]) -> None:
        with disk_errors(self._folder):
            if self._scratch is None:
                self._scratch = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115  # closed on exit
            assert panel.offset is not None
            self._scratch.seek(panel.offset + rows.start * part.shape[1] * FLOAT.itemsize)
            view = np.ascontiguousarray(part, FLOAT).data.cast("B")
            while view:
                view = view[self._scratch.write(view) :]

    def _read(self, panel: _Panel) -> NDArray[np.float32]:
        if panel.offset is None:
            assert panel.array is not None
            return panel.array
        assert self._scratch is not None
        values = np.empty((len(self.ids), panel.columns.stop - panel.columns.start), FLOAT)
        view = values.data.cast("B")
        self._scratch.seek(panel.offset)
        while view:
            view = view[self._scratch.readinto(view) :]  # type: ignore[attr-defined]  # a raw file has it
        return values

    def _require_room(self) -> None:
        if not self.scratch_bytes:
            return
        with disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
        if free < self.scratch_bytes:
            raise NoSpace(
                f"{self.scratch_bytes / 1e9:.1f} GB of scratch space needed, "
                f"{free / 1e9:.1f} GB free in {self._folder}.",
                todo="Name another folder with --scratch, grant more --memory, or score fewer --layer at a time.",
            )


def _coarse(values: Array) -> Array:
    """Round to 10 bits, so that a float32 less such a value is exact in float32 where it is not much smaller."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(mantissa * 2**10) / 2**10, exponent))


def _times(features: NDArray[np.floating], vectors: Array) -> Array:
    """Return the products (vector, stimulus), in float64, of features (stimulus, feature) with some vectors."""
    total = np.zeros((len(vectors), len(features)))
    for start in range(0, features.shape[1], COLUMNS):
        columns = slice(start, start + COLUMNS)
        total += vectors[:, columns] @ features[:, columns].astype(np.float64).T
    return total


def not_finite_error(layer: str, ids: Sequence[str], features: NDArray[np.floating]) -> BadActivations:
    """Return the Gram reducer's error for a batch (stimulus, feature) with NaN or infinity, naming layer and images."""
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    named = [ids[row] for row in bad[:3]] or ids[:1]
    return BadActivations(
        f"Layer {layer!r} gave NaN or infinity for the image {', '.join(named)}.",
        todo="Look at the preprocessing and the weights; with bfloat16, try --precision float32.",
    )


def panel_width(n_stimuli: int) -> int:
    """Return the number of features in one panel of the Gram reducer, for `n_stimuli` images."""
    return max(512, min(65_536, PANEL_BYTES // (FLOAT.itemsize * n_stimuli)))


def reducer_bytes(n_stimuli: int) -> int:
    """Return the memory, in bytes, that the Gram reducer needs for one Gram beside its panels."""
    return 3 * PANEL_BYTES + n_stimuli**2 * (8 + 8 + FLOAT.itemsize)


class _Panel:
    def __init__(self, columns: slice, offset: int | None) -> None:
        self.columns, self.offset = columns, offset  # offset in scratch, or None for memory
        self.array: NDArray[np.float32] | None = None


class _Layer:
    def __init__(self, panels: list[_Panel], row_sums: Array) -> None:
        self.panels, self.row_sums = panels, row_sums
        self.along = np.zeros(len(row_sums))  # X r
        self.shift = np.zeros(len(row_sums))  # c
        self.reference: NDArray[np.floating] | None = None
        self._axes: tuple[int, ...] | None = None

    def flatten(self, activations: NDArray[np.floating]) -> NDArray[np.floating]:
        """Flatten a batch for the Gram reducer to (batch, features), without a copy of channels_last.

        Features have the memory order of the first batch. A Gram does not depend on their order as long as it is the
        same for every image.
        """
        if self._axes is None:
            order = sorted(range(1, activations.ndim), key=lambda axis: -activations.strides[axis])
            self._axes = (0, *order)
        moved = activations.transpose(self._axes)
        return moved.reshape(len(moved), math.prod(moved.shape[1:]))
