"""Metric options: the fields of a metric's dataclass, set from ``key=value``."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar

import numpy as np

from itbench.errors import BadOption, UnknownName

T = TypeVar("T")


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Split metric options of the form ``key=value``.

    >>> pairs(["components=100", "per_site=false"])
    {'components': '100', 'per_site': 'false'}

    Raises
    ------
    BadOption
    """
    given: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise BadOption(f"Option {text!r} is not of the form key=value.", todo="Such as: -o components=100")
        if key in given:
            raise BadOption(f"Option {key!r} is given twice: {given[key]!r} and {value!r}.")
        given[key] = value
    return given


def build(factory: type[T], given: Mapping[str, Any]) -> T:
    """Build a metric's dataclass from options given as text or as values; the other options keep their defaults.

    Raises
    ------
    UnknownName, BadOption
    """
    hints = typing.get_type_hints(factory)
    fields = {field.name: field for field in dataclasses.fields(factory)}  # type: ignore[arg-type]  # a dataclass
    values = {}
    for key, value in given.items():
        if key not in fields:
            raise UnknownName.of(f"option of {factory.__name__.lower()}", key, fields)
        values[key] = _parse(key, value, hints[key]) if isinstance(value, str) else value
    return factory(**values)


def describe(factory: type) -> list[dict[str, Any]]:
    """Return name, default and help text of every option of a metric."""
    return [
        {"option": field.name, "default": text(field.default), "help": field.metadata.get("help", "")}
        for field in dataclasses.fields(factory)
    ]


def types(factory: type) -> dict[str, str]:
    """Return the type of every option of a metric in words, by its name: ``whole number or none``, ``numbers``."""
    hints = typing.get_type_hints(factory)
    return {
        field.name: " or ".join("none" if kind is NoneType else _in_words(kind) for kind in _kinds(hints[field.name]))
        for field in dataclasses.fields(factory)
    }


def _kinds(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _in_words(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return "words" if typing.get_args(kind)[0] is str else "numbers"
    words = {bool: "true or false", int: "whole number", float: "number", str: "word"}
    return words.get(kind, getattr(kind, "__name__", str(kind)))


def text(value: Any) -> str:
    """Format a metric option's value as it may be typed; a long log-spaced grid as ``low:high:count``."""
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, tuple) and _log_spaced(value):
        return f"{_short(value[0])}:{_short(value[-1])}:{len(value)}"
    if isinstance(value, tuple):
        return ",".join(_short(item) for item in value)
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _log_spaced(grid: tuple[float, ...]) -> bool:
    if len(grid) <= 3 or min(grid[0], grid[-1]) <= 0:
        return False
    return np.allclose(grid, np.geomspace(grid[0], grid[-1], len(grid)), rtol=1e-12, atol=0)


def _short(number: float) -> str:
    """Fewest exact digits."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(float(number))


def _parse(key: str, value: str, kind: Any) -> Any:
    kinds = _kinds(kind)
    if NoneType in kinds and value.lower() == "none":
        return None
    kind = next(item for item in kinds if item is not NoneType)
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        if typing.get_origin(kind) is tuple:
            words = typing.get_args(kind)[0] is str
            return tuple(word.strip() for word in value.split(",")) if words else _grid(value)
        return kind(value)
    except (ValueError, KeyError) as error:
        expected = {bool: "true or false", int: "a whole number", float: "a number"}.get(
            kind, "numbers, such as 1,10,100 or 1e-2:1e10:25"
        )
        raise BadOption(f"Option {key}={value!r} is not {expected}.") from error


def _grid(value: str) -> tuple[float, ...]:
    if value.count(":") == 2:
        low, high, count = value.split(":")
        if float(low) <= 0 or float(high) <= 0:
            raise ValueError("a log-spaced grid needs positive ends")
        return tuple(float(number) for number in np.geomspace(float(low), float(high), int(count)))
    return tuple(float(number) for number in value.split(","))
