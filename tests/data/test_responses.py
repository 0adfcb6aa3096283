"""Responses: labelled, averaged over the repetitions that there are."""

import numpy as np

from itbench.data.responses import make_responses, mean_over_repetitions, repetitions_per_stimulus

NAN = np.nan
VALUES = np.array([[[1.0, NAN], [2.0, NAN]], [[3.0, 5.0], [NAN, NAN]]])  # (repetition, stimulus, site)


def test_repetitions_are_averaged_where_there_are_any():
    mean = mean_over_repetitions(make_responses(VALUES, ["a", "b"]))
    np.testing.assert_array_equal(mean, [[2.0, 5.0], [2.0, NAN]])


def test_repetitions_are_counted_where_they_are_fewest_and_most():
    assert repetitions_per_stimulus(make_responses(VALUES, ["a", "b"])) == (0, 2)
    assert repetitions_per_stimulus(make_responses(VALUES[:, :, :1], ["a", "b"])) == (1, 2)


def test_the_order_of_the_axes_does_not_matter():
    turned = make_responses(VALUES, ["a", "b"]).transpose("site", "repetition", "stimulus")
    np.testing.assert_array_equal(mean_over_repetitions(turned), [[2.0, 5.0], [2.0, NAN]])


def test_one_repetition_needs_no_axis_and_sites_are_numbered():
    responses = make_responses(VALUES[0], ["a", "b"], region="V4")
    assert responses.dims == ("repetition", "stimulus", "site")
    assert responses["site"].values.tolist() == ["site000", "site001"]
    assert responses.attrs == {"region": "V4"}
