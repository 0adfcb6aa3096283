"""Single features of narrow layers: soft matching, non-negative ridge, and the forms that stream features in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.task import Task
from itbench.errors import BadOption, BadScore
from itbench.gram import Gram
from itbench.metrics.comparison import ComparisonForm
from itbench.metrics.form import Form, FrozenModels, Measured, WrappedModels, require_narrow
from itbench.metrics.readout import ReadoutResult
from itbench.metrics.readout_forms import ReadoutForm
from itbench.statistics.jackknife import Groups, count_groups
from itbench.util.arrays import Array

ROUNDING = 1e-6  # of a feature's root mean square: the deviation that float32 may leave of a constant
PENALTIES = tuple(float(alpha) for alpha in np.geomspace(1e-3, 1e4, 8))  # in units of trace(Kc) / n
SLACK = 1e-10  # of the largest |Xᵀ y| of a site: what rounding leaves of a gradient
SEED = 0  # of the inner folds
ENOUGH = 10  # exchanges a weight: rounding alone needs more
PATIENCE = 3  # exchanges of all wrong weights without a gain, before one is exchanged at a time


@dataclass(frozen=True, eq=False)
class FeatureGram(Gram):
    """Gram of a narrow layer, with the single features X that it was made of.

    Parameters
    ----------
    matrix, row_sums, n_features, stimulus_ids
        As of a `Gram`.
    features : float64 array of shape (stimulus, feature)
        X, not centred.
    """

    features: Array

    @classmethod
    def of(cls, features: NDArray[np.floating], stimulus_ids: Sequence[str] | None = None) -> FeatureGram:
        """Return the Gram of activations (stimulus, feature) in memory, with these features."""
        gram = Gram.from_features(features, stimulus_ids)
        wide = np.asarray(features, np.float64)
        return cls(gram.matrix, gram.row_sums, gram.n_features, gram.stimulus_ids, wide)

    def take(self, rows: NDArray[np.integer]) -> FeatureGram:
        """Return the Gram and the single features of the stimuli in `rows`, in that order."""
        gram = super().take(rows)
        return FeatureGram(gram.matrix, gram.row_sums, gram.n_features, gram.stimulus_ids, self.features[rows])


class FeatureReadoutForm(ReadoutForm):
    """Form of a readout whose Gram has the single features too, of layers of at most `metric.features` features."""

    name = "feature-readout"
    reads_one_layer = False
    streams = True
    teaches = False
    refuses_trained = "reads single features"
    measure_trained = Form.measure_trained

    def measure(self, metric: Any, name: str, models: FrozenModels, task: Task) -> Measured:
        """Stream the activations once, and measure one layer at a time by its single features."""
        return super().measure(metric, name, _Streamed(models, metric.features), task)


class FeatureComparisonForm(ComparisonForm):
    """Form of a comparison whose Gram has the single features too, of layers of at most `metric.features` features."""

    name = "feature-comparison"
    streams = True
    refuses_trained = "reads single features"

    def measure(self, metric: Any, name: str, models: FrozenModels, task: Task) -> Measured:
        """Stream the activations once, and compare one layer at a time by its single features with the sites."""
        task.recordings.require_responses()
        return super().measure(metric, name, _Streamed(models, metric.features), task)


class _Streamed(WrappedModels):
    """Frozen models that give the single features of narrow layers with their Grams."""

    def __init__(self, models: FrozenModels, widest: int) -> None:
        super().__init__(models)
        self.widest = widest

    def grams(self) -> Iterator[tuple[str, Gram]]:
        ((_, layers),) = self.models.layers_by_model.items()
        with self.models.stream(0, self.widest) as activations:
            single: dict[str, NDArray[np.floating]] = {}
            for layer in layers:
                for part in self.models.parts(layer):
                    if part not in single:
                        panels = [values + reference for values, reference in activations.panels(part)]
                        single[part] = np.concatenate(panels, axis=1)
                features = np.concatenate([single[part] for part in self.models.parts(layer)], axis=1)
                require_narrow({layer: features.shape[1]}, self.widest)
                yield layer, FeatureGram.of(features, activations.ids)


def check_features(features: int) -> None:
    """Raise if the option `features`, the width up to which a layer's single features are read, is below 1.

    Parameters
    ----------
    features : int

    Raises
    ------
    BadOption
    """
    if features < 1:
        raise BadOption(f"Option features={features} must be at least 1.")


def soft_matching(features: Array, responses: Array, groups: Groups | None = None) -> Array:
    """Return the soft matching score of single features and sites: max over P of Σ P_ij r(x_i, y_j).

    r is Pearson's correlation over images, 0 of a feature or site that does not vary. P ≥ 0 matches features softly
    with sites: each of p features has the weight 1 / p, each of s sites 1 / s. With as many features as sites, P is the
    best one-to-one matching. The soft matching distance of features and sites, centred and of unit norm, is √(2 − 2
    score).

    Parameters
    ----------
    features : array of shape (stimulus, feature)
    responses : array of shape (stimulus, site)
    groups : int array of shape (stimulus,), optional
        Jackknife group of each image, numbered from 0. Without a group, P stays that of all images: the best P does not
        change by small changes of r.

    Returns
    -------
    array of shape (1 + group,)
        Of all images, then without each group.

    References
    ----------
    Khosla & Williams (2024), Soft Matching Distance, UniReps; linear program by ``scipy.optimize.linprog``.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 3.0]])
    >>> soft_matching(x, x[:, ::-1]).round(6)  # every feature has its site
    array([1.])
    """
    every = _correlations(features, responses)
    plan = _transport(every)
    left = [np.flatnonzero(groups != group) for group in range(count_groups(groups))]
    without = [float((plan * _correlations(features[rows], responses[rows])).sum()) for rows in left]
    return np.array([float((plan * every).sum()), *without])


def _correlations(features: Array, responses: Array) -> Array:
    """Return r (feature, site) over images; 0 where one of the two does not vary."""
    unit = []
    for values in (features, responses):
        centred = values - values.mean(axis=0)
        norm = np.linalg.norm(centred, axis=0)
        varies = norm > ROUNDING * np.linalg.norm(values, axis=0)
        unit.append(centred * np.where(varies, 1 / np.where(varies, norm, 1.0), 0.0))
    return unit[0].T @ unit[1]


def _transport(similarity: Array) -> Array:
    """Return the plan P with uniform marginals that has the largest Σ P_ij similarity_ij."""
    from scipy import sparse  # takes a while to import
    from scipy.optimize import linear_sum_assignment, linprog

    p, s = similarity.shape
    plan = np.zeros((p, s))
    if p == s:
        plan[linear_sum_assignment(similarity, maximize=True)] = 1 / p
        return plan
    marginals = sparse.vstack(
        [sparse.kron(sparse.eye(p), np.ones((1, s))), sparse.kron(np.ones((1, p)), sparse.eye(s))]
    )
    found = linprog(
        -similarity.ravel(), A_eq=marginals.tocsr(), b_eq=np.repeat([1 / p, 1 / s], [p, s]), method="highs-ipm"
    )
    if not found.success:
        raise BadScore(f"The matching of {p} features and {s} sites failed: {found.message}")
    return np.asarray(found.x).reshape(p, s)


def non_negative_ridge_readout(
    gram: FeatureGram,
    responses: Array,
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    alphas: Sequence[float] | None = None,
    folds: int = 5,
) -> ReadoutResult:
    """Predict responses from the single features of a layer by ridge regression with weights of 0 or more.

    Per site, b and w ≥ 0 minimise |y − b − X w|² + α |w|² over the training rows. α has the smallest squared error of
    inner predictions, of seeded folds of the training rows from the others. The same as
    ``sklearn.linear_model.Ridge(positive=True)``, solved exactly.

    Parameters
    ----------
    gram : FeatureGram
    responses : array of shape (train, site)
    train, test : int arrays of shape (train,) and (test,)
        Rows of the Gram.
    alphas : sequence of float, optional
        Penalties to choose from, those of scikit-learn; by default 1e-3 to 1e4, one a decade, times trace(Kc) / n, Kc
        the centred Gram of the training rows.
    folds : int

    Returns
    -------
    ReadoutResult
    """
    x = gram.features[train]
    power = float(np.square(x - x.mean(axis=0)).sum()) / len(x)
    grid = np.array(PENALTIES) * (power or 1.0) if alphas is None else np.array(alphas)
    inner = np.empty((len(grid), *responses.shape))
    order = np.random.default_rng(SEED).permutation(len(train))
    for rows in np.array_split(order, min(folds, len(train))):
        others = np.setdiff1d(order, rows)
        inner[:, rows] = _non_negative_path(x[others], responses[others], x[rows], grid)
    best = np.square(inner - responses).sum(axis=1).argmin(axis=0)
    predictions = np.empty((len(test), responses.shape[1]))
    for index in np.unique(best):
        sites = best == index
        predictions[:, sites] = _non_negative_path(x, responses[:, sites], gram.features[test], grid[[index]])[0]
    chosen = inner[best, :, np.arange(responses.shape[1])].T
    return ReadoutResult(predictions, chosen, grid[best])


def _non_negative_path(features: Array, responses: Array, others: Array, alphas: Array) -> Array:
    """Fit non-negative ridge regression at every penalty, and predict other rows (alpha, other, site)."""
    centre, mean = features.mean(axis=0), responses.mean(axis=0)
    x = features - centre
    products, targets = x.T @ x, x.T @ (responses - mean)
    predicted = np.empty((len(alphas), len(others), responses.shape[1]))
    free = targets > 0
    for index in np.argsort(alphas)[::-1]:  # the largest first: each starts from the weights in use before
        penalised = products + alphas[index] * np.eye(len(products))
        weights = np.stack(
            [non_negative_solution(penalised, b, start) for b, start in zip(targets.T, free.T, strict=True)], axis=1
        )
        free = weights > 0
        predicted[index] = mean + (others - centre) @ weights
    return predicted


def non_negative_solution(gram: Array, target: Array, start: NDArray[np.bool_]) -> Array:
    """Return the weights w ≥ 0 of single features that minimise wᵀAw − 2bᵀw, for one site of non-negative ridge.

    Parameters
    ----------
    gram : array of shape (weight, weight)
        A, symmetric and positive definite.
    target : array of shape (weight,)
        b.
    start : bool array of shape (weight,)
        Weights that may be positive at first.

    Returns
    -------
    array of shape (weight,)

    Raises
    ------
    BadScore
        If A is so nearly singular that rounding decides.

    References
    ----------
    Portugal, Júdice & Vicente (1994), Math. Comput. 63, 625–643: block principal pivoting, which is finite.
    """
    free, fewest, left = start.copy(), len(target) + 1, PATIENCE
    slack = SLACK * np.abs(target).max(initial=0.0)
    for _ in range(ENOUGH * (1 + len(target))):
        weights = np.zeros(len(target))
        weights[free] = np.linalg.solve(gram[np.ix_(free, free)], target[free])
        wrong = np.where(free, weights < 0, target - gram[:, free] @ weights[free] > slack)
        count = int(wrong.sum())
        if not count:
            return weights
        if count < fewest:
            fewest, left = count, PATIENCE
        elif left:
            left -= 1
        else:
            wrong[: wrong.nonzero()[0][-1]] = False
        free ^= wrong
    raise BadScore(
        f"Non-negative weights of {len(target)} features are not found: features depend on each other too much.",
        todo="Use a larger penalty: -o alphas=…",
    )
