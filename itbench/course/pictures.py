"""Pictures that were normalised for ImageNet networks, as they were before: on disk, undone a slice at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadRecordings
from itbench.protocols import Reporter

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of red, green and blue in 0…1
ROUNDING = 255 * 8 * 2**-24
"""How far from a whole number p may lie after (p / 255 - mean) / std in float32 and back, 1.2e-4.

With u = 2^-24, p / 255 is off by u at most, the difference by 2.1 u, its quotient by std times another 1.2 u: 3.3 u,
which is doubled for constants and products that were rounded in another order. Stored as float64, the same holds.
"""
FARTHEST_OUT = 255  # beyond 0…255, where resampled pictures overshoot: what lies farther out was never normalised so
BLOCK = 32  # pictures looked at at a time; in float64, 39 MB for 224 × 224


@dataclass(frozen=True)
class Survey:
    """What all values of some pictures have in common.

    Parameters
    ----------
    lowest, highest : float
        After undoing the normalisation.
    farthest : float
        The largest distance to a whole number.
    """

    lowest: float
    highest: float
    farthest: float

    @property
    def exact(self) -> bool:
        """Whether all were uint8 before they were normalised."""
        return self.farthest <= ROUNDING and self.lowest >= -ROUNDING and self.highest <= 255 + ROUNDING

    def __str__(self) -> str:
        if self.exact:
            return f"uint8, exact: no value was farther than {self.farthest:.1e} from a whole number"
        out = self.lowest < 0 or self.highest > 255
        clipped = f"; clipped from {self.lowest:.2f}…{self.highest:.2f}" if out else ""
        return f"float32, not rounded: values are up to {self.farthest:.3f} from a whole number{clipped}"


@dataclass(frozen=True, eq=False)
class UndonePictures:
    """Pictures (stimulus, y, x, 3) without their normalisation, read from several datasets (stimulus, 3, y, x) in turn.

    Parameters
    ----------
    parts : sequence of Dataset
    exact : bool
        Whether they are rounded to uint8; else they are float32, clipped to 0…255.
    """

    parts: tuple[h5py.Dataset, ...]
    exact: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all parts together."""
        _, channels, height, width = self.parts[0].shape
        return (sum(len(part) for part in self.parts), height, width, channels)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.shape[0])
        found, before = [], 0
        for part in self.parts:
            first, last = max(start - before, 0), min(stop - before, len(part))
            if first < last:
                found.append(self._stored(undone(part[first:last])))
            before += len(part)
        return np.concatenate(found)

    def _stored(self, pictures: NDArray[np.float64]) -> NDArray[Any]:
        if self.exact:
            return np.rint(pictures, out=pictures).astype(np.uint8)
        return np.clip(pictures, 0, 255, out=pictures).astype(np.float32)


def undone(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return normalised pictures (stimulus, 3, y, x) as (stimulus, y, x, 3) in 0…255."""
    pictures = np.moveaxis(values, 1, 3) * np.array(STD)
    pictures += MEAN
    pictures *= 255
    return pictures


def survey(parts: Mapping[str, h5py.Dataset], path: Path, reporter: Reporter) -> Survey:
    """Look at every value of every picture once.

    Raises
    ------
    BadRecordings
        If one is no number, or they cannot have been normalised with ImageNet's mean and standard deviation.
    """
    lowest, highest, farthest = np.inf, -np.inf, 0.0
    darkest = np.inf  # as stored
    with reporter.progress("pictures checked", sum(map(len, parts.values())), "pictures") as advance:
        for key, part in parts.items():
            for start in range(0, len(part), BLOCK):
                values = part[start : start + BLOCK]
                if not np.isfinite(values).all():
                    where = f"pictures {start} to {start + len(values) - 1}"
                    raise BadRecordings(f"{path}: {key} holds values that are no numbers, among {where}.")
                pictures = undone(values)
                darkest = min(darkest, float(values.min()))
                lowest, highest = min(lowest, float(pictures.min())), max(highest, float(pictures.max()))
                pictures -= np.rint(pictures)
                farthest = max(farthest, float(np.abs(pictures, out=pictures).max()))
                advance(len(values))
    if darkest >= 0 or lowest < -FARTHEST_OUT or highest > 255 + FARTHEST_OUT:
        raise BadRecordings(
            f"{path}: the pictures are not normalised with ImageNet's mean and standard deviation.",
            known=f"Their lowest value is {darkest:g}; undone, they would go from {lowest:.0f} to {highest:.0f}, "
            "not from 0 to 255.",
        )
    return Survey(lowest, highest, farthest)
