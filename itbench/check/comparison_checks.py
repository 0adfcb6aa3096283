"""Comparison checks: values of a comparison (CKA, RSA) with and without groups of images, and their stimulus order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itbench.check.checked_metric import CheckedMetric
from itbench.check.findings import Check, CheckFailed, CheckWarning
from itbench.data.responses import make_responses
from itbench.metrics.comparison import Comparison, ComparisonResult
from itbench.metrics.features import FeatureGram
from itbench.metrics.neural_data import NeuralData
from itbench.statistics.jackknife import jackknife_groups
from itbench.util.arrays import Array

SLACK = 1e-6  # for sums in another order


def returns_a_comparison_result(subject: CheckedMetric) -> str:
    """Comparison check: it returns a `ComparisonResult` with a finite value, and one without each group of images."""
    result = compare(subject)
    if not isinstance(result, ComparisonResult):
        raise CheckFailed(f"it returns a {type(result).__name__}, not an itbench.ComparisonResult")
    n_groups = int(groups_of(subject).max()) + 1
    if np.shape(result.without) != (n_groups,):
        shape = np.shape(result.without)
        raise CheckFailed(f"without has the shape {shape}, not {(n_groups,)}: a value without each group")
    if not (np.isfinite(result.value) and np.isfinite(result.without).all()):
        raise CheckFailed("a value is NaN or infinite")
    return f"{result.value:.3f} of all images, and {n_groups} values without a group"


def repeats(subject: CheckedMetric) -> str:
    """Comparison check: two calls give the same value."""
    _require_same(compare(subject), compare(subject), "called twice", 0.0)
    return "the same to the last bit"


def leaves_inputs_unchanged(subject: CheckedMetric) -> str:
    """Comparison check: the Gram, the responses and the groups of images are not changed in place."""
    gram, recorded, groups = subject.gram, recorded_of(subject.responses), groups_of(subject)
    assert recorded.responses is not None
    given = {"the Gram": gram.matrix, "the responses": recorded.responses.values, "the groups": groups}
    if isinstance(gram, FeatureGram):
        given["the features"] = gram.features
    before = {name: array.copy() for name, array in given.items()}
    _metric(subject)(gram, recorded, groups)
    changed = [name for name, array in given.items() if not np.array_equal(array, before[name])]
    if changed:
        raise CheckFailed(f"{', '.join(changed)} changed in place: copy first, the next layer needs them again")
    return "Gram, responses and groups are unchanged"


def ignores_stimulus_order(subject: CheckedMetric) -> str:
    """Comparison check: the value does not depend on the order of the stimuli."""
    order = np.random.default_rng(1).permutation(len(subject.gram))
    turned = _metric(subject)(
        subject.gram.take(order), recorded_of(subject.responses).take(order), groups_of(subject)[order]
    )
    _require_same(compare(subject), turned, "with the images in another order", SLACK)
    return "the same in another order of images"


def detects_a_relation(subject: CheckedMetric) -> str:
    """Comparison check: the value is higher for sites linear in the features than for shuffled sites."""
    shuffled = np.random.default_rng(1).permutation(subject.responses)
    related = compare(subject).value
    chance = _metric(subject)(subject.gram, recorded_of(shuffled), groups_of(subject)).value
    values = f"{related:.2f} of linear sites, {chance:.2f} of shuffled ones"
    if related < chance + 0.05:
        raise CheckWarning(f"{values}: the first should be higher")
    return values


def compare(subject: CheckedMetric) -> ComparisonResult:
    """Return the checked comparison's result for the simulated sites."""
    return _metric(subject)(subject.gram, recorded_of(subject.responses), groups_of(subject))


def recorded_of(responses: Array) -> NeuralData:
    """Return simulated responses (stimulus, site) as the neural data of a checked comparison."""
    ids = tuple(map(str, range(len(responses))))
    return NeuralData(ids, make_responses(responses.copy(), ids))


def groups_of(subject: CheckedMetric) -> NDArray[np.intp]:
    """Return the groups of images that a checked comparison leaves out in turn."""
    return jackknife_groups(len(subject.gram))


def _metric(subject: CheckedMetric) -> Comparison:
    comparison: Comparison = subject.metric
    return comparison


def _require_same(first: ComparisonResult, second: ComparisonResult, when: str, slack: float) -> None:
    one, other = (np.array([result.value, *result.without]) for result in (first, second))
    if not np.allclose(one, other, rtol=0.0, atol=slack * max(1.0, np.abs(one).max())):
        raise CheckFailed(f"values differ {when}")


COMPARISON_CHECKS = (
    Check("numbers", returns_a_comparison_result, needs=("options",)),
    Check("repeats", repeats, needs=("numbers",)),
    Check("inputs kept", leaves_inputs_unchanged, needs=("numbers",)),
    Check("order", ignores_stimulus_order, needs=("repeats",)),
    Check("relation", detects_a_relation, needs=("repeats",)),
)
