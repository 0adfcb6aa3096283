"""Pictures to show a model, and how far two passes over them may differ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from itbench.check.findings import Broken

Activations = Mapping[str, NDArray[np.floating]]  # of layer to (batch, …)

SIDE = 224
# Of a layer's largest activation. Bit-identity is not promised: a library takes another kernel for another batch size,
# and float32 sums in another order differ by about 1e-6.
TOLERANCE = 1e-4


def probe(height: int = SIDE, width: int = SIDE, count: int = 3) -> NDArray[np.uint8]:
    """Return `count` different pictures (batch, y, x, 3): coloured patches with fine noise, the same every time."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 224, (count, 7, 7, 3))
    patches = coarse[:, np.arange(height) * 7 // height][:, :, np.arange(width) * 7 // width]
    return (patches + rng.integers(0, 32, (count, height, width, 3))).astype(np.uint8)


def plain(value: int, side: int = SIDE) -> NDArray[np.uint8]:
    """Return one picture (1, y, x, 3) of one grey."""
    return np.full((1, side, side, 3), value, np.uint8)


def difference(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the largest difference in units of the largest activation; infinite where only one is finite.

    >>> difference(np.array([0.0, 2.0]), np.array([1.0, 2.0]))
    0.5
    """
    with np.errstate(invalid="ignore"):
        apart = np.where((first == second) | (np.isnan(first) & np.isnan(second)), 0.0, np.abs(first - second))
    apart = np.where(np.isnan(apart), np.inf, apart)
    largest = np.abs(first[np.isfinite(first)]).max(initial=0.0)
    return float(apart.max() / largest) if largest else float(np.inf if apart.any() else 0.0)


def require_equal(first: Activations, second: Activations, what: str, hint: str) -> str:
    """Return how well two passes agree in every layer.

    Raises
    ------
    Broken
        If some layer differs by more than the tolerance, naming the first such layer and the `hint`.
    """
    worst = 0.0
    for layer, values in first.items():
        apart = difference(values, second[layer])
        if apart > TOLERANCE:
            raise Broken(f"{what}, layer {layer!r} differs by {apart:.1e} of its largest activation; {hint}")
        worst = max(worst, apart)
    return "equal to the last bit" if not worst else f"equal within {worst:.0e} of the largest activation"
