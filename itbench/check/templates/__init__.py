"""A plugin to start from: a model, a metric or a benchmark that works before a word of it is changed."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

from itbench.errors import BadOption
from itbench.util.files import disk_errors

# The files of each kind, the plugin first: the template and the ending of the name.
FILES = {
    "model": {"model": ".py"},
    "trainable": {"trainable": ".py", "recipe": ".yaml"},
    "metric": {"metric": ".py"},
    "benchmark": {"benchmark": ".yaml"},
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def write_template(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a plugin called `name` into `folder` and return the paths of its files, the plugin's first.

    Parameters
    ----------
    kind : {"model", "trainable", "metric", "benchmark"}
    name : str
        Up to 100 letters, digits, - and _.
    folder : Path
        Made if it is missing.

    Raises
    ------
    BadOption
        If the name cannot be one, or a file exists.
    NoSpace
        If nothing can be written there.
    """
    if not NAME.fullmatch(name):
        raise BadOption(
            f"{name!r} is no name for a {kind}.",
            known="Up to 100 letters, digits, - and _ are, the first one a letter or a digit.",
        )
    texts = {folder / f"{name}{ending}": _text(template, name) for template, ending in FILES[kind].items()}
    taken = [str(path) for path in texts if path.exists()]
    if taken:
        raise BadOption(
            f"There is a file {' and '.join(taken)} already; it is left as it is.",
            todo="Choose another name, or another --dir.",
        )
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    return list(texts)


def _text(template: str, name: str) -> str:
    text = resources.files(__name__).joinpath(f"{template}.template").read_text(encoding="utf-8")
    return Template(text).substitute(name=name)
