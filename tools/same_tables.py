"""Compare two markdown files, such as a committed leaderboard and the one just made: words exactly, numbers roughly.

python -m tools.same_tables committed.md made.md

Numbers may differ by one unit of their last printed digit, which other processors and libraries round otherwise; a line
that differs by more is printed, and the exit status is 1.
"""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path

NUMBER = re.compile(r"-?\d+\.\d+")


def same_line(one: str, other: str) -> bool:
    """Return whether two lines of markdown have the same words and, but for the last digit, the same numbers."""
    if _words(one) != _words(other):
        return False
    pairs = zip(map(Decimal, NUMBER.findall(one)), map(Decimal, NUMBER.findall(other)), strict=True)
    return all(
        a.as_tuple().exponent == b.as_tuple().exponent and abs(a - b) <= Decimal((0, (1,), a.as_tuple().exponent))
        for a, b in pairs
    )


def differences(one: str, other: str) -> list[tuple[str, str]]:
    """Return the pairs of lines in which two markdown texts differ by more than the last digit of a number."""
    pairs = zip_longest(one.splitlines(), other.splitlines(), fillvalue="")
    return [pair for pair in pairs if not same_line(*pair)]


def _words(line: str) -> list[str]:
    """Return the words of a line; the width of a table's columns, and so its rule, depends on its numbers."""
    return re.sub(r"-{3,}:?", "---", NUMBER.sub(" # ", line)).split()


def main() -> None:
    """Print the lines that differ between two files, and exit with 1 if any do."""
    committed, made = (Path(name) for name in sys.argv[1:3])
    found = differences(committed.read_text(encoding="utf-8"), made.read_text(encoding="utf-8"))
    for was, now in found:
        print(f"- {was}\n+ {now}")
    if found:
        sys.exit(f"{made} is not what was committed: look why, and commit the new one.")


if __name__ == "__main__":
    main()
