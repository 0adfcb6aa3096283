"""Command and options that several commands of the command line share."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli.output import say
from itbench.errors import ItbenchWarning, readable

if TYPE_CHECKING:
    import xarray as xr

    from itbench.registry import Registry


class Command(click.Command):
    """Command that prints an error as one message and exits 1; ``--debug`` prints the traceback."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, expose_value=False, callback=_store_debug, help="Print tracebacks of errors."
            )
        )

    def invoke(self, context: click.Context) -> Any:
        """Run; print errors and warnings."""
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return super().invoke(context)
            except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
                raise
            except Exception as error:
                if context.meta.get("itbench.debug"):
                    raise
                say(f"Error: {readable(error)}")
                context.exit(1)


def _store_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta["itbench.debug"] = value


def _show_warning(
    message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    if issubclass(category, ItbenchWarning):
        say(f"Warning: {message}")
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


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


def load_registry(plugin_files: Sequence[str]) -> Registry:
    """Load all plugins, those of the option ``--plugin`` too, and return their registry."""
    from itbench.plugins import load_plugins

    return load_plugins(plugin_files)


def parse_bytes(context: click.Context, parameter: click.Parameter, value: str) -> int:
    """Parse the size of a command-line option, such as ``4GB``, ``500MB`` or ``2e9``, as bytes."""
    text = value.strip().upper().removesuffix("B").removesuffix("I")
    factor = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}.get(text[-1:], 1)
    try:
        size = int(float(text if factor == 1 else text[:-1]) * factor)
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise click.BadParameter(f"{value!r} is not a size such as 4GB or 500MB.")
    return size


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
        type=click.FloatRange(0, min_open=True),
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
        help="Change of a trainable model's recipe, such as epochs=20, or a YAML file of changes. May be repeated.",
    )(function)


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
