"""Options that several commands share, and the command class that prints errors."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.errors import readable

if TYPE_CHECKING:
    import xarray as xr

    from itbench.registry import Registry


class Command(click.Command):
    """A command that prints an error as one message and exits 1; ``--debug`` shows where it came from."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, expose_value=False, callback=_remember_debug, help="Show tracebacks."
            )
        )

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
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


def with_benchmarks(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--benchmark``, which may be repeated."""
    return click.option(
        "-b",
        "--benchmark",
        "benchmarks",
        multiple=True,
        default=("synthetic-it",),
        show_default=True,
        help="A benchmark's name, or the path of a YAML file.",
    )(function)


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--option``, which sets an option of the metric."""
    return click.option(
        "-o",
        "--option",
        "option_texts",
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of the metric, such as components=100.",
    )(function)


def with_plugins(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--plugin`` to a command."""
    return click.option(
        "--plugin",
        "plugin_files",
        multiple=True,
        metavar="FILE",
        help="Also load this plugin file (or set ITBENCH_PLUGINS).",
    )(function)


def with_json(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--json`` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def with_results(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--results`` to a command."""
    return click.option(
        "--results",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of scores.  [default: leaderboard/scores, or ITBENCH_RESULTS]",
    )(function)


def load_registry(plugin_files: Sequence[str]) -> Registry:
    """Return what the plugins offer."""
    from itbench.plugins import load_plugins

    return load_plugins(plugin_files)


def print_rows(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool, empty: str = "Nothing yet."
) -> None:
    """Print a table, or the same as JSON."""
    from itbench.util.tables import markdown

    if as_json:
        click.echo(
            json.dumps(
                [{key: row.get(key) for key in columns} for row in rows], indent=2, ensure_ascii=False, default=str
            )
        )
    else:
        click.echo(markdown(rows, columns) if rows else empty)


def say(message: str) -> None:
    """Print to stderr, beside the results."""
    click.echo(message, err=True)


def parse_bytes(context: click.Context, parameter: click.Parameter, value: str) -> int:
    """Read a size such as ``4GB``, ``500MB`` or ``2e9``."""
    text = value.strip().upper().removesuffix("B").removesuffix("I")
    factor = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}.get(text[-1:], 1)
    try:
        size = int(float(text if factor == 1 else text[:-1]) * factor)
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise click.BadParameter(f"{value!r} is not a size such as 4GB or 500MB.")
    return size


def _remember_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta["itbench.debug"] = value


def _show_warning(
    message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    from itbench.errors import ItbenchWarning

    if issubclass(category, ItbenchWarning):
        say(f"Warning: {message}")
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


OPTIONS = (
    click.option(
        "--pool",
        default="none",
        show_default=True,
        type=click.Choice(["none", "cls", "mean"]),
        help="Of token layers: all tokens, the class token, or the mean over patches.",
    ),
    click.option(
        "--degrees",
        type=click.FloatRange(0, min_open=True),
        help="Visual angle that the model's image spans; a benchmark's images are padded on grey or cropped to it.",
    ),
    click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(0), help="Of random weights, and of training."
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "cpu", "cuda"]),
        help="Where the model runs; auto takes a GPU where there is one.",
    ),
    click.option(
        "--precision",
        default="float32",
        show_default=True,
        type=click.Choice(["float32", "bfloat16"]),
        help="Of the model; bfloat16 is faster and coarser, and recorded.",
    ),
    click.option(
        "--batch-size", type=click.IntRange(1), help="Images a forward pass.  [default: by the width of the layers]"
    ),
    click.option("--memory", default="4GB", show_default=True, callback=parse_bytes, help="Memory to stay within."),
    click.option(
        "--offline",
        is_flag=True,
        expose_value=False,
        callback=lambda context, parameter, value: _go_offline(value),
        help="Touch no network: use what is here.  [default: ITBENCH_OFFLINE]",
    ),
)


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``seed``, and the fields of `ExtractionSettings` but for ``scratch``.

    ``--offline`` takes effect at once, before anything is looked up.
    """
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def with_running(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``weights`` and what `with_settings` adds."""
    return click.option(
        "--weights", default="pretrained", show_default=True, help="pretrained, random, or the path of a file."
    )(with_settings(function))


def with_recipe(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--recipe``, which may be repeated."""
    return click.option(
        "--recipe",
        multiple=True,
        metavar="KEY=VALUE|FILE",
        help="Of a model that learns: change its recipe, such as epochs=20, or by a YAML file.",
    )(function)


def with_scratch(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--scratch``."""
    return click.option(
        "--scratch",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for what does not fit.  [default: ITBENCH_SCRATCH]",
    )(function)


def _go_offline(value: bool) -> None:
    from itbench.util.offline import go_offline

    if value:
        go_offline()


def with_naming(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``--benchmark`` and ``--weights``, which say what scores are meant."""
    for option in (
        click.option("--weights", default="", help="Only scores with these weights, as a leaderboard shows them."),
        click.option("-b", "--benchmark", help="Only scores on this: a benchmark's name, or the path of a YAML file."),
    ):
        function = option(function)
    return function


def with_metric(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--metric``, which says what scores are meant."""
    return click.option("--metric", default="", help="Only scores by this metric.")(function)


def find(
    names: Sequence[str], registry: Registry, results: Path | None, benchmark: str | None, **which: Any
) -> list[xr.Dataset]:
    """Return the scores of the names; `which` says the rest that `itbench.results.find.find_scores` wants to know."""
    from itbench.results.find import find_scores
    from itbench.util import folders

    named = registry.benchmark(benchmark) if benchmark else None
    return [score for _, score in find_scores(results or folders.results(), names, benchmark=named, **which)]
