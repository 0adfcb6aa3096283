"""The checks of a metric, by its form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from itbench.check.comparison_checks import COMPARISON_CHECKS
from itbench.check.findings import Broken, Check, Doubtful, Report, conduct
from itbench.check.fresh_process import FreshLook
from itbench.check.metric import NOISE, SITES, TEST, MetricSubject, explains_its_options, imports_nothing_heavy
from itbench.check.readout_checks import READOUT_CHECKS
from itbench.metrics.protocols import Channels
from itbench.registry import MetricEntry
from itbench.statistics.explained_variance import explained_variance
from itbench.util.arrays import Array


def rates_features(subject: MetricSubject) -> str:
    """It rates every feature for every site, the one that is the site's response above one that is nothing like it."""
    correlation = np.array([[1.0, 0.0], [0.2, 0.9], [0.0, 0.0]])  # (feature, site)
    rating = np.asarray(_metric(subject).rate(correlation.copy()))
    if rating.shape != correlation.shape:
        raise Broken(f"ratings have the shape {rating.shape}, not {correlation.shape}: one a feature and site")
    if not np.array_equal(rating.argmax(axis=0), [0, 1]) or rating[2].max() > 0:
        raise Broken("of correlations 1, 0.2 and 0 with a site, 1 is not rated highest, or 0 is rated above 0")
    return "the feature that goes best with a site is rated highest"


def predicts_each_site(subject: MetricSubject) -> str:
    """It predicts every site from its own feature, finite also where a site has none."""
    features = _features(subject)
    features[:, 0] = 0.0
    predicted = _predict(subject, features)
    if np.shape(predicted) != (TEST, SITES):
        raise Broken(f"predictions have the shape {np.shape(predicted)}, not {(TEST, SITES)}")
    if not np.isfinite(predicted).all():
        raise Broken("predictions hold NaN or infinity where a site has no feature")
    return f"{TEST} test rows at {SITES} sites, all finite"


def finds_a_signal(subject: MetricSubject) -> str:
    """It explains sites by features that go with them."""
    predicted = _predict(subject, _features(subject))
    ev = float(explained_variance(subject.responses[subject.test], predicted).mean())
    if ev < 0.5:
        raise Doubtful(f"EV {ev:.2f} from features that are the responses with a little noise; above 0.5 expected")
    return f"EV {ev:.2f} from features that are the responses with a little noise"


def _features(subject: MetricSubject) -> Array:
    """Return for each site a feature that goes with it (stimulus, site)."""
    noise = np.random.default_rng(2).standard_normal(subject.responses.shape)
    return 2.0 - 3.0 * subject.responses + NOISE * noise


def _predict(subject: MetricSubject, features: Array) -> Array:
    train, test = subject.train, subject.test
    return _metric(subject)(features[train], subject.responses[train].copy(), features[test])


def _metric(subject: MetricSubject) -> Channels:
    made: Channels = subject.metric
    return made


CHANNEL_CHECKS = (
    Check("listing", imports_nothing_heavy),
    Check("options", explains_its_options),
    Check("rating", rates_features, needs=("options",)),
    Check("predictions", predicts_each_site, needs=("options",)),
    Check("signal", finds_a_signal, needs=("predictions",)),
)

# what predicts is the model, and has rules of its own
DIRECT_CHECKS: Sequence[Check[MetricSubject]] = (
    Check("listing", imports_nothing_heavy),
    Check("options", explains_its_options),
)
METRIC_CHECKS: dict[str, Sequence[Check[MetricSubject]]] = {
    "readout": READOUT_CHECKS,
    "joint": READOUT_CHECKS,
    "comparison": COMPARISON_CHECKS,
    "channels": CHANNEL_CHECKS,
    "direct": DIRECT_CHECKS,
}


def check_metric(entry: MetricEntry, fresh: Callable[[], FreshLook]) -> Report:
    """Check a metric with its default options on simulated sites.

    Parameters
    ----------
    entry : MetricEntry
    fresh : callable
        Returns what another process saw of its plugin.
    """
    return Report("metric", entry.name, tuple(conduct(METRIC_CHECKS[entry.form], MetricSubject(entry, fresh))))
