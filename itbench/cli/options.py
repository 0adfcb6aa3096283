"""Command and options that several commands of the command line share."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli.output import legible_streams, say, show_warning
from itbench.errors import readable

if TYPE_CHECKING:
    import xarray as xr

    from itbench.registry import Registry


KEPT = (
    "Finished scores are in the results folder, finished forward passes in the cache, finished epochs of training "
    "beside the trained weights; the same command uses them."
)
INTERRUPTED = 130  # exit status of a command that Ctrl-C ended: 128 + SIGINT


class Program(click.Group):
    """Group of all commands, whose output is legible in any encoding of the terminal."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line."""
        legible_streams()
        return super().main(*args, **kwargs)

    def invoke(self, context: click.Context) -> Any:
        """Run a command; Ctrl-C while its arguments are read exits as one that comes later."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            say("\nInterrupted.")
            context.exit(INTERRUPTED)


class Command(click.Command):
    """Command that prints an error as one message and exits 1; ``--debug`` prints the traceback.

    Parameters
    ----------
    kept : str
        Sentences for a user who ended the command by Ctrl-C: what is kept, and how to go on; ``{output}`` stands for
        the value of that option.
    """

    def __init__(self, *args: Any, kept: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept = kept
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, expose_value=False, callback=_store_debug, help="Print tracebacks of errors."
            )
        )

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; of an option given twice, click would take the last value in silence."""
        if not context.resilient_parsing:
            order = self.make_parser(context).parse_args(list(args))[2]
            for option in dict.fromkeys(order):
                if isinstance(option, click.Option) and _takes_one(option) and order.count(option) > 1:
                    names = " and ".join([option.opts[-1], *option.secondary_opts])
                    words = "contradict each other" if option.is_flag else f"is given {order.count(option)} times"
                    raise click.UsageError(f"{names} {words}; give it once.", context)
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        """Run; print errors and warnings."""
        with warnings.catch_warnings():
            warnings.showwarning = partial(show_warning, set())
            try:
                return super().invoke(context)
            except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
                raise
            except KeyboardInterrupt:
                say(f"\nInterrupted. {self.kept.format(**context.params)}".rstrip())
                context.exit(INTERRUPTED)
            except Exception as error:
                if context.meta.get("itbench.debug"):
                    raise
                say(f"Error: {readable(error)}")
                context.exit(1)


def _takes_one(option: click.Option) -> bool:
    """Return whether a second value would replace the first; the same flag twice does not."""
    return not option.multiple and not option.count and (not option.is_flag or bool(option.secondary_opts))


def _store_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta["itbench.debug"] = value


Decorated = Callable[..., Any]


def with_benchmarks(function: Decorated) -> Decorated:
    """Add the command-line option ``--benchmark``, which may be repeated."""
    return click.option(
        "-b",
        "--benchmark",
        "benchmarks",
        multiple=True,
        default=("synthetic-it",),
        show_default=True,
        help="Benchmark: a name, or the path of a YAML file. May be repeated.",
    )(function)


def with_options(function: Decorated) -> Decorated:
    """Add the command-line option ``--option``, which sets an option of the metric."""
    return click.option(
        "-o",
        "--option",
        "option_texts",
        multiple=True,
        metavar="KEY=VALUE",
        help="Option of the metric, such as components=100 (all: itbench metrics). May be repeated.",
    )(function)


def with_plugins(function: Decorated) -> Decorated:
    """Add the command-line option ``--plugin``, which may be repeated."""
    return click.option(
        "--plugin",
        "plugin_files",
        multiple=True,
        metavar="FILE",
        help="Plugin file or folder to load as well; ITBENCH_PLUGINS names some for all commands.",
    )(function)


def with_json(function: Decorated) -> Decorated:
    """Add the command-line option ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def with_results(function: Decorated) -> Decorated:
    """Add the command-line option ``--results``, the folder of score files."""
    return click.option(
        "--results",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of score files.  [default: ITBENCH_RESULTS, or leaderboard/scores]",
    )(function)


def check_folders(results: Path | None, scratch: Path | None, *more: Path) -> None:
    """Refuse folders of scores, caches and temporary files that cannot be written, before the work is done.

    `scratch` is checked where it is named; its default is rarely used.
    """
    from itbench.util import folders
    from itbench.util.files import check_writable

    for folder in (results or folders.results(), folders.cache(), *more):
        check_writable(folder)
    if scratch or os.environ.get("ITBENCH_SCRATCH"):
        check_writable(scratch or folders.scratch())


def load_registry(plugin_files: Sequence[str]) -> Registry:
    """Load all plugins, those of the option ``--plugin`` too, and return their registry."""
    from itbench.plugins import load_plugins

    return load_plugins(plugin_files)


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
        help="Weights of the model: pretrained, random, or the path of a file.",
    )(with_settings(function))


def with_recipe(function: Decorated) -> Decorated:
    """Add the command-line option ``--recipe``, which may be repeated."""
    return click.option(
        "--recipe",
        multiple=True,
        metavar="KEY=VALUE|FILE",
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


def with_naming(function: Decorated) -> Decorated:
    """Add the command-line options ``--benchmark`` and ``--weights``, which select score files."""
    for option in (
        click.option("--weights", default="", help="Only scores with these weights, as the leaderboard names them."),
        click.option("-b", "--benchmark", help="Only scores on this benchmark: a name, or the path of a YAML file."),
    ):
        function = option(function)
    return function


def with_metric(function: Decorated) -> Decorated:
    """Add the command-line option ``--metric``, which selects score files."""
    return click.option("--metric", default="", help="Only scores by this metric.")(function)


def find(
    names: Sequence[str], registry: Registry, results: Path | None, benchmark: str | None, **which: Any
) -> list[xr.Dataset]:
    """Find the scores that a command's arguments and its options ``--results`` and ``--benchmark`` name.

    Further keyword arguments are those of `itbench.results.find.find_scores`.
    """
    from itbench.results.find import find_scores
    from itbench.util import folders

    named = registry.benchmark(benchmark) if benchmark else None
    return [score for _, score in find_scores(results or folders.results(), names, benchmark=named, **which)]
