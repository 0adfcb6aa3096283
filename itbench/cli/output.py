"""Messages of commands: on the terminal and in a log file, in any encoding, and progress bars."""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import re
import shutil
import sys
import textwrap
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.errors import BadOption, ItbenchWarning, readable

if TYPE_CHECKING:
    from rich.progress import Progress

LOG = logging.getLogger("itbench")
OF_OTHERS = logging.getLogger("itbench.warnings")  # warnings of other libraries, printed as Python writes them
LOG_VARIABLE = "ITBENCH_LOG"  # names the log file of all commands, and of processes that a command starts
BEGINNINGS = {logging.WARNING: ("Warning: ", "yellow"), logging.ERROR: ("Error: ", "red")}


def say(message: str) -> None:
    """Print a message to stderr, unless the command is quiet."""
    LOG.info("%s", message)


def warn(message: str) -> None:
    """Print a warning to stderr, unless the command is quiet."""
    LOG.warning("%s", message)


def report_error(error: Exception, title: str = "") -> None:
    """Print an error to stderr, after the title of a run; a log file has its traceback too."""
    LOG.error("%s", f"{title}: {readable(error)}" if title else readable(error), exc_info=error)


def show_warning(
    shown: set[str],
    message: Any,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: Any = None,
) -> None:
    """Print a warning to stderr, one of itbench once for a set of those `shown`, in place of `warnings.showwarning`."""
    if not issubclass(category, ItbenchWarning):
        OF_OTHERS.warning("%s", warnings.formatwarning(message, category, filename, lineno, line).rstrip())
    elif str(message) not in shown:
        shown.add(str(message))
        warn(str(message))


def print_json(value: Any) -> None:
    """Print a value as JSON to stdout, in ASCII where stdout cannot have every character."""
    every = codecs.lookup(sys.stdout.encoding or "utf-8").name.startswith("utf")
    click.echo(json.dumps(value, indent=2, ensure_ascii=not every, default=str))


class MessageHandler(logging.Handler):
    """Handler of log records that prints their messages to stderr; debug messages with the seconds since the start."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.start = time.perf_counter()
        self.bars: Progress | None = None  # that are on the terminal now

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message; a warning or an error of itbench begins with the word."""
        text = record.getMessage()
        if record.levelno < logging.INFO:
            text = click.style(f"{time.perf_counter() - self.start:8.2f} s  {text}", dim=True)
        elif record.name != OF_OTHERS.name and record.levelno in BEGINNINGS:
            beginning, colour = BEGINNINGS[record.levelno]
            text = self._folded(beginning + text)
            text = click.style(beginning.rstrip(), fg=colour, bold=True) + text[len(beginning.rstrip()) :]
        elif record.name != OF_OTHERS.name:
            text = self._folded(text)
        if self.bars:
            from rich.text import Text

            shown = click.unstyle(text) if self.bars.console.no_color else text
            self.bars.console.print(Text.from_ansi(shown), soft_wrap=True)  # above them
        else:
            click.echo(text, err=True, color=is_coloured(sys.stderr))

    def _folded(self, text: str) -> str:
        """Return a message whose lines fit the terminal; unchanged where stderr is none."""
        if not sys.stderr.isatty():
            return text
        return "\n".join(folded(line, terminal_width()) for line in text.split("\n"))


MESSAGES = MessageHandler()
LOG.addHandler(MESSAGES)
LOG.setLevel(logging.INFO)


