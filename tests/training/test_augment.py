"""Changes of training images: closed forms of each, and a function of nothing but batch and seed."""

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from itbench.errors import UnknownName
from itbench.models.recipe import AUGMENTATIONS
from itbench.training.augment import Augment


def images(n=8, height=21, width=34, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, 3, height, width), np.float32))


def deltas(n=2000, size=21):
    """Black images with one white pixel in the middle."""
    found = torch.zeros(n, 3, size, size)
    found[:, :, size // 2, size // 2] = 1
    return found


def places(batch):
    """Return where the white pixel is, less the middle: (batch, 2)."""
    found = np.argwhere(batch[:, 0].numpy() == 1)
    assert len(found) == len(batch)
    return found[:, 1:] - batch.shape[2] // 2


def colour_by_steps(batch, seed, strength=0.2):
    """Saturation, then contrast, then brightness, in float64."""
    x = batch.double().numpy()
    drawn = strength * (2 * np.random.default_rng(seed).random((len(x), 6))[:, 3:, None, None, None] - 1)
    k, c, b = drawn.transpose(1, 0, 2, 3, 4)
    grey = x.mean(axis=1, keepdims=True)
    mean, deviation = (of(axis=(1, 2, 3), keepdims=True) for of in (grey.mean, grey.std))
    saturated = x + k * (x - grey)
    return saturated + c * (saturated - mean) + b * deviation


def test_nothing_asked_for_changes_nothing():
    assert torch.equal(Augment([])(images(), 3), images())


@pytest.mark.parametrize("augment", [Augment(["shift"], reach=0), Augment(["colour"], strength=0)])
def test_changes_by_nothing_are_the_identity(augment):
    for seed in range(5):
        assert torch.equal(augment(images(), seed), images())


@pytest.mark.parametrize(("size", "reach", "most"), [(21, 0.05, 2), (20, 0.05, 1), (9, 0.05, 1), (21, 0.3, 7)])
def test_shifts_move_a_point_by_every_number_of_pixels_equally_often(size, reach, most):
    moved = places(Augment(["shift"], reach=reach)(deltas(size=size), 0))
    shifts, counts = np.unique(moved, axis=0, return_counts=True)
    each = np.arange(-most, most + 1)
    np.testing.assert_array_equal(shifts, [(y, x) for y in each for x in each])
    expected = len(moved) / len(shifts)
    assert ((counts - expected) ** 2 / expected).sum() < len(shifts) + 5 * (2 * len(shifts)) ** 0.5  # χ²


def test_shifts_repeat_the_edges():
    batch = images(50)
    points = torch.zeros_like(batch)
    points[:, :, 10, 17] = 1
    augment = Augment(["shift"], reach=0.2)
    shifted = augment(batch, 4)
    for image, result, (y, x) in zip(batch, shifted, np.argwhere(augment(points, 4)[:, 0].numpy())[:, 1:], strict=True):
        down, right = y - 10, x - 17
        padded = pad(image[None], (7, 7, 7, 7), mode="replicate")[0]
        assert torch.equal(result, padded[:, 7 - down : 7 - down + 21, 7 - right : 7 - right + 34])


def test_flips_are_their_own_inverse_and_mirror_half_of_the_images():
    batch, augment = images(1000, 5, 4), Augment(["flip"])
    flipped = augment(batch, 7)
    assert torch.equal(augment(flipped, 7), batch)
    mirrored = [torch.equal(one, other.flip(2)) for one, other in zip(flipped, batch, strict=True)]
    same = [torch.equal(one, other) for one, other in zip(flipped, batch, strict=True)]
    assert np.logical_xor(mirrored, same).all()
    assert 0.45 < np.mean(mirrored) < 0.55


def test_colours_are_saturation_then_contrast_then_brightness():
    changed = Augment(["colour"])(images(), 5)
    np.testing.assert_allclose(changed.numpy(), colour_by_steps(images(), 5), atol=1e-5)
    assert (changed - images()).abs().max() > 0.1


@pytest.mark.parametrize(("scale", "offset"), [(60.0, 120.0), (0.2, 0.5)])
def test_colours_do_not_depend_on_the_normalisation(scale, offset):
    augment = Augment(["colour"])
    expected = scale * augment(images(), 1) + offset
    np.testing.assert_allclose(augment(scale * images() + offset, 1), expected, atol=1e-5 * (scale + offset))


def test_colours_leave_a_plain_grey_image_alone():
    plain = torch.full((4, 3, 8, 8), 0.7)
    np.testing.assert_allclose(Augment(["colour"])(plain, 0), plain, atol=1e-6)


def test_changes_together_are_shift_then_flip_then_colour():
    one_by_one = images()
    for kind in AUGMENTATIONS:
        one_by_one = Augment([kind])(one_by_one, 11)
    assert torch.equal(Augment(["colour", "flip", "shift"])(images(), 11), one_by_one)


@pytest.mark.parametrize("kinds", [[kind] for kind in AUGMENTATIONS] + [list(AUGMENTATIONS)], ids="+".join)
class TestEvery:
    def test_the_same_seed_gives_the_same_to_the_bit(self, kinds):
        assert torch.equal(Augment(kinds)(images(), 3), Augment(kinds)(images(), 3))
        assert torch.equal(Augment(kinds)(images(), [3, 1]), Augment(kinds)(images(), [3, 1]))

    def test_another_seed_gives_others(self, kinds):
        results = [Augment(kinds)(images(), seed) for seed in (0, 1, [0, 1], [1, 1])]
        for number, result in enumerate(results):
            assert not any(torch.equal(result, other) for other in results[:number])

    def test_images_are_changed_differently(self, kinds):
        same = images(1).expand(8, -1, -1, -1)
        assert len({tuple(image.flatten().tolist()) for image in Augment(kinds)(same, 0)}) > 1

    def test_a_image_does_not_depend_on_the_others(self, kinds):
        others = images(seed=1)
        others[2] = images()[2]
        assert torch.equal(Augment(kinds)(others, 3)[2], Augment(kinds)(images(), 3)[2])
        np.testing.assert_allclose(Augment(kinds)(images()[:3], 3), Augment(kinds)(images(), 3)[:3], atol=1e-6)

    def test_what_is_given_is_not_overwritten(self, kinds):
        batch = images()
        Augment(kinds)(batch, 3)
        assert torch.equal(batch, images())

    @pytest.mark.parametrize("value", [0.0, 1e-30, 255.0, -3e4])
    def test_plain_images_stay_finite(self, kinds, value):
        assert torch.isfinite(Augment(kinds)(torch.full((4, 3, 6, 6), value), 0)).all()

    def test_memory_format_does_not_matter(self, kinds):
        last = images().contiguous(memory_format=torch.channels_last)
        results = [Augment(kinds)(batch, 3) for batch in (last, images())]
        np.testing.assert_allclose(*results, atol=1e-6)
        assert all(result.is_contiguous(memory_format=torch.channels_last) for result in results)
        assert results[0].dtype == torch.float32


def test_unknown_kinds_are_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean colour"):
        Augment(["shift", "color"])
