"""Metric checks: listing and options of every metric, and the checks of comparisons and of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from itbench.check.findings import Check, CheckFailed, CheckWarning, FreshProcess, Report, run_checks
from itbench.check.readout_checks import NOISE, READOUT_CHECKS, SITES, TEST, CheckedMetric
from itbench.data.responses import make_responses
from itbench.metrics import options
from itbench.metrics.comparison import ComparisonResult
from itbench.metrics.features import FeatureGram
from itbench.metrics.neural_data import NeuralData
from itbench.registry import MetricEntry
from itbench.statistics.explained_variance import explained_variance
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
    subject.metric(gram, recorded, groups)
    changed = [name for name, array in given.items() if not np.array_equal(array, before[name])]
    if changed:
        raise CheckFailed(f"{', '.join(changed)} changed in place: copy first, the next layer needs them again")
    return "Gram, responses and groups are unchanged"


def ignores_stimulus_order(subject: CheckedMetric) -> str:
    """Comparison check: the value does not depend on the order of the stimuli."""
    order = np.random.default_rng(1).permutation(len(subject.gram))
    turned = subject.metric(
        subject.gram.take(order), recorded_of(subject.responses).take(order), groups_of(subject)[order]
    )
    _require_same(compare(subject), turned, "with the images in another order", SLACK)
    return "the same in another order of images"


def detects_a_relation(subject: CheckedMetric) -> str:
    """Comparison check: the value is higher for sites linear in the features than for shuffled sites."""
    shuffled = np.random.default_rng(1).permutation(subject.responses)
    related = compare(subject).value
    chance = subject.metric(subject.gram, recorded_of(shuffled), groups_of(subject)).value
    values = f"{related:.2f} of linear sites, {chance:.2f} of shuffled ones"
    if related < chance + 0.05:
        raise CheckWarning(f"{values}: the first should be higher")
    return values


def compare(subject: CheckedMetric) -> ComparisonResult:
    """Return the checked comparison's result for the simulated sites."""
    return subject.metric(subject.gram, recorded_of(subject.responses), groups_of(subject))


def recorded_of(responses: Array) -> NeuralData:
    """Return simulated responses (stimulus, site) as the neural data of a checked comparison."""
    ids = tuple(map(str, range(len(responses))))
    return NeuralData(ids, make_responses(responses.copy(), ids))


def groups_of(subject: CheckedMetric) -> NDArray[np.intp]:
    """Return the groups of images that a checked comparison leaves out in turn."""
    return jackknife_groups(len(subject.gram))


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


def imports_no_framework(subject: CheckedMetric) -> str:
    """Metric check: loading the metric's plugin imports no framework, so that listing metrics is fast."""
    return subject.fresh_process().require_light(subject.entry.file)


def documents_its_options(subject: CheckedMetric) -> str:
    """Metric check: every option has a default and a help text."""
    described = options.describe(type(subject.metric))
    without_help = [item["option"] for item in described if not item["help"]]
    if without_help:
        raise CheckWarning(f"no help for {', '.join(without_help)}: field(default=…, metadata={{'help': '…'}})")
    return ", ".join(f"{item['option']}={item['default']}" for item in described) or "no options"


def rates_the_best_feature_highest(subject: CheckedMetric) -> str:
    """Metric check (channels): the feature that correlates best with a site gets the highest rating for it."""
    correlation = np.array([[1.0, 0.0], [0.2, 0.9], [0.0, 0.0]])  # (feature, site)
    rating = np.asarray(subject.metric.rate(correlation.copy()))
    if rating.shape != correlation.shape:
        raise CheckFailed(f"ratings have the shape {rating.shape}, not {correlation.shape}: one a feature and site")
    if not np.array_equal(rating.argmax(axis=0), [0, 1]) or rating[2].max() > 0:
        raise CheckFailed("of correlations 1, 0.2 and 0 with a site, 1 is not rated highest, or 0 is rated above 0")
    return "the feature that goes best with a site is rated highest"


def predicts_each_site(subject: CheckedMetric) -> str:
    """Metric check (channels): it predicts every site from one feature, with finite values also where none is found."""
    features = _correlated_features(subject)
    features[:, 0] = 0.0
    predicted = _predict(subject, features)
    if np.shape(predicted) != (TEST, SITES):
        raise CheckFailed(f"predictions have the shape {np.shape(predicted)}, not {(TEST, SITES)}")
    if not np.isfinite(predicted).all():
        raise CheckFailed("predictions hold NaN or infinity where a site has no feature")
    return f"{TEST} test rows at {SITES} sites, all finite"


def predicts_related_sites(subject: CheckedMetric) -> str:
    """Metric check (channels): it predicts sites from features that correlate with them."""
    predicted = _predict(subject, _correlated_features(subject))
    ev = float(explained_variance(subject.responses[subject.test], predicted).mean())
    if ev < 0.5:
        raise CheckWarning(f"EV {ev:.2f} from features that are the responses with a little noise; above 0.5 expected")
    return f"EV {ev:.2f} from features that are the responses with a little noise"


def _correlated_features(subject: CheckedMetric) -> Array:  # (stimulus, site)
    noise = np.random.default_rng(2).standard_normal(subject.responses.shape)
    return 2.0 - 3.0 * subject.responses + NOISE * noise


def _predict(subject: CheckedMetric, features: Array) -> Array:
    train, test = subject.train, subject.test
    return subject.metric(features[train], subject.responses[train].copy(), features[test])


COMMON_CHECKS: tuple[Check[CheckedMetric], ...] = (
    Check("listing", imports_no_framework),
    Check("options", documents_its_options),
)
CHANNEL_CHECKS = (
    Check("rating", rates_the_best_feature_highest, needs=("options",)),
    Check("predictions", predicts_each_site, needs=("options",)),
    Check("signal", predicts_related_sites, needs=("predictions",)),
)
METRIC_CHECKS: dict[str, Sequence[Check[CheckedMetric]]] = {
    "readout": READOUT_CHECKS,
    "joint": READOUT_CHECKS,
    "comparison": COMPARISON_CHECKS,
    "channels": CHANNEL_CHECKS,
    "feature-readout": READOUT_CHECKS,
    "feature-comparison": COMPARISON_CHECKS,
    "direct": (),  # the model predicts, and has checks of its own
}


def check_metric(entry: MetricEntry, fresh_process: Callable[[], FreshProcess]) -> Report:
    """Run the metric checks on one metric, with its default options and simulated sites.

    Parameters
    ----------
    entry : MetricEntry
    fresh_process : callable
        Returns the result of a fresh process that loaded the plugin.
    """
    checks = (*COMMON_CHECKS, *METRIC_CHECKS.get(entry.form.name, ()))
    return Report("metric", entry.name, tuple(run_checks(checks, CheckedMetric(entry, fresh_process))))