class LogFile(logging.FileHandler):
    """Handler that appends log records to a file: time, level, process and message; further lines are indented."""

    @classmethod
    def open(cls, path: Path) -> LogFile:
        """Return the handler of a file.

        Raises
        ------
        BadOption
            If it cannot be written.
        """
        try:
            file = cls(path, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            todo = "Name a file in a folder that exists and that you can write in."
            raise BadOption(f"Cannot write the log file {path}: {error.strerror}.", todo=todo) from error
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(process)d %(message)s"))
        return file

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return super().format(record).strip().replace("\n", "\n    ")

    def handleError(self, record: logging.LogRecord) -> None:
        """Warn, and write no more, where the disk is full."""
        LOG.removeHandler(self)
        warn(f"The log file {self.baseFilename} ends here: {sys.exception()}.")


@contextmanager
def logged(quiet: bool = False, verbose: bool = False, log: Path | None = None) -> Iterator[None]:
    """Set what a command prints to stderr, and append all its records to a log file, by default ``ITBENCH_LOG``.

    Raises
    ------
    BadOption
        If the file cannot be written.
    """
    before = os.environ.get(LOG_VARIABLE)
    path = log or (Path(before) if before else None)
    file = LogFile.open(path.expanduser().absolute()) if path else None
    MESSAGES.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)
    MESSAGES.start = time.perf_counter()
    LOG.propagate = False  # a plugin that configures logging would print every message again
    if verbose or file:
        LOG.setLevel(logging.DEBUG)
    if file:
        LOG.addHandler(file)
        os.environ[LOG_VARIABLE] = file.baseFilename
    try:
        yield
    finally:
        MESSAGES.setLevel(logging.INFO)
        LOG.setLevel(logging.INFO)
        LOG.propagate = True
        if file:
            LOG.removeHandler(file)
            file.close()
            os.environ.pop(LOG_VARIABLE)
            os.environ |= {} if before is None else {LOG_VARIABLE: before}


COMMAND = re.compile(r"(?:^|(?<=: ))itbench [a-z]")


def terminal_width() -> int:
    """Return the number of columns of the terminal."""
    return max(20, shutil.get_terminal_size().columns)


