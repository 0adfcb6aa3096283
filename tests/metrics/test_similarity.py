"""Similarities from Grams, against other libraries and closed forms on raw features; and with images left out."""

import numpy as np
import pytest
import rsatoolbox
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist, squareform
from sklearn.cross_decomposition import CCA

from itbench import Gram
from itbench.errors import BadOption, UnknownName
from itbench.metrics.cka import centred_alignment, check_estimator
from itbench.metrics.procrustes import (
    canonical_correlations,
    check_whitening,
    partial_whitening,
    procrustes_similarity,
)
from itbench.metrics.rsa import check_comparison, compare_rdms, concordance, smaller_before

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


def test_rdms_of_three_images_are_enough():
    one, other = np.zeros((2, 3, 3))
    one[np.triu_indices(3, 1)], other[np.triu_indices(3, 1)] = (1, 2, 4), (2, 3, 1)
    found = compare_rdms(one + one.T, other + other.T, "pearson")[0]
    assert found == pytest.approx(np.corrcoef([1, 2, 4], [2, 3, 1])[0, 1])


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


@pytest.mark.parametrize(("wide", "sites"), [(70, 12), (70, 80), (1, 30), (2, 30)])
def test_procrustes_is_scipys_with_any_group_left_out(wide, sites):
    x, y = features(wide=wide, sites=sites)
    values = procrustes_similarity(x @ x.T, y, GROUPS)
    np.testing.assert_allclose(procrustes_similarity(1e-8 * x @ x.T, 1e-4 * y, GROUPS), values, rtol=1e-9)
    for value, rows in zip(values, remaining(45, GROUPS), strict=True):
        a, b = (centred(z[rows]) / np.linalg.norm(centred(z[rows])) for z in (x, y))
        wide = np.zeros((len(rows), max(a.shape[1], b.shape[1])))
        (a, b), (one, other) = (wide.copy(), wide.copy()), (a, b)
        a[:, : one.shape[1]], b[:, : other.shape[1]] = one, other
        rotation, scale = orthogonal_procrustes(a, b)
        assert value == pytest.approx(scale, abs=1e-9)
        assert value == pytest.approx(1 - np.linalg.norm(a @ rotation - b) ** 2 / 2, abs=1e-9)


def whitened(x, w):
    """Williams et al. (2021), eq. 9, of features of unit norm."""
    x = centred(x) / np.linalg.norm(centred(x))
    values, axes = np.linalg.eigh(x.T @ x)
    real = values > 1e-9 * values[-1]
    return x @ ((1 - w) * np.eye(x.shape[1]) + w * (axes[:, real] / np.sqrt(values[real])) @ axes[:, real].T)


def shape_similarity(a, b):
    return np.linalg.norm(a.T @ b, "nuc") / (np.linalg.norm(a) * np.linalg.norm(b))


@pytest.mark.parametrize("whitening", [0.01, 0.3, 1.0])
@pytest.mark.parametrize(("wide", "sites"), [(20, 12), (12, 30)])
def test_partial_whitening_is_that_of_raw_features(whitening, wide, sites):
    x, y = features(wide=wide, sites=sites)
    model, brain = (partial_whitening(side @ side.T, whitening) for side in (x, y))
    assert (model.share, brain.share) == (0, 0)
    value = procrustes_similarity(model.factor @ model.factor.T, brain.factor)[0]
    assert value == pytest.approx(shape_similarity(whitened(x, whitening), whitened(y, whitening)), abs=1e-9)
    turned = 1e-3 * x @ np.linalg.qr(np.random.default_rng(1).standard_normal((wide, wide)))[0] + 4
    again = partial_whitening(turned @ turned.T, whitening).factor
    assert procrustes_similarity(again @ again.T, brain.factor)[0] == pytest.approx(value, abs=1e-8)


