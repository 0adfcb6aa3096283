"""Similarities from Grams, against rsatoolbox, scipy and closed forms on raw features; and with images left out."""

import numpy as np
import pytest
import rsatoolbox
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist, squareform

from itbench import Gram
from itbench.errors import UnknownName
from itbench.metrics.cka import centred_alignment, check_estimator
from itbench.metrics.procrustes import procrustes_similarity
from itbench.metrics.rank_correlation import concordance, smaller_before
from itbench.metrics.rsa import check_comparison, compare_rdms

GROUPS = np.random.default_rng(5).permutation(np.arange(45) % 9)
THEIRS = {"pearson": "corr", "spearman": "spearman", "kendall": "tau-a", "cosine": "cosine", "whitened": "cosine_cov"}


def features(n=45, wide=70, sites=12, seed=0):
    """Activations, and responses that depend on them; both far from 0."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, wide)) + 3
    return x, x @ rng.standard_normal((wide, sites)) / 4 + rng.standard_normal((n, sites)) + 20


def remaining(n, groups):
    """Return the rows of all images, then those without each group."""
    return [np.arange(n), *(np.flatnonzero(groups != group) for group in range(groups.max() + 1))]


def centred(x):
    return x - x.mean(axis=0)


# ---- RDMs


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("compare", THEIRS)
def test_rdms_compare_as_in_rsatoolbox_with_any_group_left_out(compare, ties):
    one, other = (squareform(pdist(x, "sqeuclidean")) for x in features())
    if ties:
        one, other = np.round(one / 20), np.round(other / 40)
    oracle = []
    for rows in remaining(45, GROUPS):
        pair = [rsatoolbox.rdm.RDMs(squareform(rdm[np.ix_(rows, rows)])[None]) for rdm in (one, other)]
        oracle.append(rsatoolbox.rdm.compare(*pair, method=THEIRS[compare]).item())
    np.testing.assert_allclose(compare_rdms(one, other, compare, GROUPS), oracle, atol=1e-10)
    np.testing.assert_allclose(compare_rdms(one, other, compare), oracle[:1], atol=1e-10)


@pytest.mark.parametrize("compare", THEIRS)
def test_an_rdm_is_most_like_itself_and_one_without_variation_says_nothing(compare):
    rdm = squareform(pdist(features()[0]))
    assert compare_rdms(rdm, rdm, compare)[0] == pytest.approx(1)
    if compare not in ("cosine", "whitened"):
        assert compare_rdms(rdm, 1.0 - np.eye(45), compare)[0] == pytest.approx(0)


def test_concordance_is_the_sum_of_signs_with_and_without_ties():
    rng = np.random.default_rng(0)
    for levels in (3, 20, 10**9):
        a, b = rng.integers(0, levels, (2, 130)).astype(float)
        signs = np.sign(a[:, None] - a) * np.sign(b[:, None] - b)
        np.testing.assert_array_equal(concordance(a, b), signs.sum(axis=1))


@pytest.mark.parametrize("m", [1, 2, 3, 8, 61, 128])
def test_smaller_before_counts_inversions(m):
    ranks = np.random.default_rng(m).permutation(m)
    np.testing.assert_array_equal(smaller_before(ranks), [(ranks[:i] < ranks[i]).sum() for i in range(m)])


# ---- centred kernel alignment


def biased(x, y):
    """Kornblith et al. (2019), eq. 5: on features."""
    x, y = centred(x), centred(y)
    return np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def debiased(x, y):
    """HSIC as a U-statistic over quadruples of images, in the form of Székely & Rizzo's U-centring."""

    def u_centred(k):
        n = len(k)
        k = k - np.diag(np.diag(k))
        rows = k.sum(axis=0) / (n - 2)
        k = k - rows - rows[:, None] + k.sum() / ((n - 1) * (n - 2))
        return k - np.diag(np.diag(k))

    a, b = u_centred(x @ x.T), u_centred(y @ y.T)
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


@pytest.mark.parametrize(("estimator", "oracle"), [("biased", biased), ("debiased", debiased)])
def test_alignment_is_the_closed_form_on_raw_features_with_any_group_left_out(estimator, oracle):
    x, y = features()
    expected = [oracle(x[rows], y[rows]) for rows in remaining(45, GROUPS)]
    np.testing.assert_allclose(centred_alignment(x @ x.T, y @ y.T, estimator, GROUPS), expected, atol=1e-10)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((70, 70)))[0]
    turned = 3 * (x @ rotation) - 7
    np.testing.assert_allclose(centred_alignment(turned @ turned.T, y @ y.T, estimator)[0], expected[0], atol=1e-10)


def test_only_the_biased_alignment_of_unrelated_features_is_far_from_0():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        x, y = rng.standard_normal((2, 60, 500))
        found.append([centred_alignment(x @ x.T, y @ y.T, kind)[0] for kind in ("debiased", "biased")])
    fair, unfair = np.mean(found, axis=0)
    assert abs(fair) < 0.01 < 0.8 < unfair


def test_a_large_common_offset_costs_no_digits():
    x, y = features()
    far = x + 1e5
    near = centred_alignment(x @ x.T, y @ y.T, "debiased", GROUPS)
    np.testing.assert_allclose(centred_alignment(far @ far.T, y @ y.T, "debiased", GROUPS), near, atol=1e-4)


# ---- Procrustes


@pytest.mark.parametrize("sites", [12, 80])
def test_procrustes_is_scipys_with_any_group_left_out(sites):
    x, y = features(sites=sites)
    values = procrustes_similarity(x @ x.T, y, GROUPS)
    for value, rows in zip(values, remaining(45, GROUPS), strict=True):
        a, b = (centred(z[rows]) / np.linalg.norm(centred(z[rows])) for z in (x, y))
        wide = np.zeros((len(rows), max(a.shape[1], b.shape[1])))
        (a, b), (one, other) = (wide.copy(), wide.copy()), (a, b)
        a[:, : one.shape[1]], b[:, : other.shape[1]] = one, other
        rotation, scale = orthogonal_procrustes(a, b)
        assert value == pytest.approx(scale, abs=1e-9)
        assert value == pytest.approx(1 - np.linalg.norm(a @ rotation - b) ** 2 / 2, abs=1e-9)


@pytest.mark.parametrize("measure", [centred_alignment, procrustes_similarity])
def test_images_that_are_all_alike_say_nothing(measure):
    alike = Gram.from_features(np.full((45, 30), 0.1)).matrix
    y = features()[1]
    second = y if measure is procrustes_similarity else y @ y.T
    assert measure(alike, second, groups=GROUPS).tolist() == [0.0] * 10


@pytest.mark.parametrize(("check", "known"), [(check_comparison, "pearson"), (check_estimator, "debiased")])
def test_what_is_not_known_is_refused_with_what_is(check, known):
    with pytest.raises(UnknownName, match=f"Did you mean {known}"):
        check(known + "s")
