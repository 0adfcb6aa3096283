"""Raw activations of images in files: of several sizes, in a zip, under any names."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from itbench.errors import BadRecordings
from itbench.extraction.activations import extract_activations
from tests.kit.extraction import PIXELS, extracted, write_images, zipped


@pytest.fixture
def photos(home):
    """A folder of five images of one size."""
    return write_images(Path("photos"), PIXELS)


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_images_of_several_sizes_come_out_as_one_by_one(packed, home):
    sizes = [(40, 48), (64, 30), (200, 300), (40, 48), (31, 31)]
    images = [np.random.default_rng(n).integers(0, 256, (*size, 3), dtype=np.uint8) for n, size in enumerate(sizes)]
    folder = write_images(Path("several"), images)
    together = extracted("resnet18", zipped(folder) if packed else folder, "layer1", weights="random")["layer1"]
    for number, image in enumerate(images):
        alone = write_images(Path(f"alone{number}"), [image])
        values = extracted("resnet18", alone, "layer1", weights="random", output=f"{number}.h5")["layer1"]
        np.testing.assert_allclose(together[number], values[0], atol=1e-5)


@pytest.mark.parametrize("model", ["toy", "toy-net"])
def test_images_of_several_sizes_are_refused_where_they_stay_so(model, toy):
    images = write_images(Path("several"), [PIXELS[0], PIXELS[1], PIXELS[2][:30], PIXELS[3][:, :20]])
    said = rf"Images differ in size: p2.png is 48 × 30, p3.png is 20 × 40.\n{model} does not resize them to one: "
    with pytest.raises(BadRecordings, match=said):
        extracted(model, images, weights="random")
    assert sorted(Path().iterdir()) == [images]


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["a10.png", "a9.png", "b.jpg"], ["a9", "a10", "b"]),
        (["a.png", "a.jpg", "b.png"], ["a.jpg", "a.png", "b.png"]),
    ],
)
def test_ids_are_names_without_endings_where_these_tell_no_two_apart(names, ids, toy):
    extract_activations("toy", write_images(Path("named"), PIXELS[:3], names), "out.h5", layers=["good"])
    with h5py.File("out.h5") as file:
        assert list(file["stimulus"].asstr()) == ids


def test_a_zip_gives_what_its_folder_gives(photos, toy):
    inside = extracted("toy", photos, "good")
    with h5py.File("out.h5") as file:
        digest = file.attrs["stimuli_digest"]
    np.testing.assert_array_equal(extracted("toy", zipped(photos), "good", replace=True)["good"], inside["good"])
    with h5py.File("out.h5") as file:
        assert file.attrs["stimuli_digest"] == digest


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: [path.unlink() for path in folder.iterdir()], "No images in photos"),
        (lambda folder: (folder / "p9.png").write_bytes(b"no"), "p9.png cannot be read as an image"),
        (lambda folder: Image.new("RGBA", (48, 40)).save(folder / "p9.png"), "p9.png is transparent in parts"),
    ],
)
def test_unusable_images_are_named_before_work(spoil, said, photos, toy):
    spoil(photos)
    with pytest.raises(BadRecordings, match=said):
        extracted("toy", photos, "good", batch_size=1)
    assert list(Path().iterdir()) == [photos]
