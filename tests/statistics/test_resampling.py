"""Resampling of held-out rows: what is drawn together, how often, and means and medians of what is finite."""

import warnings

import numpy as np
import pytest

from itbench.statistics.resampling import HeldOutRows, ImageSums, mean, median, scorable


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


@pytest.mark.parametrize("clusters", [[5, 3, 9, 3], ["cow", "ant", "owl", "ant"]], ids=["numbers", "names"])
def test_rows_of_one_cluster_have_one_number_in_all_splits(clusters):
    rows = HeldOutRows.of(clusters, [0, 2, 0, 2])
    assert rows.cluster.tolist() == [1, 0, 2, 0]
    assert [part.tolist() for part in rows.parts] == [[0, 2], [1, 3]]
    assert rows.n == 3


def test_a_draw_has_as_many_clusters_as_there_are_whatever_their_split():
    """As multinomial counts: a split has now more of them, now fewer."""
    rows = HeldOutRows.of(np.repeat(np.arange(12), 2), np.repeat([0, 1], [8, 16]))
    counts = rows.draw(20_000, np.random.default_rng(0))
    assert set(counts.sum(axis=1)) == {12}
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(counts.var(axis=0), 1 - 1 / 12, rtol=0.05)
    np.testing.assert_allclose(counts[:, :4].sum(axis=1).var(), 12 * (1 / 3) * (2 / 3), rtol=0.05)


def test_sums_of_squares_and_their_share_of_noise_are_those_of_the_images_drawn():
    """Also where one image of a split is drawn, or none: nothing varies there."""
    rng = np.random.default_rng(0)
    rows = HeldOutRows.of(np.arange(9), np.repeat([0, 1], [5, 4]))
    recorded, predicted = rng.standard_normal((2, 9, 3)) + 4
    predicted[:, 2] = 0.7
    noise = rng.random((9, 3))
    counts = np.array(
        [[1] * 9, [2, 0, 3, 1, 0, 0, 2, 1, 0], [5, 2, 1, 0, 0, 0, 1, 0, 0], [4, 5, 0, 0, 0, 0, 0, 0, 0]], float
    )
    sums = ImageSums(rows, recorded, predicted, noise)
    squares = sums.squares(counts)
    pooled, share = squares.pooled(), sums.noise_share(counts, squares.pooled().recorded)
    for draw, count in enumerate(counts.astype(int)):
        total, of_noise = np.zeros((3, 3)), np.zeros(3)
        for number, part in enumerate(rows.parts):
            drawn = np.repeat(part, count[part])
            y, f = (
                values[drawn] - (values[drawn].mean(axis=0) if len(drawn) else 0) for values in (recorded, predicted)
            )
            own = np.array([(y * y).sum(axis=0), (f * f).sum(axis=0), (y * f).sum(axis=0)])
            np.testing.assert_allclose([each[draw, number] for each in squares], own, atol=1e-12)
            if len(drawn) < 2:
                assert not any(each[draw, number].any() for each in squares)
            total += own
            weight = count[part][:, None]
            of_noise += (weight * noise[part]).sum(axis=0) - (weight**2 * noise[part]).sum(axis=0) / max(len(drawn), 1)
        np.testing.assert_allclose(pooled.explained_variance()[draw], (2 * total[2] - total[1]) / total[0], atol=1e-12)
        r = np.append(total[2, :2] / np.sqrt(total[0, :2] * total[1, :2]), 0)
        np.testing.assert_allclose(pooled.correlation()[draw], r, atol=1e-12)
        np.testing.assert_allclose(share[draw], of_noise / total[0])
    none = ImageSums(rows, np.ones((9, 3)), predicted, noise).squares(counts)
    assert np.isnan(none.explained_variance()).all()
    assert np.isnan(none.correlation()).all()
    assert np.isnan(sums.noise_share(counts, np.zeros((4, 3)))).all()


def test_sites_that_cannot_be_resampled_vary_in_no_split_or_lack_a_value():
    rng = np.random.default_rng(0)
    rows = HeldOutRows.of(np.arange(8), np.arange(8) % 2)
    recorded, predicted = rng.standard_normal((2, 8, 5))
    recorded[::2, 1] = 3.0  # constant in one split
    recorded[3, 2] = np.nan
    predicted[7, 3] = np.inf
    predicted[:, 4] = 0.0  # a constant prediction is one
    assert scorable(recorded, predicted, rows).tolist() == [True, False, False, False, True]
