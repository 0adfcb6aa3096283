"""The stimulus set: images in order, with ids, metadata and a digest; padded or cropped to another visual angle."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption, BadRecordings
from itbench.util.checksum import digest, digest_stream

BLOCK = 64  # images read at once when the whole set is passed over


class Images(Protocol):
    """Images of a stimulus set, (stimulus, y, x, 3), read in slices: an array, or an HDF5 dataset on disk."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: Any) -> NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class ImageSubset:
    """Subset of the images of a stimulus set, in another order, read when a slice is needed.

    Parameters
    ----------
    images : Images
    rows : int array of shape (stimulus,)
    """

    images: Images
    rows: NDArray[np.integer]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (stimulus, y, x, 3)."""
        return (len(self.rows), *self.images.shape[1:])

    def __getitem__(self, wanted: Any) -> NDArray[Any]:
        """Return images of stimuli by a slice or an array of rows."""
        rows = self.rows[wanted]
        steps = np.flatnonzero(np.diff(rows) != 1) + 1
        runs = [self.images[run[0] : run[-1] + 1] for run in np.split(rows, steps) if len(run)]
        return np.concatenate(runs) if runs else self.images[0:0]


@dataclass(frozen=True, eq=False)
class StimulusSet:
    """Stimulus set: N stimuli with ids, images and flat metadata.

    Parameters
    ----------
    ids : tuple of str
        Unique, one per image.
    images : array-like of shape (stimulus, y, x, 3), uint8 or float32
        RGB in 0…255; read in slices, so it may lie on disk.
    metadata : mapping of str to array of shape (stimulus,)
        Flat coordinates such as ``category`` or ``split``.

    Raises
    ------
    BadRecordings
        If counts do not fit, or ids repeat.
    """

    ids: tuple[str, ...]
    images: Images
    metadata: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images.shape[0] != len(self.ids) or len(self.images.shape) != 4:
            raise BadRecordings(
                f"{len(self.ids)} stimulus ids, but images of shape {self.images.shape}.",
                known="Images have the shape (stimulus, y, x, 3).",
            )
        if len(set(self.ids)) != len(self.ids):
            repeated = sorted({name for name in self.ids if self.ids.count(name) > 1})
            raise BadRecordings(f"Stimulus ids must be unique; repeated: {', '.join(repeated[:5])}.")
        for name, column in self.metadata.items():
            if np.shape(column) != (len(self.ids),):
                raise BadRecordings(
                    f"The stimulus coordinate {name!r} has the shape {np.shape(column)}, not ({len(self.ids)},).",
                    known="It needs one value for every stimulus.",
                )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def pictures(self) -> Images:
        """The former name of `images`."""
        warnings.warn("StimulusSet.pictures is now called images.", DeprecationWarning, stacklevel=2)
        return self.images

    def take(self, rows: NDArray[np.integer]) -> StimulusSet:
        """Return the stimuli of `rows`, in that order, as a stimulus set; images are not read yet."""
        ids = tuple(self.ids[row] for row in rows)
        metadata = {name: np.asarray(column)[rows] for name, column in self.metadata.items()}
        return StimulusSet(ids, ImageSubset(self.images, np.asarray(rows)), metadata)

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield the images of the stimuli a block at a time, with the slice of their rows."""
        for start in range(0, len(self), size):
            rows = slice(start, min(start + size, len(self)))
            yield rows, self.images[rows]

    def content_digest(self) -> str:
        """Return the SHA-256 of the stimulus ids and of all pixels, in order."""

        def parts() -> Iterator[Any]:
            yield list(self.ids)
            for _, block in self.blocks():
                yield block

        return digest_stream(parts())

    def duplicates(self) -> list[tuple[str, str]]:
        """Return pairs of stimulus ids whose images are identical in every pixel."""
        first: dict[str, str] = {}
        pairs = []
        for rows, block in self.blocks():
            for name, image in zip(self.ids[rows], block, strict=True):
                earlier = first.setdefault(digest(image), name)
                if earlier != name:
                    pairs.append((earlier, name))
        return pairs


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


def degrees_label(shown: float, expected: float) -> str:
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
