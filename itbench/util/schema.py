"""Checks of single values of a YAML file: numbers, words, lists, mappings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from itbench.errors import UnknownName

Check = Callable[[Any], Any]


def number(low: float, high: float, words: str) -> Check:
    """Return a check of a number from `low` to `high`; text such as ``1e-4``, as YAML reads it, is one."""

    def check(value: Any) -> float:
        try:
            parsed = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            parsed = math.nan
        if not low <= parsed <= high or math.isinf(parsed):
            raise ValueError(words)
        return parsed

    return check


def whole_number(low: int) -> Check:
    """Return a check of a whole number from `low`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise ValueError(f"a whole number from {low}")
        return value

    return check


def one_of(*known: str) -> Check:
    """Return a check of one of some words."""

    def check(value: Any) -> str:
        if value not in known:
            raise ValueError(" or ".join(known))
        return str(value)

    return check


def name_text(value: Any) -> str:
    """Check a name."""

    if not isinstance(value, str):
        raise ValueError("a name")
    return value


def truth(value: Any) -> bool:
    """Check true or false."""

    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def texts(known: tuple[str, ...] = ()) -> Check:
    """Return a check of a list of words, of the `known` ones if there are any; one word stands for a list of one."""

    words = f"a list of {', '.join(known)}" if known else "a list of patterns, such as ['core.*']"

    def check(value: Any) -> tuple[str, ...]:
        items = (value,) if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
            raise ValueError(words)
        if known and not set(items) <= set(known):
            raise ValueError(words)
        return tuple(items)

    return check


def mapping(value: Any) -> dict[str, Any]:
    """Check a mapping whose keys are text."""

    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError("a mapping")
    return dict(value)


def numbers(known: tuple[str, ...] = (), noun: str = "name") -> Check:
    """Return a check of numbers from 0 by name, of the `known` names if there are any; `noun` is what these are."""

    least = number(0, math.inf, "numbers from 0, by name" + (f" ({', '.join(known)})" if known else ""))

    def check(value: Any) -> dict[str, float]:
        for name in mapping(value):
            if known and name not in known:
                raise UnknownName.of(noun, name, known)
        return {name: least(number) for name, number in value.items()}

    return check
