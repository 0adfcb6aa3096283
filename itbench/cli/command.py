"""Command class: print an error as one message without a traceback, unless `--debug` is given."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import click

from itbench.cli.output import say
from itbench.errors import ItbenchWarning, readable


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