def folded(line: str, width: int) -> str:
    """Return a line of prose broken between words where it is wider than the terminal; a command stays in one piece."""
    indent = line[: len(line) - len(line.lstrip())]
    found = COMMAND.search(line.lstrip())
    if len(line) <= width or (found and not found.start()):
        return line
    prose = line[: len(indent) + found.start()].rstrip() if found else line
    lines = textwrap.fill(prose, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return f"{lines}\n{indent}  {line.lstrip()[found.start() :]}" if found else lines


def is_coloured(stream: Any) -> bool:
    """Return whether a stream is a terminal that shows colours, and the user has not set ``NO_COLOR``."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and not _is_dumb()


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")


BESIDE = 52  # columns of a progress bar, its figures and the time left
PLAIN = {"–": "-", "—": "-", "−": "-", "×": "x", "·": "*", "…": "...", "→": "->", "≤": "<=", "≥": ">=", "≈": "~"}
PLAIN |= {"±": "+-", "‘": "'", "’": "'", "“": '"', "”": '"', "²": "^2", "ᵀ": "^T", "√": "sqrt ", "∞": "inf", "█": "#"}
PLAIN |= {"─": "-", "│": "|", "├": "+", "└": "`", "‖": "||", "⟨": "<", "⟩": ">", "½": "1/2", "≠": "!=", "∓": "-+"}
PLAIN |= {"Σ": "sum", "Π": "prod", "∝": "~", "∩": "and", "°": " deg", "µ": "u", "†": "+"}
ACCENTS = {"\u0302": "hat", "\u0304": "bar"}  # over the symbol of an estimate, or of a mean
ASCII = "itbench_ascii"


def legible_streams() -> None:
    """Make stdout and stderr replace characters that their encoding lacks by similar ones: ``-`` for ``–``."""
    codecs.register_error(ASCII, _plain)
    codecs.register(_own_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII if ascii_only else stream.encoding, errors=ASCII)


def _own_ascii(name: str) -> codecs.CodecInfo | None:
    """Return ASCII under a name of ours: click writes UTF-8 to a stream whose encoding is called ASCII."""
    if name != ASCII:
        return None
    usual = codecs.lookup("ascii")
    return codecs.CodecInfo(
        usual.encode, usual.decode, usual.streamreader, usual.streamwriter,
        usual.incrementalencoder, usual.incrementaldecoder, ASCII,
    )  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII in the place of the characters that could not be encoded, and where they end."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    parts = (_ascii(error.object, at) for at in range(error.start, error.end))
    return "".join(parts), error.end


def _ascii(text: str, at: int) -> str:
    """Return the character of a text at a place in ASCII: ``alpha`` for ``α``, ``yhat`` for the symbol ``ŷ``."""
    one, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if one in ACCENTS:  # of the character before it
        return "" if text[at - 2 : at - 1].isalpha() else ACCENTS[one]
    if unicodedata.decomposition(one).startswith("<super>"):
        is_first = not unicodedata.decomposition(before or " ").startswith("<super>")
        raised = unicodedata.normalize("NFKD", one).replace("−", "-")
        return PLAIN.get(one) or "^" * is_first + raised
    kind, _, greek = unicodedata.name(one, "").partition(" LETTER ")
    plain = PLAIN.get(one, "")
    if kind.startswith("GREEK") and not plain:
        plain = greek.split()[0].replace("LAMDA", "LAMBDA").lower()
        plain = plain.title() if "CAPITAL" in kind else plain
    if plain.isalpha() and len(plain) > 1:  # a word of its own
        return " " * before.isalnum() + plain + " " * (after.isalpha() and after.isascii())
    base, *accents = list(unicodedata.normalize("NFKD", one))
    name = "" if before.isalpha() or after.isalpha() else "".join(ACCENTS.get(accent, "") for accent in accents)
    return plain or "".join([base, *accents]).encode("ascii", "ignore").decode() + name or "?"


class TerminalReporter:
    """`Reporter` for the terminal: messages, and a progress bar with the rate and the time left."""

    def __init__(self, title: str) -> None:
        self.title = title

    def note(self, message: str) -> None:
        """Print a message to stderr."""
        say(f"{self.title}: {message}")

    @contextmanager
    def progress(self, description: str, total: int, unit: str, start: int = 0) -> Iterator[Callable[[int], None]]:
        """Show a progress bar in the terminal: `total` units, `start` of them done before; bytes as 1.5k or 120M."""
        since, done = time.perf_counter(), start

        def figures() -> str:
            seconds = time.perf_counter() - since
            rate = _amount((done - start) / seconds, unit) if done > start and seconds > 0.1 else "?"
            of = f"/{_amount(total, unit)}" if total else ""
            return (
                f"{_amount(done, unit)}{of}{'' if unit == 'B' else f' {unit}'}  {rate}{'B/s' if unit == 'B' else '/s'}"
            )

        def titled(title: str) -> str:
            return f"{title}: {done / total:4.0%}" if total else title

        wanted = sys.stderr.isatty() and not _is_dumb() and MESSAGES.level <= logging.INFO
        bars = MESSAGES.bars or (_bars() if wanted else None)
        if bars:
            MESSAGES.bars = bars
            title = _middle_cut(f"{self.title} {description}", max(16, bars.console.width - BESIDE))
            bars.start()  # nothing happens where others are shown
            task = bars.add_task(titled(title), total=total or None, completed=start, figures=figures())

        def advance(more: int) -> None:
            nonlocal done
            done += more
            if bars:
                bars.update(task, description=titled(title), completed=done, figures=figures())

        try:
            yield advance
        finally:
            if bars:
                bars.remove_task(task)
                if not bars.task_ids:
                    bars.stop()
                    MESSAGES.bars = None
            LOG.debug("%s", f"{self.title} {description}: {figures()}, {time.perf_counter() - since:.2f} s in all")


def _middle_cut(text: str, room: int) -> str:
    """Return the title of a progress bar, without its middle where the terminal is too narrow for it."""
    return text if len(text) <= room else f"{text[: room // 2]}…{text[len(text) - (room - 1) // 2 :]}"


def _amount(number: float, unit: str) -> str:
    """Return a number of units as text; three digits of bytes."""
    if unit != "B":
        return f"{number:,.0f}" if number >= 10 or number == round(number) else f"{number:.1f}"
    power = 0
    while number >= 999.5 and power < 4:
        number, power = number / 1000, power + 1
    return f"{number:.3g}{('', 'k', 'M', 'G', 'T')[power]}"


@cache
def _bars() -> Progress:
    """Return the progress bars of this process, shown together while there are any; messages appear above them."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[figures]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True, force_terminal=True, no_color=not is_coloured(sys.stderr), highlight=False),
        transient=True,
        redirect_stdout=False,  # it is for results
        refresh_per_second=5,
    )
