"""Readout checks: predictions of a readout (ridge, PLS) of simulated sites come from training rows only, and fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.check.findings import Check, CheckFailed, CheckSkipped, CheckWarning, FreshProcess, one_line
from itbench.gram import Gram
from itbench.metrics.features import FeatureComparisonForm, FeatureGram, FeatureReadoutForm
from itbench.metrics.readout import JointReadout, Readout, ReadoutResult
from itbench.registry import MetricEntry
from itbench.statistics.explained_variance import explained_variance
from itbench.util.arrays import Array

STIMULI, FEATURES, SITES = 200, 20, 6
TEST, UNUSED = 40, 10  # stimuli; the others are training rows
FEATURE_FORMS = (FeatureReadoutForm.name, FeatureComparisonForm.name)  # whose Gram has its features
NOISE = 0.3  # standard deviation, of a signal whose own is 1


class CheckedMetric:
    """A checked metric with its default options, and the Gram and responses of simulated sites.

    Parameters
    ----------
    entry : MetricEntry
    fresh_process : callable
        Returns the result of a fresh process that loaded the plugin.
    """

    def __init__(self, entry: MetricEntry, fresh_process: Callable[[], FreshProcess]) -> None:
        self.entry, self.fresh_process = entry, fresh_process
        rng = np.random.default_rng(0)
        features = rng.standard_normal((STIMULI, FEATURES))
        signal = features @ rng.standard_normal((FEATURES, SITES)) / np.sqrt(FEATURES)
        rows = rng.permutation(STIMULI)
        self._gram = Gram.from_features(features)
        if entry.form.name in FEATURE_FORMS:  # of either sign, for weights of 0 or more
            self._gram = FeatureGram.of(np.concatenate([features, -features], axis=1))
        self.responses = 5.0 + signal + NOISE * rng.standard_normal(signal.shape)  # (stimulus, site)
        self.test, self.train = np.sort(rows[:TEST]), np.sort(rows[TEST + UNUSED :])
        self.unused = rows[TEST : TEST + UNUSED]

    @property
    def gram(self) -> Gram:
        """A copy of the Gram that a checked metric gets: simulated features of one layer."""
        return self._gram.take(np.arange(STIMULI))

    @cached_property
    def metric(self) -> Any:
        """The checked metric with its default options."""
        return self.entry.readout()

    @cached_property
    def readout(self) -> Readout:
        """The checked metric as a readout of one layer, also if it is a joint readout of several."""
        readout: Readout = _of_one_layer(self.metric) if self.entry.form.several_models else self.metric
        return readout

    @cached_property
    def readout_result(self) -> ReadoutResult:
        """The checked metric's predictions of the simulated sites."""
        return self.predict(self.responses[self.train])

    def predict(
        self, responses: Array, *, test: NDArray[np.integer] | None = None, gram: Gram | None = None
    ) -> ReadoutResult:
        """Apply the checked metric's readout to copies of the Gram, responses and row numbers."""
        test = self.test if test is None else test
        return self.readout(gram or self.gram, responses.copy(), self.train.copy(), test.copy())


def _of_one_layer(joint: JointReadout) -> Readout:
    def read(gram: Gram, responses: Array, train: NDArray[np.integer], test: NDArray[np.integer]) -> ReadoutResult:
        result = joint({"layer": gram}, responses, train, test)
        alpha = np.full(responses.shape[1], np.nan)
        return ReadoutResult(result.predictions, result.inner_predictions, alpha, result.remarks)

    return read


OUTLIER = 1e6  # standard deviations
UNITS = 1e-3  # of the features, which no readout may depend on
SLACK = 1e-6  # of the predictions' scale, for sums in another order
# A prediction trained on its own row moves with an outlier there by at least 1 / n of it (n training rows): its share
# of their mean. One from other rows moves only as far as another choice of the penalty moves it.
FOLLOWS = 1e-3


def returns_a_readout_result(subject: CheckedMetric) -> str:
    """Readout check: it returns a `ReadoutResult` of the right shapes with finite predictions."""
    result = subject.readout_result
    if not isinstance(result, ReadoutResult):
        raise CheckFailed(f"it returns a {type(result).__name__}, not an itbench.ReadoutResult")
    shapes = {"predictions": (TEST, SITES), "inner_predictions": (len(subject.train), SITES), "alpha": (SITES,)}
    for name, shape in shapes.items():
        values = getattr(result, name)
        if np.shape(values) != shape:
            raise CheckFailed(f"{name} have the shape {np.shape(values)}, not {shape}")
        if name != "alpha" and not np.isfinite(values).all():
            raise CheckFailed(f"{name} hold NaN or infinity")
    return f"{TEST} test and {len(subject.train)} training rows at {SITES} sites, all finite"


def repeats(subject: CheckedMetric) -> str:
    """Readout check: two calls give the same predictions."""
    _require_same(subject.readout_result, subject.predict(subject.responses[subject.train]), "called twice", 0.0)
    return "the same to the last bit"


def leaves_inputs_unchanged(subject: CheckedMetric) -> str:
    """Readout check: the Gram, the responses and the row numbers are not changed in place."""
    gram = subject.gram
    responses, train, test = subject.responses[subject.train], subject.train.copy(), subject.test.copy()
    given = {"the Gram": gram.matrix, "the row sums": gram.row_sums, "the responses": responses}
    given |= {"the training rows": train, "the test rows": test}
    if isinstance(gram, FeatureGram):
        given["the features"] = gram.features
    before = {name: array.copy() for name, array in given.items()}
    subject.readout(gram, responses, train, test)
    changed = [name for name, array in given.items() if not np.array_equal(array, before[name])]
    if changed:
        raise CheckFailed(f"{', '.join(changed)} changed in place: copy first, the next split uses them again")
    return "Gram, responses and rows are unchanged"


