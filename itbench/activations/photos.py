"""Pictures in a folder or zip, of one size or several: what only the preprocessing of a model makes alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from itbench.errors import BadRecordings
from itbench.files import digest
from itbench.pictures import PictureFiles, list_pictures, read_picture
from itbench.protocols import Model
from itbench.stimuli import Pictures, StimulusSet

Size = tuple[int, int]  # y, x


@dataclass(frozen=True, eq=False)
class Photos:
    """Pictures in files, of several sizes; a slice of them is a sequence of pictures (y, x, 3), decoded one at a time.

    Parameters
    ----------
    names : sequence of str
    read : callable
        From a name to the content of the file.
    sizes : sequence of (int, int)
        Height and width of every picture.
    """

    names: Sequence[str]
    read: Callable[[str], bytes]
    sizes: Sequence[Size]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of an array that would hold them all."""
        heights, widths = zip(*self.sizes, strict=True)
        return len(self), max(heights), max(widths), 3

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice):
            return Photos(self.names[rows], self.read, self.sizes[rows])
        return np.asarray(read_picture(self.names[rows], self.read))

    def most_unlike(self) -> Photos:
        """Return the two that differ most in shape, or, if all have one, in size."""
        rows = sorted(range(len(self)), key=lambda row: (self.sizes[row][0] / self.sizes[row][1], self.sizes[row]))
        chosen = [rows[0], rows[-1]]
        return Photos([self.names[row] for row in chosen], self.read, [self.sizes[row] for row in chosen])


def open_photos(images: Path) -> tuple[StimulusSet, str]:
    """Return the pictures of a folder or zip, and the SHA-256 of their ids and files.

    Ids are the names of the files, without their endings where these tell no two apart.

    Raises
    ------
    BadRecordings
        If there are none, or one cannot be read.
    """
    names, read = list_pictures(images)
    sizes, contents = [], []
    for name in names:
        content = read(name)
        contents.append(hashlib.sha256(content).hexdigest())
        sizes.append(_size(name, content))
    ids = _ids(names)
    photos = Photos(names, read, sizes)
    pictures = PictureFiles(names, read, photos.shape) if len(set(sizes)) == 1 else photos
    return StimulusSet(ids, pictures), digest(ids, contents)


def refuse_unlike(model: Model, pictures: Pictures, layers: Sequence[str], called: str) -> None:
    """Refuse pictures of several sizes that the model does not bring to one.

    Raises
    ------
    BadRecordings
        Naming two of them.
    """
    if not isinstance(pictures, Photos):
        return
    two = pictures.most_unlike()
    try:
        model.activations(model.prepare(two[:]), layers)
    except Exception as error:  # a model may raise what it likes
        (a, b), ((y, x), (v, u)) = two.names, two.sizes
        raise BadRecordings(
            f"Pictures differ in size: {a} is {x} × {y}, {b} is {u} × {v}.",
            known=f"{called} does not bring them to one: {error}",
            todo="Bring them to one size first.",
        ) from error


def _size(name: str, content: bytes) -> Size:
    """Return a picture's height and width; of one that may be transparent, look at the pixels too."""
    picture = read_picture(name, lambda _: content, decode=False)
    if picture.has_transparency_data:
        read_picture(name, lambda _: content)
    return picture.height, picture.width


def _ids(names: Sequence[str]) -> tuple[str, ...]:
    stems = tuple(str(PurePosixPath(name).with_suffix("")) for name in names)
    return stems if len(set(stems)) == len(stems) else tuple(names)
