"""Lazy packages: public names imported when first used, and packages that are functions too."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def lazy_names(package: str, files: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a lazy package: it imports a public name when that is first used.

    Parameters
    ----------
    package : str
    files : mapping of str to str
        Public name → module that defines it, relative to the package.

    Examples
    --------
    >>> __getattr__, __dir__ = lazy_names("itbench.metrics", {"ridge_predict": "ridge"})
    >>> __getattr__("ridge_predict").__name__
    'ridge_predict'
    """

    def get(name: str) -> Any:
        if name not in files:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f".{files[name]}", package), name)

    def listed() -> list[str]:
        return sorted([*vars(sys.modules[package]), *files])

    return get, listed


def make_callable(package: str, module: str) -> None:
    """Make a package callable: calling it calls the function of its name in `module`, imported lazily.

    Examples
    --------
    >>> make_callable("itbench.models", "itbench.api")  # doctest: +SKIP
    >>> itbench.models("resnet*")  # doctest: +SKIP
    """

    class CallablePackage(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return getattr(importlib.import_module(module), package.rpartition(".")[2])(*args, **kwargs)

    sys.modules[package].__class__ = CallablePackage
