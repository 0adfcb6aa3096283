"""Metric checks: listing and options of every metric, and the checks of its form (readout, comparison, channels)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from itbench.check.checked_metric import NOISE, SITES, TEST, CheckedMetric
from itbench.check.comparison_checks import COMPARISON_CHECKS
from itbench.check.findings import Check, CheckFailed, CheckWarning, Report, run_checks
from itbench.check.fresh_process import FreshProcess
from itbench.check.readout_checks import READOUT_CHECKS
from itbench.metrics import options
from itbench.metrics.single_feature import Channels
from itbench.registry import MetricEntry
from itbench.statistics.explained_variance import explained_variance
from itbench.util.arrays import Array


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
    rating = np.asarray(_metric(subject).rate(correlation.copy()))
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
    return _metric(subject)(features[train], subject.responses[train].copy(), features[test])


def _metric(subject: CheckedMetric) -> Channels:
    channels: Channels = subject.metric
    return channels


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
