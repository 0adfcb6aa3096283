"""Image files in a folder or zip, listed in natural order and decoded on demand."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.labels import join_labels
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadRecordings
from itbench.util.checksum import digest

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Image files of one size, decoded when a slice of them is read."""

    names: Sequence[str]
    read: Callable[[str], bytes]
    shape: tuple[int, int, int, int]

    @classmethod
    def open(cls, names: Sequence[str], read: Callable[[str], bytes]) -> ImageFiles:
        """Open image files, and refuse those of several sizes; nothing is decoded yet."""
        sizes = {name: read_image(name, read, decode=False).size for name in names}
        width, height = sizes[names[0]]
        for name, size in sizes.items():
            if size != (width, height):
                raise BadRecordings(
                    f"Images differ in size: {names[0]} is {width} × {height}, {name} is {size[0]} × {size[1]}.",
                    todo="Bring them to one size first, as they were shown.",
                )
        return cls(names, read, (len(names), height, width, 3))

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        return np.stack([np.asarray(read_image(name, self.read)) for name in self.names[rows]])


def list_images(images: Path) -> tuple[list[str], Callable[[str], bytes]]:
    """List the image files of a folder or zip (image2 before image10), with a function that reads one.

    Hidden files and those that macOS adds to a zip are skipped.

    Raises
    ------
    BadRecordings
        If there are none, or a zip has entries that point out of its folder.
    """
    if images.is_dir():
        names = [path.relative_to(images).as_posix() for path in images.rglob("*") if not path.is_dir()]
        return _chosen(names, images), lambda name: (images / name).read_bytes()
    try:
        archive = zipfile.ZipFile(images)
    except (OSError, zipfile.BadZipFile) as error:
        raise BadRecordings(f"{images} is neither a folder nor a zip of images: {error}.") from error
    for entry in archive.infolist():
        _refuse_escape(entry, images)
    return _chosen(archive.namelist(), images), archive.read


def order_images(wanted: Sequence[str], present: Sequence[str], images: Path) -> list[str]:
    """Order the image files of a folder or zip as a CSV lists them.

    Raises
    ------
    BadRecordings
        For names that no rule joins one-to-one with the files.
    """
    return [present[row] for row in join_labels(wanted, present, ("the CSV", str(images))).rows]


def _refuse_escape(entry: zipfile.ZipInfo, images: Path) -> None:
    """Refuse links, and paths that lead out of the folder, in a zip of image files."""
    name = entry.filename
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise BadRecordings(f"{images} holds a symbolic link: {name!r}.", todo="Pack the images themselves.")
    if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise BadRecordings(f"{images} holds an entry that leads out of its folder: {name!r}.")


def _chosen(names: Sequence[str], images: Path) -> list[str]:
    visible = [name for name in names if not re.search(r"(^|/)(\.|__MACOSX/)", name.removeprefix("./"))]
    chosen = [name for name in visible if name.lower().endswith(ENDINGS)]
    if not chosen:
        raise BadRecordings(f"No images in {images}.", known=f"Known endings: {', '.join(ENDINGS)}.")
    for name in chosen:
        if not name.isprintable():  # such as a name in another encoding than UTF-8, which no file of ours can hold
            raise BadRecordings(f"The name {name!r} in {images} cannot be printed.", todo="Rename the image.")
    return sorted(chosen, key=_natural)


def _natural(name: str) -> tuple[list[tuple[bool, Any]], str]:
    parts = [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in re.split(r"(\d+)", name)]
    return parts, name  # the name itself decides between a1 and a01


FORMATS = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "WEBP", "GIF")  # of the content, whatever a file's ending says
ORIENTATION = 0x0112  # EXIF tag: 1 for an image that is stored upright
BITS_PER_SAMPLE = 258  # TIFF tag
PNG_EXIF = (
    b"eXIf",
    b"Raw profile type",
    b"XML:com.adobe.xmp",
)  # without these Pillow need not decode a PNG for its EXIF


