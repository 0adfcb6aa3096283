"""Templates of plugins for `itbench new`: a model, trainable model, metric, data set or benchmark."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

from itbench.errors import BadOption
from itbench.util.files import disk_errors

# Template and file ending of each file of a kind; the plugin comes first.
FILES = {
    "model": {"model": ".py"},
    "trainable": {"trainable": ".py", "recipe": ".yaml"},
    "metric": {"metric": ".py"},
    "dataset": {"dataset": ".py", "dataset_benchmark": ".yaml"},
    "benchmark": {"benchmark": ".yaml"},
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def write_template(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a new plugin from its template into a folder and return the paths of its files, the plugin first.

    Parameters
    ----------
    kind : {"model", "trainable", "metric", "dataset", "benchmark"}
    name : str
        Up to 100 letters, digits, - and _.
    folder : Path
        Created if it is missing.

    Raises
    ------
    BadOption
        If the name is not allowed, or a file exists.
    NoSpace
        If the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise BadOption(
            f"{name!r} is not a valid name for a {kind}.",
            known="A name has up to 100 letters, digits, - and _, and starts with a letter or a digit.",
        )
    texts = {folder / f"{name}{ending}": _text(template, name) for template, ending in FILES[kind].items()}
    existing = [str(path) for path in texts if path.exists()]
    if existing:
        raise BadOption(
            f"{' and '.join(existing)} already exists and is not replaced.",
            todo="Choose another name, or another folder with --dir.",
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