def test_whitening_goes_from_procrustes_to_canonical_correlations():
    x, y = features(wide=10)
    sides = [partial_whitening(side @ side.T, 0.0).factor for side in (x, y)]
    assert procrustes_similarity(sides[0] @ sides[0].T, sides[1]) == pytest.approx(procrustes_similarity(x @ x.T, y))
    sides = [partial_whitening(side @ side.T, 1.0).factor for side in (x, y)]
    bases = [np.linalg.qr(centred(side))[0] for side in (x, y)]
    correlations = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    expected = correlations.sum() / np.sqrt(10 * 12)
    assert procrustes_similarity(sides[0] @ sides[0].T, sides[1])[0] == pytest.approx(expected, abs=1e-9)


def test_what_whitening_makes_alike_is_told_or_refused():
    x = features()[0]
    whole = partial_whitening(x @ x.T, 0.1)
    singular = np.linalg.svd(centred(x) / np.linalg.norm(centred(x)), compute_uv=False)[:44]
    assert whole.share == pytest.approx(44 * 0.01 / np.square(0.9 * singular + 0.1).sum())
    with pytest.raises(BadOption, match="44 directions of 45 images"):
        partial_whitening(x @ x.T, 1.0)
    fewer = x[:, :43]
    assert partial_whitening(fewer @ fewer.T, 1.0).share == 0
    check_whitening(0)
    check_whitening(1)
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(BadOption, match="whitening"):
            check_whitening(wrong)


# ---- canonical correlations


def components(x, variance):
    """Scores on the fewest principal components that hold a share of the variance, all of them centred."""
    u, s, _ = np.linalg.svd(centred(x), full_matrices=False)
    held = np.cumsum(s**2) / np.sum(s**2)
    count = 1 + int((held < variance - 1e-12).sum())
    return u[:, :count] * s[:count]


def spread(seed=0):
    """Return activations whose directions differ in variance, and responses."""
    x, y = features(wide=14, sites=5, seed=seed)
    return x * np.geomspace(4, 0.05, 14), y


@pytest.mark.parametrize("variance", [0.5, 0.9, 0.99, 1.0])
def test_canonical_correlations_are_those_of_raw_components_with_any_group_left_out(variance):
    x, y = spread()
    f, g = components(x, variance), components(y, variance)
    found = canonical_correlations(x @ x.T, y, variance, groups=GROUPS)
    assert found.directions == (f.shape[1], g.shape[1])
    bases = [[np.linalg.qr(centred(side[rows]))[0] for side in (f, g)] for rows in remaining(45, GROUPS)]
    expected = [np.linalg.svd(a.T @ b, compute_uv=False).mean() for a, b in bases]
    np.testing.assert_allclose(found.values, expected, atol=1e-9)
    assert found.chance == pytest.approx(max(found.directions) / 44)


def test_the_step_is_that_of_one_direction_more_or_fewer():
    x, y = spread()
    u, v = (np.linalg.svd(centred(side), full_matrices=False)[0] for side in (x, y))
    a, b = canonical_correlations(x @ x.T, y, 0.8).directions
    assert (a, b) == (3, 4)  # of 14 and 5

    def mean(i, j):
        return np.linalg.svd(u[:, :i].T @ v[:, :j], compute_uv=False).mean()

    steps = [abs(mean(i, j) - mean(a, b)) for i, j in ((a - 1, b), (a + 1, b), (a, b - 1), (a, b + 1))]
    assert canonical_correlations(x @ x.T, y, 0.8).step == pytest.approx(max(steps), abs=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e-7])
