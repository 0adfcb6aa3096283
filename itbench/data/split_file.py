"""Split file: a JSON or CSV file that divides stimuli, joined by label with stimulus ids or other names of images."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.labels import find_named_stimuli, is_label_name, label_text, plain_header
from itbench.errors import BadBenchmark, UnknownName
from itbench.util.checksum import digest
from itbench.util.tables import read_csv

ENDINGS = (".json", ".csv")
PARTS = ("train", "test", "val", "unrecorded")  # of a split; the last two are left out
FORMS = (
    'Known forms: {"split": {"train": [ids], "test": [ids]}, …}, {"id": fold, …}, {"split": {"id": fold, …}, …}; '
    "instead of a fold, train or test."
)
LABELS = "stimulus"  # column of the labels in a JSON file
HEADERS = ("fold", "split", "partition")  # one of them in the header of a column of folds
Table = Mapping[str, Sequence[str]]  # columns of text by name


@dataclass(frozen=True)
class SplitFile:
    """Split file: for every split or set of folds, the part or fold of each stimulus that it names.

    Parameters
    ----------
    name : str
        Of the file, without its folder.
    digest : str
        SHA-256 of its content.
    columns : tuple of str
        The columns of a CSV, or splits of a JSON file, that are used; all that are splits if there is none.
    table : mapping of str to sequence of str
        Cells by column; of a JSON file, the labels of its stimuli are the column ``stimulus``.
    """

    name: str
    digest: str
    columns: tuple[str, ...] = ()
    table: Table = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, path: Path, columns: Sequence[str] = ()) -> SplitFile:
        """Read a split file, ``.json`` or ``.csv``.

        Raises
        ------
        BadBenchmark, BadRecordings, UnknownName
            For a file that cannot be read, a label twice in a split, a column that it does not have.
        """
        if path.suffix.lower() not in ENDINGS:
            raise BadBenchmark(f"Splits are read from {' or '.join(ENDINGS)}, not from {path.name}.")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadBenchmark(f"Cannot read the splits {path}: {error.strerror}.") from error
        table = read_csv(path) if path.suffix.lower() == ".csv" else _json_table(content, path)
        for column in columns:
            if column not in table:
                raise UnknownName.of("column", column, table, where=f"{path}: ")
        return cls(path.name, digest(content), tuple(columns), table)

    def columns_of(
        self, ids: Sequence[str], metadata: Mapping[str, NDArray[Any]], note: Callable[[str], None]
    ) -> dict[str, NDArray[Any]]:
        """Return the cells of every column of splits, in the order of the stimuli; empty where none is named.

        Parameters
        ----------
        ids : sequence of str
            Stimulus ids, with which the labels in the file are joined.
        metadata : mapping of str to array of shape (stimulus,)
            Coordinates such as ``filename`` are joined where the ids are others.
        note : callable
            Is told what was guessed: how labels were joined, and which columns are not read.

        Raises
        ------
        BadRecordings
            For labels of no stimulus.
        BadBenchmark
            If it is not clear which columns are splits.
        """
        targets: dict[str, Sequence[Any]] = {"the stimulus ids": ids}
        targets |= {f"the column {key!r}": column.tolist() for key, column in metadata.items() if is_label_name(key)}
        free = [LABELS] if self._is_json else [key for key in self.table if key not in self.columns]
        names = {key: self.table[key] for key in free}
        join = find_named_stimuli(names, targets, self.name)
        if join.rule != "equal labels":
            note(f"{self.name}: {join.text}")
        columns = self.columns or self._columns_of_splits(join.column, note)
        found = {column: np.full(len(ids), "", dtype=object) for column in columns}
        for column, cells in found.items():
            cells[join.rows] = [cell.strip() for cell in self.table[column]]
        return found

    @property
    def _is_json(self) -> bool:
        return self.name.lower().endswith(ENDINGS[0])

    def _columns_of_splits(self, label: str, note: Callable[[str], None]) -> tuple[str, ...]:
        """Return the columns that are splits: of train and test, or of folds by their header, or the only one."""
        others = [column for column in self.table if column != label]
        if self._is_json:
            return tuple(others)
        chosen = [column for column in others if names_parts(self.table[column]) or _is_header(column)]
        chosen = chosen or (others if len(others) == 1 else [])
        if not chosen:
            listed = ", ".join(map(repr, others)) or "none beside the labels"
            raise BadBenchmark(
                f"No column of {self.name} is clearly one of splits.",
                known=f"Columns: {listed}.",
                todo="Name them in the benchmark: splits: {kind: file, path: …, columns: [NAME]}",
            )
        left = [column for column in others if column not in chosen and not is_label_name(column)]
        if left:
            note(f"{self.name}: splits are {', '.join(chosen)}; not read: {', '.join(left)}")
        return tuple(chosen)


def names_parts(cells: Sequence[str] | NDArray[Any]) -> bool:
    """Return whether the cells of a split file's column name training and test parts, and not folds."""
    return any(cell.strip().lower() in PARTS[:2] for cell in cells)


