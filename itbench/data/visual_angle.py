"""Pad or crop stimuli to the visual angle, in degrees, that a model expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.stimuli import Images, StimulusSet
from itbench.errors import BadOption

GREY = 128  # of 0 … 255, as Brain-Score pads
SMALLEST, LARGEST = 1 / 16, 16  # of the ratio of the two angles: beyond it, a number was mistyped


def at_degrees(stimuli: StimulusSet, shown: float, expected: float) -> StimulusSet:
    """Pad or crop stimuli from the visual angle that they were shown at to the one that a model expects.

    Parameters
    ----------
    stimuli : StimulusSet
    shown : float
        Width of the images on the screen, degrees of visual angle.
    expected : float
        Width of what the model takes its image to be. A larger one pads the images on grey, a smaller one crops
        them around the centre; pixels are not resampled.

    Raises
    ------
    BadOption
        If the two differ by a factor beyond 16, or nothing is left.
    """
    ratio = expected / shown
    if not SMALLEST <= ratio <= LARGEST:
        raise BadOption(f"Images of {shown:g}° cannot be brought to {expected:g}°: the ratio is beyond {LARGEST}.")
    _, height, width, _ = stimuli.images.shape
    size = (round(height * ratio), round(width * ratio))
    if min(size) < 1:
        raise BadOption(f"Images of {height} × {width} pixels cropped from {shown:g}° to {expected:g}° are empty.")
    return StimulusSet(stimuli.ids, _Framed(stimuli.images, size), stimuli.metadata)


def label(shown: float, expected: float) -> str:
    """Return the change of visual angle as text, for the score and the cache key."""
    return f"{shown:g}° {'padded' if expected > shown else 'cropped'} to {expected:g}°"


@dataclass(frozen=True, eq=False)
class _Framed:
    """Images padded or cropped to another visual angle when a slice of them is read."""

    images: Images
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.images.shape[0], *self.size, self.images.shape[3])

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        images = np.asarray(self.images[rows])
        framed = np.full((len(images), *self.shape[1:]), GREY, images.dtype)
        (to_y, from_y), (to_x, from_x) = map(_overlap, self.size, images.shape[1:3])
        framed[:, to_y, to_x] = images[:, from_y, from_x]
        return framed


def _overlap(new: int, old: int) -> tuple[slice, slice]:
    """Return the slices of the pixels common to frames of `new` and `old` pixels, both centred."""
    common = min(new, old)
    return slice((new - common) // 2, (new - common) // 2 + common), slice(
        (old - common) // 2, (old - common) // 2 + common
    )
