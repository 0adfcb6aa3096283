"""Plots of images: predicted and recorded responses of a site, best and worst images, and a montage."""

import numpy as np
import pytest

import itbench
from itbench.errors import BadOption, BadScore, UnknownName
from tests.kit.artists import line, xy


def test_predictions_draws_one_site_with_its_best_and_worst_images(good, recordings, recorded):
    left, right = itbench.plot.predictions(good, site="site007", benchmark=recordings).axes
    predicted = np.empty(80)
    predicted[good["row_stimulus"].values] = good["predictions"].values[:, 7]
    np.testing.assert_allclose(xy(left.lines[0]), [predicted, recorded[:, 7]])
    order = np.argsort(np.abs(predicted - recorded[:, 7]), kind="stable")
    np.testing.assert_allclose(xy(line(left, "best predicted")), [predicted[order[:4]], recorded[order[:4], 7]])
    np.testing.assert_allclose(xy(line(left, "worst predicted"))[1], recorded[order[::-1][:4], 7])
    shown = [image.get_array() for image in right.images]
    expected = recordings.stimuli.images[:][[*order[:4], *order[::-1][:4]]]
    np.testing.assert_array_equal(shown, expected)
    assert (left.get_xlabel(), left.get_ylabel()) == ("predicted response", "recorded response")


def test_predictions_shows_the_site_of_the_median_ev(good, recordings):
    figure = itbench.plot.predictions(good, benchmark=recordings)
    total = good["sst"].values
    ev = 1 - ((1 - good["explained_variance"].values[:, 1]) * total).sum(axis=0) / total.sum(axis=0)
    order = np.argsort(ev)[:11]  # the site without a value comes last
    assert f"toy, site{order[5]:03d}, EV {ev[order[5]]:.3f}" in figure.get_suptitle()


def test_predictions_of_several_splits_are_averaged(make, recordings):
    whole = make(0.8, 3)
    rows = np.arange(80)
    twice = whole.isel(row=np.concatenate([rows, rows]))
    twice["predictions"][80:] += 2
    left, _ = itbench.plot.predictions(twice, site="site007", benchmark=recordings).axes
    once, _ = itbench.plot.predictions(whole, site="site007", benchmark=recordings).axes
    np.testing.assert_allclose(xy(left.lines[0])[0], xy(once.lines[0])[0] + 1, rtol=1e-6)


def test_what_predictions_lacks_is_said(good, make, recordings):
    with pytest.raises(BadScore, match="holds no predictions"):
        itbench.plot.predictions(make(keep=False), benchmark=recordings)
    with pytest.raises(UnknownName, match="site007"):
        itbench.plot.predictions(good, site="site7", benchmark=recordings)
    with pytest.raises(BadScore, match="site003 of good:pretrained is not scored"):
        itbench.plot.predictions(good, site="site003", benchmark=recordings)


def test_montage_shows_as_many_images_of_every_category(recordings):
    (axes,) = itbench.plot.montage(recordings, n=6).axes
    shown = np.array([image.get_array() for image in axes.images])
    images, category = recordings.stimuli.images[:], recordings.stimuli.metadata["category"]
    expected = [images[category == kind][[0, 20, 39]] for kind in ("cat", "dog")]
    np.testing.assert_array_equal(shown, np.concatenate(expected))
    assert [text.get_text() for text in axes.texts] == ["cat", "dog"]
    assert axes.get_title(loc="left") == "toy: 6 of 80 images, by category"


def test_montage_of_a_score_shows_its_benchmark(good, recordings):
    (axes,) = itbench.plot.montage(good, n=2, benchmark=recordings).axes
    assert len(axes.images) == 2
    with pytest.raises(UnknownName, match="category"):
        itbench.plot.montage(recordings, by="colour")
    with pytest.raises(BadOption, match="category has 2 values; this plot shows 1"):
        itbench.plot.montage(recordings, n=1, by="category")
    with pytest.raises(BadOption, match="At least 1"):
        itbench.plot.montage(recordings, n=0)