def test_the_step_is_the_largest_of_all_four_whatever_the_numbers_of_directions(scale):
    """Also where a side has one direction, or all it has; each of the four is the largest somewhere."""
    largest = set()
    for seed in range(25):
        x, y = spread(seed)
        x, y = scale * x, scale * y * np.geomspace(2, 0.2, 5)
        sides = [np.linalg.svd(centred(side), full_matrices=False)[:2] for side in (x, y)]
        variance = (0.4, 0.6, 0.8, 0.95, 1.0)[seed % 5]
        counts = [1 + int((np.cumsum(s**2) < (variance - 1e-12) * np.sum(s**2)).sum()) for _, s in sides]
        found = canonical_correlations(x @ x.T, y, variance)
        assert found.directions == tuple(counts)

        def mean(i, j, sides=sides):
            return np.linalg.svd(sides[0][0][:, :i].T @ sides[1][0][:, :j], compute_uv=False).mean()

        one = [(n, counts[1]) for n in (counts[0] - 1, counts[0] + 1) if 1 <= n <= 14]
        other = [(counts[0], n) for n in (counts[1] - 1, counts[1] + 1) if 1 <= n <= 5]
        steps = {pair: abs(mean(*pair) - mean(*counts)) for pair in one + other}
        assert found.step == pytest.approx(max(steps.values()), abs=1e-9)
        most = max(steps, key=steps.get)
        largest.add((most[0] - counts[0], most[1] - counts[1]))
    assert largest == {(-1, 0), (1, 0), (0, -1), (0, 1)}


def test_a_share_that_the_first_components_hold_exactly_needs_no_more():
    axes = np.linalg.qr(centred(np.random.default_rng(0).standard_normal((45, 4))))[0]
    x = axes * np.sqrt([8.0, 4, 3, 1])  # 1/2, 3/4 and 15/16 of the variance
    for variance, count in ((0.5, 1), (0.75, 2), (15 / 16, 3), (0.74, 2), (0.76, 3), (1.0, 4), (0.01, 1)):
        assert canonical_correlations(x @ x.T, x + 5, variance).directions == (count, count)


@pytest.mark.parametrize(("share", "count"), [(0.7, 2), (1.4, 3)])
def test_directions_below_what_rounding_leaves_of_an_offset_are_none(share, count):
    """With n ε |x|² of the image farthest from 0."""
    axes = np.linalg.qr(centred(np.random.default_rng(0).standard_normal((45, 3))))[0]
    offset = np.where(np.arange(3) == 0, 1e5, 0.0)
    least = 45 * np.finfo(float).eps * 1e10
    y = axes * np.sqrt([2e4 * least, 1e4 * least, share * least]) + offset
    x = axes * np.sqrt([2.0, 1.0, 0.5])
    assert canonical_correlations(x @ x.T, y, 1.0).directions == (3, count)
    far = axes[:, :2] * np.sqrt([2e4 * least, 1e4 * least]) + offset[:2]  # rounding itself would be directions
    assert canonical_correlations(far @ far.T, x, 1.0).directions == (2, 3)
    assert partial_whitening(far @ far.T, 0.5).factor.shape == (45, 2)


def test_directions_below_what_single_precision_leaves_are_none():
    axes = np.linalg.qr(centred(np.random.default_rng(0).standard_normal((45, 3))))[0]
    for share, count in ((0.9e-9, 2), (1.1e-9, 3)):
        x = axes * np.sqrt([1.0, 0.5, share])
        assert canonical_correlations(x @ x.T, x, 1.0).directions == (count, count)


def test_canonical_correlations_are_scikit_learns():
    x, y = spread()
    f, g = components(x, 0.9), components(y, 0.9)
    n = min(f.shape[1], g.shape[1])
    a, b = CCA(n_components=n, max_iter=5000, tol=1e-14).fit(f, g).transform(f, g)
    expected = np.mean([np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(n)])
    assert canonical_correlations(x @ x.T, y, 0.9).values[0] == pytest.approx(expected, abs=1e-6)


def test_penalised_canonical_correlations_are_those_of_ridge_covariances():
    x, y = spread()
    f, g = components(x, 0.99), components(y, 0.99)
    ridges = [0.7 * np.square(centred(side)).sum() / 45 for side in (x, y)]
    expected = []
    for rows in remaining(45, GROUPS):
        a, b = centred(f[rows]), centred(g[rows])
        roots = [
            np.linalg.inv(np.linalg.cholesky(side.T @ side + ridge * np.eye(side.shape[1])))
            for side, ridge in zip((a, b), ridges, strict=True)
        ]
        expected.append(np.linalg.svd(roots[0] @ a.T @ b @ roots[1].T, compute_uv=False).sum() / g.shape[1])
    found = canonical_correlations(x @ x.T, y, 0.99, 0.7, GROUPS)
    np.testing.assert_allclose(found.values, expected, atol=1e-9)
    powers = [np.square(side).sum(axis=0) for side in (f, g)]
    one, other = (np.sum(power / (power + ridge)) for power, ridge in zip(powers, ridges, strict=True))
    assert found.chance == pytest.approx(one * other / (44 * g.shape[1]))
    assert 0 < found.chance < canonical_correlations(x @ x.T, y, 0.99).chance


