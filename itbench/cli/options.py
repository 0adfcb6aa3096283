"""Command and options that several commands of the command line share."""

from __future__ import annotations

import os
import platform
import shlex
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench import __version__
from itbench.cli import completion
from itbench.cli.output import LOG, legible_streams, logged, report_error, say, show_warning
from itbench.errors import BadOption, UnknownName

if TYPE_CHECKING:
    import xarray as xr

    from itbench.data.benchmark import Benchmark
    from itbench.registry import Registry


KEPT = (
    "Finished scores are in the results folder, finished forward passes in the cache, finished epochs of training "
    "beside the trained weights; the same command uses them."
)
OUTPUT, WORDS = "itbench.output", "itbench.words"  # of a command's context: what it prints and logs, its command line
INTERRUPTED = 130  # exit status of a command that Ctrl-C ended: 128 + SIGINT


def _keep_output(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep what a command prints and logs, said before or after its name.

    Raises
    ------
    click.UsageError
        If the two contradict each other.
    """
    chosen = context.meta.setdefault(OUTPUT, {})
    if value and parameter.name:
        if chosen.setdefault(parameter.name, value) != value:
            raise click.UsageError(f"--{parameter.name} is given 2 times; give it once.", context)
        if {"quiet", "verbose"} <= chosen.keys():
            raise click.UsageError("--quiet and --verbose contradict each other; give one of them.", context)


def _output_options() -> list[click.Parameter]:
    """Return the command-line options ``--quiet``, ``--verbose`` and ``--log`` of every command and group."""
    about: dict[str, Any] = {"expose_value": False, "callback": _keep_output}
    return [
        click.Option(["-q", "--quiet"], is_flag=True, help="Print results and errors only.", **about),
        click.Option(["-v", "--verbose"], is_flag=True, help="Print what is done, and the seconds it takes.", **about),
        click.Option(
            ["--log"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Append all messages and timings to this file.  [default: ITBENCH_LOG]",
            **about,
        ),
    ]


class Group(click.Group):
    """Group of commands, with the options of output that every command has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _output_options()


class Program(Group):
    """Group of all commands, whose output is legible in any encoding of the terminal."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line."""
        legible_streams()
        return super().main(*args, **kwargs)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, and keep them for the log."""
        context.meta[WORDS] = shlex.join(["itbench", *args])
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        """Run a command; Ctrl-C while its arguments are read exits as one that comes later."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            LOG.critical("\nInterrupted.")
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
        debug = click.Option(
            ["--debug"], is_flag=True, expose_value=False, callback=_store_debug, help="Print tracebacks of errors."
        )
        self.params += [*_output_options(), debug]

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
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.showwarning = partial(show_warning, set())
            try:
                stack.enter_context(logged(**context.meta.get(OUTPUT, {})))
                stack.enter_context(_timed(context))
                return super().invoke(context)
            except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
                raise
            except KeyboardInterrupt:
                LOG.critical("%s", f"\nInterrupted. {self.kept.format(**context.params)}".rstrip())
                context.exit(INTERRUPTED)
            except Exception as error:
                if context.meta.get("itbench.debug"):
                    raise
                report_error(error)
                context.exit(1)


@contextmanager
def _timed(context: click.Context) -> Iterator[None]:
    """Log the command, and at its end the seconds it took."""
    since = time.perf_counter()
    LOG.debug("%s", f"itbench {__version__}, Python {platform.python_version()}: {context.meta.get(WORDS, '')}")
    try:
        yield
    finally:
        LOG.debug("%s", f"{context.info_name} took {time.perf_counter() - since:.2f} s")


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
        shell_complete=completion.benchmarks,
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
        shell_complete=completion.metric_options,
        help="Option of the metric, such as components=100 (all: itbench metrics NAME). May be repeated.",
    )(function)


