"""Bounds on what a model can score on the dissimilarities of several subjects, against rsatoolbox."""

import warnings

import numpy as np
import pytest
from rsatoolbox.inference import boot_noise_ceiling
from rsatoolbox.rdm import RDMs
from scipy.stats import kendalltau

from itbench.errors import BadRecordings, UnknownName
from itbench.statistics.noise_ceiling import rdm_ceiling
from tests.kit.subjects import subjects


@pytest.mark.parametrize(
    ("method", "theirs", "compare"),
    [
        ("pearson", "corr", None),
        ("spearman", "spearman", None),
        ("cosine", "cosine", None),
        ("spearman", "kendall", lambda one, other: kendalltau(one, other).statistic),
    ],
)
@pytest.mark.parametrize("n", [2, 5])
def test_bounds_are_those_of_rsatoolbox(method, theirs, compare, n):
    rdms = subjects(n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Kendall's bound is of averaged ranks
        expected = boot_noise_ceiling(RDMs(rdms), method=theirs)
    np.testing.assert_allclose(rdm_ceiling(rdms, method, compare), expected, rtol=1e-9)


def test_no_model_exceeds_the_upper_bound():
    rdms = subjects()
    _, upper = rdm_ceiling(rdms)

    def score(model):
        return np.mean([np.corrcoef(model, rdm)[0, 1] for rdm in rdms])

    standard = ((rdms - rdms.mean(axis=1, keepdims=True)) / rdms.std(axis=1, keepdims=True)).mean(axis=0)
    assert score(standard) == pytest.approx(upper)
    rng = np.random.default_rng(0)
    assert all(score(standard + 0.05 * rng.standard_normal(standard.shape)) < upper for _ in range(50))
    assert score(rdms.mean(axis=0)) < upper  # without standardising, the loudest subject counts most


@pytest.mark.parametrize("method", ["pearson", "spearman", "cosine"])
def test_equal_subjects_leave_no_room_and_unlike_ones_much(method):
    one = subjects(1)
    np.testing.assert_allclose(rdm_ceiling(np.repeat(one, 3, axis=0), method), 1)
    lower, upper = rdm_ceiling(subjects(noise=5.0), method)
    assert lower < upper - 0.01


@pytest.mark.parametrize(
    ("rdms", "message"),
    [
        (subjects(1), "1 subject have no ceiling"),
        (np.vstack([subjects(2), np.full(91, 0.5)]), "subject 2 are missing in part, or all equal"),
        (np.vstack([np.full(91, np.nan), subjects(2)]), "subject 0 are missing in part, or all equal"),
    ],
    ids=["one", "equal", "missing"],
)
def test_subjects_that_have_no_bounds_are_refused(rdms, message):
    with pytest.raises(BadRecordings, match=message):
        rdm_ceiling(rdms)


def test_an_unknown_method_is_refused_with_those_known():
    with pytest.raises(UnknownName, match="Did you mean pearson"):
        rdm_ceiling(subjects(), "person")
