"""Image files are read as people see them, or refused."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from itbench.data.images import list_images, open_images, read_image
from itbench.errors import BadRecordings

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
ORIENTED = {  # what EXIF says of an image that is stored as PIXELS: how numpy turns it upright
    1: PIXELS,
    2: PIXELS[:, ::-1],
    3: PIXELS[::-1, ::-1],
    4: PIXELS[::-1],
    5: PIXELS.transpose(1, 0, 2),
    6: np.rot90(PIXELS, -1),
    7: PIXELS[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(PIXELS),
}
LOSSLESS = {"png": {}, "webp": {"lossless": True}, "tif": {}, "tiff": {"compression": "tiff_lzw"}}


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def read(path, **how):
    return read_image(str(path), lambda name: Path(name).read_bytes(), **how)


@pytest.mark.parametrize("orientation", ORIENTED)
@pytest.mark.parametrize("ending", LOSSLESS)
def test_images_are_turned_as_their_exif_says(ending, orientation):
    Image.fromarray(PIXELS).save(f"a.{ending}", exif=exif(orientation), **LOSSLESS[ending])
    np.testing.assert_array_equal(np.asarray(read(f"a.{ending}")), ORIENTED[orientation])
    listed = read(f"a.{ending}", decode=False)
    assert (listed.height, listed.width) == ORIENTED[orientation].shape[:2]


@pytest.mark.parametrize("orientation", ORIENTED)
def test_jpeg_is_turned_as_its_exif_says(orientation):
    Image.fromarray(PIXELS).save("stored.jpg", quality=95)
    Image.fromarray(PIXELS).save("a.jpg", quality=95, exif=exif(orientation))
    upright = ImageOps.exif_transpose(Image.open("a.jpg"))
    np.testing.assert_array_equal(np.asarray(read("a.jpg")), np.asarray(upright))
    assert read("a.jpg", decode=False).size == upright.size


def test_sizes_that_are_listed_are_those_of_upright_images(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "images/a.png", exif=exif(6))
    Image.fromarray(ORIENTED[6].copy()).save(tmp_path / "images/b.png")
    stimuli, _ = open_images(tmp_path / "images")
    assert stimuli.images.shape == (2, 6, 4, 3)
    np.testing.assert_array_equal(stimuli.images[:], [ORIENTED[6]] * 2)


def png16(colour, channels):
    """Write a PNG of 16 bits a channel by hand: Pillow writes grey ones only."""
    values = np.arange(24 * channels, dtype=">u2").reshape(4, 6 * channels) * 37

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 6, 4, 16, colour, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in values)))
    Path("z.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b""))


def tiff16():
    """Turn a TIFF of 8 bits into one of 16 by its tag BitsPerSample."""
    Image.fromarray(np.zeros((4, 6), np.uint16)).save("z.tif")


def frames(path, **how):
    others = [Image.fromarray(255 - PIXELS)]
    Image.fromarray(PIXELS).save(path, save_all=True, append_images=others, **how)


REFUSED = {
    "grey of 16 bits": (lambda: png16(0, 1), "z.png has more than 8 bits a channel .*16 bits"),
    "RGB of 16 bits": (lambda: png16(2, 3), "z.png has more than 8 bits a channel .*16 bits"),
    "grey and alpha of 16 bits": (lambda: png16(4, 2), "z.png has more than 8 bits a channel .*16 bits"),
    "RGBA of 16 bits": (lambda: png16(6, 4), "z.png has more than 8 bits a channel .*16 bits"),
    "TIFF of 16 bits": (tiff16, "z.tif has more than 8 bits a channel .*16 bits"),
    "TIFF of floats": (
        lambda: Image.fromarray(np.zeros((4, 6), np.float32)).save("z.tif"),
        "z.tif has more than 8 bits a channel .*32 bits",
    ),
    "animated PNG": (lambda: frames("z.png"), "z.png holds 2 frames or pages"),
    "animated WebP": (lambda: frames("z.webp", lossless=True), "z.webp holds 2 frames or pages"),
    "animated GIF called PNG": (lambda: frames("z.png", format="GIF"), "z.png holds 2 frames or pages"),
    "two pages of TIFF": (lambda: frames("z.tif"), "z.tif holds 2 frames or pages"),
    "another format": (lambda: Image.fromarray(PIXELS).save("z.png", format="PPM"), "z.png cannot be read as an image"),
}


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_cut_is_refused(case, decode):
    write, message = REFUSED[case]
    write()
    (path,) = Path().iterdir()
    with pytest.raises(BadRecordings, match=message):
        read(path, decode=decode)


def test_a_folder_called_like_an_image_is_none():
    Path("images/z.png").mkdir(parents=True)
    with pytest.raises(BadRecordings, match="No images in images"):
        list_images(Path("images"))
    Image.fromarray(PIXELS).save("images/z.png/a.png")
    assert list_images(Path("images"))[0] == ["z.png/a.png"]


def test_an_image_that_is_not_there_any_more_is_named():
    Path("images").mkdir()
    Path("images/a.png").symlink_to("gone.png")
    with pytest.raises(BadRecordings, match=r"a\.png cannot be read"):
        open_images(Path("images"))
