"""Gram cache: Grams of layers kept in files on disk, compared with the model, or made where the cache has none."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from itbench.data.stimuli import StimulusSet
from itbench.errors import DamagedFile
from itbench.extraction.forward import ExtractionSettings, extract_grams, forward_pass, layer_parts
from itbench.gram import Gram
from itbench.models.layers import split_sum
from itbench.models.model import Model
from itbench.util import folders
from itbench.util.checksum import check_digest, digest
from itbench.util.progress import Reporter, SilentReporter
from itbench.util.store import Store

LOG = logging.getLogger(__name__)
# Relative difference of a cached Gram from the model's, and rounding error of activations in another batch or device
TOLERANCES = {"float32": (1e-3, 1e-5), "bfloat16": (3e-2, 1e-2)}
AMPLE = 2**62  # bytes: a forward pass of two stimuli needs no limit
HDF5_ERRORS = (OSError, KeyError, ValueError, RuntimeError)  # what h5py raises for a damaged file


@dataclass(frozen=True)
class GramCache(Store[Gram]):
    """Gram cache: a folder of HDF5 files, one Gram each, named by the digest of all that its numbers depend on.

    Parameters
    ----------
    folder : Path, optional
        By default the cache folder of itbench.
    """

    ending = ".gram"
    subfolders = True
    remedy = "the Gram is made again"

    def write(self, key: Mapping[str, Any], gram: Gram, **about: Any) -> None:
        """Write a Gram into the Gram cache under its key, with the columns that a listing has of it."""
        arrays = {"triangle": gram.matrix[np.triu_indices(len(gram))], "row_sums": gram.row_sums}
        fields = {"n_features": gram.n_features, "stimulus_ids": list(gram.stimulus_ids)}
        header = json.dumps(
            {"gram": fields, "key": key, "about": {**about, "written": time.strftime("%Y-%m-%d %H:%M")}}
        )
        with self._writing(key) as partial, h5py.File(partial, "w") as file:
            for name, array in arrays.items():
                file[name] = array
            file.attrs["content"] = digest(header, *arrays.values())
            file.attrs["about"] = header

    @property
    def _root(self) -> Path:
        return (self.folder or folders.cache()) / "grams"

    def _load(self, path: Path) -> Gram:
        try:
            with h5py.File(path, "r") as file:
                arrays = {name: file[name][:] for name in ("triangle", "row_sums")}
                header = file.attrs["about"]
                check_digest(file.attrs["content"], header, *arrays.values())
            return _from_triangle(**arrays, **json.loads(header)["gram"])
        except HDF5_ERRORS as error:
            raise DamagedFile(f"The cached Gram {path} is damaged ({error}).") from error

    def _entry(self, path: Path) -> dict[str, Any]:
        try:
            with h5py.File(path, "r") as file:
                header = json.loads(file.attrs["about"])
        except HDF5_ERRORS:
            return {"model": "(damaged)"}
        gram = header["gram"]
        return {**header["about"], "features": gram["n_features"], "stimuli": len(gram["stimulus_ids"])}


def _from_triangle(triangle: Any, row_sums: Any, n_features: int, stimulus_ids: list[str]) -> Gram:
    n = len(stimulus_ids)
    matrix = np.empty((n, n))
    rows, columns = np.triu_indices(n)
    matrix[rows, columns] = triangle
    matrix[columns, rows] = triangle
    return Gram(matrix, row_sums, n_features, tuple(stimulus_ids))


GramsOfLayers = Callable[[Sequence[str]], Iterator[tuple[str, Gram]]]


@dataclass(frozen=True, eq=False)
class CachedGrams:
    """Grams of a model on a stimulus set: read from the Gram cache, or made by a forward pass and cached.

    Parameters
    ----------
    model, stimuli, settings, reporter
        As of `itbench.extraction.forward.extract_grams`.
    identity : mapping
        All that the numbers depend on apart from the layer; the cache's key with the layer.
    cache : GramCache
    about : mapping
        Model, weights and benchmark, for a listing of the cache.
    """

    model: Model
    stimuli: StimulusSet
    settings: ExtractionSettings
    identity: Mapping[str, Any]
    cache: GramCache
    about: Mapping[str, str]
    reporter: Reporter

    def grams(self, layers: Sequence[str]) -> Iterator[tuple[str, Gram]]:
        """Yield (layer, Gram) for every layer: those in the Gram cache first, then those of one forward pass.

        A cached Gram that is not what the model gives for two of the stimuli is made again, with a note.
        """
        return sum_grams(layers, self._single, partial(layer_parts, self.model, self.stimuli))

    def _single(self, layers: Sequence[str]) -> Iterator[tuple[str, Gram]]:
        keys = {layer: {**self.identity, "layer": layer} for layer in layers}
        absent, stale = [], []
        rows = np.unique([0, len(self.stimuli) - 1])
        expected = self._grams_of(rows, [layer for layer in layers if keys[layer] in self.cache])
        for layer in layers:
            gram = self.cache.read(keys[layer]) if layer in expected else None
            if gram is not None and not agrees(gram, expected[layer], rows, *TOLERANCES[self.settings.precision]):
                stale.append(layer)
            if gram is None or layer in stale:
                absent.append(layer)
            else:
                yield layer, gram
        LOG.debug("Grams of %d of %d layers are in the cache", len(layers) - len(absent), len(layers))
        if stale:
            self.reporter.note(
                f"the model does not compute what the cache holds of {', '.join(stale)}: made again (its code, a value "
                "that it holds, or a library has changed)"
            )
        if absent:
            for layer, gram in extract_grams(self.model, self.stimuli, absent, self.settings, self.reporter):
                self.cache.write(keys[layer], gram, **self.about, layer=layer)
                yield layer, gram

    def _grams_of(self, rows: NDArray[np.intp], layers: Sequence[str]) -> dict[str, Gram]:
        """Return the Grams of a few stimuli, from one small forward pass."""
        if not layers:
            return {}
        settings = replace(self.settings, batch_size=len(rows), memory=AMPLE)
        few = self.stimuli.take(rows)
        with forward_pass(self.model, few, layers, settings, SilentReporter(), 0) as reducer:
            return {layer: reducer.gram(layer) for layer in layers}


def agrees(gram: Gram, expected: Gram, rows: NDArray[np.intp], tolerance: float, rounding: float) -> bool:
    """Return whether a cached Gram has, in a few rows, the products, distances and row sums that the model gives.

    Parameters
    ----------
    gram, expected : Gram
        Of all stimuli, and of those in `rows` alone.
    rows : int array
    tolerance : float
        Relative difference of inner products (of the product of the norms), of distances, and of row sums (of their
        bound, √(features) times the norm).
    rounding : float
        Error of activations, of their norm; distances may be much smaller than norms.
    """
    if gram.n_features != expected.n_features:
        return False
    found = gram.matrix[np.ix_(rows, rows)]
    norms = np.sqrt(np.maximum(np.diag(found), np.diag(expected.matrix)))
    products = np.abs(found - expected.matrix) <= tolerance * np.outer(norms, norms)
    distances = [np.sqrt(np.maximum(_squared_distances(matrix), 0.0)) for matrix in (found, expected.matrix)]
    apart = np.abs(distances[0] - distances[1]) <= tolerance * distances[0] + rounding * norms.max()
    sums = np.abs(gram.row_sums[rows] - expected.row_sums) <= tolerance * norms * np.sqrt(gram.n_features)
    return bool(products.all() and apart.all() and sums.all())


def _squared_distances(matrix: NDArray[np.floating]) -> NDArray[np.floating]:
    square = np.diag(matrix)
    distances: NDArray[np.floating] = square[:, None] + square - 2 * matrix
    return distances


def sum_grams(
    layers: Sequence[str], single: GramsOfLayers, parts: Callable[[str], Sequence[str]] = split_sum
) -> Iterator[tuple[str, Gram]]:
    """Yield (layer, Gram) for every layer, adding the cached Grams of its parts where it is a sum such as ``A+B``.

    A sum has the Gram of both layers' features side by side; the Gram cache holds its parts.

    Parameters
    ----------
    layers : sequence of str
    single : callable
        Yields (part, Gram) for every part of the layers, each once, in any order.
    parts : callable
        The parts of a layer.
    """
    missing = {layer: set(parts(layer)) for layer in layers}
    sums: dict[str, Gram] = {}
    for part, gram in single(single_layers(layers, parts)):
        for layer in [layer for layer, wanted in missing.items() if part in wanted]:
            sums[layer] = sums[layer] + gram if layer in sums else gram
            missing[layer].remove(part)
            if not missing[layer]:
                yield layer, sums.pop(layer)


def single_layers(layers: Sequence[str], parts: Callable[[str], Sequence[str]] = split_sum) -> list[str]:
    """Return the layers whose Grams the Gram cache holds: parts of sums such as ``A+B``, each once."""
    return list(dict.fromkeys(part for layer in layers for part in parts(layer)))