def _is_header(column: str) -> bool:
    return any(word in plain_header(column) for word in HEADERS)


def _json_table(content: bytes, path: Path) -> Table:
    """Return a JSON file of splits as a table: a row for every label, a column for every split or set of folds."""
    try:
        read = json.loads(content.decode("utf-8-sig"), object_pairs_hook=lambda pairs: _mapping(pairs, path))
    except (ValueError, RecursionError) as error:
        raise BadBenchmark(f"{path} is not JSON: {error}.") from error
    if not isinstance(read, dict) or not read:
        raise BadBenchmark(f"{path} holds no splits.", known=FORMS)
    bare = {key: value for key, value in read.items() if not isinstance(value, dict)}  # stimulus id: fold
    nested = {key: value for key, value in read.items() if isinstance(value, dict)}
    columns = {key: _assignment(value, f"{path}: split {key!r}") for key, value in nested.items()}
    if bare and path.stem in nested:
        raise BadBenchmark(f"{path}: a split cannot be called as the file, {path.stem!r}, beside folds of stimuli.")
    columns |= {path.stem: _assignment(bare, str(path))} if bare else {}
    labels = dict.fromkeys(label for assigned in columns.values() for label in assigned)
    if LABELS in columns:
        raise BadBenchmark(f"{path}: a split cannot be called {LABELS!r}.", todo="Rename it.")
    cells = {key: [assigned.get(label, "") for label in labels] for key, assigned in columns.items()}
    return {LABELS: list(labels), **cells}


def _mapping(pairs: Sequence[tuple[str, Any]], path: Path) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        raise BadBenchmark(f"{path}: {len(twice)} names occur twice in one mapping, such as {', '.join(twice[:5])}.")
    return found


def _assignment(value: Mapping[str, Any], where: str) -> dict[str, str]:
    """Return the part or fold of every label from lists of labels by part, or from a mapping of labels to folds."""
    if not value or not all(isinstance(item, list) for item in value.values()):
        for item in value.values():
            if isinstance(item, bool) or not isinstance(item, str | int | float | None):
                raise BadBenchmark(f"{where}: {item!r} is no fold.", known=FORMS)
        return {label: "" if fold is None else label_text(fold) for label, fold in value.items()}
    parts: dict[str, str] = {}
    for part, labels in value.items():
        if part not in PARTS:
            raise UnknownName.of("part", part, PARTS, where=f"{where}: ")
        texts = [label_text(label) for label in labels if isinstance(label, str | int) and not isinstance(label, bool)]
        if len(texts) < len(labels):
            raise BadBenchmark(f"{where}: {part!r} must list labels of stimuli.", known=FORMS)
        again = [text for text, times in Counter([*texts, *parts]).items() if times > 1]
        if again:
            listed = ", ".join(f"{text} (in {parts.get(text, part)} and {part})" for text in again[:5])
            raise BadBenchmark(f"{where}: {len(again)} stimuli occur twice: {listed}.", todo="Name each once.")
        parts |= dict.fromkeys(texts, part)
    return parts