def test_as_many_directions_as_images_without_a_group_are_those_that_still_vary():
    rng = np.random.default_rng(0)
    x, y, groups = rng.standard_normal((12, 9)), rng.standard_normal((12, 2)), np.arange(12) % 4
    u, v = (np.linalg.svd(centred(side), full_matrices=False)[0] for side in (x, y))
    expected = []
    for rows in remaining(12, groups):
        bases = [np.linalg.svd(centred(side[rows]), full_matrices=False) for side in (u, v)]
        a, b = (basis[:, s > 1e-6] for basis, s, _ in bases)
        expected.append(np.linalg.svd(a.T @ b, compute_uv=False).sum() / 2)
    assert expected[1:] == pytest.approx([1] * 4)  # 9 images, 8 of the 9 directions
    np.testing.assert_allclose(canonical_correlations(x @ x.T, y, 1.0, groups=groups).values, expected, atol=1e-6)


def test_chance_is_the_mean_squared_correlation_of_unrelated_sides():
    rng = np.random.default_rng(0)
    squares, said = [], []
    for _ in range(200):
        x, y = rng.standard_normal((40, 12)), rng.standard_normal((40, 5))
        bases = [np.linalg.qr(centred(side))[0] for side in (x, y)]
        squares.append(np.linalg.norm(bases[0].T @ bases[1]) ** 2 / 5)
        said.append(canonical_correlations(x @ x.T, y, 1.0).chance)
    assert np.mean(said) == pytest.approx(np.mean(squares), abs=0.01)


def test_correlations_that_are_1_whatever_the_sides_are_are_refused():
    x, y = features()
    with pytest.raises(BadOption, match=r"44 directions of the layer and 12 of the responses, of 45 images.*of 1 what"):
        canonical_correlations(x @ x.T, y, 1.0)
    assert canonical_correlations(x @ x.T, y, 1.0, 1.0).values[0] < 0.95
    assert 0.8 < canonical_correlations(x @ x.T, y, 0.99).chance < 0.999


@pytest.mark.parametrize("measure", [centred_alignment, procrustes_similarity])
def test_images_that_are_all_alike_say_nothing(measure):
    alike = Gram.from_features(np.full((45, 30), 0.1)).matrix
    y = features()[1]
    second = y if measure is procrustes_similarity else y @ y.T
    assert measure(alike, second, groups=GROUPS).tolist() == [0.0] * 10


@pytest.mark.parametrize("value", [0.1, 0.0])
def test_sides_without_variation_have_no_canonical_correlation(value):
    x, y = spread()
    alike = np.full((45, 3), value)
    for one, other in ((alike, y), (x, alike)):
        found = canonical_correlations(one @ one.T, other, groups=GROUPS)
        assert found.values.tolist() == [0.0] * 10
        assert (found.chance, found.step) == (0, 0)
        assert canonical_correlations(one @ one.T, other).values.tolist() == [0.0]
        pair = [partial_whitening(side @ side.T, 0.5).factor for side in (one, other)]
        assert procrustes_similarity(pair[0] @ pair[0].T, pair[1], GROUPS).tolist() == [0.0] * 10
    assert partial_whitening(alike @ alike.T, 0.5).factor.tolist() == [[0.0]] * 45


@pytest.mark.parametrize(("check", "known"), [(check_comparison, "pearson"), (check_estimator, "debiased")])
def test_what_is_not_known_is_refused_with_what_is(check, known):
    with pytest.raises(UnknownName, match=f"Did you mean {known}"):
        check(known + "s")
