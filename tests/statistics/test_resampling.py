"""Resampling of held-out rows: which images may stand for one another, and means and medians of what is finite."""

import warnings

import numpy as np
import pytest

from itbench.statistics.resampling import HeldOutRows, mean, median, scorable


@pytest.mark.parametrize(("ours", "theirs"), [(mean, np.nanmean), (median, np.nanmedian)])
@pytest.mark.parametrize("sites", [1, 2, 5])
def test_averages_are_numpys_of_the_finite_values(ours, theirs, sites):
    """With 0, 1, 2, … finite values of a draw."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((4, sites + 1, sites))
    for finite in range(sites + 1):
        values[:, finite, rng.permutation(sites)[finite:]] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy warns of a mean of nothing
        expected = theirs(values, axis=-1)
    assert np.isnan(expected[:, 0]).all()
    np.testing.assert_allclose(ours(values), expected, rtol=1e-12)


def test_images_of_one_split_stand_for_one_another():
    stimulus, split = np.array([7, 3, 9, 1, 4, 5]), np.array([2, 0, 2, 0, 0, 2])
    rows = HeldOutRows.of(stimulus, split)
    assert sorted(rows.image.tolist()) == list(range(6))
    assert [part.tolist() for part in rows.parts] == [[1, 3, 4], [0, 2, 5]]
    for part in rows.parts:
        images = rows.image[part]
        assert set(rows.first[images]) == {images.min()}
        assert set(rows.size[images]) == {3}
        assert sorted(images.tolist()) == list(range(images.min(), images.min() + 3))


def test_all_images_stand_for_one_another_where_one_is_tested_twice():
    rows = HeldOutRows.of([5, 3, 9, 3], [0, 0, 1, 1])
    assert rows.image.tolist() == [1, 0, 2, 0]
    assert rows.first.tolist() == [0, 0, 0]
    assert rows.size.tolist() == [3, 3, 3]


def test_a_draw_has_as_many_images_as_there_are_and_each_equally_often():
    rows = HeldOutRows.of(np.arange(12), np.repeat([0, 1], [4, 8]))
    counts = rows.draw(20_000, np.random.default_rng(0))
    assert set(counts[:, :4].sum(axis=1)) == {4}
    assert set(counts[:, 4:].sum(axis=1)) == {8}
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(counts.var(axis=0), 1 - 1 / rows.size, rtol=0.05)  # binomial


def test_sites_that_cannot_be_resampled_vary_in_no_split_or_lack_a_value():
    rng = np.random.default_rng(0)
    rows = HeldOutRows.of(np.arange(8), np.arange(8) % 2)
    recorded, predicted = rng.standard_normal((2, 8, 5))
    recorded[::2, 1] = 3.0  # constant in one split
    recorded[3, 2] = np.nan
    predicted[7, 3] = np.inf
    predicted[:, 4] = 0.0  # a constant prediction is one
    assert scorable(recorded, predicted, rows).tolist() == [True, False, False, False, True]
