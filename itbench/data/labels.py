"""Join labels of the same stimuli: image files, CSV columns, stimulus ids and coordinates of responses."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product, takewhile
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadRecordings
from itbench.util.tables import parse_column

IMAGE_ENDING = re.compile(r"\.(png|jpe?g|jpe|jfif|bmp|tiff?|webp|gif|ppm|pgm|tga)$", re.IGNORECASE)
PARTS = tuple(  # of a label, as rules name them
    part + ending
    for ending in ("", " without ending")
    for part in ("path", "path below the common folder", "file name")
)
LABEL_NAMES = (  # headers that say that a column names images, the surest first; letters and digits only
    *("filename", "filepath", "file", "path"),
    *(
        noun + part
        for noun in ("image", "img", "picture", "photo", "stimulus", "stim")
        for part in ("filename", "file", "path", "name", "", "id")
    ),
)


@dataclass(frozen=True, eq=False)
class LabelJoin:
    """Join of two lists of labels: the row of the second for each label of the first, and the rule that found it.

    Parameters
    ----------
    rows : int array of shape (stimulus,)
        ``second[rows[i]]`` is called as ``first[i]``; every row once.
    rule : str
        Which part of the labels is equal.
    column : str
        Name of the column or coordinate that holds the second list.
    target : str
        What the first list is.
    """

    rows: NDArray[np.intp]
    rule: str
    column: str = ""
    target: str = ""

    @property
    def text(self) -> str:
        """Which labels of the stimuli were joined with which, and by which rule, in words."""
        return f"{self.column!r} names {self.target} ({self.rule})"


def match_labels(first: Sequence[Any], second: Sequence[Any], *, subset: bool = False) -> LabelJoin | None:
    """Match two lists of labels one-to-one as whole sets by the strictest rule that does so; None where none does.

    Equal labels match; then, in one Unicode form, equal paths, paths below the folder that all share, file names, and
    these without ending; then the same with numbers free of leading zeros; at last in any case. With `subset`, the
    first list may name a part of the second, whose labels must all differ by the rule.
    """
    if len(first) > len(second) or (len(first) < len(second) and not subset):
        return None
    a, b = list(map(label_text, first)), list(map(label_text, second))
    rows = _one_to_one(a, b)
    if rows is not None:
        return LabelJoin(rows, "equal labels")
    whole = len(a) == len(b)
    parts = [part for part in PARTS if whole or "common" not in part]  # a part of the images may share more folders
    for fold, unpadded in product((False, True), (False, True)):
        if not set(_keys(a, PARTS[-1], unpadded, fold)) <= set(_keys(b, PARTS[-1], unpadded, fold)):
            continue  # names of files without ending are all that the other parts have in common
        for part in parts:
            rows = _one_to_one(_keys(a, part, unpadded, fold), _keys(b, part, unpadded, fold))
            if rows is not None:
                extra = (", numbers without leading zeros" if unpadded else "") + (", in any case" if fold else "")
                return LabelJoin(rows, f"equal {part}{extra}")
    return None


def join_labels(first: Sequence[Any], second: Sequence[Any], sides: tuple[str, str]) -> LabelJoin:
    """Join two lists of labels of the same stimuli.

    Parameters
    ----------
    first, second : sequence of str
    sides : pair of str
        What messages call the two lists.

    Raises
    ------
    BadRecordings
        If no rule matches them one-to-one, with five labels of each.
    """
    join = match_labels(first, second)
    if join is None:
        raise _unlike(first, second, sides)
    return join


def find_label_join(
    columns: Mapping[str, Sequence[Any]],
    targets: Mapping[str, Sequence[Any]],
    where: str,
    *,
    own: Collection[str] = (),
) -> LabelJoin | None:
    """Find the column, or coordinate, whose values name the stimuli, and join it with their labels.

    A column whose name says that it names images (`is_label_name`) must match some target one-to-one, unless another
    such column does. Without one, a column of text that matches is taken. None if there is none: then the rows can be
    taken in order, since no column tells otherwise.

    Parameters
    ----------
    columns : mapping of str to sequence
        Columns of a CSV, or the coordinates of responses along their stimuli.
    targets : mapping of str to sequence of str
        The stimuli's own labels, in one order: names of files, ids, columns of a CSV.
    where : str
        What messages call the columns' table or file.
    own : collection of str
        Further names of columns that must match.

    Raises
    ------
    BadRecordings
        If labels match no target, if two columns disagree, or if a column may name the images and does not match.
    """
    named = sorted((name for name in columns if is_label_name(name) or name in own), key=_preference)
    labels = [name for name in named if not _counts_rows(columns[name])]
    joins = [join for name in labels or named if (join := _first_join(name, targets, columns[name]))]
    if not joins and labels:
        target, wanted = next(iter(targets.items()))
        raise _unlike(wanted, columns[labels[0]], (target, f"{labels[0]!r} of {where}"))
    if not joins:
        others = {name: column for name, column in columns.items() if name not in named}
        joins = [
            join for name, column in others.items() if _is_text(column) and (join := _first_join(name, targets, column))
        ]
        for name, column in others.items() if not joins else ():
            _refuse_unclear(name, column, targets, where)
    _refuse_disagreement(joins, where)
    return joins[0] if joins else None


def find_named_stimuli(
    columns: Mapping[str, Sequence[Any]], targets: Mapping[str, Sequence[Any]], where: str
) -> LabelJoin:
    """Find the column of a table that names some or all of the stimuli, each once, and join it with their labels.

    Parameters
    ----------
    columns, targets, where
        As of `find_label_join`; a column whose name does not say that it names images must be text.

    Returns
    -------
    LabelJoin
        ``rows`` are those of the stimuli, one for every row of the table.

    Raises
    ------
    BadRecordings
        If no column does, with examples of labels that are unknown or repeated; or if two name different stimuli.
    """
    named = sorted((name for name in columns if is_label_name(name)), key=_preference)
    candidates = named or [name for name, column in columns.items() if _is_text(column)]
    joins = [join for name in candidates if (join := _first_join(name, targets, columns[name], subset=True))]
    if not joins:
        listed = ", ".join(map(repr, columns))
        if not named:
            todo = "Add a column filename, or call the one that names them so."
            raise BadRecordings(f"No column of {where} names the images.", known=f"Columns: {listed}.", todo=todo)
        raise _unknown(columns[named[0]], targets, f"{named[0]!r} of {where}")
    _refuse_disagreement(joins, where)
    return joins[0]


def is_label_name(header: str) -> bool:
    """Return whether a header says that its column names images, such as ``filename`` or ``Image ID``."""
    return plain_header(header) in LABEL_NAMES


def plain_header(header: str) -> str:
    """Return the letters and digits of a header of a label column, in lower case."""
    return re.sub(r"[\W_]", "", header.casefold())


def label_text(label: Any) -> str:
    """Return a label as text, bytes decoded and whole floats as whole numbers."""
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace")
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def _first_join(
    name: str, targets: Mapping[str, Sequence[Any]], column: Sequence[Any], subset: bool = False
) -> LabelJoin | None:
    """Join the first target that has the labels of a column: rows of the column, or with `subset` of the target."""
    for target, labels in targets.items():
        join = match_labels(column, labels, subset=True) if subset else match_labels(labels, column)
        if join:
            return LabelJoin(join.rows, join.rule, name, target)
    return None


def _refuse_disagreement(joins: Sequence[LabelJoin], where: str) -> None:
    for other in joins[1:]:
        if not np.array_equal(other.rows, joins[0].rows):
            raise BadRecordings(
                f"{joins[0].column!r} and {other.column!r} of {where} both name {joins[0].target}, in two orders.",
                todo="Leave one of the two out, or rename it.",
            )


def _unknown(column: Sequence[Any], targets: Mapping[str, Sequence[Any]], where: str) -> BadRecordings:
    """Return the error for labels that do not name stimuli, or name one twice."""
    target, known = next(iter(targets.items()))
    texts, names = list(map(label_text, column)), list(map(label_text, known))
    sought, there = (_keys(side, PARTS[-1], True, True) for side in (texts, names))
    times, here = Counter(sought), set(there)
    unknown = [text for text, key in zip(texts, sought, strict=True) if key not in here]
    twice = [text for text, key in zip(texts, sought, strict=True) if times[key] > 1]
    wrong = unknown or sorted(set(twice)) or texts
    what = "are unknown" if unknown else "occur twice" if twice else f"name several of {target}"
    return BadRecordings(
        f"{len(wrong)} labels in {where} {what}: {_examples(wrong)}.",
        known=f"{len(names)} in {target}: {_examples(names)}.",
        todo="Name the images as the recordings do, each once: itbench data show",
    )


def _refuse_unclear(name: str, column: Sequence[Any], targets: Mapping[str, Sequence[Any]], where: str) -> None:
    """Refuse a column under any name that names half of the images, or counts the rows in another order."""
    if _is_text(column):
        for target, labels in targets.items():
            a, b = (set(_keys(list(map(label_text, side)), PARTS[-1], True, True)) for side in (labels, column))
            if 2 * len(a & b) >= len(a):
                raise _unlike(labels, column, (target, f"{name!r} of {where}"))
        return
    joins = [join for labels in targets.values() if (join := match_labels(labels, column))]
    counts = _counts_rows(sorted(column, key=lambda number: float(label_text(number)))) and not _counts_rows(column)
    if counts or any(not _in_order(join) for join in joins):
        raise BadRecordings(
            f"{name!r} of {where} holds the numbers of the images or rows in another order.",
            known="It may name the images, or say something else of them.",
            todo="If it names them, call it filename; else add a column filename.",
        )


def _is_text(column: Sequence[Any]) -> bool:
    return parse_column(list(map(label_text, column))).dtype == object


def _one_to_one(first: Sequence[str], second: Sequence[str]) -> NDArray[np.intp] | None:
    """Return the row of the second list for each of the first; None if labels repeat, or one is not in the second."""
    row_of = {key: row for row, key in enumerate(second)}
    if len(row_of) != len(second) or len(set(first)) != len(first) or not row_of.keys() >= set(first):
        return None
    return np.array([row_of[key] for key in first], dtype=np.intp)


def _keys(labels: Sequence[str], part: str, unpadded: bool, fold: bool) -> list[str]:
    """Return what the labels of two lists must have in common by one rule."""
    form: Literal["NFC", "NFKC"] = "NFKC" if fold else "NFC"
    paths = [unicodedata.normalize(form, label).strip().replace("\\", "/").split("/") for label in labels]
    parts = [[folder for folder in path if folder not in ("", ".")] or [""] for path in paths]
    if "common" in part:
        folders = zip(*(path[:-1] for path in parts), strict=False)
        common = len(list(takewhile(lambda names: len(set(names)) == 1, folders)))
        parts = [path[common:] for path in parts]
    keys = [path[-1] if "file name" in part else "/".join(path) for path in parts]
    if "without ending" in part:
        keys = [IMAGE_ENDING.sub("", key) for key in keys]
    if unpadded:
        keys = [re.sub(r"0*(\d+)", r"\1", re.sub(r"^(\d+)\.0+$", r"\1", key)) for key in keys]
    return [key.casefold() for key in keys] if fold else keys


def _in_order(join: LabelJoin) -> bool:
    return bool((join.rows == np.arange(len(join.rows))).all())


def _counts_rows(column: Sequence[Any]) -> bool:
    """Return whether a column counts its rows from 0 or 1, as tables without labels do."""
    texts = list(map(label_text, column))
    return any(texts == list(map(str, range(first, first + len(texts)))) for first in (0, 1))


def _preference(name: str) -> int:
    plain = plain_header(name)
    return LABEL_NAMES.index(plain) if plain in LABEL_NAMES else len(LABEL_NAMES)


def _unlike(first: Sequence[Any], second: Sequence[Any], sides: tuple[str, str]) -> BadRecordings:
    """Return the error for two lists of labels that no rule joins."""
    a, b = list(map(label_text, first)), list(map(label_text, second))
    counted = [f"{len(texts)} in {side}: {_examples(texts)}" for texts, side in zip((a, b), sides, strict=True)]
    differences = (
        (f"not in {sides[1]}", sorted(set(a) - set(b))),
        (f"not in {sides[0]}", sorted(set(b) - set(a))),
        ("twice", sorted({label for texts in (a, b) for label, count in Counter(texts).items() if count > 1})),
    )
    listed = [f"{len(labels)} {what}: {_examples(labels)}" for what, labels in differences if labels]
    return BadRecordings(
        f"The labels of {sides[0]} and {sides[1]} do not match one-to-one.",
        known="; ".join([*counted, *listed]) + ".",
        todo="Name the images alike on both sides, each once; a column or coordinate filename decides.",
    )


def _examples(labels: Sequence[str]) -> str:
    shown = [label if label.isprintable() and label == label.strip() else repr(label) for label in labels[:5]]
    return ", ".join(shown) + (", …" if len(labels) > 5 else "")