def predicts_test_rows_independently(subject: CheckedMetric) -> str:
    """Readout check: the prediction of a row does not depend on the other test rows."""
    few = subject.predict(subject.responses[subject.train], test=subject.test[: TEST // 4])
    full = subject.readout_result
    expected = ReadoutResult(full.predictions[: TEST // 4], full.inner_predictions, full.alpha)
    _require_same(expected, few, "with fewer test rows; centre and scale must come from training rows only")
    return "no test row enters the prediction of another row"


def ignores_unused_rows(subject: CheckedMetric) -> str:
    """Readout check: rows of the Gram outside training and test rows have no influence."""
    gram = subject.gram
    gram.matrix[subject.unused] = gram.matrix[:, subject.unused] = gram.row_sums[subject.unused] = np.nan
    if isinstance(gram, FeatureGram):
        gram.features[subject.unused] = np.nan
    try:
        result = subject.predict(subject.responses[subject.train], gram=gram)
    except Exception as error:
        raise CheckFailed(f"with NaN in rows outside training and test: {one_line(error)}") from error
    _require_same(subject.readout_result, result, "when rows outside training and test change")
    return "rows outside training and test have no influence"


def ignores_site_order(subject: CheckedMetric) -> str:
    """Readout check: sites in another order get the same predictions."""
    order = np.arange(SITES)[::-1]
    reordered = subject.predict(subject.responses[subject.train][:, order])
    predictions, inner = reordered.predictions[:, order], reordered.inner_predictions[:, order]
    restored = ReadoutResult(predictions, inner, reordered.alpha[order])
    _require_same(subject.readout_result, restored, "with the sites in another order")
    return "the same in another order of sites"


def predicts_inner_rows_out_of_sample(subject: CheckedMetric) -> str:
    """Readout check: the inner prediction of a training row comes from other rows, by leave-one-out or inner folds."""
    responses = subject.responses[subject.train]
    rows = np.arange(SITES) * 7  # another row for each site
    sites = np.arange(SITES)
    shifted = responses.copy()
    shifted[rows, sites] += OUTLIER
    moved = subject.predict(shifted).inner_predictions - subject.readout_result.inner_predictions
    share = float((moved[rows, sites] / OUTLIER).max())
    if share > FOLLOWS:
        raise CheckFailed(
            f"the inner prediction of a training row follows its own response by {share:.1%}: it must come from other "
            "rows only, by leave-one-out or inner folds, since the layer is chosen by it"
        )
    return "no training row predicts itself"


def ignores_units(subject: CheckedMetric) -> str:
    """Readout check: features in other units (10⁻³ X) get the same predictions, unless the metric says why not."""
    if reason := getattr(subject.metric, "units_matter", ""):
        raise CheckSkipped(reason)
    gram = subject.gram
    small = replace(gram, matrix=UNITS**2 * gram.matrix, row_sums=UNITS * gram.row_sums)
    if isinstance(small, FeatureGram):
        small = replace(small, features=UNITS * small.features)
    result = subject.predict(subject.responses[subject.train], gram=small)
    scale = float(np.abs(subject.readout_result.predictions).max())
    difference = float(np.abs(result.predictions - subject.readout_result.predictions).max()) / scale
    if difference > SLACK:
        raise CheckWarning(
            f"features times {UNITS:g} give other predictions (by {difference:.1%}): a penalty of its own must follow "
            "the units of the features, as itbench.metrics.default_alphas does"
        )
    return f"features times {UNITS:g} give the same predictions"


def predicts_related_sites(subject: CheckedMetric) -> str:
    """Readout check: it predicts sites linear in the features, and does not predict shuffled sites."""
    shuffled = np.random.default_rng(1).permutation(subject.responses)
    signal = _mean_ev(subject.responses[subject.test], subject.readout_result.predictions)
    chance = _mean_ev(shuffled[subject.test], subject.predict(shuffled[subject.train]).predictions)
    values = f"EV {signal:.2f} of linear sites, {chance:.2f} of shuffled ones"
    if signal < 0.5 or chance > 0.1:
        raise CheckWarning(f"{values}; above 0.5 and below 0.1 expected")
    return values


def _mean_ev(recorded: Array, predicted: Array) -> float:
    return float(explained_variance(recorded, predicted).mean())


def _require_same(first: ReadoutResult, second: ReadoutResult, when: str, slack: float = SLACK) -> None:
    for name in ("predictions", "inner_predictions", "alpha"):
        one, other = getattr(first, name), getattr(second, name)
        scale = np.nanmax(np.abs(one), initial=0.0)
        if not np.allclose(one, other, rtol=0.0, atol=slack * scale, equal_nan=True):
            raise CheckFailed(f"{name} differ {when}")


READOUT_CHECKS = (
    Check("result", returns_a_readout_result, needs=("options",)),
    Check("repeats", repeats, needs=("result",)),
    Check("inputs kept", leaves_inputs_unchanged, needs=("result",)),
    Check("test rows", predicts_test_rows_independently, needs=("repeats",)),
    Check("other rows", ignores_unused_rows, needs=("repeats",)),
    Check("sites", ignores_site_order, needs=("repeats",)),
    Check("inner predictions", predicts_inner_rows_out_of_sample, needs=("repeats",)),
    Check("units", ignores_units, needs=("repeats",)),
    Check("signal", predicts_related_sites, needs=("repeats",)),
)
