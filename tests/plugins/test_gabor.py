"""The model of V1: what its filters answer to gratings is known in closed form."""

import numpy as np
import pytest

from itbench.models.weights import Weights
from itbench.plugins import load_plugins

ORIENTATIONS, FREQUENCIES = 8, (1, 2, 4, 8, 16, 32)
SIGMA = 3 / np.pi * np.sqrt(np.log(2) / 2)  # cycles
INSIDE = [4, 8, 16, 32]  # frequencies that have filters which the image's edge does not cut


@pytest.fixture(scope="module")
def model():
    return load_plugins().model("gabor").factory(Weights("none"))


def energies(model, images):
    """Return the energy (batch, orientation, y, x) of every frequency."""
    flat = model.activations(images, ["complex"])["complex"]
    ends = np.cumsum([0, *(ORIENTATIONS * frequency**2 for frequency in FREQUENCIES)])
    return {
        frequency: flat[:, start:end].reshape(-1, ORIENTATIONS, frequency, frequency)
        for frequency, start, end in zip(FREQUENCIES, ends[:-1], ends[1:], strict=True)
    }


def central(energy):
    """Return the answers (batch, orientation) of the filters next to the centre."""
    middle = energy.shape[-1] // 2
    return energy[:, :, middle, middle]


def grating(frequency, angle, phase=0.0, pixels=128):
    """Draw a grating of full contrast: float32 images (1, y, x, 3) in 0…255; `frequency` in cycles per image."""
    place = (np.arange(pixels) + 0.5) / pixels
    along = np.cos(angle) * place + np.sin(angle) * place[:, None]
    wave = 127.5 * (1 + np.cos(2 * np.pi * frequency * along + phase))
    return np.repeat(wave[None, :, :, None], 3, axis=3).astype(np.float32)


@pytest.mark.parametrize("pixels", [128, 256])
@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
@pytest.mark.parametrize("frequency", [2, *INSIDE])
def test_a_grating_drives_its_own_filter_most(model, frequency, orientation, pixels):
    image = grating(frequency, np.pi * orientation / ORIENTATIONS, pixels=pixels)
    answers = {(other, angle): value for other, energy in energies(model, image).items()
               for angle, value in enumerate(central(energy)[0])}  # fmt: skip
    assert max(answers, key=answers.get) == (frequency, orientation)


@pytest.mark.parametrize("phase", np.linspace(0, 2 * np.pi, 7))
@pytest.mark.parametrize("frequency", INSIDE)
def test_energy_is_one_at_any_phase(model, frequency, phase):
    for orientation in range(ORIENTATIONS):
        image = grating(frequency, np.pi * orientation / ORIENTATIONS, phase)
        energy = central(energies(model, image)[frequency])[0, orientation]
        assert energy == pytest.approx(1, abs=0.015)


@pytest.mark.parametrize("ratio", [0.5, 2 / 3, 0.9, 1.0, 1.2, 4 / 3, 1.6])
def test_tuning_to_frequency_is_a_gaussian_of_one_octave(model, ratio):
    energy = central(energies(model, grating(8 * ratio, np.pi / 4))[8])[0, 2]
    assert energy == pytest.approx(np.exp(-2 * (np.pi * SIGMA * (ratio - 1)) ** 2), abs=0.005)
    if ratio in (2 / 3, 4 / 3):
        assert energy == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("degrees", [0, 10, 22.5, 45, 90])
def test_tuning_to_orientation_is_a_gaussian(model, degrees):
    energy = central(energies(model, grating(8, np.deg2rad(degrees)))[8])[0, 0]
    distance = 2 * np.sin(np.deg2rad(degrees) / 2)  # of the wave vectors, in units of the frequency
    assert energy == pytest.approx(np.exp(-2 * (np.pi * SIGMA * distance) ** 2), abs=0.005)


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_every_filter_is_the_two_dimensional_gabor(model, frequency):
    image = np.random.default_rng(0).uniform(0, 255, (1, 128, 128, 3)).astype(np.float32)
    luminance = image[0] @ [0.299, 0.587, 0.114] / 255 - 0.5
    place = (np.arange(128) + 0.5) / 128
    found = energies(model, image)[frequency][0]
    for index in np.random.default_rng(1).choice(found.size, min(found.size, 40), replace=False):
        orientation, y, x = np.unravel_index(index, found.shape)
        angle = np.pi * orientation / ORIENTATIONS
        across, down = (frequency * (place - (centre + 0.5) / frequency) for centre in (x, y))
        envelope = np.exp(-(across**2 + down[:, None] ** 2) / (2 * SIGMA**2))
        wave = np.exp(2j * np.pi * (np.cos(angle) * across + np.sin(angle) * down[:, None]))
        whole = 2 * np.pi * (SIGMA * 128 / frequency) ** 2  # sum of an envelope that nothing cuts
        expected = 4 / whole * abs((luminance * envelope * wave).sum())
        assert found[orientation, y, x] == pytest.approx(expected, abs=1e-5)


def test_simple_cells_are_the_rectified_phases_of_complex_ones(model):
    images = np.random.default_rng(1).integers(0, 256, (3, 60, 90, 3), dtype=np.uint8)
    cells = model.activations(images, ["simple", "complex"])
    phases = cells["simple"].reshape(3, 4, -1)
    assert phases.min() == 0
    assert (np.minimum(phases[:, :2], phases[:, 2:]) == 0).all()  # opposite phases never fire together
    np.testing.assert_allclose((phases**2).sum(axis=1), cells["complex"] ** 2, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("pixels", [64, 96, 128])
def test_the_size_of_the_image_does_not_matter(model, pixels):
    small = np.random.default_rng(2).integers(0, 256, (2, pixels, pixels, 3), dtype=np.uint8)
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    first, second = (model.activations(images, ["complex"])["complex"] for images in (small, large))
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_grey_is_silence_and_colour_is_not_seen(model):
    grey = np.full((1, 32, 32, 3), 127.5, np.float32)
    assert np.abs(model.activations(grey, ["complex"])["complex"]).max() < 1e-5
    red = np.zeros((1, 32, 32, 3), np.float32)
    red[..., 0] = 255
    as_bright = np.full_like(red, 0.299 * 255)
    first, second = (model.activations(image, ["simple"])["simple"] for image in (red, as_bright))
    np.testing.assert_allclose(first, second, atol=1e-5)
