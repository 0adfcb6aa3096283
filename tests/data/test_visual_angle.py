"""Visual angle: images padded on grey or cropped, only when asked, and on record."""

import json

import numpy as np
import pytest

from itbench import BadOption, load_plugins
from itbench.api.score import score_model
from itbench.data.stimuli import GREY, StimulusSet, at_degrees, degrees_label
from itbench.extraction.forward import ExtractionSettings
from tests.kit.commands import run

IMAGES = np.random.default_rng(0).integers(0, 250, (5, 8, 6, 3), dtype=np.uint8)
STIMULI = StimulusSet(tuple("abcde"), IMAGES)


def test_a_larger_angle_pads_on_grey_around_the_centre():
    seen = at_degrees(STIMULI, 8, 16).images
    assert seen.shape == (5, 16, 12, 3)
    framed = seen[1:4]
    np.testing.assert_array_equal(framed[:, 4:12, 3:9], IMAGES[1:4])
    framed[:, 4:12, 3:9] = GREY
    assert (framed == GREY).all()
    assert framed.dtype == np.uint8


def test_a_smaller_angle_crops_around_the_centre():
    np.testing.assert_array_equal(at_degrees(STIMULI, 8, 4).images[0:5], IMAGES[:, 2:6, 1:4])  # 3 of 6, from 1


def test_there_and_back_is_the_image():
    there = at_degrees(STIMULI, 8, 12)
    np.testing.assert_array_equal(at_degrees(there, 12, 8).images[0:5], IMAGES)


@pytest.mark.parametrize("expected", [0.1, 1000])
def test_angles_that_were_mistyped_are_refused(expected):
    with pytest.raises(BadOption, match="beyond 16"):
        at_degrees(STIMULI, 8, expected)


def test_the_label_says_what_was_done():
    assert (degrees_label(8, 10), degrees_label(8, 6.5)) == ("8° padded to 10°", "8° cropped to 6.5°")


PLUGIN = """
from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    register("near", build, layers=("pixels",), weights=(), degrees=4)


def build(weights):
    return FunctionModel(lambda images: {"pixels": images / 255}, layers=("pixels",), identity="near 1")
"""


@pytest.fixture
def near(toy, home):
    (home / "near.py").write_text(PLUGIN)
    toy.write_text(toy.read_text() + "degrees: 8\n")
    return load_plugins([home / "near.py"])


def features(score):
    return int(score.n_features[0]), json.loads(score.attrs["provenance"])["degrees"]


def test_by_default_nothing_is_done(toy, near):
    assert features(score_model("pixels", str(toy))) == (8 * 8 * 3, "")


def test_what_the_model_expects_is_done_and_recorded(toy, near):
    assert features(score_model("near", str(toy), registry=near)) == (4 * 4 * 3, "8° cropped to 4°")


def test_the_user_has_the_last_word_and_the_cache_knows_the_difference(toy, near):
    cropped = score_model("near", str(toy), registry=near)
    padded = score_model("near", str(toy), registry=near, settings=ExtractionSettings(degrees=12))
    assert features(padded) == (12 * 12 * 3, "8° padded to 12°")
    assert cropped.attrs["file_stem"] != padded.attrs["file_stem"]


def test_padding_adds_no_information_to_pixels(toy, near):
    plain = score_model("pixels", str(toy))
    padded = score_model("pixels", str(toy), settings=ExtractionSettings(degrees=12))
    np.testing.assert_allclose(padded.explained_variance, plain.explained_variance, atol=1e-6)


def test_a_benchmark_that_does_not_say_cannot_be_scored_at_an_angle(toy):
    refused = run("score", "-m", "pixels", "-b", toy, "--degrees", "10")
    assert refused.exit_code == 1
    assert "degrees: 8" in refused.stderr
