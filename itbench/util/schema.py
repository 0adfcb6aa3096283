"""Schema of YAML files: read them safely, check their mappings key by key, and checks of single values."""

from __future__ import annotations

import datetime
import math
import re
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from itbench.errors import ItbenchError, UnknownName

Check = Callable[[Any], Any]  # returns the value to use, or raises ValueError with the words for what it must be
ENDINGS = (".yaml", ".yml")
DEEPEST = 20  # values within one another
LARGEST = 10**6  # bytes of a file
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


class _Loader(yaml.SafeLoader):
    """Reads numbers as YAML 1.2 does; refuses references, deep nesting and a key given twice."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = self.peek_event().start_mark
        if self.check_event(yaml.AliasEvent):  # a few lines of references to references stand for gigabytes
            raise yaml.MarkedYAMLError(None, None, "references (*name) are not read, write the value out;", mark)
        if self._depth > DEEPEST:
            raise yaml.MarkedYAMLError(None, None, f"more than {DEEPEST} values lie within one another;", mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                name, line = self.construct_object(key), key.start_mark.line + 1
                if name in seen:
                    words = f"the key {key.value!r} is there twice, first in line {seen[name]};"
                    raise yaml.MarkedYAMLError(None, None, words, key.start_mark)
                seen[name] = line
        return dict(super().construct_mapping(node, deep))

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # such as an impossible date, or !!int of a word
            words = f"{shown(node.value)}: {error}"
            raise yaml.constructor.ConstructorError(None, None, words, node.start_mark) from error


INT, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {  # YAML 1.1 reads 1:30 as 90, 010 as 8, and 1e-4 as text
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (INT, FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(INT, re.compile(r"[-+]?(0|[1-9][\d_]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    FLOAT,
    re.compile(
        r"[-+]?(\d[\d_]*\.[\d_]*|\.\d[\d_]*|\d+(?=[eE]))([eE][-+]?\d+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def read_yaml(path: Path, kind: str, error: type[ItbenchError], keys: Iterable[str]) -> dict[Any, Any]:
    """Read the mapping of a YAML file, without running code in it; ``1e-4`` is a number.

    Parameters
    ----------
    path : Path
    kind : str
        What the file should hold, for errors: ``benchmark``, ``suite``, ``recipe``.
    error : type
        Class of the error for a file that cannot be read, is not YAML or holds no mapping; it names the file, and the
        value and line that are wrong.
    keys : iterable of str
        The keys that such a file may have, for errors.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise error(f"{path} is no {kind} file: it has {path.stat().st_size / 1e6:.0f} MB.")
        text = path.read_text(encoding="utf-8")
    except OSError as reason:
        raise error(f"Cannot read the {kind} file {path}: {reason.strerror}.") from reason
    except ValueError as reason:
        raise error(f"{path} is not YAML: {reason}.") from reason
    content = parse_yaml(text, str(path), error)
    _require_mapping(content, kind, error, f"{path}: ", keys)
    return dict(content)


def parse_yaml(text: str, name: str, error: type[ItbenchError]) -> Any:
    """Return the value of a YAML text; `name` is what the `error` calls the text."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError) as reason:
        words = " ".join(str(reason).split()).replace('in "<unicode string>", ', "in ")
        raise error(f"{name} is not YAML: {words}.") from reason


def check_mapping(
    content: Any,
    checks: Mapping[str, Check],
    kind: str,
    error: type[ItbenchError],
    *,
    where: str = "",
    required: Collection[str] = (),
) -> dict[str, Any]:
    """Check a mapping of a YAML file against a table of one check a key, and return the checked values.

    Parameters
    ----------
    content : Any
        The mapping, as the file has it.
    checks : mapping of str to callable
        The keys that there are, each with the check of its values.
    kind : str
        What the mapping describes, for errors: ``benchmark``, ``row``.
    error : type
        Class of the errors for a wrong value, a missing key, and content that is no mapping.
    where : str
        File and place, with which errors begin.
    required : collection of str
        Keys that must have a value.

    Raises
    ------
    UnknownName
        For a key without a check; names the nearest keys.
    """
    _require_mapping(content, kind, error, where, checks)
    for key in content:
        if key not in checks:
            raise UnknownName.of(f"key of a {kind}", f"{key}{read_as(key)}", checks, where=where)
    for key in required:
        if content.get(key) in (None, ""):
            raise error(f"{where}key {key!r} is missing.", known=f"Known keys: {', '.join(checks)}.")
    checked = {}
    for key, value in content.items():
        try:
            checked[key] = checks[key](value)
        except (TypeError, ValueError) as reason:
            raise error(f"{where}key {key!r} must be {reason}, not {shown(value)}{read_as(value)}.") from None
    return checked


def shown(value: Any) -> str:
    """Return a value of a YAML file for an error, shortened."""
    return _short.repr(value)


def read_as(value: Any) -> str:
    """Return a clause for an error where YAML has read a word as a value that is no text; empty for others."""
    if value is None or isinstance(value, bool):
        words = "null and ~" if value is None else "yes, on and true" if value else "no, off and false"
        return f": YAML reads {words} as {'null' if value is None else str(value).lower()}; put a word in quotes"
    return ": YAML reads it as a date; put text in quotes" if isinstance(value, datetime.date) else ""


def _require_mapping(content: Any, kind: str, error: type[ItbenchError], where: str, keys: Iterable[str]) -> None:
    if not isinstance(content, Mapping):
        what = f"{where}a {kind} must be a mapping of keys to values, not {shown(content)}."
        raise error(what, known=f"Known keys: {', '.join(keys)}.")


def number(low: float, high: float, words: str) -> Check:
    """Return a schema check of a number from `low` to `high`, or of text that reads as one, such as ``"1e-4"``."""

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
    """Return a schema check of a whole number from `low`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise ValueError(f"a whole number from {low}")
        return value

    return check


def one_of(*known: str) -> Check:
    """Return a schema check of one of the `known` words."""

    def check(value: Any) -> str:
        if value not in known:
            raise ValueError(" or ".join(known))
        return str(value)

    return check


def name_text(value: Any) -> str:
    """Check that a value of a YAML file is a name."""
    if not isinstance(value, str):
        raise ValueError("a name")
    return value


def sentence(value: Any) -> str:
    """Check that a value of a YAML file is text, and return it on one line."""
    if not isinstance(value, str):
        raise ValueError("text")
    return " ".join(value.split())


def truth(value: Any) -> bool:
    """Check that a value of a YAML file is true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def texts(known: tuple[str, ...] = ()) -> Check:
    """Return a schema check of a list of words (the `known` ones, if given); one word stands for a list of one."""
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
    """Check that a value of a YAML file is a mapping whose keys are text."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError("a mapping")
    return dict(value)


def numbers(known: tuple[str, ...] = (), noun: str = "name") -> Check:
    """Return a schema check of a mapping of names (of the kind `noun`; the `known`, if given) to numbers from 0."""
    least = number(0, math.inf, "numbers from 0, by name" + (f" ({', '.join(known)})" if known else ""))

    def check(value: Any) -> dict[str, float]:
        for name in mapping(value):
            if known and name not in known:
                raise UnknownName.of(noun, name, known)
        return {name: least(number) for name, number in value.items()}

    return check
