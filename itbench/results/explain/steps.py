"""A step of an explanation: title, text, formula and numbers; printed as numbered steps."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from itbench.results.summary import LABELS
from itbench.util.tables import markdown

WIDTH = 88  # columns of text
INDENT = "   "
Value = float | int | str | Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True)
class Step:
    """One numbered step of an explanation.

    Parameters
    ----------
    title : str
    text : str
        Sentences; an empty line begins a paragraph.
    formula : str
        Lines; the text defines the symbols.
    numbers : mapping of str to number, text or rows
        Results by name; rows are mappings of one table.
    """

    title: str
    text: str
    formula: str = ""
    numbers: Mapping[str, Value] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the step for JSON."""
        return asdict(self)


def render(heading: str, steps: Iterable[Step], width: int = WIDTH) -> str:
    """Return the steps of an explanation as plain text of at most `width` columns; only tables can be wider."""
    rendered = (_render(number, step, width) for number, step in enumerate(steps, 1))
    return "\n\n".join([_wrap(heading, "", "", width), *rendered])


def sentences(*parts: str) -> str:
    """Join the sentences of a step, without empty ones; line breaks become spaces."""
    return " ".join(" ".join(part.split()) for part in parts if part)


def in_words(measure: str) -> str:
    """Return the name of a measure in the text of a step."""
    return "explained variance" if measure == "explained_variance" else LABELS.get(measure, measure.replace("_", " "))


def _render(number: int, step: Step, width: int) -> str:
    blocks = [_paragraph(lines.splitlines(), width) for lines in step.text.split("\n\n")]
    if step.formula:
        blocks.append(textwrap.indent(step.formula, INDENT * 2))
    for is_table, group in groupby(step.numbers.items(), lambda item: _is_table(item[1])):
        items = dict(group)
        blocks += map(_table, items.values()) if is_table else [_list(items)]
    return "\n".join([f"{number}. {step.title}", "\n\n".join(blocks)])


def _paragraph(lines: Sequence[str], width: int) -> str:
    """Return a paragraph; of several lines, a list."""
    return "\n".join(_wrap(line, INDENT, INDENT if len(lines) == 1 else INDENT * 2, width) for line in lines)


def _wrap(line: str, first: str, rest: str, width: int) -> str:
    return textwrap.fill(
        line, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _list(numbers: Mapping[str, Any]) -> str:
    names = [name.replace("_", " ") for name in numbers]
    width = max(map(len, names))
    return "\n".join(
        f"{INDENT}{name.ljust(width)}  {_text(value)}" for name, value in zip(names, numbers.values(), strict=True)
    )


def _is_table(value: Value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _table(rows: Any) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return textwrap.indent(markdown(rows, columns), INDENT)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{round(value, 4) + 0.0:.4f}" if abs(value) < 1000 else f"{value:.4g}"  # no minus before 0
    return f"{value:,}" if isinstance(value, int) else str(value)
