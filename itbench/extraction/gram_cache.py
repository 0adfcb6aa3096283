"""Cache of Gram matrices on disk, and Grams of layers from it or from a forward pass."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from itbench.data.stimuli import StimulusSet
from itbench.errors import ItbenchWarning
from itbench.extraction.forward import ExtractionSettings, extract_grams
from itbench.gram import Gram
from itbench.models.layers import parts
from itbench.models.protocols import Model
from itbench.util import folders
from itbench.util.files import DAMAGED, PARTIAL, digest, set_aside, whole_file
from itbench.util.progress import Reporter

ENDING = ".gram"


@dataclass(frozen=True)
class GramCache:
    """A folder of Gram files, each named by its key.

    Parameters
    ----------
    folder : Path, optional
        By default the cache folder of itbench.
    """

    folder: Path | None = None

    def __contains__(self, key: Mapping[str, Any]) -> bool:
        """Say whether there is a file of `key`, be it damaged."""
        return self._path(key).exists()

    def read(self, key: Mapping[str, Any]) -> Gram | None:
        """Return the Gram of `key`, or None if there is none.

        A truncated or altered file is set aside with a warning, so that it is made again.
        """
        path = self._path(key)
        if not path.exists():
            return None
        try:
            with h5py.File(path, "r") as file:
                arrays = {name: file[name][:] for name in ("triangle", "row_sums")}
                about = json.loads(file.attrs["about"])
                if file.attrs["content"] != digest(file.attrs["about"], *arrays.values()):
                    raise ValueError("its content is not what its checksum says")
            return _from_triangle(**arrays, **about["gram"])
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            aside = set_aside(path)
            warnings.warn(
                f"The cached Gram {path} is damaged ({error}); it is now {aside.name} and is made again.",
                ItbenchWarning,
                stacklevel=2,
            )
            return None

    def write(self, key: Mapping[str, Any], gram: Gram, **about: Any) -> None:
        """Keep a Gram under its key, with what a listing says of it."""
        arrays = {"triangle": gram.matrix[np.triu_indices(len(gram))], "row_sums": gram.row_sums}
        fields = {"n_features": gram.n_features, "stimulus_ids": list(gram.stimulus_ids)}
        header = json.dumps(
            {"gram": fields, "key": key, "about": {**about, "written": time.strftime("%Y-%m-%d %H:%M")}}
        )
        with whole_file(self._path(key)) as partial, h5py.File(partial, "w") as file:
            for name, array in arrays.items():
                file[name] = array
            file.attrs["content"] = digest(header, *arrays.values())
            file.attrs["about"] = header

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield what is kept: model, weights, layer, benchmark, features, stimuli, MB, date."""
        for path in sorted(self._root.glob(f"*/*{ENDING}")):
            size = {"MB": round(path.stat().st_size / 1e6, 1), "file": str(path)}
            try:
                with h5py.File(path, "r") as file:
                    header = json.loads(file.attrs["about"])
            except (OSError, KeyError, ValueError, RuntimeError):
                yield {"model": "(damaged)", **size}
                continue
            gram = header["gram"]
            yield {**header["about"], "features": gram["n_features"], "stimuli": len(gram["stimulus_ids"]), **size}

    def clear(self, model: str | None = None) -> tuple[int, int]:
        """Remove what is kept, of one model or all, and what was set aside; return how many files and bytes."""
        doomed = [Path(entry["file"]) for entry in self.entries() if model in (None, entry["model"])]
        if model is None:
            doomed += [path for ending in (DAMAGED, PARTIAL) for path in self._root.glob(f"*/*{ending}")]
            doomed += list(self._root.glob(f"*/.*{PARTIAL}"))
        size = sum(path.stat().st_size for path in set(doomed))
        for path in set(doomed):
            path.unlink(missing_ok=True)
        return len(set(doomed)), size

    @property
    def _root(self) -> Path:
        return (self.folder or folders.cache()) / "grams"

    def _path(self, key: Mapping[str, Any]) -> Path:
        name = digest(dict(key))
        return self._root / name[:2] / f"{name}{ENDING}"


def _from_triangle(triangle: Any, row_sums: Any, n_features: int, stimulus_ids: list[str]) -> Gram:
    n = len(stimulus_ids)
    matrix = np.empty((n, n))
    rows, columns = np.triu_indices(n)
    matrix[rows, columns] = triangle
    matrix[columns, rows] = triangle
    return Gram(matrix, row_sums, n_features, tuple(stimulus_ids))


Single = Callable[[Sequence[str]], Iterator[tuple[str, Gram]]]  # of layers that are no sums


@dataclass(frozen=True, eq=False)
class GramSource:
    """Where the Grams of a model on a stimulus set come from.

    Parameters
    ----------
    model, stimuli, settings, reporter
        As of `itbench.extraction.forward.extract_grams`.
    identity : mapping
        All that the numbers depend on beside the layer: with it, the cache's key.
    cache : GramCache
    about : mapping
        What a listing of the cache says of them.
    """

    model: Model
    stimuli: StimulusSet
    settings: ExtractionSettings
    identity: Mapping[str, Any]
    cache: GramCache
    about: Mapping[str, str]
    reporter: Reporter

    def grams(self, layers: Sequence[str]) -> Iterator[tuple[str, Gram]]:
        """Yield (layer, Gram) for every layer, one after another, in the order in which they come."""
        return summed(layers, self._single)

    def _single(self, layers: Sequence[str]) -> Iterator[tuple[str, Gram]]:
        """Yield the Grams of layers that are no sums: first those in the cache, then the others."""
        keys = {layer: {**self.identity, "layer": layer} for layer in layers}
        absent = []
        for layer in layers:
            gram = self.cache.read(keys[layer])
            if gram is None:
                absent.append(layer)
            else:
                yield layer, gram
        if absent:
            for layer, gram in extract_grams(self.model, self.stimuli, absent, self.settings, self.reporter):
                self.cache.write(keys[layer], gram, **self.about, layer=layer)
                yield layer, gram


def summed(layers: Sequence[str], single: Single) -> Iterator[tuple[str, Gram]]:
    """Yield (layer, Gram) for every layer, in the order in which they come.

    A sum ``A+B`` gives the Gram of both layers' features side by side; what is cached are its parts.

    Parameters
    ----------
    layers : sequence of str
    single : callable
        Yields (part, Gram) for every part of the layers, each once, in any order.
    """
    missing = {layer: set(parts(layer)) for layer in layers}
    sums: dict[str, Gram] = {}
    for part, gram in single(single_layers(layers)):
        for layer in [layer for layer, wanted in missing.items() if part in wanted]:
            sums[layer] = sums[layer] + gram if layer in sums else gram
            missing[layer].remove(part)
            if not missing[layer]:
                yield layer, sums.pop(layer)


def single_layers(layers: Sequence[str]) -> list[str]:
    """Return the layers that are no sums, or parts of one, each once."""
    return list(dict.fromkeys(part for layer in layers for part in parts(layer)))
