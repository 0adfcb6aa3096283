"""Groups of stimuli, such as all images of an object: their numbers, folds that divide none, and which are new."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.labels import plain_header
from itbench.errors import ItbenchError, UnknownName


def group_numbers(column: NDArray[Any], name: str, *, least: int) -> tuple[list[str], NDArray[np.intp]]:
    """Return the names of the groups in a stimulus coordinate, in order, and the number of each stimulus's group.

    Parameters
    ----------
    column : array of shape (stimulus,)
    name : str
        Of the coordinate, such as ``object``.
    least : int
        How many groups are needed.

    Raises
    ------
    ItbenchError
        For stimuli without a value, for values that differ in case or spaces alone, and for too few groups.
    """
    values = np.asarray(column).tolist()
    missing = [row for row, value in enumerate(values) if is_missing(value)]
    if missing:
        rows = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise ItbenchError(
            f"{len(missing)} of {len(values)} stimuli have no value of {name!r}: rows {rows}.",
            known="A stimulus of an unknown group could be in training, and its group in test.",
            todo="Fill it in, and pack again.",
        )
    names, number = np.unique([str(value) for value in values], return_inverse=True)
    spelled = Counter(map(_plain, names))
    variants = [text for text in names.tolist() if spelled[_plain(text)] > 1]
    if variants:
        raise ItbenchError(
            f"Values of {name!r} differ in case or spaces alone: {', '.join(map(repr, variants[:6]))}.",
            known="One group in two spellings would be in training and in test.",
            todo="Spell them alike, and pack again.",
        )
    if len(names) < least:
        raise ItbenchError(
            f"{least} groups are needed, but {name!r} has {len(names)}: {', '.join(names[:5])}.",
            todo="Use fewer folds, or another coordinate.",
        )
    return names.tolist(), number


def balanced_folds(number: NDArray[np.intp], folds: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of every stimulus so that no group is in two folds, and folds are of about equal size.

    As `sklearn.model_selection.GroupKFold`: the largest group goes first, into the smallest fold so far. Groups of one
    size come in an order from the seed.

    Parameters
    ----------
    number : int array of shape (stimulus,)
        Of each stimulus's group, from 0.
    folds, seed : int

    Returns
    -------
    int array of shape (stimulus,)
    """
    sizes, filled = np.bincount(number), np.zeros(folds, np.intp)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    fold_of_group = np.empty(len(sizes), np.intp)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        fold_of_group[group] = filled.argmin()
        filled[filled.argmin()] += sizes[group]
    return fold_of_group[number]


def find_coordinate(names: Iterable[str], noun: str) -> str | None:
    """Return the stimulus coordinate of an ``object``, ``category`` or other noun, also as ``object_name``."""
    return next((name for name in names if plain_header(name) in (noun, f"{noun}name")), None)


FEWEST_CLUSTERS = 10  # objects that are drawn unasked: of fewer, the spread between them is hardly known


def clusters_of(
    metadata: Mapping[str, NDArray[Any]], rows: NDArray[np.intp], n_stimuli: int, named: str = ""
) -> tuple[str, NDArray[np.intp]]:
    """Return the stimulus coordinate whose groups are drawn together for intervals, and each stimulus's group number.

    Parameters
    ----------
    metadata : mapping of str to array of shape (stimulus,)
    rows : int array
        Stimuli that are scored; others have a group as well, which nothing draws.
    n_stimuli : int
    named : str
        By the benchmark: a coordinate, or ``none`` for single images. Without it, the object, where the images scored
        are of 10 objects or more, and each has one.

    Returns
    -------
    coordinate : str
        Empty where images are drawn by themselves.
    cluster : int array of shape (stimulus,)

    Raises
    ------
    UnknownName
        If there is no coordinate of that name.
    ItbenchError
        If a stimulus has no value of it, or all have the same one.
    """
    single = np.arange(n_stimuli)
    if named == "none":
        return "", single
    name = named or find_coordinate(metadata, "object")
    if not name:
        return "", single
    if name not in metadata:
        raise UnknownName.of("stimulus coordinate", name, metadata, where="key 'cluster': ")
    column = np.asarray(metadata[name])
    if named:
        group_numbers(column[rows], name, least=2)
    elif any(map(is_missing, column[rows].tolist())):
        return "", single
    number = np.unique(column.astype(str), return_inverse=True)[1]
    n_groups = len(set(number[rows].tolist()))
    return ("", single) if n_groups == len(rows) or (not named and n_groups < FEWEST_CLUSTERS) else (name, number)


def seen_in_training(parts: Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]], labels: NDArray[Any]) -> float:
    """Return the share of test stimuli whose group is also that of a training stimulus.

    Parameters
    ----------
    parts : iterable of (int array, int array)
        Rows of the training and of the test stimuli of every split.
    labels : array of shape (stimulus,)
        Values of a coordinate such as ``object``.
    """
    seen = [np.isin(labels[test], labels[train]) for train, test in parts]
    return float(np.concatenate(seen).mean())


def describe_groups(
    parts: Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]],
    metadata: Mapping[str, NDArray[Any]],
    named: Iterable[str | None],
) -> dict[str, dict[str, Any]]:
    """Describe what is new in the test stimuli of splits: of every coordinate, its groups and the share that is seen.

    Parameters
    ----------
    parts
        As of `seen_in_training`.
    metadata : mapping of str to array of shape (stimulus,)
    named : iterable of str
        Coordinates beside object and category. Those with missing values are left out.

    Returns
    -------
    dict
        ``object``, ``category`` or the coordinate's own name to ``groups`` and ``seen_in_training``.
    """
    parts = list(parts)
    rows = np.unique(np.concatenate([part for both in parts for part in both])) if parts else np.zeros(0, np.intp)
    known = {noun: find_coordinate(metadata, noun) for noun in ("category", "object")}
    known |= {name: name for name in named if name and name not in known.values()}
    described = {}
    for noun, key in known.items():
        column = np.asarray(metadata[key]) if key and key in metadata else None
        if column is None or not len(rows) or any(map(is_missing, column[rows].tolist())):
            continue
        labels = column.astype(str)
        seen = seen_in_training(parts, labels)
        described[noun] = {"groups": len(set(labels[rows].tolist())), "seen_in_training": seen}
    return described


def is_missing(value: Any) -> bool:
    """Return whether a value of a coordinate names no group: NaN, None or empty text."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
