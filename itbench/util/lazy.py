"""Lazy public faces of packages: a package that is also a function, whose code is imported on the first call."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


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
