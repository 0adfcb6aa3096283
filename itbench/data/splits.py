"""Splits of the stimuli into training and test sets: provided ones, or seeded folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadBenchmark, ItbenchError, UnknownName
from itbench.util.schema import read_as, shown

KEYS = {"provided": ("kind",), "kfold": ("kind", "folds", "seed", "stratify"), "none": ("kind",)}
PARTS = ("train", "test", "val", "unrecorded")  # values of the stimulus coordinate ``split``; the last two are left out
MOST = 2**32 - 1  # the largest seed that scikit-learn takes


@dataclass(frozen=True, eq=False)
class Split:
    """One split: the rows of the stimuli that train a readout, and of those that test it.

    Parameters
    ----------
    name : str
    train, test : int arrays
        Rows of the stimulus set; disjoint.
    """

    name: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]

    def __post_init__(self) -> None:
        both = np.intersect1d(self.train, self.test)
        if len(both):
            raise ItbenchError(f"Split {self.name!r} has {len(both)} stimuli in train and in test.")
        if len(self.train) < 2 or len(self.test) < 2:
            raise ItbenchError(
                f"Split {self.name!r} has {len(self.train)} stimuli to train on and {len(self.test)} to test on.",
                known="Each needs at least 2: one has no variance.",
            )


@dataclass(frozen=True)
class SplitPlan:
    """Split plan of a benchmark: provided splits, folds, or none.

    Parameters
    ----------
    kind : {"provided", "kfold", "none"}
        ``provided`` reads the stimulus coordinate ``split`` (``train``, ``test``; ``val`` and ``unrecorded`` are left
        out); ``none`` is for comparisons, which compare all stimuli.
    folds, seed : int
        Of ``kfold``: how many shuffled folds, from which seed.
    stratify : str, optional
        A stimulus coordinate whose values every fold holds in equal shares.
    """

    kind: str
    folds: int = 5
    seed: int = 0
    stratify: str | None = None

    @classmethod
    def parse(cls, spec: Any, where: str) -> SplitPlan:
        """Parse a split plan from a benchmark's key ``splits``; errors begin with `where`."""
        if not isinstance(spec, Mapping) or "kind" not in spec:
            raise BadBenchmark(
                f"{where}key 'splits' must be a mapping with a kind, not {shown(spec)}.",
                known="Such as {kind: provided} or {kind: kfold, folds: 5, seed: 0, stratify: category}.",
            )
        kind = spec["kind"]
        if not isinstance(kind, str):
            raise BadBenchmark(
                f"{where}key 'splits: kind' must be a word, not {shown(kind)}{read_as(kind)}.",
                known=f"Known: {', '.join(KEYS)}.",
            )
        if kind not in KEYS:
            raise UnknownName.of("kind of splits", kind, KEYS, where=where)
        for key in spec:
            if key not in KEYS[kind]:
                raise UnknownName.of("key of splits", str(key), KEYS[kind], where=where)
        for key, least in (("folds", 2), ("seed", 0)):
            value = spec.get(key, least)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST:
                raise BadBenchmark(
                    f"{where}key 'splits: {key}' must be a whole number from {least} to {MOST}, not {shown(value)}."
                )
        if not isinstance(spec.get("stratify"), str | None):
            raise BadBenchmark(
                f"{where}key 'splits: stratify' must be the name of a stimulus coordinate, "
                f"not {shown(spec['stratify'])}{read_as(spec['stratify'])}."
            )
        return cls(**spec)

    def divide(self, n: int, metadata: Mapping[str, NDArray[Any]]) -> list[Split]:
        """Divide `n` stimuli with their metadata into splits.

        Raises
        ------
        ItbenchError
            If they cannot be divided so.
        """
        if self.kind == "none":
            raise BadBenchmark(
                "The benchmark does not say how to divide its images.",
                known="A readout is tested on images that it has not seen.",
                todo="Add a line such as 'splits: {kind: kfold, folds: 5}' to its file, or compare: --metric rsa",
            )
        if self.kind == "provided":
            column = _parts(_column(metadata, "split"))
            return [Split("provided", np.flatnonzero(column == "train"), np.flatnonzero(column == "test"))]
        if self.folds > n // 2:
            raise ItbenchError(f"{self.folds} folds of {n} stimuli leave fewer than 2 in some fold.")
        return [
            Split(f"fold{number}", np.sort(train), np.sort(test))
            for number, (train, test) in enumerate(self._folds(n, metadata))
        ]

    def _folds(self, n: int, metadata: Mapping[str, NDArray[Any]]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        from sklearn.model_selection import KFold, StratifiedKFold  # takes a second to import

        rows = np.arange(n)
        if self.stratify is None:
            return list(KFold(self.folds, shuffle=True, random_state=self.seed).split(rows))
        classes = np.asarray(_column(metadata, self.stratify)).astype(str)
        names, counts = np.unique(classes, return_counts=True)
        if counts.min() < self.folds:
            raise ItbenchError(
                f"{self.folds} folds cannot be stratified by {self.stratify!r}: "
                f"'{names[counts.argmin()]}' has {counts.min()} stimuli.",
                todo="Use fewer folds, or another coordinate.",
            )
        return list(StratifiedKFold(self.folds, shuffle=True, random_state=self.seed).split(rows, classes))


def _parts(column: NDArray[Any]) -> NDArray[Any]:
    """Return the parts of provided splits without spaces around them and in lower case; refuse unknown ones."""
    found = np.asarray(column).astype(str).tolist()
    parts = np.array([value.strip().lower() for value in found], dtype=object)
    unknown = [value for value, part in zip(found, parts, strict=True) if part not in PARTS]
    if unknown:
        counts = ", ".join(f"{count} × {value!r}" for value, count in Counter(found).most_common(12))
        raise BadBenchmark(
            f"{len(unknown)} of {len(parts)} stimuli have a value of 'split' that is unknown, such as {unknown[0]!r}.",
            known=f"Found: {counts}. Known: train, test, and val and unrecorded, which are left out.",
            todo="Correct the column split of the CSV, and pack again.",
        )
    return parts


def _column(metadata: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in metadata:
        raise UnknownName.of("stimulus coordinate", name, metadata, todo="Add it with: itbench data pack --stimuli CSV")
    return metadata[name]
