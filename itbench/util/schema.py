"""Schema of YAML files: read them safely, check their mappings key by key, and checks of single values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from itbench.errors import ItbenchError, UnknownName

Check = Callable[[Any], Any]  # returns the value to use, or raises ValueError with the words for what it must be
ENDINGS = (".yaml", ".yml")


class _Loader(yaml.SafeLoader):
    """Reads ``1e-4`` as a number, as YAML 1.2 does; PyYAML wants a point and a sign in it."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # such as an impossible date, or !!int of a word
            raise yaml.constructor.ConstructorError(None, None, f"{node.value!r}: {error}", node.start_mark) from error


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
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
        words = " ".join(str(reason).split()).replace('"<unicode string>", ', "")
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
            raise UnknownName.of(f"key of a {kind}", str(key), checks, where=where)
    for key in required:
        if content.get(key) in (None, ""):
            raise error(f"{where}key {key!r} is missing.", known=f"Known keys: {', '.join(checks)}.")
    checked = {}
    for key, value in content.items():
        try:
            checked[key] = checks[key](value)
        except (TypeError, ValueError) as reason:
            raise error(f"{where}key {key!r} must be {reason}, not {value!r}.") from None
    return checked


def _require_mapping(content: Any, kind: str, error: type[ItbenchError], where: str, keys: Iterable[str]) -> None:
    if not isinstance(content, Mapping):
        what = f"{where}a {kind} must be a mapping of keys to values, not {content!r}."
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
