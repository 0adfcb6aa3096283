import numpy as np
import pytest

from itbench import Gram

FEATURES = np.random.default_rng(0).standard_normal((6, 9))
IDS = list("abcdef")


def same(gram, features, ids):
    np.testing.assert_allclose(gram.matrix, features @ features.T)
    np.testing.assert_allclose(gram.row_sums, features.sum(axis=1))
    assert (gram.n_features, gram.stimulus_ids) == (features.shape[1], tuple(ids))


def test_taking_rows_is_taking_images_in_that_order():
    rows = np.array([4, 0, 5])
    same(Gram.from_features(FEATURES, IDS).take(rows), FEATURES[rows], "eaf")


def test_adding_is_laying_features_side_by_side():
    left, right = FEATURES[:, :4], FEATURES[:, 4:]
    same(Gram.from_features(left, IDS) + Gram.from_features(right, IDS), FEATURES, IDS)


def test_grams_of_other_images_are_not_added():
    with pytest.raises(ValueError, match="different stimuli"):
        Gram.from_features(FEATURES, IDS) + Gram.from_features(FEATURES, IDS[::-1])


@pytest.mark.parametrize(("matrix", "row_sums"), [(3, 3), (3, 2), (2, 3)])
def test_a_matrix_and_ids_that_do_not_fit_are_refused(matrix, row_sums):
    with pytest.raises(ValueError, match="a Gram of 2 stimuli"):
        Gram(np.eye(matrix), np.ones(row_sums), 1, ("a", "b"))
