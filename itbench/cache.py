"""Grams on disk, found by all that could change their numbers."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from itbench import folders
from itbench.errors import ItbenchWarning
from itbench.files import DAMAGED, PARTIAL, digest, set_aside, whole_file
from itbench.gram import Gram

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
