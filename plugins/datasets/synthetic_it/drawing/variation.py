"""How exemplars of one kind differ in proportion."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Build = TypeVar("Build", bound=DataclassInstance)


def varied(build: Build, rng: np.random.Generator, spread: float = 0.14) -> Build:
    """Return a set of proportions with each number scaled a little.

    Parameters
    ----------
    build : dataclass instance
        Proportions; only the fields that hold a float change.
    rng : numpy.random.Generator
        Source of the factors.
    spread : float
        Largest change of the logarithm of a number.

    Returns
    -------
    dataclass instance
        The varied proportions.
    """
    numbers = {f.name: getattr(build, f.name) for f in fields(build) if isinstance(getattr(build, f.name), float)}
    factors = np.exp(rng.uniform(-spread, spread, len(numbers)))
    return replace(build, **{name: value * float(k) for (name, value), k in zip(numbers.items(), factors, strict=True)})
