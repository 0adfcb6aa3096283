"""Raw activations: the numbers of torch itself, in a file that survives whatever happens to the process."""

import json
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image
from torchvision.models.feature_extraction import create_feature_extractor

from itbench import ExtractionSettings, Gram, load_plugins
from itbench.errors import BadActivations, BadOption, UnknownName
from itbench.extraction.activations import extract_activations
from itbench.extraction.activations_file import partial_file
from itbench.extraction.forward import extract_grams
from itbench.models.weights import Weights
from itbench.util.progress import SilentReporter
from tests.kit.extraction import PIXELS, extracted, write_images
from tests.kit.toy import toy_recordings

IDS = [f"image{number}" for number in range(20)]


@pytest.fixture
def photos(home):
    """A folder of five images of one size."""
    return write_images(Path("photos"), PIXELS)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_activations_are_those_of_torchvisions_feature_extractor(batch_size, photos):
    layers = ("relu", "layer2.0.conv1", "layer3", "avgpool")
    values = extracted("resnet18", photos, *layers, weights="random", batch_size=batch_size)
    network = load_plugins().model("resnet18").factory(Weights("random"))
    batch = torch.stack([network.preprocess(Image.fromarray(image)) for image in PIXELS])
    with torch.inference_mode():
        expected = create_feature_extractor(network.module, list(layers))(batch)
    assert set(values) == set(layers)
    for layer in layers:
        assert values[layer].shape == expected[layer].shape
        np.testing.assert_allclose(values[layer], expected[layer], atol=2e-5)


def test_their_gram_is_the_one_that_is_scored(toy):
    values = extracted("toy-net", toy, "first", "second", weights="random")
    network = load_plugins().model("toy-net").factory(Weights("random"))
    stimuli = toy_recordings().stimuli
    for layer, gram in extract_grams(network, stimuli, ["first", "second"], ExtractionSettings(), SilentReporter()):
        expected = Gram.from_features(values[layer].reshape(len(stimuli), -1))
        assert gram.n_features == expected.n_features
        np.testing.assert_allclose(gram.matrix, expected.matrix, rtol=1e-5)
        np.testing.assert_allclose(gram.row_sums, expected.row_sums, rtol=1e-5, atol=1e-4)


@pytest.mark.slow
def test_tokens_are_pooled_as_asked(photos):
    model, layer = "timm/vit_tiny_patch16_224", "blocks.0"
    how = {"weights": "random", "replace": True}
    tokens, *pooled = (extracted(model, photos, layer, pool=pool, **how)[layer] for pool in ("none", "cls", "mean"))
    assert tokens.shape == (5, 1 + 14 * 14, 192)
    np.testing.assert_allclose(pooled[0], tokens[:, 0], atol=1e-6)
    np.testing.assert_allclose(pooled[1], tokens[:, 1:].mean(axis=1), atol=1e-5)


def test_xarray_opens_the_file_and_it_says_what_produced_it(toy, home):
    path = extract_activations("toy-net", toy, "new/folder/out.h5", weights="random", seed=3)
    with xr.open_dataset(path, engine="h5netcdf") as data:
        assert list(data.stimulus.values) == list(toy_recordings().stimuli.ids)
        assert data["first"].dims == ("stimulus", "first axis 1", "first axis 2", "first axis 3")
        assert data["first"].shape == (80, 8, 8, 8)
        assert data["first"].dtype == np.float32
        about = data.attrs
    assert about.items() >= {"format": "itbench activations 1", "model": "toy-net", "weights": "random-3",
                             "images": "toy", "preprocessing": "x / 255", "precision": "float32", "pool": "none",
                             "device": "cpu"}.items()  # fmt: skip
    assert about["stimuli_digest"] == toy_recordings().stimuli.content_digest()
    assert len(about["weights_digest"]) == 64
    assert json.loads(about["versions"])["torch"] == torch.__version__.partition("+")[0]
    assert time.mktime(time.strptime(about["date"][:19], "%Y-%m-%dT%H:%M:%S")) <= time.time()


@pytest.mark.parametrize("compress", [False, True])
def test_checksums_are_those_of_the_values(compress, toy):
    extracted("toy-net", toy, weights="random", compress=compress)
    with h5py.File("out.h5") as file:
        for layer in ("first", "second"):
            assert file[layer].attrs["crc32"] == zlib.crc32(file[layer][:])