def with_plugins(function: Decorated) -> Decorated:
    """Add the command-line option ``--plugin``, which may be repeated."""
    return click.option(
        "--plugin",
        "plugin_files",
        multiple=True,
        metavar="FILE",
        shell_complete=completion.files,
        help="Plugin file or folder to load as well; ITBENCH_PLUGINS names some for all commands.",
    )(function)


def with_json(function: Decorated) -> Decorated:
    """Add the command-line option ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def with_format(function: Decorated) -> Decorated:
    """Add the command-line options ``--format`` and ``--json`` of a command that prints a table.

    The command gets the format that was asked for as `form`: markdown, csv, json, or None.
    """

    @wraps(function)
    def formatted(*args: Any, form: str | None, as_json: bool, **values: Any) -> Any:
        if as_json and form not in (None, "json"):
            raise BadOption(f"--json and --format {form} contradict each other.", todo="Leave out one of them.")
        return function(*args, form="json" if as_json else form, **values)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
        click.option(
            "--format",
            "form",
            type=click.Choice(["markdown", "csv", "json"]),
            help="Format of the table, whole.  [default: fitted to a terminal; markdown in a pipe or file]",
        ),
    ):
        formatted = option(formatted)
    return formatted


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
    since = time.perf_counter()
    from itbench.plugins import load_plugins

    registry = load_plugins(plugin_files)
    LOG.debug(
        "%s",
        f"{len(registry.models)} models and {len(registry.metrics)} metrics registered by plugins, "
        f"{time.perf_counter() - since:.2f} s",
    )
    return registry


def with_naming(function: Decorated) -> Decorated:
    """Add the command-line options ``--benchmark`` and ``--weights``, which select score files."""
    for option in (
        click.option(
            "--weights",
            default="",
            shell_complete=completion.scored_weights,
            help="Only scores with these weights, as the leaderboard names them.",
        ),
        click.option(
            "-b",
            "--benchmark",
            shell_complete=completion.scored_benchmarks,
            help="Only scores on this benchmark: a name, or the path of a YAML file.",
        ),
    ):
        function = option(function)
    return function


def with_metric(function: Decorated) -> Decorated:
    """Add the command-line option ``--metric``, which selects score files."""
    return click.option(
        "--metric", default="", shell_complete=completion.scored_metrics, help="Only scores by this metric."
    )(function)


def find(
    names: Sequence[str], registry: Registry, results: Path | None, benchmark: str | None, **which: Any
) -> list[xr.Dataset]:
    """Find the scores that a command's arguments and its options ``--results`` and ``--benchmark`` name.

    Further keyword arguments are those of `itbench.results.find.find_scores`.
    """
    from itbench.results.find import find_scores
    from itbench.util import folders

    named, folder = named_benchmark(registry, benchmark), results or folders.results()
    options = given_options({"benchmark", *which})
    return [
        score
        for _, score in find_scores(
            folder, names, benchmark=named, options=options, registry=registry, note=say, **which
        )
    ]


def named_benchmark(registry: Registry, name: str | None) -> Benchmark | str | None:
    """Return the benchmark that ``--benchmark`` names, or the name itself where only scores may have it."""
    try:
        return registry.benchmark(name) if name else None
    except UnknownName:
        if str(name).endswith((".yaml", ".yml")):
            raise
        return name


def given_options(without: Collection[str]) -> list[str]:
    """Return the words of the options that were given to the command in progress, but for some parameters."""
    context = click.get_current_context()
    words = []
    for option in context.command.params:
        name = str(option.name)
        if isinstance(option, click.Option) and name not in without and name in context.params:
            value, given = context.params[name], context.get_parameter_source(name)
            if given is click.core.ParameterSource.COMMANDLINE:
                if isinstance(value, tuple) and not option.multiple:  # a size
                    value = "x".join(f"{part:g}" for part in value)
                values = value if option.multiple else [value]
                words += [option.opts[-1]] if option.is_flag else [w for v in values for w in (option.opts[-1], str(v))]
    return words
