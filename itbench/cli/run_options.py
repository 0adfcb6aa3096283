"""Options that commands which run models share: device, precision, seed, memory, weights and recipe."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import click

from itbench.cli import completion
from itbench.cli.options import Decorated

SIZE = re.compile(r"(\d+\.?\d*|\.\d+)(e\d+)?\s*(?:([KMGT])(I?))?(B?)", re.IGNORECASE)
LEAST = 10**6  # bytes without a unit; 4 is not 4 bytes


def parse_bytes(context: click.Context, parameter: click.Parameter, value: str) -> int:
    """Parse the size of a command-line option as bytes: ``4GB`` or ``4e9`` is 4 × 10^9, ``4GiB`` is 4 × 2^30."""
    found = SIZE.fullmatch(value.strip())
    if not found:
        raise click.BadParameter(f"{value!r} is not a size such as 4GB or 500MB.")
    number, exponent, letter, binary, _ = found.groups()
    unit = (1024 if binary else 1000) ** ("KMGT".index(letter.upper()) + 1) if letter else 1
    size = float(number + (exponent or "")) * unit
    if not letter and 0 < size < LEAST:
        raise click.BadParameter(f"{value!r} is not a size: it has no unit. Is {number}GB meant?")
    if not 0 < size < math.inf:
        raise click.BadParameter(f"{value!r} is not a size such as 4GB or 500MB.")
    return int(size)


class FiniteRange(click.FloatRange):
    """Range of a number of a command-line option, without NaN and infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number of a text."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


SETTINGS = (
    click.option(
        "--pool",
        default="none",
        show_default=True,
        type=click.Choice(["none", "cls", "mean"]),
        help="Pooling of token layers: all tokens, the class token, or the mean over patches.",
    ),
    click.option(
        "--degrees",
        type=FiniteRange(0, min_open=True),
        help="Visual angle of the model's input, degrees; a benchmark's images are cropped or padded with grey to it.",
    ),
    click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of random weights and of training."
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "cpu", "cuda"]),
        help="Device that runs the model; auto takes a GPU if there is one.",
    ),
    click.option(
        "--precision",
        default="float32",
        show_default=True,
        type=click.Choice(["float32", "bfloat16"]),
        help="Precision of the model; bfloat16 is faster and less exact. The score records it.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1),
        help="Images per forward pass.  [default: set by the width of the layers]",
    ),
    click.option("--memory", default="4GB", show_default=True, callback=parse_bytes, help="Limit of memory."),
    click.option(
        "--offline",
        is_flag=True,
        expose_value=False,
        callback=lambda context, parameter, value: _go_offline(value),
        help="Download nothing; use the files on this computer.  [default: ITBENCH_OFFLINE]",
    ),
)


def with_settings(function: Decorated) -> Decorated:
    """Add the command-line options ``--seed``, ``--device`` and all other `ExtractionSettings` except ``--scratch``.

    ``--offline`` takes effect at once, before any name is looked up.
    """
    for option in reversed(SETTINGS):
        function = option(function)
    return function


def with_running(function: Decorated) -> Decorated:
    """Add the command-line option ``--weights`` and those of `with_settings`."""
    return click.option(
        "--weights",
        default="pretrained",
        show_default=True,
        shell_complete=completion.weights,
        help="Weights of the model: pretrained, random, or the path of a file.",
    )(with_settings(function))


def with_recipe(function: Decorated) -> Decorated:
    """Add the command-line option ``--recipe``, which may be repeated."""
    return click.option(
        "--recipe",
        multiple=True,
        metavar="KEY=VALUE|FILE",
        shell_complete=completion.files,
        callback=_refuse_key_twice,
        help="Change of a trainable model's recipe, such as epochs=20, or a YAML file of changes. May be repeated.",
    )(function)


def _refuse_key_twice(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    keys = [key for key, equals, _ in (change.partition("=") for change in value) if equals]
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            raise click.BadParameter(f"{key} is given {keys.count(key)} times; give it once.")
    return value


def with_scratch(function: Decorated) -> Decorated:
    """Add the command-line option ``--scratch``, a folder for large temporary files."""
    return click.option(
        "--scratch",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of temporary files larger than the memory.  [default: ITBENCH_SCRATCH]",
    )(function)


def _go_offline(value: bool) -> None:
    from itbench.util.offline import go_offline

    if value:
        go_offline()