def test_a_compressed_file_holds_the_same_in_less(toy):
    plain = extracted("toy", toy, "good")
    compressed = extracted("toy", toy, "good", compress=True, output="small.h5")
    np.testing.assert_array_equal(compressed["good"], plain["good"])
    with h5py.File("small.h5") as small, h5py.File("out.h5") as file:
        assert small["good"].id.get_storage_size() < file["good"].id.get_storage_size()
        assert dict(small["good"].attrs)["crc32"] == dict(file["good"].attrs)["crc32"]
        assert list(small["stimulus"].asstr()) == list(file["stimulus"].asstr())
    assert sorted(path.name for path in Path().iterdir()) == ["out.h5", "small.h5"]


def test_a_value_that_is_no_number_names_layer_and_image(toy):
    stimuli = toy_recordings().stimuli
    bad = stimuli.ids[int(np.argmax(stimuli.images[:, 0, 0, 0] / 255 > 0.9))]
    with pytest.raises(BadActivations, match=f"Layer 'good' gave NaN or infinity for the image {bad}"):
        extracted("toy-nan", toy, batch_size=1)


def test_large_values_whose_sum_is_none_are_kept():
    values = np.full((20, 4), 3e38, np.float32)
    with partial_file(Path("out.h5"), IDS, {"x": (4,)}, {}, {}) as file, np.errstate(over="ignore"):
        file.put(slice(0, 20), {"x": values})
        file.finish()
    with h5py.File("out.h5") as written:
        np.testing.assert_array_equal(written["x"][:], values)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("growing", r"Layer 'x' gave \(8, 20\) for the images image\d+ … image\d+"),
        ("one-buffer", "Layer 'x' gave two batches in the same memory"),
    ],
)
def test_layers_that_break_a_rule_are_named(model, said, toy):
    with pytest.raises(BadActivations, match=said):
        extracted(model, toy, batch_size=8 if model == "growing" else 4)


def test_what_was_written_before_a_model_took_its_memory_again_is_right(toy):
    with pytest.raises(BadActivations):
        extracted("one-buffer", toy, batch_size=4)
    first = toy_recordings().stimuli.images[:4].reshape(4, -1)[:, :10] / np.float32(255)
    with h5py.File("out.h5.partial") as file:
        np.testing.assert_array_equal(file["x"][:4], first)


def test_a_slash_in_a_layers_name_becomes_a_colon(toy):
    values = extracted("slashes", toy, "a/b", "a")
    assert set(values) == {"a:b", "a"}
    with h5py.File("out.h5") as file:
        assert file["a:b"].attrs["layer"] == "a/b"


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (["a/b", "a:b"], "'a:b' cannot be written: a file has 'a:b' only once, and the layer 'a/b' takes it"),
        (["stimulus"], "'stimulus' cannot be written: a file has 'stimulus' only once and needs it for itself"),
    ],
)
def test_layers_that_a_file_cannot_tell_apart_are_refused(layers, said, toy):
    with pytest.raises(BadOption, match=said):
        extracted("slashes", toy, *layers)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("model", "layers", "error", "said"),
    [
        ("toy", ["god"], UnknownName, "unknown layer 'god'.\nDid you mean good"),
        ("toy", ["g*", "x*"], UnknownName, r"unknown layer pattern 'x\*'"),
        ("toy-tuple", ["pair"], BadActivations, "'pair' gives a tuple"),
        ("toi", [], UnknownName, "unknown model 'toi'"),
    ],
)
def test_unusable_layers_are_refused_before_work(model, layers, error, said, toy):
    with pytest.raises(error, match=said):
        extracted(model, toy, *layers, weights="random")
    assert list(Path().iterdir()) == []


def test_patterns_stand_for_layers_and_candidates_for_none(toy):
    assert set(extracted("toy", toy, "g*")) == {"good"}
    assert set(extracted("toy", toy, replace=True)) == {"good", "noise"}


@pytest.mark.slow
def test_names_and_paths_give_the_same_activations(toy, home):
    images = [toy, home / "data" / "toy.h5", "toy"]
    by = [extracted("toy", source, "good", output=f"{n}.h5")["good"] for n, source in enumerate(images)]
    for values in by[1:]:
        np.testing.assert_array_equal(values, by[0])


def test_a_benchmarks_degrees_are_those_that_are_scored(toy):
    toy.write_text(toy.read_text() + "degrees: 8\n")
    small = ExtractionSettings(degrees=4)
    path = extract_activations("toy-net", toy, "out.h5", layers=["first"], weights="random", settings=small)
    with h5py.File(path) as file:
        assert file["first"].shape == (80, 8, 4, 4)  # half of 8 × 8 pixels, cropped
        assert file.attrs["degrees"] == "8° cropped to 4°"
    with pytest.raises(BadOption, match="--degrees needs a benchmark that says how large"):
        extract_activations("toy-net", "toy", "b.h5", layers=["first"], weights="random", settings=small)
