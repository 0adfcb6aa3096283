"""A plugin to start from: one file of a model, a metric or a benchmark that works before a word of it is changed."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

from itbench.errors import BadOption
from itbench.files import disk_errors

ENDINGS = {"model": ".py", "metric": ".py", "benchmark": ".yaml"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def write_template(kind: str, name: str, folder: Path) -> Path:
    """Write a plugin called `name` into `folder` and return its path.

    Parameters
    ----------
    kind : {"model", "metric", "benchmark"}
    name : str
        Up to 100 letters, digits, - and _.
    folder : Path
        Made if it is missing.

    Raises
    ------
    BadOption
        If the name cannot be one, or the file exists.
    NoSpace
        If nothing can be written there.
    """
    if not NAME.fullmatch(name):
        raise BadOption(
            f"{name!r} is no name for a {kind}.",
            known="Up to 100 letters, digits, - and _ are, the first one a letter or a digit.",
        )
    path = folder / f"{name}{ENDINGS[kind]}"
    text = resources.files(__name__).joinpath(f"{kind}.template").read_text(encoding="utf-8")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(Template(text).substitute(name=name))
        except FileExistsError as error:
            raise BadOption(
                f"There is a file {path} already; it is left as it is.", todo="Choose another name, or another --dir."
            ) from error
    return path