def read_image(name: str, read: Callable[[str], bytes], decode: bool = True) -> Any:
    """Read an image file as RGB, upright by its EXIF orientation, or only its mode and size.

    Raises
    ------
    BadRecordings
        For transparency, more than 8 bits a channel, and several frames or pages.
    """
    from PIL import Image

    try:
        content = read(name)
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        frames, bits = getattr(image, "n_frames", 1), _bits(image, content)
        upright = _upright(image, content)
        colours = upright.convert("RGB") if decode else upright
        clear = decode and upright.has_transparency_data and np.asarray(upright.convert("RGBA"))[..., 3].min() < 255
    except Exception as error:  # decoders and archives raise what they like
        raise BadRecordings(f"{name} cannot be read as an image: {error}.") from error
    if frames > 1:
        raise BadRecordings(f"{name} holds {frames} frames or pages.", todo="Save the one that was shown.")
    if bits > 8:
        raise BadRecordings(
            f"{name} has more than 8 bits a channel (mode {image.mode}, {bits} bits).",
            todo="Save it with 8, as it was shown.",
        )
    if clear:
        raise BadRecordings(f"{name} is transparent in parts.", todo="Save it on the background that it was shown on.")
    return colours


def _upright(image: Any, content: bytes) -> Any:
    """Turn an image file as its EXIF orientation says; only those that are turned are decoded."""
    from PIL import ImageOps

    if image.format == "PNG" and not any(mark in content for mark in PNG_EXIF):
        return image
    if image.format == "TIFF" and image.tag_v2.get(ORIENTATION, 1) != 1:
        image.load()  # Pillow turns TIFF itself, and then forgets the tag
    return image if image.getexif().get(ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)


def _bits(image: Any, content: bytes) -> int:
    """Return the bits a channel of an image file, which Pillow cuts to 8 where there are several channels."""
    if image.format == "PNG":
        return content[24]  # of the header, which comes first
    if image.format == "TIFF":
        return max(image.tag_v2.get(BITS_PER_SAMPLE, (1,)))
    return 32 if image.mode == "F" or image.mode.startswith("I") else 8


Size = tuple[int, int]  # y, x


@dataclass(frozen=True, eq=False)
class MixedSizeImages:
    """Image files of several sizes; a slice is a sequence of images (y, x, 3), decoded one at a time.

    Parameters
    ----------
    names : sequence of str
    read : callable
        From a name to the content of the file.
    sizes : sequence of (int, int)
        Height and width of every image.
    """

    names: Sequence[str]
    read: Callable[[str], bytes]
    sizes: Sequence[Size]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of an array that would hold all image files."""
        heights, widths = zip(*self.sizes, strict=True)
        return len(self), max(heights), max(widths), 3

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice):
            return MixedSizeImages(self.names[rows], self.read, self.sizes[rows])
        return np.asarray(read_image(self.names[rows], self.read))

    def most_different(self) -> MixedSizeImages:
        """Return the two image files that differ most in aspect ratio or, if all have one, in size."""
        rows = sorted(range(len(self)), key=lambda row: (self.sizes[row][0] / self.sizes[row][1], self.sizes[row]))
        chosen = [rows[0], rows[-1]]
        return MixedSizeImages([self.names[row] for row in chosen], self.read, [self.sizes[row] for row in chosen])


def open_images(images: Path) -> tuple[StimulusSet, str]:
    """Open the image files of a folder or zip as a stimulus set, with the SHA-256 of their ids and files.

    Ids are the names of the files, without their endings where they are unique so.

    Raises
    ------
    BadRecordings
        If there are none, or one cannot be read.
    """
    names, read = list_images(images)
    sizes, contents = [], []
    for name in names:
        content = _content(name, read)
        contents.append(hashlib.sha256(content).hexdigest())
        sizes.append(_size(name, content))
    ids = _ids(names)
    photos = MixedSizeImages(names, read, sizes)
    files = ImageFiles(names, read, photos.shape) if len(set(sizes)) == 1 else photos
    return StimulusSet(ids, files), digest(ids, contents)


def _content(name: str, read: Callable[[str], bytes]) -> bytes:
    try:
        return read(name)
    except Exception as error:  # archives raise what they like
        raise BadRecordings(f"{name} cannot be read: {error}.") from error


def _size(name: str, content: bytes) -> Size:
    """Return height and width of an image file; refuse one whose pixels are transparent."""
    image = read_image(name, lambda _: content, decode=False)
    if image.has_transparency_data:
        read_image(name, lambda _: content)
    return image.height, image.width


def _ids(names: Sequence[str]) -> tuple[str, ...]:
    stems = tuple(str(PurePosixPath(name).with_suffix("")) for name in names)
    return stems if len(set(stems)) == len(stems) else tuple(names)
