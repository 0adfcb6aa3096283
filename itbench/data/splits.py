"""Splits of the stimuli into training and test sets: provided ones, seeded folds, groups left out, or from a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.groups import balanced_folds, group_numbers
from itbench.data.split_file import PARTS, SplitFile, names_parts
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadBenchmark, ItbenchError, UnknownName
from itbench.util.schema import read_as, shown

KEYS = {
    "provided": ("kind",),
    "kfold": ("kind", "folds", "seed", "stratify", "group"),
    "leave-group-out": ("kind", "group"),
    "file": ("kind", "path", "columns"),
    "none": ("kind",),
}
REQUIRED = {"leave-group-out": "group", "file": "path"}
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
    """Split plan of a benchmark: provided splits, folds, groups, a file, or none.

    Parameters
    ----------
    kind : {"provided", "kfold", "leave-group-out", "file", "none"}
        ``provided`` reads the stimulus coordinate ``split`` (``train``, ``test``; ``val`` and ``unrecorded`` are left
        out); ``leave-group-out`` tests each group once; ``none`` is for comparisons, which compare all stimuli.
    folds, seed : int
        Of ``kfold``: how many shuffled folds, from which seed.
    stratify : str, optional
        A stimulus coordinate whose values every fold holds in equal shares.
    group : str, optional
        A stimulus coordinate of which no value is in the training and the test set of a split, such as ``object``.
    file : SplitFile, optional
        Of ``file``: named splits, or folds.
    """

    kind: str
    folds: int = 5
    seed: int = 0
    stratify: str | None = None
    group: str | None = None
    file: SplitFile | None = None

    @classmethod
    def parse(cls, spec: Any, where: str, folder: Path = Path()) -> SplitPlan:
        """Parse a split plan from a benchmark's key ``splits``; errors begin with `where`, paths are below `folder`."""
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
        _check_texts(spec, where)
        if kind != "file":
            return cls(**spec)
        columns = spec.get("columns") or ()
        file = SplitFile.read(
            folder / Path(spec["path"]).expanduser(), (columns,) if isinstance(columns, str) else columns
        )
        return cls(kind, file=file)

    def as_dict(self) -> dict[str, Any]:
        """Return what a score's provenance records of the plan; of a file, its name and the digest of its content."""
        record = {key: getattr(self, key) for key in KEYS[self.kind] if hasattr(self, key)}
        if self.file:
            record |= {"path": self.file.name, "columns": list(self.file.columns) or None, "digest": self.file.digest}
        return record

    def split(self, stimuli: StimulusSet, note: Callable[[str], None] = lambda text: None) -> list[Split]:
        """Split a stimulus set into training and test sets.

        Parameters
        ----------
        stimuli : StimulusSet
        note : callable
            Is told what a file of splits leaves to guess, and how many images are in none of them.

        Raises
        ------
        ItbenchError
            If the stimuli cannot be split so.
        """
        if self.file is None:
            return self.divide(len(stimuli), stimuli.metadata)
        columns = self.file.columns_of(stimuli.ids, stimuli.metadata, note)
        splits = [split for name, cells in columns.items() for split in self._of_column(name, cells, len(columns) > 1)]
        repeated = [name for name, times in Counter(split.name for split in splits).items() if times > 1]
        if repeated:
            raise BadBenchmark(f"{self.file.name}: several splits are called {', '.join(map(repr, repeated[:5]))}.")
        used = np.concatenate([part for split in splits for part in (split.train, split.test)])
        unused = sorted(set(range(len(stimuli))) - set(used.tolist()))
        if unused:
            names = ", ".join(stimuli.ids[row] for row in unused[:5]) + (", …" if len(unused) > 5 else "")
            note(f"{self.file.name}: {len(unused)} of {len(stimuli)} images are in no split: {names}")
        return splits

    def _of_column(self, name: str, cells: NDArray[Any], several: bool) -> Iterator[Split]:
        """Yield the splits of one column of a file: one of training and test parts, or one for each fold."""
        assert self.file is not None
        if names_parts(cells):
            parts = _parts(np.where(cells == "", PARTS[-1], cells), f"column {name!r} of {self.file.name}")
            yield Split(name, np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test"))
            return
        folds = np.array([_fold_name(cell) for cell in cells], dtype=object)
        for fold in sorted(set(folds) - {""}, key=lambda text: (not text.isdigit(), text.zfill(20))):
            own = f"fold{fold}" if fold.isdigit() else fold
            rest = np.flatnonzero((folds != fold) & (folds != ""))
            yield Split(f"{name}-{own}" if several else own, rest, np.flatnonzero(folds == fold))

    def divide(self, n: int, metadata: Mapping[str, NDArray[Any]]) -> list[Split]:
        """Divide `n` stimuli with their metadata into splits; those of a file need the ids, see `split`.

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
        if self.kind == "file":
            raise BadBenchmark("Splits from a file name the stimuli: they cannot be made without their ids.")
        if self.kind == "provided":
            column = _parts(_column(metadata, "split"), "'split'")
            return [Split("provided", np.flatnonzero(column == "train"), np.flatnonzero(column == "test"))]
        if self.kind == "leave-group-out":
            names, number = group_numbers(_column(metadata, str(self.group)), str(self.group), least=2)
            return [
                Split(name, np.flatnonzero(number != group), np.flatnonzero(number == group))
                for group, name in enumerate(names)
            ]
        if self.folds > n // 2:
            raise ItbenchError(f"{self.folds} folds of {n} stimuli leave fewer than 2 in some fold.")
        return [
            Split(f"fold{number}", np.sort(train), np.sort(test))
            for number, (train, test) in enumerate(self._folds(n, metadata))
        ]

    def _folds(self, n: int, metadata: Mapping[str, NDArray[Any]]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        from sklearn.model_selection import KFold, StratifiedKFold  # takes a second to import

        rows = np.arange(n)
        if self.group is not None:
            _, number = group_numbers(_column(metadata, self.group), self.group, least=self.folds)
            fold_of = balanced_folds(number, self.folds, self.seed)
            return [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(self.folds)]
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


def refuse_copies(splits: Sequence[Split], stimuli: StimulusSet) -> None:
    """Refuse splits that train on a copy of a test image: one whose pixels are the same.

    Raises
    ------
    ItbenchError
        With the split and examples.
    """
    pairs = stimuli.duplicates()
    if not pairs:
        return
    first_of = {later: first for first, later in pairs}
    images = np.array([first_of.get(name, name) for name in stimuli.ids], dtype=object)
    for split in splits:
        both = set(images[split.train]) & set(images[split.test])
        if both:
            copies = [f"{a} = {b}" for a, b in pairs if a in both]
            raise ItbenchError(
                f"{len(both)} images of the split {split.name!r} are in train and, as a copy, in test: "
                f"{', '.join(copies[:5])}.",
                known="An image in train and in test would be scored by heart.",
                todo="Average the responses to equal images and give each once; or give copies one value of a "
                "coordinate, and split by it: {kind: kfold, group: NAME}.",
            )


def _check_texts(spec: Mapping[str, Any], where: str) -> None:
    """Refuse keys of splits whose value is no text, that are missing, or that exclude each other."""
    for key in ("stratify", "group"):
        if not isinstance(spec.get(key), str | None):
            raise BadBenchmark(
                f"{where}key 'splits: {key}' must be the name of a stimulus coordinate, "
                f"not {shown(spec[key])}{read_as(spec[key])}."
            )
    needed = REQUIRED.get(spec["kind"], "kind")
    if not isinstance(spec.get(needed), str) or not spec[needed]:
        what = "a path" if needed == "path" else "the name of a stimulus coordinate"
        raise BadBenchmark(f"{where}key 'splits: {needed}' must be {what}, not {shown(spec.get(needed))}.")
    columns = spec.get("columns") or []
    if not isinstance(columns, str | list) or not all(isinstance(column, str) for column in columns):
        raise BadBenchmark(f"{where}key 'splits: columns' must be a list of names, not {shown(columns)}.")
    if spec.get("stratify") and spec.get("group"):
        raise BadBenchmark(
            f"{where}splits by groups cannot be stratified.", todo="Leave 'stratify' or 'group' out of 'splits'."
        )


def _fold_name(cell: str) -> str:
    """Return the name of a fold; a whole number in any spelling is one name."""
    try:
        return str(int(float(cell))) if float(cell).is_integer() and float(cell) >= 0 else cell
    except (ValueError, OverflowError):
        return cell


def _parts(column: NDArray[Any], where: str) -> NDArray[Any]:
    """Return the parts of provided splits without spaces around them and in lower case; refuse unknown ones."""
    found = np.asarray(column).astype(str).tolist()
    parts = np.array([value.strip().lower() for value in found], dtype=object)
    unknown = [value for value, part in zip(found, parts, strict=True) if part not in PARTS]
    if unknown:
        counts = ", ".join(f"{count} × {value!r}" for value, count in Counter(found).most_common(12))
        raise BadBenchmark(
            f"{len(unknown)} of {len(parts)} stimuli have a value of {where} that is unknown, such as {unknown[0]!r}.",
            known=f"Found: {counts}. Known: train, test, and val and unrecorded, which are left out.",
            todo="Correct the column split of the CSV, and pack again." if where == "'split'" else "Correct the file.",
        )
    return parts


def _column(metadata: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in metadata:
        raise UnknownName.of("stimulus coordinate", name, metadata, todo="Add it with: itbench data pack --stimuli CSV")
    return metadata[name]
